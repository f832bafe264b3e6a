//! Profiles and office sessions on a real database: what the statements really do, what the constraints refuse, what a race
//! leaves, and what the clock of a time zone says on both sides of a change to daylight-saving time.

use std::rc::Rc;

use bytes::Bytes;
use doorward_core::id::{FirmId, RequestId, SessionId, UserId};
use doorward_core::role::Role;
use doorward_core::tier::Tier;
use doorward_core::token::access::{self, AccessClaims};
use doorward_edge::instance::Instance;
use futures_util::future::join_all;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::adapter::Adapter;
use crate::sql::{Case, cases};
use crate::stage::{START, Stage, configured};

cases! { pub(crate) CASES: Case =
    a_profile_is_changed_field_by_field,
    preferences_are_merged_and_capped,
    a_profile_is_for_some,
    an_admins_change_is_on_record,
    people_are_listed_page_by_page,
    people_are_found,
    an_office_session_goes_its_way,
    an_office_session_is_for_two,
    the_local_clock_decides,
    sixteen_ask_for_one_hour,
    one_mentee_asks_two_mentors_at_once,
    one_mentee_keeps_no_mentor_busy,
    what_is_moved_stays_within_what_is_free,
    the_database_itself_refuses,
}

/// The people: two firms with an admin, a pm, two mentors and two mentees each, and those without a firm.
const PEOPLE: [(&str, Option<u8>); 15] = [
    ("admin", Some(1)),
    ("pm", Some(1)),
    ("mentor", Some(1)),
    ("mentor", Some(1)),
    ("mentee", Some(1)),
    ("mentee", Some(1)),
    ("member", Some(1)),
    ("admin", Some(2)),
    ("pm", Some(2)),
    ("mentor", Some(2)),
    ("mentee", Some(2)),
    ("admin", None),
    ("mentor", None),
    ("mentee", None),
    ("member", None),
];
const ADMIN: usize = 0;
const PM: usize = 1;
const MENTOR: usize = 2;
const OTHER_MENTOR: usize = 3;
const MENTEE: usize = 4;
const OTHER_MENTEE: usize = 5;
const MEMBER: usize = 6;
const FOREIGN_ADMIN: usize = 7;
const FOREIGN_PM: usize = 8;
const FOREIGN_MENTOR: usize = 9;
const FOREIGN_MENTEE: usize = 10;
const ROOT: usize = 11;
const FREE_MENTOR: usize = 12;

fn user(who: usize) -> UserId {
    UserId::from_bytes([u8::try_from(who).unwrap() + 0x10; 16])
}

fn session(who: usize) -> SessionId {
    SessionId::from_bytes([u8::try_from(who).unwrap() + 0x80; 16])
}

fn firm(number: u8) -> FirmId {
    FirmId::from_bytes([number; 16])
}

/// A stage with people on it.
struct Town<'a> {
    stage: &'a Stage,
    instance: Rc<Instance>,
}

impl Town<'_> {
    async fn call(&self, who: usize, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (role, place) = PEOPLE[who];
        let host = self.stage.host();
        let config = &self.instance.config;
        let claims = AccessClaims {
            subject: user(who),
            session: session(who),
            role: Role::parse(role).unwrap(),
            tier: Tier::Free,
            firm: place.map(firm),
            issued_at: self.stage.now.get(),
            expires_at: config.access.expires_at(self.stage.now.get()),
            id: RequestId::from_bytes([1; 16]),
        };
        let token = access::issue(&config.keys, &config.access, &claims).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("https://id.example.com{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body))
            .unwrap();
        let response = doorward_edge::handle(host, Rc::clone(&self.instance), None, request).await;
        let status = response.status().as_u16();
        let json = serde_json::from_slice(response.body()).unwrap_or_default();
        assert!(status < 500, "{path}: {json} {:?}", self.stage.log.borrow());
        (status, json)
    }

    async fn get(&self, who: usize, path: &str) -> (u16, Value) {
        self.call(who, Method::GET, path, None).await
    }

    async fn post(&self, who: usize, path: &str, body: Value) -> (u16, Value) {
        self.call(who, Method::POST, path, Some(&body)).await
    }

    async fn patch(&self, who: usize, whose: usize, body: Value) -> (u16, Value) {
        let path = format!("/api/profiles/{}", user(whose));
        self.call(who, Method::PATCH, &path, Some(&body)).await
    }

    /// Lets a mentor be there at these hours of every day.
    async fn open(&self, mentor: usize, start: &str, end: &str, zone: &str) {
        let hours: Vec<_> = (1..=7)
            .map(|day| json!({ "weekday": day, "start": start, "end": end, "timeZone": zone }))
            .collect();
        let (status, answer) = self.patch(mentor, mentor, json!({ "availability": hours })).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn ask(&self, mentee: usize, mentor: usize, starts_at: &str) -> (u16, Value) {
        let body = json!({ "mentorId": user(mentor).to_string(), "startsAt": starts_at, "topic": "Hello" });
        self.post(mentee, "/api/office-sessions", body).await
    }

    async fn act(&self, who: usize, id: &Value, act: &str, body: Value) -> (u16, Value) {
        let path = format!("/api/office-sessions/{}/{act}", id.as_str().unwrap());
        self.post(who, &path, body).await
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

/// Status, and the path and code of the first failing field.
fn field(answer: &(u16, Value)) -> (u16, &str, &str) {
    let first = &answer.1["details"][0];
    (
        answer.0,
        first["path"].as_str().unwrap_or_default(),
        first["code"].as_str().unwrap_or_default(),
    )
}

async fn in_town(adapter: &Adapter, act: impl AsyncFnOnce(&Town<'_>)) {
    let stage = Stage::build(adapter).await;
    let mut sql = Vec::new();
    for number in [1, 2] {
        sql.push(format!(
            "INSERT INTO firms (id, slug, name) VALUES ('{}', 'firm-{number}', 'Firm {number}');",
            firm(number)
        ));
    }
    for (who, (role, place)) in PEOPLE.iter().enumerate() {
        let place = place.map_or("NULL".to_owned(), |number| format!("'{}'", firm(number)));
        sql.push(format!(
            "INSERT INTO users (id, firm_id, name, email, role, created_at, updated_at)
             VALUES ('{0}', {place}, '{role} {who}', '{role}{who}@example.com', '{role}',
                     '{START}'::timestamptz - interval '1 day' + {who} * interval '1 microsecond', '{START}');
             INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
             VALUES ('{1}', '{0}', repeat(lpad('{who}', 4, '0'), 16), '{START}', '{START}', '{START}',
                     '{START}'::timestamptz + interval '400 days');",
            user(who),
            session(who)
        ));
    }
    stage.execute(&sql.concat()).await;
    let town = Town {
        stage: &stage,
        instance: configured(&[]),
    };
    act(&town).await;
    drop(town);
    stage.strike().await;
}

async fn a_profile_is_changed_field_by_field(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let hours = json!([
            { "weekday": 1, "start": "09:00", "end": "12:30", "timeZone": "Europe/Berlin" },
            { "weekday": 7, "start": "12:30", "end": "24:00", "timeZone": "Europe/Berlin", "id": "ignored" },
        ]);
        let body = json!({
            "name": "Grace", "phone": "+1 (555) 0100-22", "avatarUrl": "https://example.com/g.png", "department": "Navy",
            "position": "Admiral", "headline": "Compilers", "bio": "One\nTwo",
            "expertise": ["Zig", "Cobol", "cobol"], "mentor": { "availability": hours, "officeSessions": 7 },
        });
        let (status, answer) = town.patch(MENTOR, MENTOR, body).await;
        assert_eq!(status, 200, "{answer}");
        let profile = &answer["profile"];
        assert_eq!(profile["name"], "Grace");
        assert_eq!(profile["phone"], "+1555010022");
        assert_eq!(profile["updatedAt"], START.to_string());
        assert_eq!(profile["firm"], json!({ "id": firm(1).to_string(), "slug": "firm-1", "name": "Firm 1" }));
        assert_eq!(profile["mentee"], Value::Null);
        let mentor = &profile["mentor"];
        assert_eq!((&mentor["headline"], &mentor["bio"]), (&json!("Compilers"), &json!("One\nTwo")));
        assert_eq!(mentor["expertise"], json!(["Zig", "Cobol"]));
        assert_eq!(mentor["officeSessions"], json!([]));
        let slot = &mentor["availability"][1];
        assert_eq!(
            (&slot["weekday"], &slot["start"], &slot["end"], &slot["timeZone"]),
            (&json!(7), &json!("12:30"), &json!("24:00"), &json!("Europe/Berlin"))
        );
        assert_eq!(town.get(MENTOR, "/api/profiles/me").await.1, answer);

        // What isn't named stays, null clears, lists are replaced whole.
        let body = json!({ "phone": null, "department": " ", "expertise": ["zig"], "availability": [hours[0]] });
        let changed = town.call(MENTOR, Method::PUT, "/api/profile/update", Some(&body)).await.1;
        let profile = &changed["profile"];
        assert_eq!((&profile["phone"], &profile["department"]), (&Value::Null, &Value::Null));
        assert_eq!((&profile["position"], &profile["name"]), (&json!("Admiral"), &json!("Grace")));
        assert_eq!(profile["mentor"]["headline"], "Compilers");
        // One spelling for all: the first one's.
        assert_eq!(profile["mentor"]["expertise"], json!(["Zig"]));
        assert_eq!(profile["mentor"]["availability"].as_array().unwrap().len(), 1);

        let goals = town.post(MENTEE, "/api/profile/update", json!({ "mentee": { "goals": "Learn" } })).await;
        assert_eq!(goals.1["profile"]["mentee"], json!({ "goals": "Learn", "officeSessions": [] }));
        let refused = town.patch(MEMBER, MEMBER, json!({ "name": "Changed", "bio": "x", "goals": "y" })).await;
        assert_eq!(field(&refused), (400, "bio", "not_for_role"));
        assert_eq!(refused.1["details"].as_array().unwrap().len(), 2);
        assert_eq!(town.get(MEMBER, "/api/profiles/me").await.1["profile"]["name"], "member 6");

        let nowhere = json!([{ "weekday": 1, "start": "09:00", "end": "10:00", "timeZone": "Europe/Atlantis" }]);
        let refused = town.patch(MENTOR, MENTOR, json!({ "name": "Changed", "availability": nowhere })).await;
        assert_eq!(field(&refused), (400, "availability", "invalid_time_zone"));
        assert_eq!(town.get(MENTOR, "/api/profiles/me").await.1, changed);
    })
    .await;
}

async fn preferences_are_merged_and_capped(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let set = async |preferences: Value| town.patch(MEMBER, MEMBER, json!({ "preferences": preferences })).await;
        set(json!({ "locale": "de", "a": { "b": 1, "c": 2 }, "n": 1.5 })).await;
        let merged = set(json!({ "a": { "b": 2 }, "n": null, "x": [] })).await;
        assert_eq!(
            merged.1["profile"]["preferences"],
            json!({ "locale": "de", "a": { "b": 2 }, "x": [] })
        );
        // Together with what is there it would be too much.
        assert_eq!(set(json!({ "long": "x".repeat(8000) })).await.0, 200);
        assert_eq!(
            field(&set(json!({ "more": "x".repeat(300) })).await),
            (400, "preferences", "too_large")
        );
        assert_eq!(set(json!({ "long": null })).await.0, 200);
        let many = |from: u32, to: u32| (from..to).map(|at| (format!("k{at}"), json!(at))).collect::<Value>();
        assert_eq!(set(many(0, 61)).await.0, 200);
        assert_eq!(field(&set(json!({ "one": 1 })).await), (400, "preferences", "too_many"));

        // Those who change other keys at once don't undo each other.
        set((0..61).map(|at| (format!("k{at}"), Value::Null)).collect()).await;
        let answers = join_all((0..16).map(|at| set(json!({ format!("r{at}"): at })))).await;
        assert!(answers.iter().all(|answer| answer.0 == 200));
        let me = town.get(MEMBER, "/api/profiles/me").await.1;
        assert_eq!(me["profile"]["preferences"].as_object().unwrap().len(), 3 + 16);
    })
    .await;
}

async fn a_profile_is_for_some(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let nobody = UserId::from_bytes([9; 16]);
        for (who, whose, read, write) in [
            (MEMBER, MEMBER, 200, 200),
            (MEMBER, MENTOR, 403, 403),
            (MEMBER, FOREIGN_MENTOR, 403, 403),
            (MENTEE, MENTOR, 403, 403),
            (PM, MENTOR, 200, 403),
            (PM, FOREIGN_MENTOR, 404, 403),
            (PM, FREE_MENTOR, 404, 403),
            (ADMIN, MENTOR, 200, 200),
            (ADMIN, FOREIGN_MENTOR, 404, 404),
            (ADMIN, ROOT, 404, 404),
            (FOREIGN_PM, MENTOR, 404, 403),
            (FOREIGN_ADMIN, MENTOR, 404, 404),
            (ROOT, FOREIGN_MENTOR, 200, 200),
            (ROOT, FREE_MENTOR, 200, 200),
        ] {
            let path = format!("/api/profiles/{}", user(whose));
            assert_eq!(town.get(who, &path).await.0, read, "{who} reads {whose}");
            assert_eq!(
                town.patch(who, whose, json!({})).await.0,
                write,
                "{who} changes {whose}"
            );
        }
        for (who, status) in [(MEMBER, 403), (PM, 404), (ADMIN, 404), (ROOT, 404)] {
            assert_eq!(
                town.get(who, &format!("/api/profiles/{nobody}")).await.0,
                status,
                "{who}"
            );
        }
        // A session that was ended a moment ago is over.
        assert_eq!(town.get(MENTEE, "/api/profiles/me").await.0, 200);
        let end = format!(
            "UPDATE sessions SET revoked_at = '{START}', reason = 'x' WHERE id = '{}'",
            session(MENTEE)
        );
        town.stage.execute(&end).await;
        assert_eq!(town.get(MENTEE, "/api/profiles/me").await.0, 401);
        assert_eq!(town.patch(MENTEE, MENTEE, json!({ "name": "x" })).await.0, 401);
        assert_eq!(town.patch(MENTEE, MENTOR, json!({ "name": "x" })).await.0, 401);
    })
    .await;
}

async fn an_admins_change_is_on_record(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let body = json!({ "phone": "+4930123456", "preferences": { "locale": "de" } });
        assert_eq!(town.patch(ADMIN, MENTOR, body).await.0, 200);
        assert_eq!(
            town.patch(MENTOR, MENTOR, json!({ "phone": null, "expertise": [] }))
                .await
                .0,
            200
        );
        let events = town
            .stage
            .value(
                "SELECT json_agg(json_build_array(user_id, actor_id, details) ORDER BY id)::text FROM events
                 WHERE kind = 'user.updated' AND firm_id IS NOT NULL",
            )
            .await;
        let events: Value = serde_json::from_str(&events.unwrap()).unwrap();
        let details = &events[0][2];
        assert_eq!(events[0][0], user(MENTOR).to_string());
        assert_eq!(events[0][1], user(ADMIN).to_string());
        assert_eq!(details["fields"], json!(["phone", "preferences"]));
        assert_eq!(details["before"], json!({ "phone": null, "preferences": {} }));
        assert_eq!(details["after"]["phone"], "+4930123456");
        // What people change about themselves is named only.
        assert_eq!(events[1][2], json!({ "fields": ["phone", "expertise"] }));
    })
    .await;
}

async fn people_are_listed_page_by_page(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let list = async |who: usize, query: &str| {
            let mut ids = Vec::new();
            let mut cursor = String::new();
            loop {
                let (status, page) = town.get(who, &format!("/api/profiles?{query}{cursor}")).await;
                assert_eq!(status, 200, "{page}");
                let profiles = page["profiles"].as_array().unwrap();
                ids.extend(profiles.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                match page["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => return ids,
                }
            }
        };
        let expected = |keep: &dyn Fn(usize) -> bool| -> Vec<String> {
            (0..PEOPLE.len())
                .rev()
                .filter(|who| keep(*who))
                .map(|who| user(who).to_string())
                .collect()
        };
        for limit in [1, 2, 7, 14, 15, 100] {
            let query = format!("limit={limit}");
            assert_eq!(list(ROOT, &query).await, expected(&|_| true), "{limit}");
            assert_eq!(list(ADMIN, &query).await, expected(&|who| PEOPLE[who].1 == Some(1)));
        }
        assert_eq!(
            list(ROOT, "role=mentor&limit=2").await,
            expected(&|who| PEOPLE[who].0 == "mentor")
        );
        for key in [firm(2).to_string(), "firm-2".to_owned()] {
            let query = format!("firm={key}&limit=2");
            assert_eq!(list(ROOT, &query).await, expected(&|who| PEOPLE[who].1 == Some(2)));
            assert_eq!(list(ADMIN, &query).await, Vec::<String>::new());
        }
        let both = list(ROOT, "firm=firm-1&role=mentee").await;
        assert_eq!(both, expected(&|who| PEOPLE[who] == ("mentee", Some(1))));
        assert_eq!(list(ROOT, "role=nobody").await, Vec::<String>::new());
        // A cursor is a place, not a right.
        let page = town.get(ROOT, "/api/profiles?limit=1").await.1;
        let cursor = page["nextCursor"].as_str().unwrap();
        assert_eq!(list(ADMIN, &format!("cursor={cursor}")).await.len(), 7);
        for who in [PM, MENTOR, MENTEE, MEMBER] {
            assert_eq!(code(&town.get(who, "/api/profiles").await), (403, "FORBIDDEN"));
            assert_eq!(code(&town.get(who, "/api/profiles?limit=0").await), (403, "FORBIDDEN"));
        }
        for (query, path) in [
            ("limit=0", "limit"),
            ("cursor=AAAA", "cursor"),
            ("q=a", "q"),
            ("firm=A!", "firm"),
            ("role=A", "role"),
        ] {
            assert_eq!(field(&town.get(ROOT, &format!("/api/profiles?{query}")).await).1, path);
        }
    })
    .await;
}

async fn people_are_found(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let rename =
            async |who: usize, name: &str| assert_eq!(town.patch(who, who, json!({ "name": name })).await.0, 200);
        rename(MENTOR, "100% Ann_Lee").await;
        rename(MENTEE, r"back\slash").await;
        rename(FOREIGN_MENTOR, "Joann").await;
        let find = async |who: usize, part: &str| -> Vec<usize> {
            let (status, page) = town.get(who, &format!("/api/profiles?q={part}")).await;
            assert_eq!(status, 200, "{page}");
            let ids: Vec<_> = page["profiles"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].clone())
                .collect();
            (0..PEOPLE.len())
                .filter(|who| ids.contains(&json!(user(*who).to_string())))
                .collect()
        };
        assert_eq!(find(ROOT, "aNN").await, [MENTOR, FOREIGN_MENTOR]);
        assert_eq!(find(ADMIN, "ann").await, [MENTOR]);
        assert_eq!(find(ROOT, "0%25").await, [MENTOR]);
        assert_eq!(find(ROOT, "n_l").await, [MENTOR]);
        assert_eq!(find(ROOT, "n_n").await, Vec::<usize>::new());
        assert_eq!(find(ROOT, "%25%25").await, Vec::<usize>::new());
        assert_eq!(find(ROOT, "k%5cs").await, [MENTEE]);
        assert_eq!(find(ROOT, "Mentor2@Ex").await, [MENTOR]);
        // Name and address are two texts.
        assert_eq!(find(ROOT, "Leementor").await, Vec::<usize>::new());
    })
    .await;
}

async fn an_office_session_goes_its_way(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        town.open(MENTOR, "09:00", "17:00", "Europe/Berlin").await;
        let (status, asked) = town.ask(MENTEE, MENTOR, "2026-11-23T09:00:00+01:00").await;
        assert_eq!(status, 201, "{asked}");
        let one = &asked["officeSession"];
        let id = &one["id"];
        let expected = json!({
            "id": id, "mentorId": user(MENTOR).to_string(), "menteeId": user(MENTEE).to_string(), "mentorName": "mentor 2",
            "menteeName": "mentee 4", "startsAt": "2026-11-23T08:00:00.000Z", "endsAt": "2026-11-23T08:30:00.000Z",
            "timeZone": "Europe/Berlin", "status": "requested", "proposedBy": "mentee", "topic": "Hello",
            "createdAt": START.to_string(), "updatedAt": START.to_string(),
        });
        assert_eq!(*one, expected);
        let path = format!("/api/office-sessions/{}", id.as_str().unwrap());
        for who in [MENTOR, MENTEE] {
            assert_eq!(town.get(who, &path).await, (200, asked.clone()));
            let list = town.get(who, "/api/office-sessions").await;
            assert_eq!(list, (200, json!({ "officeSessions": [one], "nextCursor": null })));
            let me = town.get(who, "/api/profiles/me").await.1;
            let part = if who == MENTOR { "mentor" } else { "mentee" };
            assert_eq!(me["profile"][part]["officeSessions"], json!([one]));
        }
        let status = |answer: (u16, Value)| answer.1["officeSession"]["status"].as_str().map(str::to_owned);
        assert_eq!(code(&town.act(MENTEE, id, "confirm", json!({})).await), (403, "FORBIDDEN"));
        assert_eq!(status(town.act(MENTOR, id, "confirm", json!({})).await).as_deref(), Some("confirmed"));
        assert_eq!(code(&town.act(MENTOR, id, "confirm", json!({})).await), (409, "INVALID_TRANSITION"));
        assert_eq!(code(&town.act(MENTOR, id, "complete", json!({})).await), (409, "INVALID_TRANSITION"));

        // Moved by one, confirmed by the other; it keeps its length.
        let moved = town.act(MENTOR, id, "move", json!({ "startsAt": "2026-11-24T09:00:00Z" })).await;
        assert_eq!(moved.1["officeSession"]["endsAt"], "2026-11-24T09:30:00.000Z");
        assert_eq!(moved.1["officeSession"]["proposedBy"], "mentor");
        assert_eq!(status(moved).as_deref(), Some("requested"));
        assert_eq!(code(&town.act(MENTOR, id, "confirm", json!({})).await), (403, "FORBIDDEN"));
        assert_eq!(status(town.act(MENTEE, id, "confirm", json!({})).await).as_deref(), Some("confirmed"));
        let early = town.act(MENTEE, id, "move", json!({ "startsAt": "2026-11-24T07:00:00Z" })).await;
        assert_eq!(field(&early), (400, "startsAt", "not_available"));

        town.stage.wait(std::time::Duration::from_hours(4 * 24));
        assert_eq!(code(&town.act(MENTEE, id, "complete", json!({})).await), (403, "FORBIDDEN"));
        assert_eq!(status(town.act(MENTOR, id, "complete", json!({})).await).as_deref(), Some("completed"));
        assert_eq!(code(&town.act(MENTEE, id, "cancel", json!({})).await), (409, "INVALID_TRANSITION"));
        assert_eq!(town.get(MENTOR, "/api/profiles/me").await.1["profile"]["mentor"]["officeSessions"], json!([]));

        let (_, second) = town.ask(MENTEE, MENTOR, "2026-11-30T10:00:00Z").await;
        let id = &second["officeSession"]["id"];
        assert_eq!(status(town.act(MENTEE, id, "cancel", json!({ "reason": "Ill" })).await).as_deref(), Some("cancelled"));
        // The time is free again.
        assert_eq!(town.ask(OTHER_MENTEE, MENTOR, "2026-11-30T10:00:00Z").await.0, 201);
        let list = async |query: &str| {
            let page = town.get(MENTOR, &format!("/api/office-sessions?{query}")).await.1;
            let all = page["officeSessions"].as_array().unwrap().clone();
            (all.len(), page["nextCursor"].as_str().map(str::to_owned))
        };
        assert_eq!(list("status=cancelled").await, (1, None));
        assert_eq!(list("").await, (3, None));
        let (count, cursor) = list("limit=2").await;
        assert_eq!(count, 2);
        assert_eq!(list(&format!("limit=2&cursor={}", cursor.unwrap())).await, (1, None));

        let kinds = "SELECT string_agg(substr(kind, 16), ' ' ORDER BY id) FROM events WHERE kind LIKE 'office_session.%'";
        assert_eq!(
            town.stage.value(kinds).await.as_deref(),
            Some("requested confirmed moved confirmed completed requested cancelled requested")
        );
        let reason = "SELECT details->>'reason' FROM events WHERE kind = 'office_session.cancelled'";
        assert_eq!(town.stage.value(reason).await.as_deref(), Some("Ill"));
    })
    .await;
}

async fn an_office_session_is_for_two(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        for mentor in [MENTOR, FOREIGN_MENTOR, FREE_MENTOR] {
            town.open(mentor, "00:00", "24:00", "UTC").await;
        }
        let at = "2026-11-23T10:00:00Z";
        for (mentee, mentor, expected) in [
            (MENTEE, FOREIGN_MENTOR, (404, "USER_NOT_FOUND")),
            (MENTEE, FREE_MENTOR, (404, "USER_NOT_FOUND")),
            (MENTEE, OTHER_MENTEE, (404, "USER_NOT_FOUND")),
            (MENTEE, ADMIN, (404, "USER_NOT_FOUND")),
            (FOREIGN_MENTEE, MENTOR, (404, "USER_NOT_FOUND")),
            (MENTOR, OTHER_MENTOR, (403, "FORBIDDEN")),
            (ADMIN, MENTOR, (403, "FORBIDDEN")),
            (MEMBER, MENTOR, (403, "FORBIDDEN")),
        ] {
            assert_eq!(code(&town.ask(mentee, mentor, at).await), expected, "{mentee} {mentor}");
        }
        // A mentor without hours, and one who was suspended.
        town.patch(OTHER_MENTOR, OTHER_MENTOR, json!({ "bio": "x" })).await;
        assert_eq!(
            field(&town.ask(MENTEE, OTHER_MENTOR, at).await),
            (400, "startsAt", "not_available")
        );
        assert_eq!(
            town.stage
                .value("SELECT count(*)::text FROM office_sessions")
                .await
                .as_deref(),
            Some("0")
        );

        let (_, asked) = town.ask(MENTEE, MENTOR, at).await;
        let id = &asked["officeSession"]["id"];
        let path = format!("/api/office-sessions/{}", id.as_str().unwrap());
        for who in [
            ADMIN,
            PM,
            OTHER_MENTOR,
            OTHER_MENTEE,
            FOREIGN_ADMIN,
            FOREIGN_MENTOR,
            ROOT,
        ] {
            assert_eq!(code(&town.get(who, &path).await), (404, "OFFICE_SESSION_NOT_FOUND"));
            for act in ["confirm", "cancel", "complete"] {
                assert_eq!(town.act(who, id, act, json!({})).await.0, 404);
            }
            assert_eq!(
                town.act(who, id, "move", json!({ "startsAt": "2026-11-24T10:00:00Z" }))
                    .await
                    .0,
                404
            );
            assert_eq!(
                town.get(who, "/api/office-sessions").await.1["officeSessions"],
                json!([])
            );
        }
        assert_eq!(town.get(MENTEE, &path).await.1, asked);
        let suspend = format!("UPDATE users SET status = 'suspended' WHERE id = '{}'", user(MENTOR));
        town.stage.execute(&suspend).await;
        assert_eq!(
            code(&town.ask(MENTEE, MENTOR, "2026-11-25T10:00:00Z").await),
            (404, "USER_NOT_FOUND")
        );
    })
    .await;
}

async fn the_local_clock_decides(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let refused = async |at: &str, minutes: u32| {
            let body = json!({ "mentorId": user(MENTOR).to_string(), "startsAt": at, "durationMinutes": minutes });
            let answer = town.post(MENTEE, "/api/office-sessions", body).await;
            match answer.0 {
                201 => {
                    let id = answer.1["officeSession"]["id"].clone();
                    assert_eq!(town.act(MENTEE, &id, "cancel", json!({})).await.0, 200);
                    false
                }
                _ => field(&answer) == (400, "startsAt", "not_available") || panic!("{at}: {answer:?}"),
            }
        };
        // Sundays 9 to 17 in Berlin. Summer time begins on 2027-03-28 and ends on 2027-10-31, at 01:00 UTC each.
        town.open(MENTOR, "09:00", "17:00", "Europe/Berlin").await;
        for (at, is_refused) in [
            ("2027-03-21T08:00:00Z", false),
            ("2027-03-21T07:45:00Z", true),
            ("2027-03-28T07:00:00Z", false),
            ("2027-03-28T06:45:00Z", true),
            ("2027-03-28T14:30:00Z", false),
            ("2027-03-28T14:45:00Z", true),
            ("2027-10-24T07:00:00Z", false),
            ("2027-10-24T06:45:00Z", true),
            ("2027-10-31T07:45:00Z", true),
            ("2027-10-31T08:00:00Z", false),
            ("2027-10-31T15:30:00Z", false),
            ("2027-10-31T15:45:00Z", true),
        ] {
            assert_eq!(refused(at, 30).await, is_refused, "{at}");
        }
        // Over the hour that isn't there, and over the one that is there twice.
        town.open(MENTOR, "01:00", "04:00", "Europe/Berlin").await;
        for (at, minutes, is_refused) in [
            ("2027-03-28T00:30:00Z", 60, false),
            ("2027-03-28T00:00:00Z", 120, false),
            ("2027-03-28T00:00:00Z", 135, true),
            ("2027-10-31T00:30:00Z", 45, false),
            ("2027-10-31T00:30:00Z", 60, false),
            ("2027-10-30T23:00:00Z", 240, false),
            ("2027-10-31T00:00:00Z", 195, true),
        ] {
            assert_eq!(refused(at, minutes).await, is_refused, "{at} {minutes}");
        }
        // Hours that follow each other count as one, over midnight too.
        let hours = json!([
            { "weekday": 1, "start": "22:00", "end": "24:00", "timeZone": "America/New_York" },
            { "weekday": 2, "start": "00:00", "end": "01:00", "timeZone": "America/New_York" },
            { "weekday": 2, "start": "01:00", "end": "02:00", "timeZone": "America/New_York" },
            { "weekday": 2, "start": "02:30", "end": "03:00", "timeZone": "America/New_York" },
        ]);
        town.patch(MENTOR, MENTOR, json!({ "availability": hours })).await;
        for (at, minutes, is_refused) in [
            ("2026-12-08T03:00:00Z", 240, false),
            ("2026-12-08T02:45:00Z", 30, true),
            ("2026-12-08T06:30:00Z", 90, true),
            ("2026-12-09T03:00:00Z", 30, true),
        ] {
            assert_eq!(refused(at, minutes).await, is_refused, "{at} {minutes}");
        }
    })
    .await;
}

/// How many of the answers have each of the codes; 2xx is none.
fn tally(answers: &[(u16, Value)]) -> Vec<(u16, &str, usize)> {
    let mut all: Vec<_> = answers.iter().map(code).collect();
    all.sort_unstable();
    let mut tally: Vec<(u16, &str, usize)> = Vec::new();
    for (status, code) in all {
        match tally.last_mut() {
            Some(last) if (last.0, last.1) == (status, code) => last.2 += 1,
            _ => tally.push((status, code, 1)),
        }
    }
    tally
}

async fn sixteen_ask_for_one_hour(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        town.open(MENTOR, "00:00", "24:00", "UTC").await;
        // Two mentees, and times that overlap without being the same.
        let asks = (0..16).map(|at| {
            let mentee = if at % 2 == 0 { MENTEE } else { OTHER_MENTEE };
            let starts_at = format!("2026-11-23T10:{at:02}:00Z");
            async move { town.ask(mentee, MENTOR, &starts_at).await }
        });
        let answers = join_all(asks).await;
        assert_eq!(tally(&answers), [(201, "", 1), (409, "SLOT_TAKEN", 15)]);
        assert_eq!(
            town.stage
                .value("SELECT count(*)::text FROM office_sessions")
                .await
                .as_deref(),
            Some("1")
        );
        let events = "SELECT count(*)::text FROM events WHERE kind = 'office_session.requested'";
        assert_eq!(town.stage.value(events).await.as_deref(), Some("1"));
    })
    .await;
}

async fn one_mentee_asks_two_mentors_at_once(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        for mentor in [MENTOR, OTHER_MENTOR] {
            town.open(mentor, "00:00", "24:00", "UTC").await;
        }
        let asks = (0..16).map(|at| {
            town.ask(
                MENTEE,
                if at % 2 == 0 { MENTOR } else { OTHER_MENTOR },
                "2026-11-23T10:00:00Z",
            )
        });
        assert_eq!(tally(&join_all(asks).await), [(201, "", 1), (409, "SLOT_TAKEN", 15)]);
    })
    .await;
}

async fn one_mentee_keeps_no_mentor_busy(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        for mentor in [MENTOR, OTHER_MENTOR] {
            town.open(mentor, "00:00", "24:00", "UTC").await;
        }
        // All at once, and each at a time that is free.
        let hour = |at: usize| format!("2026-11-23T{at:02}:00:00Z");
        let asks = (0..24).map(|at| {
            let starts_at = hour(at);
            async move { town.ask(MENTEE, [MENTOR, OTHER_MENTOR][at % 2], &starts_at).await }
        });
        let answers = join_all(asks).await;
        assert_eq!(tally(&answers), [(201, "", 20), (409, "TOO_MANY_OPEN", 4)]);
        // It is nobody else's limit.
        let free = answers.iter().position(|(status, _)| *status == 409).unwrap();
        let mentor = [MENTOR, OTHER_MENTOR][free % 2];
        assert_eq!(town.ask(OTHER_MENTEE, mentor, &hour(free)).await.0, 201);
        // Each that is answered makes room for another one.
        let mut made = answers.iter().enumerate().filter(|(_, (status, _))| *status == 201);
        for (who, act) in [(true, "confirm"), (false, "cancel")] {
            let (at, (_, session)) = made.next().unwrap();
            let who = if who { [MENTOR, OTHER_MENTOR][at % 2] } else { MENTEE };
            let id = &session["officeSession"]["id"];
            assert_eq!(town.act(who, id, act, json!({})).await.0, 200);
            let tomorrow = format!("2026-11-24T{at:02}:00:00Z");
            assert_eq!(town.ask(MENTEE, MENTOR, &tomorrow).await.0, 201);
            let another = format!("2026-11-25T{at:02}:00:00Z");
            let (status, answer) = town.ask(MENTEE, MENTOR, &another).await;
            assert_eq!((status, &answer["code"]), (409, &json!("TOO_MANY_OPEN")));
        }
    })
    .await;
}

async fn what_is_moved_stays_within_what_is_free(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        for mentor in [MENTOR, OTHER_MENTOR] {
            town.open(mentor, "00:00", "24:00", "UTC").await;
        }
        let mut ids = Vec::new();
        for hour in 0..8 {
            let at = format!("2026-11-23T{hour:02}:00:00Z");
            for (mentee, mentor) in [(MENTEE, MENTOR), (OTHER_MENTEE, OTHER_MENTOR)] {
                let (status, asked) = town.ask(mentee, mentor, &at).await;
                assert_eq!(status, 201, "{asked}");
                if mentor == MENTOR {
                    ids.push(asked["officeSession"]["id"].clone());
                }
            }
        }
        // All to one time at once, from either side.
        let moves = ids.iter().enumerate().map(|(at, id)| {
            let who = if at % 2 == 0 { MENTOR } else { MENTEE };
            town.act(who, id, "move", json!({ "startsAt": "2026-11-24T10:00:00Z" }))
        });
        assert_eq!(tally(&join_all(moves).await), [(200, "", 1), (409, "SLOT_TAKEN", 7)]);
        // Sixteen confirm and cancel at once: whatever comes first, each answer is one of the table's.
        let acts = (0..16).map(|at| {
            town.act(
                MENTOR,
                &ids[1],
                if at % 2 == 0 { "confirm" } else { "cancel" },
                json!({}),
            )
        });
        let answers = join_all(acts).await;
        assert!(
            answers
                .iter()
                .all(|answer| matches!(code(answer), (200, "") | (409, "INVALID_TRANSITION"))),
            "{answers:?}"
        );
        let (_, last) = town
            .get(MENTOR, &format!("/api/office-sessions/{}", ids[1].as_str().unwrap()))
            .await;
        let changes = answers.iter().filter(|answer| answer.0 == 200).count();
        assert!((1..=2).contains(&changes), "{changes}");
        assert!(changes == 1 || last["officeSession"]["status"] == "cancelled");
    })
    .await;
}

async fn the_database_itself_refuses(adapter: &Adapter) {
    in_town(adapter, async |town: &Town<'_>| {
        let client = &town.stage.client;
        for who in [MENTOR, FOREIGN_MENTOR] {
            town.stage.execute(&format!("INSERT INTO mentors (user_id) VALUES ('{}')", user(who))).await;
        }
        for who in [MENTEE, FOREIGN_MENTEE] {
            town.stage.execute(&format!("INSERT INTO mentees (user_id) VALUES ('{}')", user(who))).await;
        }
        let slot = |day: i32, start: i32, end: i32, zone: &str| {
            format!(
                "INSERT INTO availability (mentor_id, weekday, start_minute, end_minute, time_zone)
                 VALUES ('{}', {day}, {start}, {end}, '{zone}')",
                user(MENTOR)
            )
        };
        let office = |mentor: usize, mentee: usize, tenant: u8, start: &str, minutes: i32| {
            format!(
                "INSERT INTO office_sessions (id, tenant, mentor_id, mentee_id, starts_at, ends_at, time_zone)
                 VALUES (gen_random_uuid(), '{}', '{}', '{}', '{start}', '{start}'::timestamptz + {minutes} * interval '1 minute', 'UTC')",
                firm(tenant),
                user(mentor),
                user(mentee)
            )
        };
        let noon = "2026-12-01 12:00Z";
        for (sql, constraint) in [
            (slot(1, 60, 120, "UTC"), None),
            (slot(1, 119, 180, "UTC"), Some("availability_overlap_excl")),
            (slot(1, 120, 180, "UTC"), None),
            (slot(2, 60, 120, "Europe/Berlin"), Some("availability_one_zone_excl")),
            (slot(2, 60, 120, "Europe/Atlantis"), Some("availability_time_zone_check")),
            (slot(2, 60, 60, "UTC"), Some("availability_order_check")),
            (slot(8, 60, 120, "UTC"), Some("availability_weekday_check")),
            (slot(2, 60, 1441, "UTC"), Some("availability_end_check")),
            (office(MENTOR, MENTEE, 1, noon, 30), None),
            (office(MENTOR, MENTEE, 1, "2026-12-01 12:29Z", 30), Some("office_sessions_mentor_excl")),
            (office(MENTOR, MENTEE, 1, "2026-12-01 12:30Z", 30), None),
            (office(MENTOR, FOREIGN_MENTEE, 1, "2026-12-02 12:00Z", 30), Some("office_sessions_mentee_fkey")),
            (office(MENTOR, FOREIGN_MENTEE, 2, "2026-12-02 12:00Z", 30), Some("office_sessions_mentor_fkey")),
            (office(FOREIGN_MENTOR, MENTEE, 2, "2026-12-02 12:00Z", 30), Some("office_sessions_mentee_fkey")),
            (office(MENTOR, MENTEE, 1, "2026-12-02 12:00Z", 241), Some("office_sessions_length_check")),
            (
                format!("UPDATE users SET firm_id = NULL WHERE id = '{}'", user(MENTOR)),
                Some("office_sessions_mentor_fkey"),
            ),
            // Whatever is written into it, a tenant is the person's firm.
            (format!("UPDATE mentors SET tenant = '{}' WHERE user_id = '{}'", firm(2), user(MENTOR)), None),
            (format!("UPDATE users SET firm_id = NULL WHERE id = '{}'", user(FOREIGN_MENTOR)), None),
        ] {
            let refused = client.batch_execute(&sql).await.err();
            let violated = refused.as_ref().map(|e| e.as_db_error().and_then(|e| e.constraint()).unwrap_or("?").to_owned());
            assert_eq!(violated.as_deref(), constraint, "{sql}: {refused:?}");
        }
        let tenants = "SELECT string_agg(left(tenant::text, 8), ' ' ORDER BY user_id) FROM mentors";
        assert_eq!(town.stage.value(tenants).await.as_deref(), Some("01010101 00000000"));
        // Who goes takes everything along.
        town.stage.execute(&format!("DELETE FROM users WHERE id = '{}'", user(MENTOR))).await;
        let left = "SELECT (SELECT count(*) FROM office_sessions) || ' ' || (SELECT count(*) FROM availability)";
        assert_eq!(town.stage.value(left).await.as_deref(), Some("0 0"));
    })
    .await;
}
