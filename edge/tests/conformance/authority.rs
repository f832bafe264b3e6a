//! What is done under a permission, on a real database: races for the last admin, the trail of each act, and what a
//! firm's admin can reach.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::{FirmId, RequestId, SessionId, UserId};
use doorward_core::role::Role;
use doorward_core::tier::Tier;
use doorward_core::token::access::{self, AccessClaims};
use doorward_edge::instance::Instance;
use doorward_edge::mail::deliver::due;
use futures_util::future::{join, join_all, join3};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::adapter::Adapter;
use crate::sql::{Case, cases};
use crate::stage::{START, Stage, configured};

cases! { pub(crate) CASES: Case =
    of_two_admins_one_stays_whoever_asks,
    of_two_admins_one_stays_when_they_take_each_other_down,
    of_two_admins_one_stays_when_they_leave,
    each_firm_keeps_an_admin_of_its_own,
    every_act_is_an_event_with_before_and_after,
    a_firms_trail_is_its_own,
    a_firms_admin_reaches_that_firm_only,
    a_suspended_admin_is_out_at_once,
    sessions_end_at_once,
    an_account_that_is_closed_closes_its_sessions,
    a_sign_in_that_a_suspension_waits_for_is_over_too,
    pages_of_firms_follow_each_other,
    an_invitation_brings_one_into_the_firm,
    an_invitation_is_accepted_once,
    the_latest_invitation_is_the_only_one,
    an_account_is_not_moved_by_an_invitation,
    an_invitation_is_as_good_as_the_power_to_send_it,
    a_list_is_read_for_nobody_who_may_not_see_it,
}

const ACME: FirmId = FirmId::from_bytes([0xac; 16]);
const OTHER: FirmId = FirmId::from_bytes([0x0f; 16]);

/// A stage with two firms, and an instance over it.
pub(crate) struct Scene<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) instance: Rc<Instance>,
}

/// Builds the stage, runs the act, and strikes the stage.
pub(crate) async fn on_stage(adapter: &Adapter, act: impl AsyncFnOnce(&Scene<'_>)) {
    let stage = Stage::build(adapter).await;
    stage
        .execute(&format!(
            "INSERT INTO firms (id, slug, name) VALUES ('{ACME}', 'acme', 'Acme'), ('{OTHER}', 'other', 'Other')"
        ))
        .await;
    let scene = Scene {
        stage: &stage,
        instance: configured(&[("LIMITS", "off")]),
    };
    act(&scene).await;
    drop(scene);
    stage.strike().await;
}

/// Somebody who is signed in.
#[derive(Clone, Copy)]
pub(crate) struct Someone {
    pub(crate) id: UserId,
    pub(crate) session: SessionId,
    role: &'static str,
    firm: Option<FirmId>,
}

impl Scene<'_> {
    /// Somebody new, by a number.
    pub(crate) async fn enter(&self, number: u8, role: &'static str, firm: Option<FirmId>) -> Someone {
        let (id, session) = (UserId::from_bytes([number; 16]), SessionId::from_bytes([number; 16]));
        let place = firm.map_or("NULL".to_owned(), |firm| format!("'{firm}'"));
        let hash = format!("{number:02x}").repeat(32);
        self.stage
            .execute(&format!(
                "INSERT INTO users (id, firm_id, name, email, role)
                 VALUES ('{id}', {place}, 'U{number}', 'u{number}@example.com', '{role}');
                 INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
                 VALUES ('{session}', '{id}', '{hash}', '{START}', '{START}', '{START}',
                         '{START}'::timestamptz + interval '1 day')"
            ))
            .await;
        Someone {
            id,
            session,
            role,
            firm,
        }
    }

    /// A request by somebody, on a host and a connection of its own.
    pub(crate) async fn ask(&self, who: Someone, method: Method, path: &str, body: Value) -> (u16, Value) {
        let (host, config) = (self.stage.host(), &self.instance.config);
        let claims = AccessClaims {
            subject: who.id,
            session: who.session,
            role: Role::parse(who.role).unwrap(),
            tier: Tier::Free,
            firm: who.firm,
            issued_at: START,
            expires_at: config.access.expires_at(START),
            id: RequestId::generate(START, &host).unwrap(),
        };
        let token = access::issue(&config.keys, &config.access, &claims).unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(body))
            .unwrap();
        let reply = Box::pin(doorward_edge::handle(host, Rc::clone(&self.instance), None, request)).await;
        let body = serde_json::from_slice(reply.body()).unwrap_or_default();
        (reply.status().as_u16(), body)
    }

    async fn patch(&self, who: Someone, whom: Someone, body: Value) -> (u16, Value) {
        let path = format!("/api/admin/users/{}", whom.id);
        self.ask(who, Method::PATCH, &path, body).await
    }

    /// How many active admins there are without a firm.
    async fn admins(&self) -> String {
        let sql = "SELECT count(*)::text FROM users WHERE role = 'admin' AND status = 'active' AND firm_id IS NULL";
        self.stage.value(sql).await.unwrap()
    }

    /// The kinds and details of the events, in order, without those that have no details.
    async fn trail(&self) -> Vec<(String, Value)> {
        let sql = "SELECT coalesce(jsonb_agg(jsonb_build_array(kind, details) ORDER BY created_at, kind), '[]')::text
                   FROM events WHERE details <> '{}'";
        let text = self.stage.value(sql).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

async fn of_two_admins_one_stays_whoever_asks(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (one, two) = (scene.enter(1, "admin", None).await, scene.enter(2, "admin", None).await);
        let ways = [
            json!({ "role": "member" }),
            json!({ "status": "suspended" }),
            json!({ "status": "inactive" }),
        ];
        // Sixteen at once, by both and about both.
        let calls = (0..16).map(|n| {
            let (who, whom) = [(one, two), (two, one), (one, one), (two, two)][n % 4];
            scene.patch(who, whom, ways[n % 3].clone())
        });
        let answers = join_all(calls).await;
        assert_eq!(scene.admins().await, "1");
        let done = answers.iter().filter(|(status, _)| *status == 200).count();
        assert!(done >= 1);
        for (status, body) in answers {
            assert!(matches!(status, 200 | 401 | 403 | 409), "{status} {body}");
        }
    })
    .await;
}

async fn of_two_admins_one_stays_when_they_take_each_other_down(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (one, two) = (scene.enter(1, "admin", None).await, scene.enter(2, "admin", None).await);
        let down = || json!({ "role": "member" });
        let (first, second) = join(scene.patch(one, two, down()), scene.patch(two, one, down())).await;
        assert_eq!(scene.admins().await, "1");
        let mut both = [first.0, second.0];
        both.sort_unstable();
        assert_eq!(both, [200, 403]);
        // Whoever is left can't step down.
        let left = if first.0 == 200 { one } else { two };
        let (status, body) = scene.patch(left, left, down()).await;
        assert_eq!((status, &body["code"]), (409, &json!("LAST_ADMIN")));
    })
    .await;
}

async fn of_two_admins_one_stays_when_they_leave(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (one, two) = (scene.enter(1, "admin", None).await, scene.enter(2, "admin", None).await);
        let password =
            doorward_core::password::Password::new("a ship in port", &[], doorward_core::unicode::TABLES).unwrap();
        let mut workspace = doorward_core::password::Workspace::new();
        let real = doorward_core::password::hash(&password, [0; 16], &mut workspace).unwrap();
        scene
            .stage
            .execute(&format!("UPDATE users SET password_hash = '{}'", real.as_str()))
            .await;
        let leave = |who| {
            scene.ask(
                who,
                Method::DELETE,
                "/api/auth/account",
                json!({ "password": "a ship in port" }),
            )
        };
        let inactive = scene.patch(one, two, json!({ "status": "inactive" }));
        let (first, second, third) = join3(leave(one), leave(two), inactive).await;
        assert_eq!(scene.admins().await, "1", "{first:?} {second:?} {third:?}");
    })
    .await;
}

async fn each_firm_keeps_an_admin_of_its_own(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let all = scene.enter(1, "admin", None).await;
        let acme = scene.enter(2, "admin", Some(ACME)).await;
        scene.enter(3, "admin", Some(OTHER)).await;
        let member = scene.enter(4, "member", Some(ACME)).await;
        // An admin elsewhere is none here, not even one of all.
        let (status, body) = scene.patch(all, acme, json!({ "status": "suspended" })).await;
        assert_eq!((status, &body["code"]), (409, &json!("LAST_ADMIN")));
        // With a successor one can go.
        assert_eq!(scene.patch(acme, member, json!({ "role": "admin" })).await.0, 200);
        let (status, body) = scene.patch(acme, acme, json!({ "role": "member" })).await;
        assert_eq!((status, &body["user"]["role"]), (200, &json!("member")));
        assert_eq!(scene.patch(acme, member, json!({ "role": "member" })).await.0, 403);
    })
    .await;
}

async fn every_act_is_an_event_with_before_and_after(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (admin, bob) = (scene.enter(1, "admin", None).await, scene.enter(2, "member", None).await);
        let body = json!({ "role": "pm", "status": "suspended", "tier": "member" });
        assert_eq!(scene.patch(admin, bob, body.clone()).await.0, 200);
        // The same again is no act.
        assert_eq!(scene.patch(admin, bob, body).await.0, 200);
        let from_to = |field: &str, before: Value, after: Value| json!({ "before": { field: before }, "after": { field: after } });
        let expected = [
            ("user.role_changed", from_to("role", json!("member"), json!("pm"))),
            ("user.status_changed", from_to("status", json!("active"), json!("suspended"))),
            ("user.tier_changed", from_to("tier", json!("free"), json!("member"))),
        ];
        let trail = scene.trail().await;
        assert_eq!(trail, expected.map(|(kind, details)| (kind.to_owned(), details)));
        let about = "SELECT string_agg(DISTINCT user_id || ' ' || actor_id, ',') FROM events";
        assert_eq!(scene.stage.value(about).await, Some(format!("{} {}", bob.id, admin.id)));

        scene.stage.execute("DELETE FROM events").await;
        let new = json!({ "slug": "third", "name": "Third" });
        let (status, made) = scene.ask(admin, Method::POST, "/api/firms", new).await;
        assert_eq!((status, &made["firm"]["slug"]), (201, &json!("third")), "{made}");
        let path = format!("/api/firms/{}", made["firm"]["id"].as_str().unwrap());
        for _ in 0..2 {
            let (status, changed) = scene.ask(admin, Method::PATCH, &path, json!({ "status": "inactive" })).await;
            assert_eq!((status, &changed["firm"]["status"]), (200, &json!("inactive")));
        }
        let firm = |status| json!({ "slug": "third", "name": "Third", "status": status });
        let expected = [
            ("firm.created", json!({ "before": null, "after": firm("active") })),
            ("firm.updated", json!({ "before": firm("active"), "after": firm("inactive") })),
        ];
        assert_eq!(scene.trail().await, expected.map(|(kind, details)| (kind.to_owned(), details)));
        let (status, body) = scene.ask(admin, Method::PATCH, &path, json!({ "slug": "acme" })).await;
        assert_eq!((status, &body["code"]), (409, &json!("SLUG_TAKEN")));
    })
    .await;
}

async fn a_firms_trail_is_its_own(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let all = scene.enter(1, "admin", None).await;
        let acme = scene.enter(2, "admin", Some(ACME)).await;
        let there = scene.enter(3, "member", Some(OTHER)).await;
        let here = scene.enter(4, "member", Some(ACME)).await;
        for whom in [here, there] {
            assert_eq!(scene.patch(all, whom, json!({ "tier": "member" })).await.0, 200);
        }
        // A registration into a firm is that firm's, although the user is new in the same statement.
        let body =
            json!({ "email": "new@example.com", "name": "New", "password": "a ship in port", "firmSlug": "acme" });
        assert_eq!(scene.ask(here, Method::POST, "/auth/signup", body).await.0, 201);

        let kinds = async |who, query: &str| {
            let (status, body) = scene
                .ask(who, Method::GET, &format!("/api/admin/events{query}"), Value::Null)
                .await;
            let events = body["events"].as_array().cloned().unwrap_or_default();
            let mut kinds: Vec<_> = events
                .iter()
                .map(|event| event["kind"].as_str().unwrap().to_owned())
                .collect();
            kinds.sort();
            (status, kinds.join(" "))
        };
        assert_eq!(
            kinds(acme, "").await,
            (200, "user.registered user.tier_changed".to_owned())
        );
        assert_eq!(
            kinds(all, "").await.1,
            "user.registered user.tier_changed user.tier_changed"
        );
        assert_eq!(kinds(acme, "?kind=user.registered").await.1, "user.registered");
        assert_eq!(kinds(acme, &format!("?user={}", here.id)).await.1, "user.tier_changed");
        assert_eq!(kinds(acme, &format!("?user={}", there.id)).await.0, 404);
        assert_eq!(
            kinds(all, &format!("?user={}", there.id)).await,
            (200, "user.tier_changed".to_owned())
        );
        assert_eq!(kinds(here, "").await.0, 403);

        // By pages, each event once, the latest first.
        let (mut path, mut seen) = ("/api/admin/events?limit=1".to_owned(), Vec::new());
        loop {
            let (_, body) = scene.ask(all, Method::GET, &path, Value::Null).await;
            seen.extend(
                body["events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| event["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = body["nextCursor"].as_str() else {
                break;
            };
            path = format!("/api/admin/events?limit=1&cursor={cursor}");
        }
        assert_eq!(seen.len(), 3);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    })
    .await;
}

async fn a_firms_admin_reaches_that_firm_only(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        scene.enter(2, "admin", None).await;
        let there = scene.enter(3, "member", Some(OTHER)).await;
        let nowhere = scene.enter(4, "member", None).await;
        let before =
            "SELECT string_agg(u::text, '') || (SELECT string_agg(f::text, '') FROM firms AS f) FROM users AS u";
        let before_text = scene.stage.value(before).await;
        for whom in [there, nowhere] {
            assert_eq!(scene.patch(acme, whom, json!({ "role": "pm" })).await.0, 404);
            let path = format!("/api/admin/users/{}/sessions", whom.id);
            assert_eq!(scene.ask(acme, Method::DELETE, &path, Value::Null).await.0, 404);
        }
        let path = format!("/api/firms/{OTHER}");
        assert_eq!(
            scene.ask(acme, Method::PATCH, &path, json!({ "name": "Mine" })).await.0,
            404
        );
        let (_, body) = scene.ask(acme, Method::GET, "/api/firms", Value::Null).await;
        assert_eq!(
            (
                body["firms"][0]["slug"].as_str(),
                body["firms"].as_array().unwrap().len()
            ),
            (Some("acme"), 1)
        );
        assert_eq!(
            scene
                .ask(acme, Method::POST, "/api/firms", json!({ "slug": "x", "name": "X" }))
                .await
                .0,
            403
        );
        assert_eq!(scene.stage.value(before).await, before_text);
    })
    .await;
}

async fn a_suspended_admin_is_out_at_once(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (one, two) = (scene.enter(1, "admin", None).await, scene.enter(2, "admin", None).await);
        // Both are known to the instance.
        for who in [one, two] {
            assert_eq!(scene.ask(who, Method::GET, "/api/auth/me", Value::Null).await.0, 200);
        }
        assert_eq!(scene.patch(one, two, json!({ "status": "suspended" })).await.0, 200);
        assert_eq!(
            scene.ask(two, Method::GET, "/api/admin/events", Value::Null).await.0,
            401
        );
        assert_eq!(scene.ask(two, Method::GET, "/api/auth/me", Value::Null).await.0, 401);
    })
    .await;
}

async fn sessions_end_at_once(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (admin, bob) = (
            scene.enter(1, "admin", None).await,
            scene.enter(2, "member", None).await,
        );
        assert_eq!(scene.ask(bob, Method::GET, "/api/auth/me", Value::Null).await.0, 200);
        let path = format!("/api/admin/users/{}/sessions", bob.id);
        assert_eq!(scene.ask(admin, Method::DELETE, &path, Value::Null).await.0, 204);
        assert_eq!(scene.ask(bob, Method::GET, "/api/auth/me", Value::Null).await.0, 401);
        let reason = "SELECT reason FROM sessions WHERE revoked_at IS NOT NULL";
        assert_eq!(scene.stage.value(reason).await.as_deref(), Some("by_admin"));
        let details = json!({ "before": { "sessions": 1 }, "after": { "sessions": 0 } });
        assert_eq!(scene.trail().await, [("session.revoked".to_owned(), details)]);
    })
    .await;
}

async fn an_account_that_is_closed_closes_its_sessions(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let admin = scene.enter(1, "admin", None).await;
        for (number, status) in [(2, "suspended"), (3, "inactive")] {
            let bob = scene.enter(number, "member", None).await;
            assert_eq!(scene.ask(bob, Method::GET, "/api/auth/me", Value::Null).await.0, 200);
            assert_eq!(scene.patch(admin, bob, json!({ "status": status })).await.0, 200);
            // Opening it again opens no session.
            assert_eq!(scene.patch(admin, bob, json!({ "status": "active" })).await.0, 200);
            assert_eq!(scene.ask(bob, Method::GET, "/api/auth/me", Value::Null).await.0, 401);
            let reason = format!("SELECT reason FROM sessions WHERE id = '{}'", bob.session);
            assert_eq!(scene.stage.value(&reason).await.as_deref(), Some("account_closed"));
        }
        let living = "SELECT string_agg(user_id::text, ',') FROM sessions WHERE revoked_at IS NULL";
        assert_eq!(scene.stage.value(living).await, Some(admin.id.to_string()));
        // A change that isn't made ends nothing.
        let answer = scene.patch(admin, admin, json!({ "status": "suspended" })).await;
        assert_eq!((answer.0, &answer.1["code"]), (409, &json!("LAST_ADMIN")));
        assert_eq!(scene.stage.value(living).await, Some(admin.id.to_string()));
    })
    .await;
}

async fn a_sign_in_that_a_suspension_waits_for_is_over_too(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (admin, bob) = (
            scene.enter(1, "admin", None).await,
            scene.enter(2, "member", None).await,
        );
        // As a sign-in does it: the user's row first, and the session in the same statement.
        let hash = "ab".repeat(32);
        scene
            .stage
            .execute(&format!(
                "BEGIN;
                 UPDATE users SET last_login_at = '{START}' WHERE id = '{}';
                 INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
                 VALUES (gen_random_uuid(), '{}', '{hash}', '{START}', '{START}', '{START}',
                         '{START}'::timestamptz + interval '1 day')",
                bob.id, bob.id
            ))
            .await;
        let suspend = scene.patch(admin, bob, json!({ "status": "suspended" }));
        let (suspended, ()) = join(suspend, scene.stage.commit_once_waited_for()).await;
        assert_eq!(suspended.0, 200);
        let living = format!(
            "SELECT count(*)::text FROM sessions WHERE user_id = '{}' AND revoked_at IS NULL",
            bob.id
        );
        assert_eq!(scene.stage.value(&living).await.as_deref(), Some("0"));
    })
    .await;
}

async fn pages_of_firms_follow_each_other(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let all = scene.enter(1, "admin", None).await;
        scene
            .stage
            .execute("INSERT INTO firms (slug, name) SELECT 'firm-' || n, 'Firm' FROM generate_series(1, 45) AS n")
            .await;
        let (mut path, mut seen, mut pages) = ("/api/firms".to_owned(), Vec::new(), 0);
        loop {
            let (status, body) = scene.ask(all, Method::GET, &path, Value::Null).await;
            assert_eq!(status, 200);
            seen.extend(
                body["firms"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|firm| firm["slug"].as_str().unwrap().to_owned()),
            );
            pages += 1;
            let Some(cursor) = body["nextCursor"].as_str() else {
                break;
            };
            path = format!("/api/firms?cursor={cursor}");
        }
        assert_eq!((pages, seen.len()), (3, 47));
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), 47);
    })
    .await;
}

impl Scene<'_> {
    /// Invites somebody, delivers the mail, and reads the token out of it.
    async fn invite(&self, who: Someone, email: &str, role: &str) -> (Value, Option<String>) {
        let path = format!("/api/firms/{ACME}/invitations");
        let body = json!({ "email": email, "role": role });
        let (status, body) = self.ask(who, Method::POST, &path, body).await;
        assert_eq!(status, 201, "{body}");
        due(&self.stage.host(), &self.instance).await.unwrap();
        let received = self.stage.provider.received();
        let mail = received.last().unwrap();
        assert_eq!(mail.to(), email);
        assert!(mail.text().contains("Acme"), "{}", mail.text());
        let token = mail.text().split_once("/register?token=");
        let token = token.map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned());
        (body["invitation"].clone(), token)
    }

    /// Registers with an invitation.
    async fn accept(&self, email: &str, token: &str) -> (u16, Value) {
        let body = json!({ "email": email, "name": "New", "password": "a ship in port", "invitation": token });
        let request = Request::post("/auth/signup")
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let reply = Box::pin(doorward_edge::handle(
            self.stage.host(),
            Rc::clone(&self.instance),
            None,
            request,
        ))
        .await;
        (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap())
    }

    async fn invitations(&self, who: Someone) -> Value {
        let path = format!("/api/firms/{ACME}/invitations");
        self.ask(who, Method::GET, &path, Value::Null).await.1["invitations"].clone()
    }
}

async fn an_invitation_brings_one_into_the_firm(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        let (invitation, token) = scene.invite(acme, "new@example.com", "mentor").await;
        let token = token.unwrap();
        assert_eq!(scene.invitations(acme).await, json!([invitation]));
        // For the address that it was sent to, and no other.
        let (status, body) = scene.accept("other@example.com", &token).await;
        assert_eq!((status, &body["details"][0]["path"]), (400, &json!("email")));
        let (status, body) = scene.accept("New@Example.com", &token).await;
        assert_eq!(status, 201, "{body}");
        let user = &body["user"];
        assert_eq!((&user["role"], &user["isVerified"]), (&json!("mentor"), &json!(true)));
        assert_eq!(user["firmId"], ACME.to_string());
        assert_eq!(scene.invitations(acme).await, json!([]));
        let (_, body) = scene.ask(acme, Method::GET, "/api/admin/events", Value::Null).await;
        let events = body["events"].as_array().unwrap();
        for kind in ["invitation.created", "user.registered"] {
            assert!(events.iter().any(|event| event["kind"] == kind), "{events:?}");
        }
    })
    .await;
}

async fn an_invitation_is_accepted_once(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        let (_, token) = scene.invite(acme, "new@example.com", "member").await;
        let token = token.unwrap();
        let answers = join_all((0..16).map(|_| scene.accept("new@example.com", &token))).await;
        let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 201);
        assert_eq!(done.len(), 1, "{refused:?}");
        for (status, body) in refused {
            assert!(matches!(status, 400 | 409), "{body}");
        }
        let again = scene.accept("new@example.com", &token).await;
        assert_eq!(again.1["code"], "TOKEN_INVALID");
        // Deleting the account doesn't bring it back.
        scene
            .stage
            .execute("DELETE FROM users WHERE email = 'new@example.com'")
            .await;
        let again = scene.accept("new@example.com", &token).await;
        assert_eq!(again.1["code"], "TOKEN_INVALID");
    })
    .await;
}

async fn the_latest_invitation_is_the_only_one(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        let accept = async |token: &str| {
            let (status, body) = scene.accept("new@example.com", token).await;
            (status, body["code"].as_str().unwrap_or_default().to_owned())
        };
        let invalid = (400, "TOKEN_INVALID".to_owned());
        let (_, first) = scene.invite(acme, "new@example.com", "mentee").await;
        let (second, token) = scene.invite(acme, "new@example.com", "mentor").await;
        let token = token.unwrap();
        assert_eq!(scene.invitations(acme).await, json!([second]));
        assert_eq!(accept(&first.unwrap()).await, invalid);
        // Too late.
        scene.stage.wait(Duration::from_hours(7 * 24));
        assert_eq!(accept(&token).await, (410, "TOKEN_EXPIRED".to_owned()));
        scene.stage.now.set(START);
        // A firm that takes nobody.
        scene.stage.execute("UPDATE firms SET status = 'inactive'").await;
        assert_eq!(accept(&token).await, invalid);
        scene.stage.execute("UPDATE firms SET status = 'active'").await;
        // Taken back.
        let path = format!("/api/firms/{ACME}/invitations/{}", second["id"].as_str().unwrap());
        for expected in [204, 404] {
            let (status, _) = scene.ask(acme, Method::DELETE, &path, Value::Null).await;
            assert_eq!(status, expected);
        }
        assert_eq!(accept(&token).await, invalid);
    })
    .await;
}

async fn an_account_is_not_moved_by_an_invitation(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        scene.enter(2, "member", Some(OTHER)).await;
        let (invitation, token) = scene.invite(acme, "u2@example.com", "member").await;
        // Whoever invites can't tell; the mail has no token and says why.
        assert_eq!(scene.invitations(acme).await, json!([invitation]));
        assert_eq!(token, None);
        // An account that came after the mail.
        let (_, token) = scene.invite(acme, "new@example.com", "member").await;
        let insert = "INSERT INTO users (name, email) VALUES ('New', 'NEW@example.com')";
        scene.stage.execute(insert).await;
        let (status, body) = scene.accept("new@example.com", &token.unwrap()).await;
        assert_eq!((status, &body["code"]), (409, &json!("EMAIL_TAKEN")));
        let used = "SELECT count(used_at)::text FROM invitations";
        assert_eq!(scene.stage.value(used).await.as_deref(), Some("0"));
    })
    .await;
}

async fn an_invitation_is_as_good_as_the_power_to_send_it(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let acme = scene.enter(1, "admin", Some(ACME)).await;
        let all = scene.enter(2, "admin", None).await;
        scene
            .stage
            .execute(
                "INSERT INTO roles (name, permissions) VALUES
                 ('host', '{invitations.manage, mentoring.offer}'), ('reader', '{invitations.manage, profiles.read}')",
            )
            .await;
        let (_, token) = scene.invite(acme, "new@example.com", "pm").await;
        let token = token.unwrap();
        let (_, mentors) = scene.invite(acme, "mentor@example.com", "mentor").await;
        let (_, from_all) = scene.invite(all, "other@example.com", "admin").await;
        let now = async |change: &str| {
            let sql = format!("UPDATE users SET {change} WHERE id = '{}'", acme.id);
            scene.stage.execute(&sql).await;
        };
        for (change, back) in [
            ("status = 'suspended'", "status = 'active'"),
            ("status = 'inactive'", "status = 'active'"),
            ("role = 'member'", "role = 'admin'"),
            // Still invites, but nobody with a power over others.
            ("role = 'host'", "role = 'admin'"),
            ("firm_id = NULL, role = 'host'", "role = 'admin'"),
            (&*format!("firm_id = '{OTHER}'"), &*format!("firm_id = '{ACME}'")),
        ] {
            now(change).await;
            let (status, body) = scene.accept("new@example.com", &token).await;
            assert_eq!((status, &body["code"]), (400, &json!("TOKEN_INVALID")), "{change}");
            now(back).await;
        }
        // Whoever may still do it, by whatever role, did; and whoever invites for all firms does so for this one.
        now("role = 'host'").await;
        assert_eq!(scene.accept("mentor@example.com", &mentors.unwrap()).await.0, 201);
        now("role = 'reader'").await;
        assert_eq!(scene.accept("new@example.com", &token).await.0, 201);
        assert_eq!(scene.accept("other@example.com", &from_all.unwrap()).await.0, 201);
        // Nobody answers for what somebody sent who has gone.
        let (_, orphan) = scene.invite(all, "late@example.com", "member").await;
        let sql = format!("DELETE FROM users WHERE id = '{}'", all.id);
        scene.stage.execute(&sql).await;
        let (status, body) = scene.accept("late@example.com", &orphan.unwrap()).await;
        assert_eq!((status, &body["code"]), (400, &json!("TOKEN_INVALID")));
    })
    .await;
}

async fn a_list_is_read_for_nobody_who_may_not_see_it(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let admin = scene.enter(1, "admin", None).await;
        let member = scene.enter(2, "member", None).await;
        let suspended = scene.enter(3, "admin", None).await;
        // Rows that can't be read: a time of infinity is no number of milliseconds.
        scene
            .stage
            .execute(
                "UPDATE users SET status = 'suspended' WHERE id = '03030303-0303-0303-0303-030303030303';
                 INSERT INTO users (name, email, created_at) VALUES ('Poison', 'poison@example.com', 'infinity');
                 INSERT INTO firms (slug, name, created_at) VALUES ('poison', 'Poison', 'infinity');
                 INSERT INTO events (id, kind, outcome, created_at) VALUES (gen_random_uuid(), 'x', 'success', 'infinity')",
            )
            .await;
        // They say admin, as the token of somebody does who was one.
        let demoted = Someone { role: "admin", ..member };
        for path in ["/api/profiles", "/api/profiles?q=zz", "/api/admin/events", "/api/firms"] {
            for (who, status) in [(admin, 500), (member, 403), (demoted, 403), (suspended, 401)] {
                if path.contains('?') && status == 500 {
                    continue;
                }
                let (answer, body) = scene.ask(who, Method::GET, path, Value::Null).await;
                assert_eq!(answer, status, "{path}: {body}");
            }
        }
    })
    .await;
}
