//! The errors that every call shares: bodies that can't be read, paths and methods that aren't there.

use std::collections::BTreeSet;

use serde_json::json;

use crate::actor::{LOGIN, LOGOUT, ME, Person, REFRESH, REGISTER};
use crate::each;
use crate::http::Reply;
use crate::registry::Case;
use crate::stage::Stage;

/// The largest body that is taken, in bytes.
const LIMIT: usize = 64 * 1024;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        what_is_not_json_is_malformed,
        json_that_is_no_object_is_invalid,
        a_duplicate_field_is_refused,
        other_media_types_are_415,
        json_media_types_are_taken,
        a_body_of_64_kib_is_taken,
        a_larger_body_is_413,
        a_larger_body_without_a_length_is_413,
        deep_and_strange_json_is_no_defect,
        unknown_paths_are_404,
        wrong_methods_are_405_with_allow,
        every_reply_has_a_request_id_of_its_own,
        a_request_id_cannot_inject,
        no_error_is_kept_by_a_cache,
    ]
}

fn posts() -> [&'static str; 4] {
    [REGISTER[0], REGISTER[1], LOGIN[0], LOGIN[1]]
}

fn what_is_not_json_is_malformed(stage: &Stage) {
    let bodies: [&[u8]; 16] = [
        b"",
        b" ",
        b"{",
        b"}",
        b"{\"email\":",
        b"{\"email\":\"a@example.com\",}",
        b"{'email':'a@example.com'}",
        b"{email:1}",
        b"email=a@example.com&password=x",
        b"<xml/>",
        b"{} {}",
        b"{}x",
        b"{\"email\":\"\xff\xfe\"}",
        b"\x00\x01\x02",
        b"{\"email\":\"\\ud800\"}",
        b"{\"email\":\"a\nb\"}",
    ];
    for path in posts() {
        for body in bodies {
            let reply = stage.call("POST", path).body("application/json", body).send();
            assert_eq!(reply.status, 400, "{:?}\n{reply}", String::from_utf8_lossy(body));
            reply.error(400, "MALFORMED_JSON");
        }
    }
    let call = stage.call("POST", REFRESH[0]).token_mode();
    call.body("application/json", "{\"refreshToken\":")
        .send()
        .error(400, "MALFORMED_JSON");
}

fn json_that_is_no_object_is_invalid(stage: &Stage) {
    for path in posts() {
        for body in ["[]", "\"text\"", "5", "null", "true", "[{\"email\":\"a@example.com\"}]"] {
            let reply = stage.call("POST", path).body("application/json", body).send();
            assert_eq!(reply.status, 400, "{body}\n{reply}");
            reply.error(400, "VALIDATION_FAILED");
        }
    }
}

fn a_duplicate_field_is_refused(stage: &Stage) {
    // Two readers of one body must not read two different things.
    let (person, session) = stage.somebody();
    let (email, password) = (&person.email, &person.password);
    let bodies = [
        format!(r#"{{"email":"{email}","password":"wrong","password":"{password}"}}"#),
        format!(r#"{{"email":"{email}","password":"{password}","password":"{password}"}}"#),
        format!(r#"{{"email":"a@example.com","email":"{email}","password":"{password}"}}"#),
        // The same name, written otherwise.
        format!(r#"{{"email":"{email}","\u0065mail":"{email}","password":"{password}"}}"#),
        format!(r#"{{"email":"{email}","password":"{password}","rememberMe":true,"rememberMe":true}}"#),
    ];
    for body in &bodies {
        let reply = stage
            .call("POST", LOGIN[0])
            .body("application/json", body.as_bytes())
            .send();
        assert_eq!(reply.status, 400, "{body}\n{reply}");
        reply.error_shape();
    }
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
    let fresh = Person::new();
    let body = format!(
        r#"{{"email":"{0}","email":"{0}","name":"{1}","password":"{2}"}}"#,
        fresh.email, fresh.name, fresh.password
    );
    stage
        .call("POST", REGISTER[0])
        .body("application/json", body)
        .send()
        .expect(400)
        .error_shape();
    assert_eq!(stage.database().users_with(&fresh.email), 0);
    let refresh = &session.refresh;
    let body = format!(r#"{{"refreshToken":"{refresh}","refreshToken":"{refresh}"}}"#);
    stage
        .call("POST", REFRESH[0])
        .token_mode()
        .body("application/json", body)
        .send()
        .expect(400)
        .error_shape();
    assert_eq!(stage.database().only_session(&session.user_id()).generation, 0);
}

fn other_media_types_are_415(stage: &Stage) {
    let (person, session) = stage.somebody();
    let credentials = person.credentials().to_string();
    for path in LOGIN {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/xml",
            "text/json",
            "application/json/x",
            "json",
            "text/plain; application/json",
            "",
        ] {
            let reply = stage.call("POST", path).body(kind, credentials.as_bytes()).send();
            assert_eq!(reply.status, 415, "{kind:?}\n{reply}");
            reply.error_shape();
        }
        stage
            .call("POST", path)
            .bare_body(credentials.as_bytes())
            .send()
            .expect(415)
            .error_shape();
    }
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
    stage
        .call("POST", REGISTER[0])
        .body("text/plain", "{}")
        .send()
        .expect(415)
        .error_shape();
}

fn json_media_types_are_taken(stage: &Stage) {
    let (person, _) = stage.somebody();
    for kind in [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ] {
        let body = person.credentials().to_string();
        stage
            .call("POST", LOGIN[0])
            .token_mode()
            .body(kind, body)
            .send()
            .session_by_token(200);
    }
}

/// Credentials, in a body of exactly `length` bytes.
fn padded(person: &Person, length: usize) -> Vec<u8> {
    let mut body = person.credentials();
    body["padding"] = json!("");
    let empty = body.to_string().len();
    body["padding"] = json!("x".repeat(length - empty));
    let bytes = body.to_string().into_bytes();
    assert_eq!(bytes.len(), length);
    bytes
}

fn a_body_of_64_kib_is_taken(stage: &Stage) {
    let (person, _) = stage.somebody();
    let call = || stage.call("POST", LOGIN[0]).token_mode();
    call()
        .body("application/json", padded(&person, LIMIT))
        .send()
        .session_by_token(200);
    call()
        .chunked("application/json", padded(&person, LIMIT))
        .send()
        .session_by_token(200);
}

fn too_large(reply: &Reply) {
    reply.expect_only(413);
    reply.error_shape();
}

fn a_larger_body_is_413(stage: &Stage) {
    let (person, session) = stage.somebody();
    for path in LOGIN {
        for length in [LIMIT + 1, LIMIT * 2, 1024 * 1024] {
            too_large(
                &stage
                    .call("POST", path)
                    .body("application/json", padded(&person, length))
                    .send(),
            );
        }
    }
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
    too_large(
        &stage
            .call("POST", REGISTER[0])
            .body("application/json", vec![b' '; LIMIT + 1])
            .send(),
    );
}

fn a_larger_body_without_a_length_is_413(stage: &Stage) {
    let (person, session) = stage.somebody();
    for length in [LIMIT + 1, LIMIT * 3] {
        too_large(
            &stage
                .call("POST", LOGIN[0])
                .chunked("application/json", padded(&person, length))
                .send(),
        );
    }
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
}

fn deep_and_strange_json_is_no_defect(stage: &Stage) {
    let open = "[".repeat(30_000);
    let nested = format!("{}{}", "[".repeat(15_000), "]".repeat(15_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(4000), "}".repeat(4000));
    let inside = format!("{{\"email\":{nested},\"password\":{objects}}}");
    let many: Vec<_> = (0..4000).map(|index| format!("\"k{index}\":{index}")).collect();
    let many = format!("{{{},\"email\":1}}", many.join(","));
    let bodies = [
        open.as_str(),
        &nested,
        &objects,
        &inside,
        &many,
        r#"{"email":1e999,"password":-0.0}"#,
        r#"{"email":99999999999999999999999999999999999999,"password":1}"#,
        r#"{"":"","\u0000":"\u0000"}"#,
        r#"{"email":"\u0000","password":"\u0000"}"#,
        "\u{feff}{}",
    ];
    for body in bodies {
        let reply = stage
            .call("POST", LOGIN[0])
            .body("application/json", body.as_bytes())
            .send();
        assert_eq!(reply.status, 400, "{}\n{reply}", &body[..body.len().min(60)]);
        reply.error_shape();
    }
    // And the instance lives.
    stage.call("GET", "/healthz").send().expect_only(200);
}

fn unknown_paths_are_404(stage: &Stage) {
    for path in [
        "/nothing-here",
        "/api",
        "/api/",
        "/api/auth",
        "/api/auth/",
        "/auth",
        "/api/auth/login/",
        "/api/auth/login/x",
        "/API/auth/login",
        "/api/auth/Login",
        "/api/auth/signup",
        "/auth/register",
        "/api/auth/login.json",
        "/api//auth/login",
        "/.well-known/",
        "/.env",
        "/%00",
        "/%ff%fe",
        "/api/auth/login%2f",
        "/..%2f..%2fetc%2fpasswd",
        &format!("/{}", "x".repeat(2000)),
    ] {
        for method in ["GET", "POST"] {
            let reply = stage.call(method, path).send();
            assert_eq!(reply.status, 404, "{method} {path}\n{reply}");
            reply.error(404, "NOT_FOUND");
        }
    }
    // A query doesn't make another path.
    stage.call("GET", "/healthz?x=/nothing-here").send().expect_only(200);
}

fn wrong_methods_are_405_with_allow(stage: &Stage) {
    let table: [(&[&str], &[&str]); 6] = [
        (&REGISTER, &["POST"]),
        (&LOGIN, &["POST"]),
        (&LOGOUT, &["POST"]),
        (&REFRESH, &["GET", "POST"]),
        (&[ME], &["GET"]),
        (&["/healthz", "/readyz", "/.well-known/jwks.json"], &["GET"]),
    ];
    for (paths, allowed) in table {
        for path in paths {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
                if allowed.contains(&method) {
                    continue;
                }
                let reply = stage.call(method, path).send();
                // A host may keep TRACE from us (RFC 9110, section 9.3.8, and the Fetch standard forbid it).
                if method == "TRACE" && reply.status != 405 {
                    assert!(reply.status >= 400, "{reply}");
                    continue;
                }
                reply.expect_only(405);
                reply.error_shape();
                let allow = reply
                    .header("allow")
                    .unwrap_or_else(|| panic!("405 without Allow\n{reply}"))
                    .to_owned();
                let mut named: BTreeSet<_> = allow.split(',').map(str::trim).collect();
                // Both are answered for every path by HTTP itself and by CORS.
                named.remove("HEAD");
                named.remove("OPTIONS");
                assert_eq!(named, allowed.iter().copied().collect(), "{reply}");
            }
        }
    }
}

fn every_reply_has_a_request_id_of_its_own(stage: &Stage) {
    let calls = [
        stage.call("GET", "/healthz"),
        stage.call("GET", "/healthz"),
        stage.call("GET", "/readyz"),
        stage.call("GET", "/.well-known/jwks.json"),
        stage.call("GET", "/nothing-here"),
        stage.call("DELETE", LOGIN[0]),
        stage.call("GET", ME),
        stage.call("POST", LOGIN[0]).body("application/json", "{"),
        stage.call("POST", LOGIN[0]).body("text/plain", "{"),
        stage
            .call("POST", LOGIN[0])
            .body("application/json", " ".repeat(70_000)),
        stage
            .call("POST", LOGIN[0])
            .header("sec-fetch-site", "cross-site")
            .json(&json!({})),
        stage.call("POST", LOGOUT[0]),
        stage.call("POST", REFRESH[0]),
        stage
            .call("OPTIONS", LOGIN[0])
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST"),
    ];
    let ids: Vec<_> = calls
        .into_iter()
        .map(|call| call.send().header("x-request-id").unwrap_or_default().to_owned())
        .collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

fn a_request_id_cannot_inject(stage: &Stage) {
    for given in ["x".repeat(4000).as_str(), "a b;c=\"d\"", "<script>", "\u{1F511}"] {
        let reply = stage
            .call("GET", "/healthz")
            .header("x-request-id", given)
            .send()
            .expect(200);
        let id = reply.header("x-request-id").unwrap_or_default();
        assert!(
            id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)),
            "{reply}"
        );
    }
}

fn no_error_is_kept_by_a_cache(stage: &Stage) {
    // What depends on who asks must not be answered to the next one.
    let (_, session) = stage.somebody();
    for reply in [
        stage.call("GET", ME).send().expect(401),
        stage.app().me(&session.access).expect(200),
    ] {
        let control = reply.header("cache-control").unwrap_or_default();
        assert!(control.contains("no-store") || control.contains("private"), "{reply}");
    }
}
