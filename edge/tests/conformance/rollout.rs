//! Arrivals from the system that people come from, on a real database: who becomes whom.

use std::rc::Rc;

use bytes::Bytes;
use doorward_core::id::UserId;
use doorward_edge::instance::Instance;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::adapter::Adapter;
use crate::sql::{Case, cases};
use crate::stage::{START, Stage, configured};

cases! { pub(crate) CASES: Case =
    who_is_unknown_here_arrives,
    an_unverified_address_gets_nobodys_row,
    a_verified_address_gets_the_row_without_a_password,
    the_imported_id_gets_the_row_without_a_password,
    a_password_that_is_here_stays,
}

const ADDRESS: &str = "ada@example.com";
const ADMIN: UserId = UserId::from_bytes([0xad; 16]);
/// As Cognito makes them.
const SUB: &str = "0b5c1f4e-7d2a-4b1e-9c3f-2a6d8e4f0b1c";
const OTHER_SUB: &str = "6f0e9d8c-1a2b-4c3d-8e4f-5a6b7c8d9e0f";

/// A stage, and an instance that asks an old system.
struct Scene<'a> {
    stage: &'a Stage,
    instance: Rc<Instance>,
}

/// Builds the stage, runs the act, and strikes the stage.
async fn on_stage(adapter: &Adapter, act: impl AsyncFnOnce(&Scene<'_>)) {
    let stage = Stage::build(adapter).await;
    let scene = Scene {
        stage: &stage,
        instance: configured(&[("LIMITS", "off"), ("LEGACY_AUTH", "https://old.example.com")]),
    };
    act(&scene).await;
    drop(scene);
    stage.strike().await;
}

impl Scene<'_> {
    /// An admin who came by an import, without a password.
    async fn import_admin(&self) {
        self.stage
            .execute(&format!(
                "INSERT INTO users (id, name, email, role) VALUES ('{ADMIN}', 'Ada', '{ADDRESS}', 'admin');
                 INSERT INTO accounts (id, user_id, provider, provider_account_id, fingerprint)
                 VALUES ('{ADMIN}', '{ADMIN}', 'csv', '{SUB}', 'as it came:in')"
            ))
            .await;
    }

    /// A sign-in that the old system accepts as this person's. Answers the status, and the id and role here.
    async fn arrive(&self, id: &str, is_verified: bool) -> (u16, Value) {
        let user = json!({ "id": id, "email": ADDRESS, "name": "Ada There", "isVerified": is_verified });
        self.stage.provider.old_says(&json!({ "user": user }));
        self.login("the password there").await
    }

    async fn login(&self, password: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/auth/login")
            .header("content-type", "application/json")
            .body(Bytes::from(
                json!({ "email": ADDRESS, "password": password }).to_string(),
            ))
            .unwrap();
        let reply = doorward_edge::handle(self.stage.host(), Rc::clone(&self.instance), None, request);
        let reply = Box::pin(reply).await;
        let body: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
        (reply.status().as_u16(), body["user"].clone())
    }

    /// How many people have a password.
    async fn passwords(&self) -> String {
        let sql = "SELECT count(password_hash)::text FROM users";
        self.stage.value(sql).await.unwrap()
    }
}

async fn who_is_unknown_here_arrives(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let (status, user) = scene.arrive("7", false).await;
        assert_eq!(
            (status, &user["role"], &user["isVerified"]),
            (200, &json!("member"), &json!(false))
        );
        let (status, again) = scene.login("the password there").await;
        assert_eq!((status, &again["id"]), (200, &user["id"]));
    })
    .await;
}

/// Anybody can make an account with somebody's address where the address isn't verified.
async fn an_unverified_address_gets_nobodys_row(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        scene.import_admin().await;
        for id in [OTHER_SUB, "7", ADDRESS] {
            assert_eq!(scene.arrive(id, false).await.0, 401, "{id}");
            assert_eq!(scene.passwords().await, "0");
        }
        let log = scene.stage.log.take();
        assert_eq!(
            log.iter().filter(|line| line.contains("rollout.unproven")).count(),
            3,
            "{log:?}"
        );
    })
    .await;
}

async fn a_verified_address_gets_the_row_without_a_password(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        scene.import_admin().await;
        let (status, user) = scene.arrive(OTHER_SUB, true).await;
        assert_eq!(
            (status, &user["id"], &user["role"]),
            (200, &json!(ADMIN.to_string()), &json!("admin"))
        );
        assert_eq!(user["isVerified"], json!(true));
    })
    .await;
}

/// This is how the users of a pool that verifies no addresses come.
async fn the_imported_id_gets_the_row_without_a_password(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        scene.import_admin().await;
        let (status, user) = scene.arrive(&SUB.to_uppercase(), false).await;
        assert_eq!((status, &user["id"]), (200, &json!(ADMIN.to_string())));
        assert_eq!(user["isVerified"], json!(false));
    })
    .await;
}

async fn a_password_that_is_here_stays(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        scene.import_admin().await;
        assert_eq!(scene.arrive(SUB, true).await.0, 200);
        let set = format!("UPDATE users SET password_changed_at = '{START}'");
        scene.stage.execute(&set).await;
        assert_eq!(scene.login("another password").await.0, 401);
        assert_eq!(scene.login("the password there").await.0, 200);
    })
    .await;
}
