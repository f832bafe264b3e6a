//! Mail that is never lost and never sent twice, and the sweeping of what is over: the outbox and the maintenance on a
//! real database, whatever the provider does.

use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::{TokenId, UserId};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::{HashedToken, Keys};
use doorward_edge::mail::deliver::{Delivered, due};
use doorward_edge::maintenance::{Report, Swept, tick};
use futures_util::future::{Either, join, join_all, select};
use http::Request;
use serde_json::{Value, json};

use crate::adapter::Adapter;
use crate::sql::{Case, cases};
use crate::stage::{Line, Received, START, Stage, TestHost, configured, keys};

cases! { pub(crate) CASES: Case =
    two_ticks_at_once_send_each_mail_once,
    sixteen_ticks_at_once_send_each_mail_once,
    a_mail_that_somebody_holds_is_skipped,
    a_lease_that_nobody_settles_runs_out,
    a_mail_that_went_out_unnoted_goes_again_under_its_key,
    a_provider_that_is_down_costs_one_attempt_a_pass,
    a_mail_is_tried_for_more_than_a_day_and_then_fails,
    a_refused_mail_fails_alone,
    a_conflict_concerns_one_mail,
    a_provider_says_how_long_to_wait,
    a_silent_provider_is_not_waited_for,
    a_slow_pass_gives_back_what_it_cannot_begin,
    a_late_settlement_spoils_no_newer_lease,
    the_link_carries_the_token_of_its_row,
    a_token_outlives_the_rotation_of_the_keys,
    an_obsolete_mail_is_not_sent,
    a_defect_in_a_row_is_seen,
    without_a_provider_mail_waits,
    the_language_is_that_of_the_row,
    a_request_mails_after_its_reply,
    a_requests_own_mail_goes_first,
    the_tick_sweeps_in_bounded_batches,
    the_tick_keeps_what_is_still_of_use,
    events_are_kept_unless_configured,
    the_endpoint_has_a_token,
}

const USER: UserId = UserId::from_bytes([7; 16]);
const TOKEN: TokenId = TokenId::from_bytes([8; 16]);

/// Builds the stage, runs the act, and strikes the stage.
async fn on_stage(adapter: &Adapter, act: impl AsyncFnOnce(&Stage)) {
    let stage = Stage::build(adapter).await;
    act(&stage).await;
    stage.strike().await;
}

/// Mails without a token, to `m<number>@example.com`, due one after the other since the start.
async fn put(stage: &Stage, numbers: std::ops::RangeInclusive<u32>) {
    let (first, last) = (numbers.start(), numbers.end());
    stage
        .execute(&format!(
            "INSERT INTO mail_outbox (id, recipient, template, next_attempt_at, created_at)
             SELECT lpad(n::text, 32, '0')::uuid, 'm' || n || '@example.com', 'password_changed',
                    '{START}'::timestamptz - interval '1 hour' + n * interval '1 second', '{START}'
             FROM generate_series({first}, {last}) AS n"
        ))
        .await;
}

/// A user, and a mail with a one-time token.
async fn put_token(stage: &Stage, purpose: Purpose, template: &str) -> HashedToken {
    let keys = Keys::parse(&keys()).unwrap();
    let hash = OneTimeToken {
        user: USER,
        token: TOKEN,
    }
    .seal(&keys, purpose)
    .hashed();
    stage
        .execute(&format!(
            "INSERT INTO users (id, name, email, role) VALUES ('{USER}', 'Ann', 'ann@example.com', 'member')
             ON CONFLICT DO NOTHING;
             INSERT INTO tokens (id, user_id, type, token_hash, created_at, expires_at)
             VALUES ('{TOKEN}', '{USER}', '{purpose}', '{hash}', '{START}', '{START}'::timestamptz + interval '1 hour');
             INSERT INTO mail_outbox (id, user_id, token_id, recipient, template, next_attempt_at, created_at)
             VALUES ('{TOKEN}', '{USER}', '{TOKEN}', 'ann@example.com', '{template}', '{START}', '{START}')"
        ))
        .await;
    hash
}

/// `status attempts` of each mail, by its recipient's number.
async fn states(stage: &Stage) -> String {
    let sql = "SELECT string_agg(status || ' ' || attempts, ', ' ORDER BY id) FROM mail_outbox";
    stage.value(sql).await.unwrap_or_default()
}

fn delivered(sent: u32, deferred: u32, failed: u32, obsolete: u32) -> Delivered {
    Delivered {
        sent,
        deferred,
        failed,
        obsolete,
    }
}

async fn each_mail_once(adapter: &Adapter, mails: u32, ticks: usize) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=mails).await;
        let instance = configured(&[]);
        let hosts: Vec<TestHost> = (0..ticks).map(|_| stage.host()).collect();
        let results = join_all(hosts.iter().map(|host| due(host, &instance))).await;
        let sent: u32 = results.into_iter().map(|result| result.unwrap().sent).sum();
        assert_eq!(sent, mails);
        let mut keys: Vec<_> = stage.provider.received().into_iter().map(|mail| mail.key).collect();
        assert_eq!(keys.len(), usize::try_from(mails).unwrap());
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), usize::try_from(mails).unwrap(), "one went out twice");
        let settled = "SELECT count(*)::text FROM mail_outbox
                       WHERE status = 'sent' AND attempts = 1 AND sent_at IS NOT NULL AND leased_until IS NULL";
        assert_eq!(stage.value(settled).await, Some(mails.to_string()));
    })
    .await;
}

async fn two_ticks_at_once_send_each_mail_once(adapter: &Adapter) {
    each_mail_once(adapter, 60, 2).await;
}

async fn sixteen_ticks_at_once_send_each_mail_once(adapter: &Adapter) {
    each_mail_once(adapter, 60, 16).await;
}

async fn a_mail_that_somebody_holds_is_skipped(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=2).await;
        let (host, instance) = (stage.host(), configured(&[]));
        stage
            .execute("BEGIN; SELECT FROM mail_outbox WHERE recipient = 'm1@example.com' FOR UPDATE")
            .await;
        assert_eq!(due(&host, &instance).await, Ok(delivered(1, 0, 0, 0)));
        stage.execute("COMMIT").await;
        assert_eq!(states(stage).await, "pending 0, sent 1");
        assert_eq!(due(&host, &instance).await, Ok(delivered(1, 0, 0, 0)));
    })
    .await;
}

/// Leases everything, and dies while the provider thinks.
async fn die_while_sending(stage: &Stage) {
    stage.provider.say("*", Line::Stop);
    let (host, instance) = (stage.host(), configured(&[]));
    let died = select(Box::pin(due(&host, &instance)), Box::pin(stage.provider.reached())).await;
    assert!(matches!(died, Either::Right(_)));
    stage.provider.recover();
}

async fn a_lease_that_nobody_settles_runs_out(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        die_while_sending(stage).await;
        let (host, instance) = (stage.host(), configured(&[]));
        stage.wait(Duration::from_secs(59));
        assert_eq!(due(&host, &instance).await, Ok(Delivered::default()));
        stage.wait(Duration::from_secs(1));
        assert_eq!(due(&host, &instance).await, Ok(delivered(3, 0, 0, 0)));
        assert_eq!(states(stage).await, "sent 2, sent 2, sent 2");
    })
    .await;
}

async fn a_mail_that_went_out_unnoted_goes_again_under_its_key(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put_token(stage, Purpose::PasswordReset, "password_reset").await;
        die_while_sending(stage).await;
        stage.wait(Duration::from_mins(1));
        assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(1, 0, 0, 0)));
        let received = stage.provider.received();
        assert_eq!(received.len(), 2);
        assert_eq!(
            received[0], received[1],
            "the provider must see that it is the same mail"
        );
        assert_eq!(received[0].key, TOKEN.to_string());
    })
    .await;
}

async fn a_provider_that_is_down_costs_one_attempt_a_pass(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        let (host, instance) = (stage.host(), configured(&[]));
        for (line, error, due_now) in [
            (Line::Status(503, "unavailable"), "HTTP status 503 unavailable", 3),
            (
                Line::Status(401, "missing_api_key"),
                "HTTP status 401 missing_api_key",
                2,
            ),
            (Line::Break, "unreachable: connection reset", 1),
        ] {
            stage.provider.recover();
            stage.provider.say("*", line);
            assert_eq!(due(&host, &instance).await, Ok(delivered(0, due_now, 0, 0)));
            let newest = "SELECT last_error FROM mail_outbox ORDER BY next_attempt_at DESC LIMIT 1";
            assert_eq!(stage.value(newest).await.as_deref(), Some(error));
            // The one that was tried is left alone for a minute, so that the next one has its turn.
            stage.wait(Duration::from_secs(1));
        }
        assert_eq!(states(stage).await, "pending 1, pending 1, pending 1");
        assert_eq!(stage.provider.received().len(), 3);
        stage.provider.recover();
        assert_eq!(due(&host, &instance).await, Ok(Delivered::default()));
        stage.wait(Duration::from_mins(1));
        assert_eq!(due(&host, &instance).await, Ok(delivered(3, 0, 0, 0)));
    })
    .await;
}

async fn a_mail_is_tried_for_more_than_a_day_and_then_fails(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=1).await;
        stage.provider.say("*", Line::Status(500, "application_error"));
        let (host, instance) = (stage.host(), configured(&[]));
        let minutes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360];
        for (attempts, minutes) in (1..).zip(minutes) {
            assert_eq!(due(&host, &instance).await, Ok(delivered(0, 1, 0, 0)));
            assert_eq!(states(stage).await, format!("pending {attempts}"));
            stage.wait(Duration::from_millis(minutes * 60_000 - 1));
            assert_eq!(due(&host, &instance).await, Ok(Delivered::default()), "too early");
            stage.wait(Duration::from_millis(1));
        }
        assert_eq!(due(&host, &instance).await, Ok(delivered(0, 0, 1, 0)));
        assert_eq!(states(stage).await, "failed 14");
        assert!(stage.now.get().since(START) > Duration::from_hours(24));
        let error = stage.value("SELECT last_error FROM mail_outbox").await;
        assert_eq!(error.as_deref(), Some("HTTP status 500 application_error"));
        let log = stage.log.borrow();
        let last = log.last().unwrap();
        assert!(last.starts_with("error ") && last.contains("mail.failed"), "{last}");
        assert!(!last.contains("@example.com"), "{last}");
    })
    .await;
}

async fn a_refused_mail_fails_alone(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        stage
            .provider
            .say("m2@example.com", Line::Status(422, "validation_error"));
        assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(2, 0, 1, 0)));
        assert_eq!(states(stage).await, "sent 1, failed 1, sent 1");
        let error = stage
            .value("SELECT last_error FROM mail_outbox WHERE status = 'failed'")
            .await;
        assert_eq!(error.as_deref(), Some("HTTP status 422 validation_error"));
    })
    .await;
}

async fn a_conflict_concerns_one_mail(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        stage
            .provider
            .say("m1@example.com", Line::Status(409, "concurrent_idempotent_requests"));
        assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(2, 1, 0, 0)));
        assert_eq!(states(stage).await, "pending 1, sent 1, sent 1");
    })
    .await;
}

async fn a_provider_says_how_long_to_wait(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        for (number, (said, waits)) in (1..).zip([("5", 60), ("600", 600), ("999999", 6 * 3600)]) {
            put(stage, number..=number).await;
            stage.provider.say("*", Line::RetryAfter(429, said));
            assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(0, 1, 0, 0)));
            let sql = format!(
                "SELECT extract(epoch FROM next_attempt_at - '{START}')::integer::text FROM mail_outbox
                 WHERE recipient = 'm{number}@example.com'"
            );
            assert_eq!(stage.value(&sql).await, Some(waits.to_string()));
        }
    })
    .await;
}

async fn a_silent_provider_is_not_waited_for(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=2).await;
        stage.provider.say("*", Line::Silence);
        assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(0, 2, 0, 0)));
        assert_eq!(states(stage).await, "pending 1, pending 0");
        let error = stage
            .value("SELECT last_error FROM mail_outbox WHERE attempts = 1")
            .await;
        assert_eq!(error.as_deref(), Some("no answer in time"));
    })
    .await;
}

async fn a_slow_pass_gives_back_what_it_cannot_begin(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        let (host, instance) = (stage.host(), configured(&[]));
        // The first message takes the pass's whole time.
        stage.provider.say("m1@example.com", Line::Hold);
        let slow = async {
            stage.provider.reached().await;
            host.take(Duration::from_secs(40));
            stage.provider.recover();
        };
        let (result, ()) = join(due(&host, &instance), slow).await;
        assert_eq!(result, Ok(delivered(1, 2, 0, 0)));
        assert_eq!(states(stage).await, "sent 1, pending 0, pending 0");
        assert_eq!(due(&host, &instance).await, Ok(delivered(2, 0, 0, 0)), "at once");
    })
    .await;
}

async fn a_late_settlement_spoils_no_newer_lease(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=2).await;
        let (host, instance) = (stage.host(), configured(&[]));
        stage.provider.say("m1@example.com", Line::Hold);
        // While this pass is at work its lease runs out, and another one takes both mails over.
        let other = async {
            stage.provider.reached().await;
            stage
                .execute(
                    "UPDATE mail_outbox SET attempts = attempts + 1, leased_until = '2100-01-01',
                            last_error = 'the newer one'",
                )
                .await;
            host.take(Duration::from_mins(1));
            stage.provider.recover();
        };
        let (result, ()) = join(due(&host, &instance), other).await;
        assert_eq!(result, Ok(delivered(1, 1, 0, 0)));
        // What was sent is noted in any case; what wasn't is the newer lease's.
        assert_eq!(states(stage).await, "sent 2, pending 2");
        let kept = "SELECT (leased_until > '2099-01-01')::text || ', ' || last_error FROM mail_outbox WHERE status = 'pending'";
        assert_eq!(stage.value(kept).await.as_deref(), Some("true, the newer one"));
    })
    .await;
}

/// The token in the link of a mail.
fn token(text: &str) -> String {
    let rest = text
        .split("?token=")
        .nth(1)
        .unwrap_or_else(|| panic!("no link in {text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

async fn the_link_carries_the_token_of_its_row(adapter: &Adapter) {
    for (purpose, template, page) in [
        (Purpose::EmailVerification, "email_verification", "/verify-email"),
        (Purpose::PasswordReset, "password_reset", "/reset-password"),
        (Purpose::EmailChange, "email_change", "/verify-email"),
    ] {
        on_stage(adapter, async |stage: &Stage| {
            let hash = put_token(stage, purpose, template).await;
            assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(1, 0, 0, 0)));
            let mail = stage.provider.received().remove(0);
            assert_eq!(mail.to(), "ann@example.com");
            assert_eq!(mail.body["from"], "Doorward <no-reply@example.com>");
            let link = format!("https://id.example.com{page}?token=");
            assert!(mail.text().contains(&link) && mail.body["html"].as_str().unwrap().contains(&link));
            let token = token(mail.text());
            assert_eq!(HashedToken::of(&token), hash);
            let keys = Keys::parse(&keys()).unwrap();
            let opened = OneTimeToken::open(&keys, purpose, &token);
            assert_eq!(
                opened,
                Ok(OneTimeToken {
                    user: USER,
                    token: TOKEN
                })
            );
            // Nothing of it is left behind.
            let row = stage.value("SELECT mail_outbox::text FROM mail_outbox").await.unwrap();
            assert!(!row.contains(&token), "{row}");
            assert!(stage.log.borrow().iter().all(|line| !line.contains(&token)));
        })
        .await;
    }
}

async fn a_token_outlives_the_rotation_of_the_keys(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        let hash = put_token(stage, Purpose::PasswordReset, "password_reset").await;
        // An instance without the key that made the token waits for one that has it.
        let strange = Keys::generate([3; 32], [4; 32]).unwrap();
        let without = configured(&[("DOORWARD_KEYS", &strange)]);
        assert_eq!(due(&stage.host(), &without).await, Ok(delivered(0, 1, 0, 0)));
        assert!(stage.provider.received().is_empty());
        stage.wait(Duration::from_mins(1));
        let rotated = Keys::rotate(&keys(), [5; 32], [6; 32]).unwrap();
        let with_both = configured(&[("DOORWARD_KEYS", &rotated)]);
        assert_eq!(due(&stage.host(), &with_both).await, Ok(delivered(1, 0, 0, 0)));
        let text = stage.provider.received().remove(0).text().to_owned();
        assert_eq!(HashedToken::of(&token(&text)), hash);
    })
    .await;
}

async fn an_obsolete_mail_is_not_sent(adapter: &Adapter) {
    for (change, why) in [
        ("UPDATE tokens SET used_at = now()", "its token was used"),
        (
            "UPDATE tokens SET id = gen_random_uuid()",
            "a later token took its place",
        ),
        ("DELETE FROM tokens", "a later token took its place"),
        ("UPDATE tokens SET expires_at = created_at", "its token expired"),
    ] {
        on_stage(adapter, async |stage: &Stage| {
            put_token(stage, Purpose::PasswordReset, "password_reset").await;
            stage.execute(change).await;
            let (host, instance) = (stage.host(), configured(&[]));
            assert_eq!(due(&host, &instance).await, Ok(delivered(0, 0, 0, 1)), "{change}");
            assert_eq!(states(stage).await, "obsolete 1");
            let error = stage.value("SELECT last_error FROM mail_outbox").await;
            assert_eq!(error.as_deref(), Some(why));
            assert_eq!(due(&host, &instance).await, Ok(Delivered::default()));
            assert!(stage.provider.received().is_empty());
        })
        .await;
    }
}

async fn a_defect_in_a_row_is_seen(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        stage
            .execute(
                "UPDATE mail_outbox SET template = 'unheard_of' WHERE recipient = 'm1@example.com';
                 UPDATE mail_outbox SET template = 'password_reset' WHERE recipient = 'm2@example.com'",
            )
            .await;
        assert_eq!(due(&stage.host(), &configured(&[])).await, Ok(delivered(1, 0, 2, 0)));
        let errors = stage
            .value("SELECT string_agg(last_error, ', ' ORDER BY id) FROM mail_outbox")
            .await;
        assert_eq!(errors.as_deref(), Some("no such template, it has no token"));
    })
    .await;
}

async fn without_a_provider_mail_waits(adapter: &Adapter) {
    for missing in ["MAIL_URL", "PUBLIC_URL"] {
        on_stage(adapter, async |stage: &Stage| {
            put(stage, 1..=1).await;
            let instance = configured(&[(missing, "")]);
            for _ in 0..3 {
                assert_eq!(due(&stage.host(), &instance).await, Ok(Delivered::default()));
            }
            assert_eq!(states(stage).await, "pending 0");
            let said = stage
                .log
                .borrow()
                .iter()
                .filter(|line| line.contains("mail.off"))
                .count();
            assert_eq!(said, 1);
        })
        .await;
    }
}

async fn the_language_is_that_of_the_row(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=3).await;
        stage
            .execute(
                "UPDATE mail_outbox SET locale = 'de-AT' WHERE recipient = 'm1@example.com';
                 UPDATE mail_outbox SET locale = 'tlh' WHERE recipient = 'm2@example.com'",
            )
            .await;
        let instance = configured(&[("PRODUCT_NAME", "Pforte")]);
        assert_eq!(due(&stage.host(), &instance).await, Ok(delivered(3, 0, 0, 0)));
        let subjects: Vec<_> = stage
            .provider
            .received()
            .iter()
            .map(|mail| mail.body["subject"].clone())
            .collect();
        let english = "Your password at Pforte was changed";
        assert_eq!(subjects, ["Ihr Passwort bei Pforte wurde geändert", english, english]);
    })
    .await;
}

/// Sends a request, as the host adapter does.
async fn send(host: &TestHost, path: &str, authorization: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("accept-language", "de");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(Bytes::from(body.to_string())).unwrap();
    let instance = configured(&[("MAINTENANCE_TOKEN", "maintain")]);
    let reply = doorward_edge::handle(host.clone(), instance, None, request).await;
    let status = reply.status().as_u16();
    (status, serde_json::from_slice(reply.body()).unwrap())
}

async fn a_request_mails_after_its_reply(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        stage
            .execute(&format!(
                "INSERT INTO users (id, name, email, role) VALUES ('{USER}', 'Ann', 'ann@example.com', 'member')"
            ))
            .await;
        for (email, mails) in [("nobody@example.com", 0), ("ann@example.com", 1)] {
            let host = stage.host();
            let (status, _) = send(&host, "/auth/forgot-password", None, &json!({ "email": email })).await;
            assert_eq!(status, 202);
            assert!(stage.provider.received().is_empty(), "before the reply");
            assert_eq!(host.run_deferred().await, 1, "for known and unknown addresses alike");
            assert_eq!(stage.provider.received().len(), mails);
        }
        let mail = stage.provider.received().remove(0);
        assert_eq!(mail.to(), "ann@example.com");
        assert!(mail.text().contains("Neues Passwort wählen"), "{}", mail.text());
        assert_eq!(states(stage).await, "sent 1");
    })
    .await;
}

async fn a_requests_own_mail_goes_first(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=20).await;
        stage
            .execute(&format!(
                "INSERT INTO users (id, name, email, role) VALUES ('{USER}', 'Ann', 'ann@example.com', 'member')"
            ))
            .await;
        let host = stage.host();
        send(
            &host,
            "/auth/forgot-password",
            None,
            &json!({ "email": "ann@example.com" }),
        )
        .await;
        host.run_deferred().await;
        let received = stage.provider.received();
        assert_eq!(received.first().map(Received::to), Some("ann@example.com"));
        assert!(received.len() < 10, "the rest is the tick's");
    })
    .await;
}

async fn the_tick_sweeps_in_bounded_batches(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put_token(stage, Purpose::PasswordReset, "password_reset").await;
        stage
            .execute(&format!(
                "INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
                 SELECT gen_random_uuid(), '{USER}', encode(sha256(n::text::bytea), 'hex'), t, t, t, t
                 FROM generate_series(1, 5100) AS n, (SELECT '{START}'::timestamptz - interval '31 days' AS t) AS old"
            ))
            .await;
        let (host, instance) = (stage.host(), configured(&[]));
        for sessions in [5000, 100, 0] {
            let report = tick(&host, &instance).await.unwrap();
            assert_eq!(
                report.swept,
                Swept {
                    sessions,
                    ..Swept::default()
                }
            );
        }
        assert_eq!(
            stage.value("SELECT count(*)::text FROM sessions").await.as_deref(),
            Some("0")
        );
    })
    .await;
}

async fn the_tick_keeps_what_is_still_of_use(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        stage
            .execute(&format!(
                "CREATE FUNCTION ago(days integer) RETURNS timestamptz LANGUAGE sql
                     AS $$ SELECT '{START}'::timestamptz - days * interval '1 day' $$;
                 INSERT INTO users (id, name, email, role) VALUES ('{USER}', 'Ann', 'ann@example.com', 'member');
                 INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at,
                                       revoked_at, reason, user_agent)
                 SELECT gen_random_uuid(), '{USER}', encode(sha256(what::bytea), 'hex'), ago(90), ago(90), ago(90), expires,
                        revoked, CASE WHEN revoked IS NOT NULL THEN 'logout' END, what
                 FROM (VALUES ('lives', ago(-1), NULL), ('expired lately', ago(29), NULL), ('expired', ago(31), NULL),
                              ('revoked lately', ago(-1), ago(29)), ('revoked', ago(-1), ago(31)))
                      AS s (what, expires, revoked);
                 INSERT INTO tokens (id, user_id, type, token_hash, created_at, expires_at, used_at)
                 SELECT gen_random_uuid(), '{USER}', type, encode(sha256(type::bytea), 'hex'), ago(90), expires, used
                 FROM (VALUES ('email_verification', ago(29), NULL), ('password_reset', ago(31), ago(32)),
                              ('email_change', ago(31), NULL)) AS t (type, expires, used);
                 INSERT INTO mail_outbox (id, recipient, template, status, next_attempt_at, created_at, sent_at, last_error)
                 SELECT gen_random_uuid(), 'ann@example.com', 'password_changed', status, ago(-1), created, sent, what
                 FROM (VALUES ('waits', 'pending', ago(90), NULL), ('failed', 'failed', ago(90), NULL),
                              ('sent', 'sent', ago(31), ago(31)), ('sent lately', 'sent', ago(90), ago(29)),
                              ('obsolete', 'obsolete', ago(31), NULL), ('obsolete lately', 'obsolete', ago(29), NULL))
                      AS m (what, status, created, sent)"
            ))
            .await;
        let (host, instance) = (stage.host(), configured(&[]));
        let swept = Swept {
            sessions: 2,
            tokens: 2,
            mail: 2,
            events: 0,
        };
        let expected = Report {
            swept,
            ..Report::default()
        };
        assert_eq!(tick(&host, &instance).await, Ok(expected));
        assert_eq!(tick(&host, &instance).await, Ok(Report::default()));
        for (sql, left) in [
            ("SELECT string_agg(user_agent, ', ' ORDER BY user_agent) FROM sessions", "expired lately, lives, revoked lately"),
            ("SELECT string_agg(type, ', ') FROM tokens", "email_verification"),
            (
                "SELECT string_agg(last_error, ', ' ORDER BY last_error) FROM mail_outbox",
                "failed, obsolete lately, sent lately, waits",
            ),
        ] {
            assert_eq!(stage.value(sql).await.as_deref(), Some(left));
        }
    })
    .await;
}

async fn events_are_kept_unless_configured(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        // Ids as the core makes them: the time in front.
        stage
            .execute(&format!(
                "INSERT INTO events (id, kind, outcome, created_at)
                 SELECT (lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || '70008000' || lpad(n::text, 12, '0'))::uuid,
                        'user.registered', 'success', t
                 FROM generate_series(0, 19) AS n, LATERAL (SELECT '{START}'::timestamptz - n * interval '1 day' AS t) AS at"
            ))
            .await;
        assert_eq!(tick(&stage.host(), &configured(&[])).await, Ok(Report::default()));
        let instance = configured(&[("EVENTS_RETENTION_DAYS", "12")]);
        let report = tick(&stage.host(), &instance).await.unwrap();
        assert_eq!(report.swept, Swept { events: 7, ..Swept::default() });
        assert_eq!(stage.value("SELECT count(*)::text FROM events").await.as_deref(), Some("13"));
    })
    .await;
}

async fn the_endpoint_has_a_token(adapter: &Adapter) {
    on_stage(adapter, async |stage: &Stage| {
        put(stage, 1..=2).await;
        stage
            .provider
            .say("m1@example.com", Line::Status(422, "validation_error"));
        let host = stage.host();
        for wrong in [None, Some("Bearer wrong"), Some("Basic maintain")] {
            let (status, reply) = send(&host, "/maintenance", wrong, &Value::Null).await;
            assert_eq!((status, &reply["code"]), (401, &json!("UNAUTHENTICATED")));
        }
        assert!(stage.provider.received().is_empty());
        let (status, reply) = send(&host, "/maintenance", Some("Bearer maintain"), &Value::Null).await;
        assert_eq!(status, 200);
        let expected = json!({
            "mail": { "sent": 1, "deferred": 0, "failed": 1, "obsolete": 0 },
            "swept": { "sessions": 0, "tokens": 0, "mail": 0, "events": 0 },
        });
        assert_eq!(reply, expected);
        let request = Request::post("/maintenance")
            .header("authorization", "Bearer ")
            .body(Bytes::new())
            .unwrap();
        let reply = doorward_edge::handle(host, configured(&[]), None, request).await;
        assert_eq!(reply.status(), 404);
    })
    .await;
}
