//! `POST /api/auth/register` = `/auth/signup`.

use serde_json::{Value, json};

use crate::actor::{LOGIN, ME, OTHER_PASSWORD, Person, REGISTER};
use crate::http::race;
use crate::jwt::random_hex;
use crate::registry::Case;
use crate::shape;
use crate::stage::Stage;
use crate::{both, each};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        answers_201_with_a_session_in_cookies,
        answers_201_with_tokens_in_token_mode,
        a_new_account_is_a_free_unverified_member,
        keeps_the_optional_fields,
        names_every_failing_field_at_once,
        names_every_field_of_a_wrong_type_at_once,
        refuses_addresses_that_cannot_be,
        refuses_names_that_cannot_be,
        refuses_phones_that_cannot_be,
        holds_the_password_policy,
        takes_passwords_at_the_edges_of_the_policy,
        taken_address_is_409,
        taken_address_in_other_letters_is_409,
        a_taken_address_changes_nothing,
        sixteen_at_once_with_one_address,
        privileged_fields_are_403_and_make_nothing,
        a_role_that_may_be_chosen,
        a_role_that_may_not_be_chosen_is_403,
        a_firm_by_its_slug,
        unknown_firm_is_400,
        stores_hashes_only,
        any_text_that_is_a_name_survives,
        text_that_the_database_cannot_hold_is_400,
    ];
    cases.extend(each![Reserved; masked_signups_answer_202_for_both]);
    cases.extend(both![Main; sixteen_at_once_on_both_hosts]);
    cases
}

fn register(stage: &Stage, body: &Value) -> crate::http::Reply {
    stage.call("POST", REGISTER[0]).token_mode().json(body).send()
}

fn with(person: &Person, field: &str, value: impl Into<Value>) -> Value {
    let mut body = person.registration();
    body[field] = value.into();
    body
}

fn answers_201_with_a_session_in_cookies(stage: &Stage) {
    for path in REGISTER {
        let person = Person::new();
        let mut browser = stage.browser();
        let reply = browser.send(browser.call("POST", path).json(&person.registration()));
        let session = reply.session_by_cookie(201);
        assert_eq!(session.user["email"], person.email);
        let me = browser.me().expect(200).json();
        shape::keys_are(&me, &["user"]);
        assert_eq!(me["user"]["id"], session.user["id"]);
    }
}

fn answers_201_with_tokens_in_token_mode(stage: &Stage) {
    for path in REGISTER {
        let person = Person::new();
        let session = stage
            .call("POST", path)
            .token_mode()
            .json(&person.registration())
            .send()
            .session_by_token(201);
        assert_eq!(session.user["email"], person.email);
        stage.call("GET", ME).bearer(&session.access).send().expect_only(200);
        stage.app().refresh(&session);
    }
}

fn a_new_account_is_a_free_unverified_member(stage: &Stage) {
    let (person, session) = stage.somebody();
    let user = session.user;
    assert_eq!(user["name"], person.name);
    assert_eq!(user["role"], "member");
    assert_eq!(user["tier"], "free");
    assert_eq!(user["status"], "active");
    assert_eq!(user["isVerified"], false);
    for name in ["firmId", "phone", "avatarUrl", "department", "position"] {
        assert_eq!(user[name], Value::Null, "{name}");
    }
    assert_eq!(user["preferences"], json!({}));
}

fn keeps_the_optional_fields(stage: &Stage) {
    let mut body = Person::new().registration();
    body["phone"] = json!("+442079460958");
    body["department"] = json!("Research & Development");
    body["position"] = json!("Ingénieure");
    let session = register(stage, &body).session_by_token(201);
    let user = &stage.app().me(&session.access).expect(200).json()["user"];
    for name in ["phone", "department", "position"] {
        assert_eq!(user[name], body[name], "{name}");
        assert_eq!(session.user[name], body[name], "{name}");
    }
}

fn names_every_failing_field_at_once(stage: &Stage) {
    register(stage, &json!({})).invalid(&["email", "name", "password"]);
    register(
        stage,
        &json!({"email": "nobody", "name": "", "password": "short", "phone": "call me"}),
    )
    .invalid(&["email", "name", "password", "phone"]);
}

fn names_every_field_of_a_wrong_type_at_once(stage: &Stage) {
    let body = json!({
        "email": 5,
        "name": ["a"],
        "password": {"a": 1},
        "phone": true,
        "department": 7,
        "position": [],
        "firmSlug": 1.5,
    });
    register(stage, &body).invalid(&[
        "email",
        "name",
        "password",
        "phone",
        "department",
        "position",
        "firmSlug",
    ]);
    // A wrong type in one field and a wrong value in another are both told.
    register(stage, &json!({"email": null, "name": "A Name", "password": "short"})).invalid(&["email", "password"]);
}

fn refuses_addresses_that_cannot_be(stage: &Stage) {
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long_label = format!("a@{}.com", "b".repeat(64));
    let long = format!("a@{}.com", vec!["c".repeat(60); 5].join("."));
    let addresses = [
        "",
        " ",
        "nobody",
        "@example.com",
        "nobody@",
        "two words@example.com",
        "a@@example.com",
        "a@b@example.com",
        "a@example..com",
        "a@.example.com",
        "a@-example.com",
        "a@exa mple.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a\u{0}@example.com",
        "<a@example.com>",
        "A <a@example.com>",
        "a@example.com,b@example.com",
        &long_local,
        &long_label,
        &long,
    ];
    for address in addresses {
        let reply = register(stage, &with(&Person::new(), "email", address));
        assert_eq!(reply.status, 400, "{address:?}\n{reply}");
        reply.invalid(&["email"]);
    }
}

fn refuses_names_that_cannot_be(stage: &Stage) {
    for name in ["", "   ", "\u{0}", "line\nbreak", "bell\u{7}", &"n".repeat(5000)] {
        let reply = register(stage, &with(&Person::new(), "name", name));
        assert_eq!(reply.status, 400, "{name:?}\n{reply}");
        reply.invalid(&["name"]);
    }
}

fn refuses_phones_that_cannot_be(stage: &Stage) {
    for phone in [
        "12",
        "call me",
        "+44 (0) twenty",
        &"9".repeat(40),
        "+",
        "4420794609\u{0}58",
    ] {
        let reply = register(stage, &with(&Person::new(), "phone", phone));
        assert_eq!(reply.status, 400, "{phone:?}\n{reply}");
        reply.invalid(&["phone"]);
    }
}

fn holds_the_password_policy(stage: &Stage) {
    let person = Person::new();
    let emoji = "\u{1F511}".repeat(7);
    let long = "x1".repeat(64) + "y";
    let passwords = [
        ("", "empty"),
        ("seven77", "seven characters"),
        (emoji.as_str(), "seven characters of 28 bytes"),
        (long.as_str(), "129 characters"),
        ("password", "common"),
        ("12345678", "common"),
        ("qwertyuiop", "common"),
        (person.email.as_str(), "the address"),
        (person.name.as_str(), "the name"),
    ];
    for (password, why) in passwords {
        let reply = register(stage, &with(&person, "password", password));
        assert_eq!(reply.status, 400, "{why}\n{reply}");
        reply.invalid(&["password"]);
        // The shortest ones are words that an answer may well use.
        let telling = password.chars().count() > 8;
        assert!(
            !telling || !reply.text().contains(password),
            "the password is in the answer\n{reply}"
        );
    }
    // Every one of them was refused, so the address is still free.
    stage.app().register(&person);
}

fn takes_passwords_at_the_edges_of_the_policy(stage: &Stage) {
    let passwords = [
        // Eight characters.
        "vQ7 rz_e".to_owned(),
        // 128 characters, 256 bytes.
        "éàüõ".repeat(32),
        // Eight characters outside the Basic Multilingual Plane.
        "🔑🗝🚪🏠🌉🧱🪟🛎".to_owned(),
        // No composition rules, and spaces are characters.
        " only lower case ".to_owned(),
    ];
    for password in passwords {
        let mut person = Person::new();
        person.password = password;
        let session = stage.app().register(&person);
        assert_eq!(
            stage.app().login(&person).user_id(),
            session.user_id(),
            "{:?}",
            person.password
        );
    }
}

fn taken_address_is_409(stage: &Stage) {
    let (person, _) = stage.somebody();
    for path in REGISTER {
        let reply = stage.call("POST", path).json(&person.registration()).send();
        reply.error(409, "EMAIL_TAKEN");
        assert!(reply.cookies().is_empty(), "no session for a taken address\n{reply}");
    }
}

fn taken_address_in_other_letters_is_409(stage: &Stage) {
    let (person, _) = stage.somebody();
    let variants = [
        person.email.to_uppercase(),
        person.email.replacen('p', "P", 1),
        person.email.replace("com", "COM"),
    ];
    for variant in variants {
        assert_ne!(variant, person.email);
        register(stage, &with(&person, "email", variant)).error(409, "EMAIL_TAKEN");
    }
    assert_eq!(stage.database().users_with(&person.email), 1);
}

fn a_taken_address_changes_nothing(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    let before = database.password_hash(&session.user_id());
    let mut other = Person::new();
    other.email.clone_from(&person.email);
    OTHER_PASSWORD.clone_into(&mut other.password);
    register(stage, &other.registration()).error(409, "EMAIL_TAKEN");
    assert_eq!(database.password_hash(&session.user_id()), before);
    assert_eq!(database.only_session(&session.user_id()).id, session.session_id());
    stage
        .call("POST", LOGIN[0])
        .json(&other.credentials())
        .send()
        .error(401, "INVALID_CREDENTIALS");
    assert_eq!(stage.app().login(&person).user["name"], person.name);
}

fn one_wins(replies: &[crate::http::Reply]) {
    let won: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(
        won.len(),
        1,
        "one registration wins: {:?}",
        replies.iter().map(|r| r.status).collect::<Vec<_>>()
    );
    won[0].session_by_token(201);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        reply.error(409, "EMAIL_TAKEN");
    }
}

fn sixteen_at_once_with_one_address(stage: &Stage) {
    let person = Person::new();
    let replies = race(16, |index| {
        // In different letters, so that it is the database that decides and not a comparison of bytes.
        let email = if index % 2 == 0 {
            person.email.clone()
        } else {
            person.email.to_uppercase()
        };
        register(stage, &with(&person, "email", email))
    });
    one_wins(&replies);
    assert_eq!(stage.database().users_with(&person.email), 1);
}

fn sixteen_at_once_on_both_hosts(workers: &Stage, spin: &Stage) {
    let person = Person::new();
    let replies = race(16, |index| {
        let stage = if index % 2 == 0 { workers } else { spin };
        register(stage, &person.registration())
    });
    one_wins(&replies);
    assert_eq!(workers.database().users_with(&person.email), 1);
}

fn privileged_fields_are_403_and_make_nothing(stage: &Stage) {
    let person = Person::new();
    for (field, value) in [
        ("status", json!("active")),
        ("tier", json!("member")),
        ("isVerified", json!(true)),
        ("isVerified", json!(false)),
    ] {
        let reply = register(stage, &with(&person, field, value));
        reply.error(403, "FORBIDDEN");
    }
    assert_eq!(stage.database().users_with(&person.email), 0);
    // Names that only look like them are unknown, and ignored.
    let mut body = person.registration();
    for name in [
        "is_verified",
        "Status",
        "ROLE",
        "id",
        "firmId",
        "createdAt",
        "passwordHash",
        "__proto__",
    ] {
        body[name] = json!("x");
    }
    let user = register(stage, &body).session_by_token(201).user;
    assert_ne!(user["id"], "x");
    assert_eq!(user["role"], "member");
    assert_eq!(user["firmId"], Value::Null);
    assert_eq!(user["isVerified"], false);
}

fn a_role_that_may_be_chosen(stage: &Stage) {
    for role in ["mentor", "mentee"] {
        let session = register(stage, &with(&Person::new(), "role", role)).session_by_token(201);
        assert_eq!(session.user["role"], role);
        assert_eq!(crate::jwt::decode(&session.access).claims["role"], role);
    }
}

fn a_role_that_may_not_be_chosen_is_403(stage: &Stage) {
    let person = Person::new();
    for role in ["admin", "pm"] {
        register(stage, &with(&person, "role", role)).error(403, "FORBIDDEN");
    }
    // What is no role at all is refused one way or the other.
    for role in [
        json!("wizard"),
        json!("ADMIN"),
        json!(" admin"),
        json!(["admin"]),
        json!({"name": "admin"}),
    ] {
        let reply = register(stage, &with(&person, "role", role));
        assert!([400, 403].contains(&reply.status), "{reply}");
        reply.error_shape();
    }
    assert_eq!(stage.database().users_with(&person.email), 0);
}

fn a_firm_by_its_slug(stage: &Stage) {
    let slug = format!("firm-{}", random_hex::<6>());
    let firm = stage.database().make_firm(&slug);
    let session = register(stage, &with(&Person::new(), "firmSlug", slug)).session_by_token(201);
    assert_eq!(session.user["firmId"], firm);
    assert_eq!(crate::jwt::decode(&session.access).claims["firm"], firm);
}

fn unknown_firm_is_400(stage: &Stage) {
    let person = Person::new();
    register(stage, &with(&person, "firmSlug", format!("none-{}", random_hex::<6>()))).invalid(&["firmSlug"]);
    register(stage, &with(&person, "firmSlug", "No Slug!")).invalid(&["firmSlug"]);
    assert_eq!(stage.database().users_with(&person.email), 0);
}

fn stores_hashes_only(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    let hash = database
        .password_hash(&session.user_id())
        .expect("a password hash is stored");
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "Argon2id with 19 MiB, t=2, p=1: {hash}"
    );
    let row = database.only_session(&session.user_id());
    assert_eq!(row.id, session.session_id());
    assert_eq!(row.token_hash, crate::jwt::sha256_hex(&session.refresh));
    // The last 32 characters say as much as the whole token, and would be found in any encoding that keeps text.
    let tail = |text: &str| text[text.len() - 32..].to_owned();
    for (what, secret) in [
        ("the password", person.password.clone()),
        ("the refresh token", tail(&session.refresh)),
        ("the access token", tail(&session.access)),
    ] {
        assert_eq!(
            database.tables_containing(&secret),
            Vec::<String>::new(),
            "{what} is in the database"
        );
        assert_eq!(
            stage.cache().containing(&secret),
            Vec::<String>::new(),
            "{what} is in the cache"
        );
    }
}

fn any_text_that_is_a_name_survives(stage: &Stage) {
    for name in [
        "O'Brien; DROP TABLE users; --",
        "李小龍",
        "Søren \"Æ\" Ødegård",
        "نور الدين",
        "👩🏽‍🚀 Mae",
        "a\\b %s $1 {}",
    ] {
        let session = register(stage, &with(&Person::new(), "name", name)).session_by_token(201);
        assert_eq!(session.user["name"], name);
        assert_eq!(stage.app().me(&session.access).expect(200).json()["user"]["name"], name);
    }
}

fn text_that_the_database_cannot_hold_is_400(stage: &Stage) {
    // Postgres has no U+0000 in text.
    for field in ["department", "position"] {
        register(stage, &with(&Person::new(), field, "a\u{0}b")).invalid(&[field]);
    }
}

fn masked_signups_answer_202_for_both(stage: &Stage) {
    let person = Person::new();
    let fresh = stage
        .call("POST", REGISTER[0])
        .json(&person.registration())
        .send()
        .expect(202);
    assert_eq!(stage.database().users_with(&person.email), 1);
    let mut other = Person::new();
    other.email.clone_from(&person.email);
    OTHER_PASSWORD.clone_into(&mut other.password);
    let taken = stage
        .call("POST", REGISTER[0])
        .json(&other.registration())
        .send()
        .expect(202);
    assert_eq!(fresh.text(), taken.text(), "the bodies tell who has an account");
    let names = |reply: &crate::http::Reply| reply.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&taken), "the headers tell who has an account");
    assert!(
        fresh.cookies().is_empty() && taken.cookies().is_empty(),
        "a masked signup opens no session\n{fresh}"
    );
    // The first one's password stands.
    let mut database = stage.database();
    database.execute(
        "UPDATE users SET is_verified = true, email_verified_at = now() WHERE email = $1",
        &[&person.email],
    );
    stage.app().login(&person);
    stage
        .call("POST", LOGIN[0])
        .json(&other.credentials())
        .send()
        .error(401, "INVALID_CREDENTIALS");
}
