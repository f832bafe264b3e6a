//! One account, on a real database: what a password, an address and a mailed token come to when two things are done with
//! them at once, and that everything which belongs to somebody is found by an index.

use doorward_core::id::{TokenId, UserId};
use doorward_core::password::{Password, Workspace, hash};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::unicode::TABLES;
use futures_util::future::join;
use http::Method;
use serde_json::{Value, json};

use crate::adapter::Adapter;
use crate::authority::{Scene, Someone, on_stage};
use crate::sql::{Case, cases};
use crate::stage::START;

cases! { pub(crate) CASES: Case =
    a_change_of_address_comes_too_late_for_a_reset,
    a_change_of_address_needs_the_session_that_asks,
    a_reset_removes_the_change_of_address_that_it_waits_for,
    a_new_password_removes_the_change_of_address_that_it_waits_for,
    a_new_address_removes_the_reset_that_it_waits_for,
    a_reset_goes_to_the_address_that_it_waits_for,
    a_suspended_account_proves_no_address,
    what_belongs_to_somebody_has_an_index,
}

const PASSWORD: &str = "a ship in port";

impl Scene<'_> {
    /// Somebody with a password.
    async fn enter_with_password(&self) -> Someone {
        let someone = self.enter(1, "member", None).await;
        let password = Password::new(PASSWORD, &[], TABLES).unwrap();
        let hash = hash(&password, [0; 16], &mut Workspace::new()).unwrap();
        self.stage
            .execute(&format!("UPDATE users SET password_hash = '{}'", hash.as_str()))
            .await;
        someone
    }

    /// A token that was mailed to somebody.
    async fn mailed(&self, user: UserId, purpose: Purpose) -> String {
        let token = TokenId::from_bytes([purpose as u8 + 1; 16]);
        let sealed = OneTimeToken { user, token }.seal(&self.instance.config.keys, purpose);
        self.stage
            .execute(&issued(user, token, purpose, sealed.hashed().as_str()))
            .await;
        sealed.expose().to_owned()
    }

    async fn post(&self, who: Someone, path: &str, body: Value) -> (u16, String) {
        let (status, body) = self.ask(who, Method::POST, path, body).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn change_email(&self, who: Someone) -> (u16, String) {
        let body = json!({ "newEmail": "new@example.com", "password": PASSWORD });
        self.post(who, "/api/auth/change-email", body).await
    }

    /// The purposes of the tokens that can still be used.
    async fn tokens(&self) -> Option<String> {
        let sql = "SELECT string_agg(type, ' ' ORDER BY type) FROM tokens WHERE used_at IS NULL";
        self.stage.value(sql).await
    }
}

/// SQL that writes a token.
fn issued(user: UserId, token: TokenId, purpose: Purpose, hash: &str) -> String {
    format!(
        "INSERT INTO tokens (id, user_id, type, token_hash, payload, created_at, expires_at)
         VALUES ('{token}', '{user}', '{}', '{hash}', 'new@example.com', '{START}', '{START}'::timestamptz + interval '1 hour')",
        purpose.as_str()
    )
}

/// SQL that has begun what issues a token and hasn't committed it.
fn issuing(user: UserId, purpose: Purpose) -> String {
    let issued = issued(user, TokenId::from_bytes([0xee; 16]), purpose, &"ee".repeat(32));
    format!("BEGIN; SELECT 1 FROM users WHERE id = '{user}' FOR NO KEY UPDATE; {issued}")
}

async fn a_change_of_address_comes_too_late_for_a_reset(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        // A reset that isn't committed while the old password is being checked.
        scene
            .stage
            .execute(&format!(
                "BEGIN;
                 UPDATE users SET password_hash = 'another', password_changed_at = '{START}';
                 UPDATE sessions SET revoked_at = '{START}', reason = 'password_changed'"
            ))
            .await;
        let change = scene.change_email(ann);
        let (answer, ()) = join(change, scene.stage.commit_once_waited_for()).await;
        assert_eq!(answer, (401, "UNAUTHENTICATED".to_owned()));
        assert_eq!(scene.tokens().await, None);
        let mails = "SELECT count(*)::text FROM mail_outbox";
        assert_eq!(scene.stage.value(mails).await.as_deref(), Some("0"));
    })
    .await;
}

async fn a_change_of_address_needs_the_session_that_asks(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        assert_eq!(scene.change_email(ann).await.0, 202);
        assert_eq!(scene.tokens().await.as_deref(), Some("email_change"));
        scene
            .stage
            .execute(&format!(
                "UPDATE sessions SET revoked_at = '{START}', reason = 'logout'; DELETE FROM tokens"
            ))
            .await;
        assert_eq!(scene.change_email(ann).await, (401, "UNAUTHENTICATED".to_owned()));
        assert_eq!(scene.tokens().await, None);
    })
    .await;
}

async fn a_reset_removes_the_change_of_address_that_it_waits_for(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        let token = scene.mailed(ann.id, Purpose::PasswordReset).await;
        scene.stage.execute(&issuing(ann.id, Purpose::EmailChange)).await;
        let body = json!({ "token": token, "password": "another ship", "confirmPassword": "another ship" });
        let reset = scene.post(ann, "/auth/reset-password", body);
        let (answer, ()) = join(reset, scene.stage.commit_once_waited_for()).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        assert_eq!(scene.tokens().await, None);
    })
    .await;
}

async fn a_new_password_removes_the_change_of_address_that_it_waits_for(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        scene.stage.execute(&issuing(ann.id, Purpose::EmailChange)).await;
        let body = json!({ "currentPassword": PASSWORD, "newPassword": "another ship" });
        let change = scene.post(ann, "/api/auth/change-password", body);
        let (answer, ()) = join(change, scene.stage.commit_once_waited_for()).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        assert_eq!(scene.tokens().await, None);
    })
    .await;
}

async fn a_new_address_removes_the_reset_that_it_waits_for(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        let token = scene.mailed(ann.id, Purpose::EmailChange).await;
        // It would go to the old address.
        scene.stage.execute(&issuing(ann.id, Purpose::PasswordReset)).await;
        let verify = scene.post(ann, "/auth/verify-email", json!({ "token": token }));
        let (answer, ()) = join(verify, scene.stage.commit_once_waited_for()).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        assert_eq!(scene.tokens().await, None);
        let email = "SELECT email FROM users";
        assert_eq!(scene.stage.value(email).await.as_deref(), Some("new@example.com"));
    })
    .await;
}

async fn a_reset_goes_to_the_address_that_it_waits_for(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        scene
            .stage
            .execute("BEGIN; UPDATE users SET email = 'new@example.com'")
            .await;
        let forgot = scene.post(ann, "/auth/forgot-password", json!({ "email": "u1@example.com" }));
        let (answer, ()) = join(forgot, scene.stage.commit_once_waited_for()).await;
        assert_eq!(answer.0, 202, "{answer:?}");
        let to = "SELECT recipient FROM mail_outbox WHERE template = 'password_reset'";
        assert_eq!(scene.stage.value(to).await.as_deref(), Some("new@example.com"));
    })
    .await;
}

async fn a_suspended_account_proves_no_address(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        let ann = scene.enter_with_password().await;
        let tokens = [
            scene.mailed(ann.id, Purpose::EmailVerification).await,
            scene.mailed(ann.id, Purpose::EmailChange).await,
        ];
        let state = "SELECT email || ' ' || is_verified::text FROM users";
        for status in ["suspended", "inactive"] {
            scene
                .stage
                .execute(&format!("UPDATE users SET status = '{status}'"))
                .await;
            for token in &tokens {
                let answer = scene.post(ann, "/auth/verify-email", json!({ "token": token })).await;
                assert_eq!(answer, (400, "TOKEN_INVALID".to_owned()));
            }
            assert_eq!(scene.stage.value(state).await.as_deref(), Some("u1@example.com false"));
        }
        // They were refused, not spent.
        scene.stage.execute("UPDATE users SET status = 'active'").await;
        for token in &tokens {
            let answer = scene.post(ann, "/auth/verify-email", json!({ "token": token })).await;
            assert_eq!(answer.0, 200, "{answer:?}");
        }
        assert_eq!(scene.stage.value(state).await.as_deref(), Some("new@example.com true"));
    })
    .await;
}

async fn what_belongs_to_somebody_has_an_index(adapter: &Adapter) {
    on_stage(adapter, async |scene: &Scene<'_>| {
        // Each column that refers to a user, unless a whole index begins with it: a deletion would read the table.
        let bare = "SELECT string_agg(c.conrelid::regclass || '.' || a.attname, ' ')
                    FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                    WHERE c.contype = 'f' AND c.confrelid IN ('users'::regclass, 'mentors'::regclass, 'mentees'::regclass)
                      AND NOT EXISTS (
                        SELECT 1 FROM pg_index AS i
                        WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1] AND i.indpred IS NULL)";
        assert_eq!(scene.stage.value(bare).await, None);
    })
    .await;
}
