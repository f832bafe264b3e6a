//! The gateway, by hand: that it is what it claims to be where the hosts don't look, and protected.
//!
//! That the official clients of both services work against it is checked with those clients.

use serde_json::{Value, json};

use crate::http::{Call, Reply};
use crate::jwt::random_hex;
use crate::registry::Case;
use crate::services;
use crate::stack::Stack;

pub(super) fn cases() -> Vec<Case> {
    services![
        redis_wants_the_token,
        a_command_and_its_error,
        a_pipeline_answers_each,
        a_transaction_is_all_or_nothing,
        replies_in_base64,
        a_query_and_its_error,
        sql_wants_the_password,
        a_batch_is_one_transaction,
        sql_goes_where_the_gateway_says,
        caught_mail_is_listed_newest_first,
    ]
}

fn redis(stack: &Stack, path: &str, body: &Value) -> Reply {
    stack
        .gateway
        .call("POST", path)
        .bearer(&stack.gateway_token)
        .json(body)
        .send_unchecked()
}

fn sql_call(stack: &Stack, url: &str, body: &Value) -> Call {
    stack
        .gateway
        .call("POST", "/sql")
        .header("Neon-Connection-String", url)
        .json(body)
}

fn sql(stack: &Stack, body: &Value) -> Reply {
    sql_call(stack, &stack.database_url, body)
        .bearer(&stack.gateway_token)
        .send_unchecked()
}

fn redis_wants_the_token(stack: &Stack) {
    let key = random_hex::<8>();
    for (path, body) in [
        ("/", json!(["SET", key, "1"])),
        ("/pipeline", json!([["SET", key, "1"]])),
        ("/multi-exec", json!([["SET", key, "1"]])),
    ] {
        let call = || stack.gateway.call("POST", path).json(&body);
        let longer = format!("{}x", stack.gateway_token);
        let shorter = &stack.gateway_token[..stack.gateway_token.len() - 1];
        for reply in [
            call().send_unchecked(),
            call().bearer("").send_unchecked(),
            call().bearer("wrong").send_unchecked(),
            call().bearer(&longer).send_unchecked(),
            call().bearer(shorter).send_unchecked(),
            call().header("authorization", &stack.gateway_token).send_unchecked(),
        ] {
            assert_eq!(reply.status, 401, "{path}\n{reply}");
            assert!(reply.json()["error"].is_string(), "{reply}");
        }
    }
    assert_eq!(
        redis(stack, "/", &json!(["GET", key])).expect(200).json(),
        json!({"result": null})
    );
}

fn a_command_and_its_error(stack: &Stack) {
    let key = random_hex::<8>();
    assert_eq!(
        redis(stack, "/", &json!(["SET", key, "wört", "EX", 100]))
            .expect(200)
            .json(),
        json!({"result": "OK"})
    );
    assert_eq!(
        redis(stack, "/", &json!(["GET", key])).expect(200).json(),
        json!({"result": "wört"})
    );
    assert_eq!(
        redis(stack, "/", &json!(["TTL", key])).expect(200).json()["result"]
            .as_u64()
            .map(|ttl| ttl > 90),
        Some(true)
    );
    let reply = redis(stack, "/", &json!(["INCR", key])).expect(400);
    assert!(
        reply.json()["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("ERR")),
        "{reply}"
    );
    let script = json!(["EVAL", "return {KEYS[1], ARGV[1], 7}", 1, "k", "v"]);
    assert_eq!(
        redis(stack, "/", &script).expect(200).json(),
        json!({"result": ["k", "v", 7]})
    );
}

fn a_pipeline_answers_each(stack: &Stack) {
    let key = random_hex::<8>();
    let commands = json!([["SET", key, "a"], ["INCR", key], ["GET", key], ["GET", "no-such-key"]]);
    let replies = redis(stack, "/pipeline", &commands).expect(200).json();
    assert_eq!(replies[0], json!({"result": "OK"}));
    assert!(replies[1]["error"].is_string(), "{replies}");
    assert_eq!(replies[2], json!({"result": "a"}));
    assert_eq!(replies[3], json!({"result": null}));
    assert_eq!(replies.as_array().map(Vec::len), Some(4));
}

fn a_transaction_is_all_or_nothing(stack: &Stack) {
    let key = random_hex::<8>();
    let replies = redis(stack, "/multi-exec", &json!([["SET", key, "1"], ["INCR", key]]))
        .expect(200)
        .json();
    assert_eq!(replies, json!([{"result": "OK"}, {"result": 2}]));
    let refused = redis(
        stack,
        "/multi-exec",
        &json!([["SET", key, "9"], ["NOSUCHCOMMAND", key]]),
    );
    assert!(refused.status >= 400, "{refused}");
    assert_eq!(
        redis(stack, "/", &json!(["GET", key])).expect(200).json(),
        json!({"result": "2"})
    );
}

fn replies_in_base64(stack: &Stack) {
    let key = random_hex::<8>();
    let encoded = |body: &Value| {
        let call = stack
            .gateway
            .call("POST", "/")
            .bearer(&stack.gateway_token)
            .header("Upstash-Encoding", "base64");
        call.json(body).send_unchecked().expect(200).json()
    };
    assert_eq!(encoded(&json!(["SET", key, "hello"])), json!({"result": "OK"}));
    assert_eq!(encoded(&json!(["GET", key])), json!({"result": "aGVsbG8="}));
    assert_eq!(encoded(&json!(["STRLEN", key])), json!({"result": 5}));
}

fn a_query_and_its_error(stack: &Stack) {
    let body =
        json!({"query": "SELECT $1::int4 AS n, $2::text AS t, NULL::text AS nothing, true AS b", "params": ["7", "ü"]});
    let reply = sql(stack, &body).expect(200);
    let answer = reply.json();
    assert_eq!(
        answer["rows"],
        json!([{"n": 7, "t": "ü", "nothing": null, "b": true}]),
        "{reply}"
    );
    assert_eq!(
        (&answer["rowCount"], &answer["command"]),
        (&json!(1), &json!("SELECT")),
        "{reply}"
    );
    assert_eq!(answer["fields"][0]["name"], "n", "{reply}");
    assert_eq!(answer["fields"][0]["dataTypeID"], 23, "{reply}");
    let call = sql_call(stack, &stack.database_url, &body).bearer(&stack.gateway_token);
    let raw = call
        .header("Neon-Raw-Text-Output", "true")
        .header("Neon-Array-Mode", "true")
        .send_unchecked()
        .expect(200);
    assert_eq!(raw.json()["rows"], json!([["7", "ü", null, "t"]]), "{raw}");
    let taken = json!({"query": "INSERT INTO roles (name) VALUES ('admin')", "params": []});
    let reply = sql(stack, &taken).expect(400);
    let error = reply.json();
    assert_eq!(
        (&error["code"], &error["constraint"]),
        (&json!("23505"), &json!("roles_pkey")),
        "{reply}"
    );
    assert!(error["message"].is_string(), "{reply}");
}

fn sql_wants_the_password(stack: &Stack) {
    let (head, tail) = stack.database_url.split_once('@').expect("a password");
    let (scheme_and_user, _) = head.rsplit_once(':').expect("a password");
    let body = json!({"query": "SELECT 1", "params": []});
    for url in [
        format!("{scheme_and_user}:wrong@{tail}"),
        format!("{scheme_and_user}@{tail}"),
        String::new(),
    ] {
        let reply = sql_call(stack, &url, &body).send_unchecked();
        assert!((400..500).contains(&reply.status), "{url}\n{reply}");
        assert!(reply.json().get("rows").is_none(), "{reply}");
    }
    assert!(stack.gateway.call("POST", "/sql").json(&body).send_unchecked().status >= 400);
    sql(stack, &body).expect_only(200);
}

fn a_batch_is_one_transaction(stack: &Stack) {
    let role = format!("r{}", random_hex::<8>());
    let insert = json!({"query": "INSERT INTO roles (name) VALUES ($1)", "params": [role]});
    let count = || {
        let query = json!({"query": "SELECT count(*)::int4 AS n FROM roles WHERE name = $1", "params": [role]});
        sql(stack, &query).expect(200).json()["rows"][0]["n"].clone()
    };
    sql(
        stack,
        &json!({"queries": [insert, {"query": "SELECT 1/0", "params": []}]}),
    )
    .expect_only(400);
    assert_eq!(count(), 0, "rolled back whole");
    let reply = sql(
        stack,
        &json!({"queries": [insert, {"query": "SELECT txid_current() IS NOT NULL AS t", "params": []}]}),
    );
    let results = reply.expect(200).json();
    assert_eq!(results["results"].as_array().map(Vec::len), Some(2), "{results}");
    assert_eq!(count(), 1);
    let undo = json!({"query": "DELETE FROM roles WHERE name = $1", "params": [role]});
    sql(stack, &undo).expect_only(200);
    let call = sql_call(stack, &stack.database_url, &json!({"queries": [insert]})).bearer(&stack.gateway_token);
    let refused = call.header("Neon-Batch-Read-Only", "true").send_unchecked().expect(400);
    assert_eq!(refused.json()["code"], "25006", "{refused}");
    assert_eq!(count(), 0);
}

fn sql_goes_where_the_gateway_says(stack: &Stack) {
    // The host in the client's connection string is not for the gateway to call: it would be a way into the network.
    let (head, tail) = stack.database_url.split_once('@').expect("a password");
    let (_, database) = tail.split_once('/').expect("a database");
    let elsewhere = format!("{head}@127.0.0.1:1/{database}");
    let body = json!({"query": "SELECT 1 AS one", "params": []});
    let call = sql_call(stack, &elsewhere, &body).bearer(&stack.gateway_token);
    assert_eq!(call.send_unchecked().expect(200).json()["rows"], json!([{"one": 1}]));
}

fn caught_mail_is_listed_newest_first(stack: &Stack) {
    let to = format!("{}@example.com", random_hex::<8>());
    let list = || {
        let reply = stack
            .gateway
            .call("GET", &format!("/emails?to={to}"))
            .send_unchecked()
            .expect(200);
        reply.json()["data"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("data is an array\n{reply}"))
    };
    assert_eq!(list(), Vec::<Value>::new());
    for subject in ["first", "second"] {
        let mail = json!({"from": "a@example.com", "to": [to], "subject": subject, "html": "<p>x</p>", "text": "x"});
        let reply = stack
            .gateway
            .call("POST", "/emails")
            .bearer(&stack.gateway_token)
            .json(&mail)
            .send_unchecked();
        assert!(reply.expect(200).json()["id"].is_string());
    }
    let caught = list();
    let subjects: Vec<_> = caught.iter().map(|mail| mail["subject"].clone()).collect();
    assert_eq!(subjects, ["second", "first"]);
    for mail in &caught {
        crate::shape::keys_are(mail, &["id", "from", "to", "subject", "html", "text", "created_at"]);
    }
    let page = stack.gateway.call("GET", "/mailbox").send_unchecked().expect(200);
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html")),
        "{page}"
    );
}
