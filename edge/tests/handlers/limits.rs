//! The limits as the cache is told of them: which buckets a call goes through, keyed by whom, and how wide.

use doorward_core::id::TokenId;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use serde_json::json;

use crate::data::{ANN, EMAIL, NAME, PASSWORD, none};
use crate::stage::{Ask, Stage};

/// The keys of the call's script with what it is told of each bucket, and the arguments behind them.
fn script(stage: &Stage, ask: &Ask) -> (Vec<String>, Vec<String>) {
    stage.kv().next(crate::fake::KvOutcome::Replies(vec![
        doorward_edge::host::Reply::Integer(1),
    ]));
    assert_eq!(stage.send(ask).status, 429);
    let mut flights = stage.kv_flights();
    assert_eq!((flights.len(), flights[0].len()), (1, 1));
    let words = flights.remove(0).remove(0);
    assert_eq!(words[0], "EVAL");
    let keys: usize = words[2].parse().unwrap();
    (words[3..3 + keys].to_vec(), words[3 + keys..].to_vec())
}

fn forgot(email: &str) -> Ask {
    Ask::post("/auth/forgot-password").json(json!({ "email": email }))
}

fn login(email: &str) -> Ask {
    Ask::post("/auth/login").json(json!({ "email": email, "password": PASSWORD }))
}

#[test]
fn an_address_is_a_key_that_names_nobody() {
    // That no address is in a key is what `watch` holds every flight to.
    let stage = Stage::new();
    let (keys, _) = script(&stage, &forgot(EMAIL));
    assert_eq!(keys, script(&stage, &forgot("ANN@Example.com ")).0);
    assert_ne!(keys[0], script(&stage, &forgot("bob@example.com")).0[0]);
    assert_eq!(keys[1], "doorward:limit:forgot:address:203.0.113.9");
    // Each call has buckets of its own.
    let resend = Ask::post("/auth/resend-verification").json(json!({ "email": EMAIL }));
    let (others, _) = script(&stage, &resend);
    assert!(others.iter().all(|key| !keys.contains(key)));
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let stage = Stage::new();
    let key = |address| script(&stage, &forgot(EMAIL).from(Some(address))).0.remove(1);
    assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2:ffff::1"));
    assert_ne!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:3:3:4:5:6"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
}

#[test]
fn a_forwarded_address_counts_only_where_it_is_configured() {
    let key = |stage: &Stage, given: Option<&'static str>| {
        let ask = forgot(EMAIL)
            .from(given)
            .header("x-forwarded-for", "6.6.6.6, 192.0.2.7");
        script(stage, &ask).0.get(1).cloned()
    };
    assert_eq!(key(&Stage::new(), None), None);
    let behind_proxy = Stage::with(&[("CLIENT_ADDRESS_HEADER", "X-Forwarded-For")]);
    let expected = "doorward:limit:forgot:address:192.0.2.7";
    assert_eq!(key(&behind_proxy, None).as_deref(), Some(expected));
    // The host itself knows better.
    let expected = "doorward:limit:forgot:address:203.0.113.1";
    assert_eq!(key(&behind_proxy, Some("203.0.113.1")).as_deref(), Some(expected));
}

#[test]
fn a_sign_in_goes_through_account_address_and_both() {
    let stage = Stage::new();
    let (keys, arguments) = script(&stage, &login(EMAIL));
    let account = keys[0].strip_prefix("doorward:limit:login:account:").unwrap();
    assert_eq!(account.len(), 32);
    let expected = [
        format!("doorward:limit:login:account:{account}"),
        "doorward:limit:login:address:203.0.113.9".to_owned(),
        format!("doorward:limit:login:both:203.0.113.9:{account}"),
        format!("doorward:attempts:203.0.113.9:{account}"),
        format!("doorward:known:203.0.113.9:{account}"),
    ];
    assert_eq!(keys, expected);
    // Buckets; burst and period of each; free attempts and the longest delay.
    let expected = ["3", "100", "3600000", "60", "600000", "20", "600000", "10", "900000"];
    assert_eq!(arguments, expected);

    // Where nobody says the address, the account's own bucket is left, and a stranger can hold its owner up for seconds.
    let (keys, arguments) = script(&stage, &login(EMAIL).from(None));
    assert_eq!(keys.len(), 3);
    assert_eq!(arguments, ["1", "100", "3600000", "10", "30000"]);
}

#[test]
fn loose_is_wider_and_off_is_none() {
    let loose = Stage::with(&[("LIMITS", "loose")]);
    let (_, arguments) = script(&loose, &login(EMAIL));
    let expected = ["3", "300", "3600000", "6000", "600000", "60", "600000", "30", "900000"];
    assert_eq!(arguments, expected);

    let off = Stage::with(&[("LIMITS", "off")]);
    off.sql("user.credentials", none());
    off.sql("event.record", none());
    assert_eq!(off.send(&login(EMAIL)).status, 401);
    off.run_deferred();
    assert!(off.kv_flights().is_empty());
}

#[test]
fn a_token_that_is_real_is_counted_by_its_user_too() {
    let stage = Stage::new();
    let token = OneTimeToken {
        user: ANN,
        token: TokenId::from_bytes([4; 16]),
    };
    let real = token.seal(stage.keys(), Purpose::EmailVerification);
    let verify = |token: &str| Ask::post("/auth/verify-email").json(json!({ "token": token }));
    let keys = |ask: &Ask| script(&stage, ask).0;
    let by_user = format!("doorward:limit:verify:user:{ANN}");
    let by_address = "doorward:limit:verify:address:203.0.113.9".to_owned();
    assert_eq!(keys(&verify(real.expose())), [by_address.clone(), by_user.clone()]);
    assert_eq!(keys(&verify("invented")), [by_address]);
    assert_eq!(keys(&verify(real.expose()).from(None)), [by_user]);
    assert_eq!(
        keys(&verify("invented").from(None)),
        ["doorward:limit:verify:address:unknown"]
    );
}

#[test]
fn a_registration_is_held_up_by_no_stranger() {
    let stage = Stage::new();
    let register = |invitation: Option<&str>| {
        let mut body = json!({ "email": EMAIL, "name": NAME, "password": PASSWORD });
        body["invitation"] = json!(invitation);
        Ask::post("/auth/signup").json(body)
    };
    // From one address few, for one account from wherever many more, as with a sign-in.
    let (keys, rules) = script(&stage, &register(None));
    let account = keys[0].strip_prefix("doorward:limit:register:account:").unwrap();
    let expected = [
        format!("doorward:limit:register:account:{account}"),
        format!("doorward:limit:register:both:203.0.113.9:{account}"),
        "doorward:limit:register:address:203.0.113.9".to_owned(),
    ];
    assert_eq!(keys, expected);
    assert_eq!(rules, ["3", "100", "3600000", "10", "3600000", "30", "3600000"]);
    // What is no invitation of ours changes nothing.
    assert_eq!(script(&stage, &register(Some("invented"))).0, expected);
    // Where nobody says the address, the account's own bucket is left.
    let (keys, rules) = script(&stage, &register(None).from(None));
    assert_eq!(keys, expected[..1]);
    assert_eq!(rules, ["1", "10", "3600000"]);

    // Who holds an invitation is known by it.
    let invitation = OneTimeToken {
        user: ANN,
        token: TokenId::from_bytes([4; 16]),
    };
    let sealed = invitation.seal(stage.keys(), Purpose::Invitation);
    let own = format!("doorward:limit:register:invitation:{}", invitation.token);
    let (keys, rules) = script(&stage, &register(Some(sealed.expose())));
    assert_eq!(keys, [own.clone(), expected[2].clone()]);
    assert_eq!(rules, ["2", "10", "3600000", "30", "3600000"]);
    assert_eq!(script(&stage, &register(Some(sealed.expose())).from(None)).0, [own]);
}

#[test]
fn every_call_that_can_be_abused_has_a_limit() {
    let stage = Stage::new();
    let reset = json!({ "token": "invented", "password": PASSWORD, "confirmPassword": PASSWORD });
    let (keys, _) = script(&stage, &Ask::post("/auth/reset-password").json(reset));
    assert_eq!(keys, ["doorward:limit:reset:address:203.0.113.9"]);
}
