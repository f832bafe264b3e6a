//! What goes to the old system and what its answers mean, against requests and answers as those systems document them.

use super::*;

fn legacy(text: &str) -> Legacy {
    Legacy::parse(text, None, Duration::from_secs(5)).unwrap()
}

fn email() -> Email {
    Email::parse("ann@example.com").unwrap()
}

fn json_of(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn a_service_like_this_one_is_asked_as_this_one_is() {
    let legacy = legacy("https://old.example.com/");
    let request = legacy.sign_in(&email(), "secret").unwrap();
    assert_eq!(request.uri(), "https://old.example.com/auth/login");
    assert_eq!(request.headers()["x-doorward-mode"], "token");
    assert_eq!(
        json_of(&request),
        json!({ "email": "ann@example.com", "password": "secret" })
    );
    let person = r#"{"user": {"id": "7", "name": "Ann", "isVerified": true}, "accessToken": "x"}"#;
    let Answer::Accepted(person) = legacy.read(&answer(200, person)) else {
        panic!("not accepted")
    };
    assert_eq!(
        (person.name.as_deref(), person.is_verified, person.id.as_deref()),
        (Some("Ann"), true, Some("7"))
    );
}

#[test]
fn only_a_person_is_an_acceptance() {
    let service = legacy("https://old.example.com");
    for (status, body) in [
        (401, r#"{"user": {"id": "7"}}"#),
        (403, "{}"),
        (302, ""),
        (200, "<html>"),
        (200, r#"{"twoFactorRedirect": true}"#),
        (200, r#"{"user": null}"#),
    ] {
        assert_eq!(service.read(&answer(status, body)), Answer::Refused, "{status} {body}");
    }
    for status in [500, 503, 429, 408] {
        assert!(matches!(service.read(&answer(status, "")), Answer::Down(_)));
    }
}

#[test]
fn what_is_no_text_is_no_refusal() {
    let service = legacy("https://old.example.com");
    for (user, id, is_verified) in [
        (r#"{"id": 7, "emailVerified": null}"#, Some("7"), false),
        (r#"{"id": 7.5, "isVerified": true, "email": null}"#, Some("7.5"), true),
        (r#"{"id": {"$oid": "x"}, "isVerified": 1, "name": 4}"#, None, false),
        (r#"{"emailVerified": "2026-01-01T00:00:00Z"}"#, None, false),
    ] {
        let body = format!(r#"{{"user": {user}}}"#);
        let Answer::Accepted(person) = service.read(&answer(200, &body)) else {
            panic!("{user}")
        };
        assert_eq!((person.id.as_deref(), person.is_verified), (id, is_verified), "{user}");
        assert_eq!((person.email, person.name), (None, None));
    }
}

#[test]
fn better_auth_has_its_own_paths_and_names() {
    let legacy = legacy("better-auth:https://old.example.com/api/auth");
    let pass = |call, body: Value| {
        let body = Bytes::from(body.to_string());
        legacy
            .pass_on(call, &Method::POST, &HeaderMap::new(), None, &body)
            .unwrap()
    };
    let request = pass(
        Call::Login,
        json!({ "email": "a@b.c", "password": "p", "rememberMe": true }),
    );
    assert_eq!(request.uri().path(), "/api/auth/sign-in/email");
    assert_eq!(
        json_of(&request),
        json!({ "email": "a@b.c", "password": "p", "rememberMe": true })
    );
    let request = pass(
        Call::ResetPassword,
        json!({ "token": "t", "password": "p", "confirmPassword": "p" }),
    );
    assert_eq!(request.uri().path(), "/api/auth/reset-password");
    assert_eq!(json_of(&request), json!({ "token": "t", "newPassword": "p" }));
    let request = pass(Call::VerifyEmail, json!({ "token": "a.b-c_d" }));
    assert_eq!(
        (request.method(), request.uri().query()),
        (&Method::GET, Some("token=a.b-c_d"))
    );
    let forged = Bytes::from(json!({ "token": "a&callbackURL=//evil" }).to_string());
    let forged = legacy.pass_on(Call::VerifyEmail, &Method::POST, &HeaderMap::new(), None, &forged);
    assert!(forged.is_none());
    let person = r#"{"redirect": false, "token": "x", "user": {"id": "u", "name": "Ann", "emailVerified": false}}"#;
    assert!(matches!(legacy.read(&answer(200, person)), Answer::Accepted(person) if !person.is_verified));
}

#[test]
fn cognito_is_asked_by_initiate_auth() {
    let url = "cognito:https://cognito-idp.eu-central-1.amazonaws.com/?client_id=abc";
    let cognito = Legacy::parse(url, Some("key".to_owned()), Duration::from_secs(5)).unwrap();
    let request = cognito.sign_in(&email(), "secret").unwrap();
    assert_eq!(request.uri(), "https://cognito-idp.eu-central-1.amazonaws.com/");
    assert_eq!(
        request.headers()["x-amz-target"],
        "AWSCognitoIdentityProviderService.InitiateAuth"
    );
    assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.1");
    let body = json_of(&request);
    assert_eq!(body["AuthFlow"], "USER_PASSWORD_AUTH");
    assert_eq!(body["AuthParameters"]["USERNAME"], "ann@example.com");
    // printf 'ann@example.comabc' | openssl dgst -sha256 -hmac key -binary | base64
    assert_eq!(
        body["AuthParameters"]["SECRET_HASH"],
        "jvK+mWAB4n2K5NlDgI1yv5CyWKEVIluaq62hEpOiUwo="
    );

    let accepted = |claims: &str| {
        let token = format!("e30.{}.c2ln", Base64UrlUnpadded::encode_string(claims.as_bytes()));
        let body = format!(r#"{{"AuthenticationResult": {{"IdToken": "{token}", "AccessToken": "x"}}}}"#);
        match cognito.read(&answer(200, &body)) {
            Answer::Accepted(person) => person,
            other => panic!("{other:?}"),
        }
    };
    let person = accepted(
        r#"{"sub":"s-1","email":"ann@example.com","email_verified":true,"given_name":"Ann","family_name":"Example"}"#,
    );
    assert_eq!(
        (person.name.as_deref(), person.is_verified, person.email.as_deref()),
        (Some("Ann Example"), true, Some("ann@example.com"))
    );
    // Of which address, where the app client may not read it?
    assert!(!accepted(r#"{"sub":"s-1","email_verified":true}"#).is_verified);
    let challenge = r#"{"ChallengeName": "SMS_MFA", "Session": "x"}"#;
    assert_eq!(cognito.read(&answer(200, challenge)), Answer::Refused);
    let refused = r#"{"__type": "NotAuthorizedException", "message": "Incorrect username or password."}"#;
    assert_eq!(cognito.read(&answer(400, refused)), Answer::Refused);

    let login = Bytes::from(json!({ "email": "ann@example.com", "password": "p" }).to_string());
    assert!(
        cognito
            .pass_on(Call::Login, &Method::POST, &HeaderMap::new(), None, &login)
            .is_some()
    );
    assert!(
        cognito
            .pass_on(Call::Logout, &Method::POST, &HeaderMap::new(), None, &login)
            .is_none()
    );
}

#[test]
fn a_request_goes_on_as_it_came_but_for_what_is_ours() {
    let legacy = legacy("https://old.example.com/v2");
    let headers = headers(&[
        ("content-type", "application/json"),
        (
            "cookie",
            "old=1; doorward_access=secret; __Host-doorward_refresh=secret; other=2",
        ),
        ("authorization", "Bearer theirs"),
        ("x-forwarded-for", "6.6.6.6"),
        ("host", "id.example.com"),
    ]);
    let body = Bytes::from_static(b"{\"anything\": 1}");
    let request = legacy.pass_on(Call::Refresh, &Method::GET, &headers, Some("203.0.113.9"), &body);
    let request = request.unwrap();
    assert_eq!(
        (request.method(), request.uri().path()),
        (&Method::GET, "/v2/auth/refresh")
    );
    assert_eq!(request.headers()["cookie"], "old=1; other=2");
    assert_eq!(request.headers()["authorization"], "Bearer theirs");
    assert_eq!(request.headers()["x-forwarded-for"], "203.0.113.9");
    assert!(!request.headers().contains_key("host"));
    assert_eq!(request.body(), &body);
}

#[test]
fn an_answer_comes_back_without_what_belongs_to_its_connection() {
    let headers = headers(&[
        ("content-type", "application/json"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("transfer-encoding", "chunked"),
        ("content-encoding", "gzip"),
        ("access-control-allow-origin", "*"),
    ]);
    let names: Vec<_> = passed_back(&headers).map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "set-cookie", "set-cookie"]);
}

#[test]
fn what_cannot_be_used_is_said() {
    let parse = |text| Legacy::parse(text, None, Duration::ZERO).err();
    assert_eq!(
        parse("old.example.com"),
        Some(LegacyError::Endpoint(EndpointError::Url))
    );
    assert_eq!(
        parse("better-auth:/api"),
        Some(LegacyError::Endpoint(EndpointError::Url))
    );
    assert_eq!(parse("cognito:https://c.example"), Some(LegacyError::Client));
    assert_eq!(
        parse("cognito:https://c.example/?client_id="),
        Some(LegacyError::Client)
    );
    assert!(
        !format!(
            "{:?}",
            Legacy::parse(
                "cognito:https://c.example/?client_id=x",
                Some("hush".into()),
                Duration::ZERO
            )
        )
        .contains("hush")
    );
}
