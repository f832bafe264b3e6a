//! `doorward gateway` by hand-written HTTP: refusals, limits, outages, and its own end. What its two protocols answer when
//! all is well is checked with the official clients (`tests/clients`).

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use doorward_core::id::RequestId;
use serde_json::{Value, json};
use support::forwarder::Forwarder;
use support::gateway::{Gateway, TOKEN};
use support::{Database, required};

fn redis_url() -> String {
    required("DOORWARD_TEST_REDIS_URL")
}

fn start(database: &Database, more: &[&str]) -> Gateway {
    Gateway::start(&database.url(), &redis_url(), more)
}

/// Waits until `ready`, for at most ten seconds: what happens in the background has no other sign.
fn within_ten_seconds(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_says_that_it_is_there() {
    let database = Database::create();
    let answer = start(&database, &[]).request("GET", "/healthz", &[], "");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })));
}

/// Whatever the reply, and whatever the request calls itself.
#[test]
fn every_reply_has_a_name_of_its_own() {
    let database = Database::create();
    let bearer = format!("Bearer {TOKEN}");
    let url = database.url();
    let mut seen = BTreeSet::new();
    let mut asked = 0;
    for more in [&[][..], &["--dev-mail"]] {
        let gateway = start(&database, more);
        for (method, path, body) in [
            ("GET", "/healthz", ""),
            ("DELETE", "/healthz", ""),
            ("POST", "/sql", r#"{"query": "SELECT 1", "params": []}"#),
            ("POST", "/sql", "no JSON"),
            ("GET", "/sql", ""),
            ("POST", "/", r#"["PING"]"#),
            ("POST", "/pipeline", "{}"),
            ("GET", "/get/nothing", ""),
            ("POST", "/emails", "{}"),
            ("GET", "/mailbox/none", ""),
            ("GET", "/nowhere/at/all", ""),
        ] {
            for authorization in ["", &bearer] {
                let headers = [
                    ("authorization", authorization),
                    ("neon-connection-string", &url),
                    ("x-request-id", "named-by-the-client"),
                ];
                let answer = gateway.request(method, path, &headers, body);
                let ids = answer
                    .head
                    .lines()
                    .filter_map(|line| line.strip_prefix("x-request-id: "));
                let ids: Vec<_> = ids.collect();
                assert!(
                    ids.len() == 1 && RequestId::parse(ids[0]).is_some(),
                    "{method} {path}: {answer:?}"
                );
                seen.insert(ids[0].to_owned());
                asked += 1;
            }
        }
    }
    assert_eq!(seen.len(), asked, "no two have one name");
}

#[test]
fn redis_is_for_those_who_know_the_secret() {
    let database = Database::create();
    let gateway = start(&database, &[]);
    let basic = format!("Basic {TOKEN}");
    for path in ["/", "/pipeline", "/multi-exec", "/get/key", "/anything"] {
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", &basic)],
        ] {
            let answer = gateway.request("POST", path, headers, r#"["PING"]"#);
            assert_eq!(
                (answer.status, answer.json()),
                (401, json!({ "error": "Unauthorized" })),
                "{path} {headers:?}"
            );
        }
    }
}

#[test]
fn redis_commands_come_in_four_ways() {
    let database = Database::create();
    let gateway = start(&database, &[]);
    let key = format!("gateway-test:{}", std::process::id());
    let set = format!(r#"["SET", "{key}", 41, "EX", 100]"#);
    assert_eq!(gateway.redis("/", &set).json(), json!({ "result": "OK" }));
    let many = format!(r#"[["INCR", "{key}"], ["LPUSH", "{key}", 1], ["SUBSCRIBE", "c"], ["GET", "{key}"]]"#);
    let answer = gateway.redis("/pipeline", &many);
    assert_eq!((answer.status, &answer.json()[0]), (200, &json!({ "result": 42 })));
    assert!(answer.json()[1]["error"].as_str().unwrap().starts_with("WRONGTYPE "));
    assert_eq!(
        answer.json()[2],
        json!({ "error": "ERR Command is not available: 'SUBSCRIBE'" })
    );
    assert_eq!(answer.json()[3], json!({ "result": "42" }));

    let answer = gateway.redis("/multi-exec", &format!(r#"[["INCR", "{key}"], ["INCR", "{key}"]]"#));
    assert_eq!(answer.json(), json!([{ "result": 43 }, { "result": 44 }]));
    let answer = gateway.redis("/multi-exec", &format!(r#"[["INCR", "{key}"], ["NONSENSE"]]"#));
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("EXECABORT "));

    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("upstash-encoding", "base64")];
    let answer = gateway.request("GET", &format!("/get/{key}"), &headers, "");
    assert_eq!(answer.json(), json!({ "result": "NDQ=" }));
    assert_eq!(
        gateway.request("GET", &format!("/del/{key}"), &headers, "").json(),
        json!({ "result": 1 })
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let database = Database::create();
    let gateway = start(&database, &[]);
    for (path, body) in [
        ("/", "{}"),
        ("/", "[]"),
        ("/", "x"),
        ("/", "[[1]]"),
        ("/pipeline", r#"["GET", "k"]"#),
        ("/multi-exec", "[]"),
    ] {
        let answer = gateway.redis(path, body);
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(
            answer.json()["error"].as_str().unwrap().starts_with("ERR "),
            "{path} {body}"
        );
    }
    let large = format!(r#"["SET", "k", "{}"]"#, "x".repeat(1 << 20));
    assert_eq!(gateway.redis("/", &large).status, 413);

    for (body, status) in [
        ("{}", 400),
        ("x", 400),
        (r#"{"queries": {}}"#, 400),
        (r#"{"query": "SELECT 1", "params": {}}"#, 400),
    ] {
        assert_eq!(gateway.sql(&database.url(), body).status, status, "{body}");
    }
    let query = r#"{"query": "SELECT 1"}"#;
    assert_eq!(gateway.request("POST", "/sql", &[], query).status, 400);
    assert_eq!(gateway.sql("http://example.com", query).status, 400);
    let secret = gateway.sql("postgres://hunter2%zz@h/d", query);
    assert!(secret.status == 400 && !secret.body.contains("hunter2"));
    assert_eq!(gateway.request("GET", "/sql", &[], "").status, 405);
}

#[test]
fn sql_values_are_json_for_those_who_do_not_ask_for_text() {
    let database = Database::create();
    let gateway = start(&database, &[]);
    let query = r#"{"query": "SELECT 1::int2 AS a, 2::int8 AS b, 1.5::float4 AS c, true AS d, NULL AS e, '[1]'::jsonb AS f, ARRAY[1, NULL] AS g, $1::text[] AS h",
                    "params": [["x", null, "\"y\""]]}"#;
    let answer = gateway.sql(&database.url(), query);
    let values = json!([1, "2", 1.5, true, null, [1], [1, null], ["x", null, "\"y\""]]);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let row: serde_json::Map<String, Value> = names
        .map(str::to_owned)
        .into_iter()
        .zip(values.as_array().unwrap().clone())
        .collect();
    assert_eq!(answer.json()["rows"], json!([row]), "{}", answer.body);

    let url = database.url();
    let raw = [
        ("neon-connection-string", url.as_str()),
        ("neon-raw-text-output", "true"),
        ("neon-array-mode", "true"),
    ];
    let answer = gateway.request("POST", "/sql", &raw, query).json();
    assert_eq!(
        answer["rows"],
        json!([["1", "2", "1.5", "t", null, "[1]", "{1,NULL}", r#"{x,NULL,"\"y\""}"#]])
    );
    assert_eq!(
        (&answer["rowAsArray"], &answer["rowCount"], &answer["command"]),
        (&json!(true), &json!(1), &json!("SELECT"))
    );
}

#[test]
fn a_postgres_that_goes_away_is_told_and_found_again() {
    let database = Database::create();
    let way = Forwarder::start(&database.address());
    let url = database.url_at(way.address());
    let gateway = Gateway::start(&url, &redis_url(), &[]);
    let select = || gateway.sql(&url, r#"{"query": "SELECT 1 AS one"}"#);
    assert_eq!(select().json()["rows"], json!([{ "one": 1 }]));

    way.cut();
    for _ in 0..3 {
        let started = Instant::now();
        let answer = select();
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.json()["message"].is_string());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    way.mend();
    assert_eq!(select().json()["rows"], json!([{ "one": 1 }]));
}

#[test]
fn a_postgres_that_was_away_meanwhile_is_not_noticed() {
    let database = Database::create();
    let way = Forwarder::start(&database.address());
    let url = database.url_at(way.address());
    let gateway = Gateway::start(&url, &redis_url(), &[]);
    for _ in 0..5 {
        let answer = gateway.sql(&url, r#"{"query": "SELECT 1 AS one"}"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
        way.cut();
        way.mend();
    }
}

#[test]
fn a_postgres_that_goes_away_in_the_middle_is_told() {
    let database = Database::create();
    let way = Forwarder::start(&database.address());
    let url = database.url_at(way.address());
    let gateway = Gateway::start(&url, &redis_url(), &[]);
    let sleeping = gateway.open(
        "POST",
        "/sql",
        &[("neon-connection-string", &url)],
        r#"{"query": "SELECT pg_sleep(60)"}"#,
    );
    let sleeps =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND datname = current_database()";
    within_ten_seconds("the statement runs", || database.value(sleeps) == "1");
    way.cut();
    assert_eq!(Gateway::answer(sleeping).status, 503);
}

#[test]
fn a_redis_that_goes_away_is_told_and_found_again() {
    let database = Database::create();
    let url = redis_url();
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let way = Forwarder::start(address.rsplit('@').next().unwrap());
    let gateway = Gateway::start(
        &database.url(),
        &url.replace(address.rsplit('@').next().unwrap(), way.address()),
        &[],
    );
    let ping = || gateway.redis("/", r#"["PING"]"#);
    assert_eq!(ping().json(), json!({ "result": "PONG" }));

    way.cut();
    for path in ["/", "/pipeline", "/multi-exec"] {
        let body = if path == "/" { r#"["PING"]"# } else { r#"[["PING"]]"# };
        let started = Instant::now();
        let answer = gateway.redis(path, body);
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.json()["error"].is_string());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    way.mend();
    within_ten_seconds("the Redis is found again", || ping().status == 200);
}

#[test]
fn a_caller_who_leaves_does_not_spoil_the_connection() {
    let database = Database::create();
    let gateway = start(&database, &["--sql-connections", "1"]);
    let url = database.url();
    database.execute("SELECT pg_advisory_lock(7)");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_advisory_xact_lock(7)%' AND datname = current_database()";
    for _ in 0..3 {
        let body =
            r#"{"queries": [{"query": "SELECT 'stale' AS answer"}, {"query": "SELECT pg_advisory_xact_lock(7)"}]}"#;
        let leaving = gateway.open("POST", "/sql", &[("neon-connection-string", &url)], body);
        within_ten_seconds("the statement runs", || database.value(waits) == "1");
        drop(leaving);
        let answer = gateway.sql(&url, r#"{"query": "SELECT 'fresh' AS answer"}"#);
        assert_eq!(answer.json()["rows"], json!([{ "answer": "fresh" }]), "{}", answer.body);
        within_ten_seconds("the statement is ended", || database.value(waits) == "0");
    }
}

#[test]
fn what_is_asked_for_is_still_answered_when_it_is_told_to_end() {
    let database = Database::create();
    let mut gateway = start(&database, &[]);
    let url = database.url();
    let asked = gateway.open(
        "POST",
        "/sql",
        &[("neon-connection-string", &url)],
        r#"{"query": "SELECT pg_sleep(0.5)::text AS slept"}"#,
    );
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.5)%' AND datname = current_database()";
    within_ten_seconds("the statement runs", || database.value(sleeps) == "1");
    gateway.terminate();
    assert_eq!(Gateway::answer(asked).json()["rows"], json!([{ "slept": "" }]));
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn told_twice_it_ends_without_waiting() {
    let database = Database::create();
    let mut gateway = start(&database, &[]);
    let url = database.url();
    let query = r#"{"query": "SELECT pg_sleep(30)"}"#;
    let _asked = gateway.open("POST", "/sql", &[("neon-connection-string", &url)], query);
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%' AND datname = current_database()";
    within_ten_seconds("the statement runs", || database.value(sleeps) == "1");
    let told = Instant::now();
    gateway.terminate();
    // The second is heard only once the first was: until then both are one.
    within_ten_seconds("it takes no more connections", || !gateway.listens());
    gateway.terminate();
    assert_eq!(gateway.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(9));
}

#[test]
fn an_idle_connection_does_not_keep_it_from_ending() {
    let database = Database::create();
    let mut gateway = start(&database, &[]);
    let _idle = gateway.connect();
    let told = Instant::now();
    gateway.terminate();
    assert_eq!(gateway.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(5));
}

#[test]
fn mail_is_caught_only_where_that_is_asked_for() {
    let database = Database::create();
    let gateway = start(&database, &[]);
    let bearer = format!("Bearer {TOKEN}");
    for (method, path) in [
        ("POST", "/emails"),
        ("GET", "/emails?to=a@b.c"),
        ("GET", "/mailbox"),
        ("GET", "/mailbox/style.css"),
    ] {
        assert_eq!(
            gateway
                .request(method, path, &[("authorization", &bearer)], "{}")
                .status,
            404,
            "{method} {path}"
        );
    }
}

#[test]
fn mail_is_caught_and_shown() {
    let database = Database::create();
    let gateway = start(&database, &["--dev-mail"]);
    let bearer = format!("Bearer {TOKEN}");
    let send = |headers: &[(&str, &str)], body: &Value| gateway.request("POST", "/emails", headers, &body.to_string());
    let message = json!({
        "from": "Doorward <no-reply@example.com>", "to": "Ann <Ann@example.com>", "subject": "<b>Hello</b>",
        "html": "<script>alert(1)</script><a href=\"http://localhost/verify-email?token=x\">go</a>",
        "text": "Go to http://localhost/verify-email?token=x&y=1 now", "reply_to": "a@b.c", "tags": [{ "name": "a", "value": "b" }],
    });

    assert_eq!(send(&[], &message).status, 401);
    assert_eq!(send(&[("authorization", "Bearer wrong")], &message).status, 403);
    let refused = send(&[("authorization", &bearer)], &json!({ "from": "a@b.c" }));
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json(),
        json!({ "statusCode": 422, "name": "missing_required_field", "message": "Missing `to` field." })
    );

    let key = [("authorization", bearer.as_str()), ("idempotency-key", "once")];
    let first = send(&key, &message);
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(send(&key, &message).json(), first.json());
    let mut other = message.clone();
    other["subject"] = json!("Another");
    assert_eq!(send(&key, &other).status, 409);
    assert_eq!(send(&[("authorization", &bearer)], &other).status, 200);

    let list = |query: &str| gateway.request("GET", &format!("/emails{query}"), &[], "").json()["data"].clone();
    assert_eq!(list("").as_array().unwrap().len(), 2);
    assert_eq!(list("?to=nobody@example.com"), json!([]));
    let caught = list("?to=ann%40EXAMPLE.com");
    assert_eq!(caught[0]["subject"], "Another");
    let keys: Vec<_> = caught[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["created_at", "from", "html", "id", "subject", "text", "to"]);
    assert_eq!(
        (&caught[1]["id"], &caught[1]["to"]),
        (&first.json()["id"], &json!(["Ann <Ann@example.com>"]))
    );

    let page = gateway.request("GET", "/mailbox", &[], "");
    assert!(
        page.body.contains("&lt;b&gt;Hello&lt;/b&gt;") && !page.body.contains("<b>Hello"),
        "{}",
        page.body
    );
    assert!(
        page.head.contains("content-security-policy: default-src 'none'"),
        "{}",
        page.head
    );
    let id = caught[1]["id"].as_str().unwrap();
    let page = gateway.request("GET", &format!("/mailbox/{id}"), &[], "");
    assert!(
        page.body
            .contains("href=\"http://localhost/verify-email?token=x&amp;y=1\"")
            && !page.body.contains("<script")
    );
    let content = gateway.request("GET", &format!("/mailbox/{id}/html"), &[], "");
    assert!(content.body.contains("<script>alert(1)</script>"));
    let policy = content
        .head
        .lines()
        .find(|line| line.starts_with("content-security-policy: "))
        .unwrap();
    assert!(policy.contains("sandbox") && !policy.contains("allow-scripts") && policy.contains("default-src 'none'"));
    assert_eq!(gateway.request("GET", "/mailbox/none", &[], "").status, 404);
}

#[test]
fn caught_mail_is_not_read_under_a_strangers_name() {
    let database = Database::create();
    let gateway = start(&database, &["--dev-mail"]);
    for path in [
        "/emails",
        "/emails?to=a@b.c",
        "/mailbox",
        "/mailbox/x",
        "/mailbox/x/html",
    ] {
        let answer = gateway.request_of("rebound.example:8786", "GET", path, &[], "");
        assert_eq!(answer.status, 421, "{path}");
        assert_ne!(
            gateway.request_of("localhost:8786", "GET", path, &[], "").status,
            421,
            "{path}"
        );
    }
    // Who sends shows the secret, wherever it comes from.
    let sent = gateway.request_of("gateway.internal.example", "POST", "/emails", &[], "{}");
    assert_eq!(sent.status, 401);
}

#[test]
fn caught_mail_is_shown_beyond_this_machine_only_on_demand() {
    let arguments = [
        "--database-url",
        "postgres://u@h/d",
        "--redis-url",
        "redis://h",
        "--token",
        TOKEN,
    ];
    let run = |more: &[&str]| {
        let arguments = [&["gateway"], &arguments[..], more].concat();
        support::doorward(&arguments).output().unwrap()
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = run(&["--dev-mail", "--listen", listen]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(support::stderr(&refused).contains("--expose-dev-mail"), "{refused:?}");
    }
    assert_eq!(run(&["--expose-dev-mail"]).status.code(), Some(2));
    // Nobody has this address (RFC 5737), so it is told so, and not what it may show.
    let taken = run(&["--dev-mail", "--expose-dev-mail", "--listen", "192.0.2.1:0"]);
    assert!(support::stderr(&taken).contains("can't listen"), "{taken:?}");
}

#[test]
fn options_that_can_not_be_meant_are_wrong_usage() {
    for arguments in [
        &[
            "gateway",
            "--database-url",
            "postgres://u@h/d",
            "--redis-url",
            "redis://h",
        ][..],
        &[
            "gateway",
            "--database-url",
            "postgres://u@h/d",
            "--redis-url",
            "redis://h",
            "--token",
            "short",
        ],
        &["gateway", "--database-url", "postgres://u@h/d", "--token", TOKEN],
        &["gateway", "--redis-url", "redis://h", "--token", TOKEN],
    ] {
        assert_eq!(
            support::doorward(arguments).output().unwrap().status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    let encrypted = [
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--redis-url",
        "redis://127.0.0.1:1",
        "--token",
        TOKEN,
        "--database-url",
    ];
    let output = support::doorward(&encrypted)
        .arg("postgres://u@h/d?sslmode=require")
        .output()
        .unwrap();
    assert!(support::refusal(&output).contains("doesn't encrypt"));
}
