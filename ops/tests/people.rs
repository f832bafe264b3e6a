//! `doorward admin`, `users`, `roles` and `sessions` on real databases: what they change, what they refuse, what they leave a trace of.

mod support;

use std::io::Write as _;
use std::process::{Output, Stdio};

use doorward_core::password::{Attempt, Verdict, Workspace, verify};
use doorward_core::unicode::TABLES;
use serde_json::{Value, json};
use support::{Database, json, refusal, stderr, stdout};

/// Does it, and answers its document.
fn done(database: &Database, arguments: &[&str]) -> Value {
    let output = database.command(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    json(&output)
}

fn person(database: &Database, email: &str, role: &str) -> String {
    database.value(&format!(
        "INSERT INTO users (name, email, role) VALUES ('Somebody', '{email}', '{role}') RETURNING id"
    ))
}

fn session(database: &Database, user: &str, number: u8, life: &str) -> String {
    database.value(&format!(
        "INSERT INTO sessions (id, user_id, token_hash, rotated_at, user_agent, created_at, last_used_at, expires_at)
         VALUES (gen_random_uuid(), '{user}', repeat('{number:02x}', 32), now(), 'agent {number}', now(),
                 now() + interval '{number} s', now() + interval '{life}') RETURNING id"
    ))
}

/// The events in the order in which they were entered: kind, whether it has a user, actor, details.
fn events(database: &Database) -> Vec<(String, bool, Value)> {
    let rows = database
        .rows("SELECT kind, user_id IS NOT NULL, details, actor_id, outcome FROM events ORDER BY created_at, id");
    rows.into_iter()
        .map(|row| {
            assert_eq!((row[3].as_deref(), row[4].as_deref()), (None, Some("success")));
            let details = serde_json::from_str(row[2].as_deref().unwrap()).unwrap();
            (row[0].clone().unwrap(), row[1].as_deref() == Some("t"), details)
        })
        .collect()
}

fn create(database: &Database, email: &str, password: &str) -> Output {
    let arguments = [
        "admin",
        "create",
        "--email",
        email,
        "--name",
        "Ada Lovelace",
        "--password-stdin",
        "--json",
    ];
    let mut command = database.command(&arguments);
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[test]
fn an_admin_is_made_once_and_can_sign_in() {
    let database = Database::migrated();
    let output = create(&database, " Ada@Example.com", "correct horse battery staple\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let document = json(&output);
    let user = &document["user"];
    assert_eq!(
        (
            &user["email"],
            &user["role"],
            &user["status"],
            &user["isVerified"],
            &user["firmId"]
        ),
        (
            &json!("ada@example.com"),
            &json!("admin"),
            &json!("active"),
            &json!(true),
            &Value::Null
        )
    );
    assert_eq!(document.get("password"), None, "a password that was given isn't shown");
    let hash = database.value("SELECT password_hash FROM users");
    let attempt = Attempt::new("correct horse battery staple", TABLES);
    let verdict = verify(Some(&hash), &attempt, &mut Workspace::new());
    assert_eq!(verdict, Verdict::Right { rehash: false });
    assert_eq!(
        events(&database),
        [(
            "user.registered".to_owned(),
            true,
            json!({"by": "operator", "after": {"role": "admin"}})
        )]
    );

    let why = refusal(&create(&database, "ada@example.com", "another good one\n"));
    assert!(
        why.contains("has an account already") && why.contains("set-role"),
        "{why}"
    );
    assert_eq!(database.value("SELECT count(*) FROM users"), "1");
}

#[test]
fn a_weak_password_is_refused() {
    let database = Database::migrated();
    for (password, why) in [
        ("short\n", "at least 8 characters"),
        ("password1\n", "too common"),
        ("Ada Lovelace\n", "Don't use your name"),
        ("", "at least 8 characters"),
    ] {
        let said = refusal(&create(&database, "ada@example.com", password));
        assert!(said.contains(why), "{password:?}: {said}");
    }
    let output = create(&database, "no address", "correct horse battery staple");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(database.value("SELECT count(*) FROM users"), "0");
}

#[test]
fn a_password_that_is_made_up_is_shown_once_and_is_right() {
    let database = Database::migrated();
    let made = |email: &str| {
        let document = done(&database, &["admin", "create", "--email", email, "--name", "Ada"]);
        document["password"].as_str().unwrap().to_owned()
    };
    let (first, second) = (made("a@example.com"), made("b@example.com"));
    assert_ne!(first, second);
    assert_eq!(first.len(), 24);
    let hash = database.value("SELECT password_hash FROM users WHERE email = 'a@example.com'");
    let verdict = verify(Some(&hash), &Attempt::new(&first, TABLES), &mut Workspace::new());
    assert_eq!(verdict, Verdict::Right { rehash: false });
    assert_eq!(
        database.value(&format!(
            "SELECT count(*) FROM events WHERE details::text LIKE '%{first}%'"
        )),
        "0"
    );
}

#[test]
fn a_change_is_an_event_with_before_and_after_and_doing_it_again_is_none() {
    let database = Database::migrated();
    let id = person(&database, "grace@example.com", "member");
    let before = database.value("SELECT updated_at FROM users");
    for (arguments, field, value) in [
        (&["users", "suspend", "grace@example.com"][..], "status", "suspended"),
        (&["users", "deactivate", &id], "status", "inactive"),
        (&["users", "activate", "GRACE@example.com"], "status", "active"),
        (&["users", "set-role", &id, "pm"], "role", "pm"),
        (&["users", "set-tier", &id, "member"], "tier", "member"),
    ] {
        let document = done(&database, arguments);
        assert_eq!(
            (&document["user"][field], &document["changed"]),
            (&json!(value), &json!(true))
        );
        assert_eq!(done(&database, arguments)["changed"], json!(false));
        assert_eq!(database.value(&format!("SELECT {field} FROM users")), value);
    }
    assert_ne!(database.value("SELECT updated_at FROM users"), before);
    let change = |kind: &str, field: &str, before: &str, after: &str| {
        let details = json!({"by": "operator", "before": {field: before}, "after": {field: after}});
        (kind.to_owned(), true, details)
    };
    assert_eq!(
        events(&database),
        [
            change("user.status_changed", "status", "active", "suspended"),
            change("user.status_changed", "status", "suspended", "inactive"),
            change("user.status_changed", "status", "inactive", "active"),
            change("user.role_changed", "role", "member", "pm"),
            change("user.tier_changed", "tier", "free", "member"),
        ]
    );
}

#[test]
fn an_account_that_is_closed_closes_its_sessions() {
    let database = Database::migrated();
    let grace = person(&database, "grace@example.com", "member");
    let other = person(&database, "other@example.com", "member");
    session(&database, &other, 9, "1 day");
    for (number, close) in [(1, "suspend"), (2, "deactivate")] {
        session(&database, &grace, number, "1 day");
        done(&database, &["users", close, &grace]);
        // Opening it again opens none of them.
        done(&database, &["users", "activate", &grace]);
        assert_eq!(
            database.value(&format!(
                "SELECT count(*) FROM sessions WHERE user_id = '{grace}' AND reason = 'account_closed'"
            )),
            number.to_string()
        );
    }
    assert_eq!(
        database.value("SELECT count(*) FROM sessions WHERE revoked_at IS NULL"),
        "1",
        "another's"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let database = Database::migrated();
    person(&database, "grace@example.com", "member");
    for (arguments, why) in [
        (
            &["users", "suspend", "nobody@example.com"][..],
            "there is no user nobody@example.com",
        ),
        (
            &["users", "show", "01890a5d-ac96-774b-bcce-b302099a8057"],
            "there is no user",
        ),
        (
            &["users", "set-role", "grace@example.com", "king"],
            "there is no role king; there are admin, ",
        ),
        (&["users", "list", "--firm", "nowhere"], "there is no firm nowhere"),
        (
            &["sessions", "end", "01890a5d-ac96-774b-bcce-b302099a8057"],
            "there is no session",
        ),
    ] {
        let said = refusal(&database.doorward(arguments));
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    for arguments in [
        &["users", "list", "--status", "asleep"][..],
        &["users", "set-tier", "grace@example.com", "gold"],
        &["users", "list", "--after", "%"],
        &["users", "list", "--limit", "0"],
        &["sessions", "end", "1"],
        &["sessions", "end-all"],
    ] {
        assert_eq!(database.doorward(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(events(&database), []);
    let why = refusal(&Database::create().doorward(&["users", "list"]));
    assert!(why.contains("doorward migrate"), "{why}");
}

#[test]
fn the_last_admin_of_the_deployment_and_of_a_firm_stays() {
    let database = Database::migrated();
    database.execute(
        "INSERT INTO firms (slug, name) VALUES ('acme', 'Acme');
         INSERT INTO users (name, email, role, status, firm_id) VALUES
            ('One', 'one@example.com', 'admin', 'active', NULL),
            ('Asleep', 'asleep@example.com', 'admin', 'suspended', NULL),
            ('Acme', 'acme@example.com', 'admin', 'active', (SELECT id FROM firms))",
    );
    let acts = |who: &'static str| {
        [
            vec!["users", "suspend", who],
            vec!["users", "deactivate", who],
            vec!["users", "set-role", who, "member"],
            vec!["users", "delete", who, "--yes"],
        ]
    };
    for arguments in acts("one@example.com") {
        let why = refusal(&database.doorward(&arguments));
        assert!(
            why.contains("last active admin of the deployment"),
            "{arguments:?}: {why}"
        );
    }
    for arguments in acts("acme@example.com") {
        let why = refusal(&database.doorward(&arguments));
        assert!(why.contains("last active admin of its firm"), "{arguments:?}: {why}");
    }
    assert_eq!(
        database.value("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'"),
        "2"
    );
    assert_eq!(events(&database), []);

    // A tier isn't what makes an admin, and one who can't sign in isn't needed.
    done(&database, &["users", "set-tier", "one@example.com", "member"]);
    done(&database, &["users", "delete", "asleep@example.com", "--yes"]);
    person(&database, "two@example.com", "admin");
    done(&database, &["users", "set-role", "one@example.com", "member"]);
}

#[test]
fn of_two_admins_who_go_at_once_one_stays() {
    let database = Database::migrated();
    let people: Vec<String> = (0..2)
        .map(|number| person(&database, &format!("admin{number}@example.com"), "admin"))
        .collect();
    let acts: Vec<_> = (0..8)
        .map(|number| {
            let verb = ["suspend", "deactivate", "delete", "set-role"][number / 2];
            let mut command = database.command(&["users", verb, &people[number % 2]]);
            command.args(match verb {
                "delete" => &["--yes"][..],
                "set-role" => &["pm"],
                _ => &[],
            });
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let done = acts
        .into_iter()
        .filter_map(|mut act| act.wait().unwrap().success().then_some(()))
        .count();
    assert!(done >= 1, "one of them may go");
    assert_eq!(
        database.value("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'"),
        "1"
    );
}

#[test]
fn a_deletion_takes_everything_and_wants_a_yes() {
    let database = Database::migrated();
    let id = person(&database, "grace@example.com", "member");
    session(&database, &id, 1, "1 day");
    done(&database, &["users", "suspend", &id]);
    let why = refusal(&database.doorward(&["users", "delete", &id]));
    assert!(why.contains("--yes"), "{why}");
    assert_eq!(database.value("SELECT count(*) FROM users"), "1");
    assert_eq!(
        done(&database, &["users", "delete", &id, "--yes"]),
        json!({"deleted": id})
    );
    assert_eq!(
        database.value("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions)"),
        "0"
    );
    let before = json!({"role": "member", "status": "suspended", "tier": "free"});
    assert_eq!(
        events(&database),
        [(
            "user.deleted".to_owned(),
            false,
            json!({"by": "operator", "before": before})
        )]
    );
}

#[test]
fn a_list_is_filtered_and_read_page_by_page() {
    let database = Database::migrated();
    database.execute(
        "INSERT INTO firms (slug, name) VALUES ('acme', 'Acme');
         INSERT INTO users (name, email, role, status, tier, firm_id, created_at)
         SELECT 'Person ' || n, 'p' || n || '@example.com', CASE n % 3 WHEN 0 THEN 'mentor' ELSE 'member' END,
                CASE n % 5 WHEN 0 THEN 'suspended' ELSE 'active' END, CASE n % 2 WHEN 0 THEN 'member' ELSE 'free' END,
                CASE WHEN n <= 4 THEN (SELECT id FROM firms) END,
                -- Several at one instant: the id decides then.
                timestamptz '2026-01-01' + (n / 4) * interval '1 day'
         FROM generate_series(1, 20) AS n;
         INSERT INTO users (name, email) VALUES ('100% Ada_L', 'ada@example.com')",
    );
    let emails = |arguments: &[&str]| -> Vec<String> {
        let arguments = [&["users", "list"], arguments].concat();
        let document = done(&database, &arguments);
        let users = document["users"].as_array().unwrap();
        users
            .iter()
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = emails(&[]);
    assert_eq!(all.len(), 21);
    assert_eq!(all[0], "ada@example.com");

    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let mut arguments = vec!["users", "list", "--limit", "6"];
        arguments.extend(after.as_deref().map(|cursor| ["--after", cursor]).into_iter().flatten());
        let document = done(&database, &arguments);
        let users = document["users"].as_array().unwrap();
        pages.extend(users.iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        match document["nextCursor"].as_str() {
            Some(cursor) => after = Some(cursor.to_owned()),
            None => break,
        }
    }
    assert_eq!(pages, all, "pages have everybody once, in the same order");

    assert_eq!(emails(&["--role", "mentor"]).len(), 6);
    assert_eq!(emails(&["--status", "suspended"]).len(), 4);
    assert_eq!(emails(&["--tier", "member"]).len(), 10);
    assert_eq!(emails(&["--firm", "acme"]).len(), 4);
    assert_eq!(emails(&["--firm", "none"]).len(), 17);
    assert_eq!(emails(&["--search", "ADA"]), ["ada@example.com"]);
    assert_eq!(emails(&["--search", "% ada_"]), ["ada@example.com"]);
    assert_eq!(emails(&["--search", "a_a"]), Vec::<String>::new());
    assert_eq!(
        emails(&["--role", "mentor", "--status", "suspended"]),
        ["p15@example.com"]
    );

    let text = stdout(&database.doorward(&["users", "list", "--limit", "1"]));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].contains("EMAIL"), "{text}");
    assert!(lines[1].contains("100% Ada_L"), "{text}");
    assert!(lines[3].starts_with("More: the same with --after "), "{text}");
}

#[test]
fn a_name_cannot_write_to_the_terminal() {
    let database = Database::migrated();
    database.execute("INSERT INTO users (name, email) VALUES (E'Ev\\x1b[2Jil', 'evil@example.com')");
    for arguments in [&["users", "list"][..], &["users", "show", "evil@example.com"]] {
        let text = stdout(&database.doorward(arguments));
        assert!(text.contains("Ev\u{fffd}[2Jil"), "{text}");
    }
}

#[test]
fn one_user_is_shown_with_sessions_and_events_and_without_secrets() {
    let database = Database::migrated();
    let id = person(&database, "grace@example.com", "member");
    database.execute("UPDATE users SET password_hash = 'the-stored-hash'");
    let living = session(&database, &id, 1, "1 day");
    session(&database, &id, 2, "-1 day");
    done(&database, &["users", "set-role", &id, "mentor"]);
    let document = done(&database, &["users", "show", "grace@example.com"]);
    assert_eq!(
        (&document["user"]["id"], &document["user"]["role"]),
        (&json!(id), &json!("mentor"))
    );
    assert!(document["user"]["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(document["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(document["sessions"][0]["id"], json!(living));
    assert_eq!(document["events"][0]["kind"], "user.role_changed");
    let text = stdout(&database.doorward(&["users", "show", &id]));
    for shown in ["grace@example.com", "mentor", &living, "user.role_changed"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    for secret in ["the-stored-hash", &"01".repeat(32)] {
        assert!(!text.contains(secret) && !document.to_string().contains(secret));
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let database = Database::migrated();
    let (grace, ada) = (
        person(&database, "grace@example.com", "member"),
        person(&database, "ada@example.com", "member"),
    );
    let graces: Vec<String> = (1..=3)
        .map(|number| session(&database, &grace, number, "1 day"))
        .collect();
    session(&database, &grace, 4, "-1 s");
    session(&database, &ada, 5, "1 day");
    let listed = |arguments: &[&str]| -> Vec<String> {
        let document = done(
            &database,
            &[&["sessions", "list", "grace@example.com"], arguments].concat(),
        );
        let sessions = document["sessions"].as_array().unwrap();
        sessions
            .iter()
            .map(|session| session["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        listed(&[]),
        [graces[2].clone(), graces[1].clone(), graces[0].clone()],
        "the last used one first"
    );
    assert_eq!(listed(&["--all"]).len(), 4);

    assert_eq!(
        done(&database, &["sessions", "end", &graces[1]]),
        json!({"ended": 1, "userId": grace})
    );
    assert!(refusal(&database.doorward(&["sessions", "end", &graces[1]])).contains("there is no session"));
    assert_eq!(listed(&[]), [graces[2].clone(), graces[0].clone()]);
    assert_eq!(done(&database, &["sessions", "end-all", &grace]), json!({"ended": 2}));
    assert_eq!(done(&database, &["sessions", "end-all", &grace]), json!({"ended": 0}));
    assert_eq!(listed(&[]), Vec::<String>::new());
    assert!(stdout(&database.doorward(&["sessions", "list", &grace, "--all"])).contains("by_admin"));
    assert_eq!(
        database.value("SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND expires_at > now()"),
        "1"
    );

    assert!(refusal(&database.doorward(&["sessions", "end-all", "--everybody"])).contains("--yes"));
    assert_eq!(
        done(&database, &["sessions", "end-all", "--everybody", "--yes"]),
        json!({"ended": 1})
    );
    assert_eq!(
        events(&database),
        [
            (
                "session.revoked".to_owned(),
                true,
                json!({"by": "operator", "session": graces[1]})
            ),
            (
                "session.revoked".to_owned(),
                true,
                json!({"by": "operator", "sessions": 2})
            ),
            (
                "session.revoked".to_owned(),
                false,
                json!({"by": "operator", "sessions": 1})
            ),
        ]
    );
}

#[test]
fn roles_are_made_changed_and_deleted() {
    let database = Database::migrated();
    let listed = || -> Vec<(String, Value, Value)> {
        let document = done(&database, &["roles", "list"]);
        let roles = document["roles"].as_array().unwrap();
        roles
            .iter()
            .map(|role| {
                (
                    role["name"].as_str().unwrap().to_owned(),
                    role["permissions"].clone(),
                    role["users"].clone(),
                )
            })
            .collect()
    };
    let names = |roles: Vec<(String, Value, Value)>| roles.into_iter().map(|role| role.0).collect::<Vec<_>>();
    assert_eq!(names(listed()), ["admin", "member", "mentee", "mentor", "pm"]);

    let made = done(
        &database,
        &[
            "roles",
            "set",
            "auditor",
            "--permissions",
            "events.read,firms.read",
            "--description",
            "Reads the trail",
        ],
    );
    let auditor =
        json!({"name": "auditor", "description": "Reads the trail", "permissions": ["events.read", "firms.read"]});
    assert_eq!(made, json!({"role": auditor, "changed": true}));
    let again = ["roles", "set", "auditor", "--permissions", "events.read,firms.read"];
    assert_eq!(done(&database, &again), json!({"role": auditor, "changed": false}));
    let less = done(&database, &["roles", "set", "auditor", "--permissions", ""]);
    assert_eq!(less["role"]["permissions"], json!([]));
    assert_eq!(less["role"]["description"], "Reads the trail");
    done(&database, &["roles", "set", "auditor", "--permissions", "events.read"]);
    let id = person(&database, "grace@example.com", "auditor");
    assert_eq!(listed()[5], ("auditor".to_owned(), json!(["events.read"]), json!(1)));
    assert!(stdout(&database.doorward(&["roles", "list"])).contains("auditor  1      events.read"));

    let why = refusal(&database.doorward(&["roles", "delete", "auditor"]));
    assert!(why.contains("1 people are auditor"), "{why}");
    done(&database, &["users", "set-role", &id, "member"]);
    assert_eq!(
        done(&database, &["roles", "delete", "auditor"]),
        json!({"deleted": "auditor"})
    );
    assert_eq!(names(listed()), ["admin", "member", "mentee", "mentor", "pm"]);

    let kinds: Vec<String> = events(&database).into_iter().map(|event| event.0).collect();
    let changed = "role.changed";
    assert_eq!(kinds, [changed, changed, changed, "user.role_changed", "role.deleted"]);
    let (_, _, second) = &events(&database)[1];
    assert_eq!(second["before"], auditor);
    assert_eq!(second["after"]["permissions"], json!([]));
}

#[test]
fn doorwards_own_roles_stay() {
    let database = Database::migrated();
    for (arguments, why) in [
        (
            &["roles", "set", "admin", "--permissions", "events.read"][..],
            "admins may do what admins may do",
        ),
        (&["roles", "delete", "admin"], "stays"),
        (&["roles", "delete", "member"], "stays"),
        (&["roles", "delete", "auditor"], "there is no role auditor"),
    ] {
        let said = refusal(&database.doorward(arguments));
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    for arguments in [
        &["roles", "set", "auditor", "--permissions", "events.write"][..],
        &["roles", "set", "Auditor", "--permissions", "events.read"],
    ] {
        assert_eq!(database.doorward(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(events(&database), []);
}
