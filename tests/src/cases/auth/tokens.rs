//! Access tokens: what is in them, and everything that must not pass for one.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::actor::ME;
use crate::each;
use crate::jwt::{self, Jwt, Signatory, hmac_sha256, unsigned, verify};
use crate::registry::Case;
use crate::shape::{Session, is_uuid, text};
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        verifies_with_the_jwks_alone,
        holds_exactly_the_documented_claims,
        no_two_are_the_same,
        a_token_that_the_suite_signs_with_the_right_key_passes,
        a_token_of_the_older_key_passes,
        a_changed_signature_or_claim_is_refused,
        algorithm_none_is_refused,
        the_public_key_as_a_shared_secret_is_refused,
        a_key_of_ones_own_is_refused,
        another_type_is_refused,
        a_critical_header_is_refused,
        an_expired_or_early_token_is_refused,
        another_issuer_or_audience_is_refused,
        missing_and_strange_claims_are_refused,
        a_session_that_was_never_made_is_refused,
        a_session_of_somebody_else_is_refused,
    ]
}

fn jwks(stage: &Stage) -> Value {
    stage.call("GET", "/.well-known/jwks.json").send().expect(200).json()
}

fn verifies_with_the_jwks_alone(stage: &Stage) {
    let (person, session) = stage.somebody();
    let keys = jwks(stage);
    let token = verify(&session.access, &keys);
    assert_eq!(token.claims["sub"], session.user["id"]);
    for token in [stage.app().login(&person).access, stage.app().refresh(&session).access] {
        verify(&token, &keys);
    }
}

fn holds_exactly_the_documented_claims(stage: &Stage) {
    let (_, session) = stage.somebody();
    let Jwt { header, claims, .. } = jwt::decode(&session.access);
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["typ"], "at+jwt");
    assert!(header["kid"].as_str().is_some_and(|kid| !kid.is_empty()), "{header}");
    assert_eq!(header.as_object().expect("an object").len(), 3, "{header}");
    let mut keys: Vec<_> = claims
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    // Who belongs to no firm has the claim as null, or not at all.
    keys.retain(|key| *key != "firm");
    keys.sort_unstable();
    assert_eq!(keys, ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub", "tier"]);
    assert!(claims["firm"].is_null(), "{claims}");
    assert_eq!(claims["sub"], session.user["id"]);
    assert_eq!(claims["role"], "member");
    assert_eq!(claims["tier"], "free");
    for name in ["iss", "aud"] {
        assert!(!text(&claims, name).is_empty());
    }
    for name in ["sid", "jti"] {
        assert!(!text(&claims, name).is_empty());
    }
    assert_eq!(
        stage.database().only_session(&session.user_id()).id,
        text(&claims, "sid")
    );
    assert!(is_uuid(&text(&claims, "sid")));
    let number = |name: &str| {
        claims[name]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} is a whole number: {claims}"))
    };
    assert_eq!(number("exp") - number("iat"), 600, "ten minutes");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    assert!(
        i64::try_from(now).expect("fits").abs_diff(number("iat")) < 120,
        "iat is in seconds: {claims}"
    );
}

fn no_two_are_the_same(stage: &Stage) {
    let (_, session) = stage.somebody();
    let app = stage.app();
    let next = app.refresh(&session);
    // The same refresh token within the grace: the same successor, another access token.
    let again = app.refresh(&session);
    let ids: std::collections::BTreeSet<_> = [&session, &next, &again]
        .iter()
        .map(|session| text(&jwt::decode(&session.access).claims, "jti"))
        .collect();
    assert_eq!(ids.len(), 3);
}

/// A session, with the token's parts to be changed.
fn original(stage: &Stage) -> (Session, Jwt) {
    let (_, session) = stage.somebody();
    let token = jwt::decode(&session.access);
    (session, token)
}

fn refused(stage: &Stage, token: &str, why: &str) {
    let reply = stage.app().me(token);
    assert_eq!(reply.status, 401, "{why} passes\n{reply}");
    reply.error(401, "UNAUTHENTICATED");
    assert_eq!(flights(&reply).sql, 0, "{why} asks the database\n{reply}");
    let by_cookie = stage
        .call("GET", ME)
        .header("cookie", format!("doorward_access={token}"))
        .send();
    assert_eq!(by_cookie.status, 401, "{why} passes by cookie\n{by_cookie}");
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut changed = object.clone();
    changed[name] = value;
    changed
}

fn without(object: &Value, name: &str) -> Value {
    let mut changed = object.clone();
    changed.as_object_mut().expect("an object").remove(name);
    changed
}

/// The control: were this refused, every refusal below would prove nothing.
fn a_token_that_the_suite_signs_with_the_right_key_passes(stage: &Stage) {
    let key = &stage.keys().active;
    let (_, token) = original(stage);
    assert_eq!(token.header, key.header(), "the first key of the set signs");
    stage.app().me(&key.sign(&token.header, &token.claims)).expect_only(200);
    let longer = with(
        &token.claims,
        "exp",
        json!(token.claims["exp"].as_i64().expect("exp") + 60),
    );
    stage.app().me(&key.sign(&token.header, &longer)).expect_only(200);
}

fn a_token_of_the_older_key_passes(stage: &Stage) {
    let key = &stage.keys().older;
    let (_, token) = original(stage);
    stage.app().me(&key.sign(&key.header(), &token.claims)).expect_only(200);
    // Under the other's name it is forged.
    refused(
        stage,
        &key.sign(&stage.keys().active.header(), &token.claims),
        "a signature of another key of the set",
    );
}

fn a_changed_signature_or_claim_is_refused(stage: &Stage) {
    let (session, token) = original(stage);
    let parts: Vec<_> = session.access.split('.').collect();
    let signature = Base64UrlUnpadded::decode_vec(parts[2]).expect("base64url");
    for index in [0, 31, 32, 63] {
        let mut changed = signature.clone();
        changed[index] ^= 1;
        let changed = Base64UrlUnpadded::encode_string(&changed);
        refused(
            stage,
            &format!("{}.{}.{changed}", parts[0], parts[1]),
            "a changed signature",
        );
    }
    refused(stage, &format!("{}.{}.", parts[0], parts[1]), "no signature");
    refused(
        stage,
        &format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        "a signature of zeros",
    );
    for claims in [
        with(&token.claims, "role", json!("admin")),
        with(&token.claims, "sub", json!("00000000-0000-7000-8000-000000000000")),
        with(&token.claims, "exp", json!(9_999_999_999_u64)),
    ] {
        refused(
            stage,
            &format!("{}.{}", unsigned(&token.header, &claims), parts[2]),
            "a changed claim",
        );
    }
    // Two tokens' parts mixed.
    let (other, _) = original(stage);
    let others: Vec<_> = other.access.split('.').collect();
    refused(
        stage,
        &format!("{}.{}.{}", parts[0], parts[1], others[2]),
        "another token's signature",
    );
}

fn algorithm_none_is_refused(stage: &Stage) {
    let (session, token) = original(stage);
    let signature = session.access.rsplit('.').next().expect("a signature");
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = with(&token.header, "alg", json!(name));
        refused(
            stage,
            &format!("{}.", unsigned(&header, &token.claims)),
            "alg none without a signature",
        );
        refused(
            stage,
            &format!("{}.{signature}", unsigned(&header, &token.claims)),
            "alg none with a signature",
        );
        refused(
            stage,
            &stage.keys().active.sign(&header, &token.claims),
            "alg none, signed",
        );
    }
    let header = without(&token.header, "alg");
    refused(stage, &stage.keys().active.sign(&header, &token.claims), "no alg");
}

fn the_public_key_as_a_shared_secret_is_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let keys = jwks(stage);
    let key = keys["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .find(|key| key["kid"] == token.header["kid"])
        .expect("kid");
    let x = text(key, "x");
    let raw = Base64UrlUnpadded::decode_vec(&x).expect("base64url");
    let secrets = [raw, x.into_bytes(), key.to_string().into_bytes(), Vec::new()];
    for secret in secrets {
        let header = with(&token.header, "alg", json!("HS256"));
        let signed = unsigned(&header, &token.claims);
        let signature = Base64UrlUnpadded::encode_string(&hmac_sha256(&secret, signed.as_bytes()));
        refused(stage, &format!("{signed}.{signature}"), "HS256 with the public key");
    }
    // A right Ed25519 signature under another algorithm's name: the name has to be the key's own.
    for name in ["HS256", "RS256", "ES256", "eddsa"] {
        let header = with(&token.header, "alg", json!(name));
        refused(stage, &stage.keys().active.sign(&header, &token.claims), name);
    }
}

fn a_key_of_ones_own_is_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let own = Signatory::generate();
    refused(
        stage,
        &own.sign(&token.header, &token.claims),
        "a key of one's own under the right kid",
    );
    refused(
        stage,
        &own.sign(&own.header(), &token.claims),
        "a key of one's own under its own kid",
    );
    refused(
        stage,
        &own.sign(&without(&own.header(), "kid"), &token.claims),
        "a key of one's own without a kid",
    );
    // RFC 7515, section 4.1.3: a key in the header is the attacker's.
    let public = without(&own.jwk(), "d");
    let header = with(&own.header(), "jwk", public.clone());
    refused(
        stage,
        &own.sign(&header, &token.claims),
        "a key of one's own in the header",
    );
    refused(
        stage,
        &own.sign(&with(&token.header, "jwk", public), &token.claims),
        "a key in the header, the right kid",
    );
    let header = with(
        &own.header(),
        "jku",
        json!(format!("{}/keys.json", stage.base.origin())),
    );
    refused(stage, &own.sign(&header, &token.claims), "a key set of one's own");
    for kid in [
        json!(5),
        json!(null),
        json!(["x"]),
        json!("../../../dev/null"),
        json!("' OR 1=1 --"),
    ] {
        refused(
            stage,
            &own.sign(&with(&own.header(), "kid", kid), &token.claims),
            "a strange kid",
        );
    }
}

fn another_type_is_refused(stage: &Stage) {
    // RFC 9068, section 4: an access token is at+jwt, so that no other JWT of ours passes for one.
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    for kind in [
        json!("JWT"),
        json!("jwt"),
        json!("id+jwt"),
        json!(""),
        json!(null),
        json!(["at+jwt"]),
        json!("at+jwt "),
    ] {
        let header = with(&token.header, "typ", kind.clone());
        refused(stage, &key.sign(&header, &token.claims), &format!("typ {kind}"));
    }
    refused(
        stage,
        &key.sign(&without(&token.header, "typ"), &token.claims),
        "no typ",
    );
}

fn a_critical_header_is_refused(stage: &Stage) {
    // RFC 7515, section 4.1.11: what isn't understood and is critical makes the token invalid.
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    for critical in [json!(["exp"]), json!(["b64"]), json!(["x"]), json!([]), json!("exp")] {
        let mut header = with(&token.header, "crit", critical.clone());
        header["x"] = json!(1);
        refused(stage, &key.sign(&header, &token.claims), &format!("crit {critical}"));
    }
}

fn an_expired_or_early_token_is_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    let issued = token.claims["iat"].as_i64().expect("iat");
    // A minute's leeway would be usual; none of these is inside one.
    for seconds in [-61, -3600, -1_000_000_000] {
        let mut claims = with(&token.claims, "exp", json!(issued + seconds));
        claims["iat"] = json!(issued + seconds - 600);
        refused(
            stage,
            &key.sign(&token.header, &claims),
            &format!("expired {seconds} s from its making"),
        );
    }
    let claims = with(&token.claims, "nbf", json!(issued + 600));
    refused(stage, &key.sign(&token.header, &claims), "not yet valid");
    let claims = with(&token.claims, "nbf", json!(issued));
    stage.app().me(&key.sign(&token.header, &claims)).expect_only(200);
}

fn another_issuer_or_audience_is_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    for name in ["iss", "aud"] {
        let right = text(&token.claims, name);
        for value in [
            json!("https://evil.example"),
            json!(""),
            json!(format!("{right}/")),
            json!(null),
            json!({"a": right}),
        ] {
            let claims = with(&token.claims, name, value.clone());
            refused(stage, &key.sign(&token.header, &claims), &format!("{name} {value}"));
        }
        refused(
            stage,
            &key.sign(&token.header, &without(&token.claims, name)),
            &format!("no {name}"),
        );
    }
    let others = with(&token.claims, "aud", json!(["one", "two"]));
    refused(stage, &key.sign(&token.header, &others), "other audiences");
}

fn missing_and_strange_claims_are_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    for name in ["exp", "sub", "sid"] {
        refused(
            stage,
            &key.sign(&token.header, &without(&token.claims, name)),
            &format!("no {name}"),
        );
        for value in [
            json!("x"),
            json!(null),
            json!([]),
            json!({}),
            json!(true),
            json!("9999999999"),
        ] {
            let claims = with(&token.claims, name, value.clone());
            refused(stage, &key.sign(&token.header, &claims), &format!("{name} {value}"));
        }
    }
    for claims in [json!({}), json!([]), json!("x"), json!(null)] {
        refused(
            stage,
            &key.sign(&token.header, &claims),
            &format!("the claims {claims}"),
        );
    }
}

fn a_session_that_was_never_made_is_refused(stage: &Stage) {
    let (_, token) = original(stage);
    let key = &stage.keys().active;
    for name in ["sid", "sub"] {
        let id = format!("0199aaaa-bbbb-7ccc-8ddd-{}", jwt::random_hex::<6>());
        let reply = stage
            .app()
            .me(&key.sign(&token.header, &with(&token.claims, name, json!(id))));
        reply.error(401, "UNAUTHENTICATED");
    }
}

fn a_session_of_somebody_else_is_refused(stage: &Stage) {
    let (_, one) = original(stage);
    let (_, other) = original(stage);
    let mixed = with(&one.claims, "sid", other.claims["sid"].clone());
    stage
        .app()
        .me(&stage.keys().active.sign(&one.header, &mixed))
        .error(401, "UNAUTHENTICATED");
}
