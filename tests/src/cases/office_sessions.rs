//! Office sessions: asked for by a mentee, confirmed, moved, cancelled and completed.

use serde_json::{Value, json};

use crate::data::Database;
use crate::http::Reply;
use crate::people::{Firm, Signed};
use crate::registry::Case;
use crate::shape::{is_time, is_uuid, keys_are, text};
use crate::stage::Stage;

mod asking;
mod clock;
mod life;
mod list;
mod race;

const SESSIONS: &str = "/api/office-sessions";

/// What may be played beside each other.
pub(super) fn cases() -> Vec<Case> {
    [
        asking::cases(),
        life::cases(),
        list::cases(),
        clock::cases(),
        race::cases(),
    ]
    .concat()
}

/// A mentor with open doors on every day, and a mentee of the same firm.
pub(super) fn pair(stage: &Stage, firm: Option<&Firm>) -> (Signed, Signed) {
    (open(stage, firm, "Europe/Berlin"), stage.signed(firm, "mentee"))
}

/// A mentor with open doors from nine to seventeen on every day.
fn open(stage: &Stage, firm: Option<&Firm>, zone: &str) -> Signed {
    let mentor = stage.signed(firm, "mentor");
    let week: Vec<_> = (1..=7)
        .map(|day| json!({"weekday": day, "start": "09:00", "end": "17:00", "timeZone": zone}))
        .collect();
    available(&mentor, &json!(week));
    mentor
}

/// Replaces a mentor's windows.
fn available(mentor: &Signed, windows: &Value) {
    mentor
        .patch("/api/profile/update", &json!({ "availability": windows }))
        .expect_only(200);
}

/// A moment on the local clock of a zone: so many weeks from this one's Monday, so many days, and a time of day.
pub(super) fn moment(database: &mut Database, zone: &str, weeks: i32, days: i32, time: &str) -> String {
    let sql = r#"SELECT to_char(((date_trunc('week', now() AT TIME ZONE $1) + make_interval(weeks => $2::int4, days => $3::int4)
                 + $4::text::time) AT TIME ZONE $1) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#;
    database.query(sql, &[&zone, &weeks, &days, &time])[0].get(0)
}

/// In two weeks, on a Wednesday, in Berlin.
pub(super) fn wednesday(stage: &Stage, time: &str) -> String {
    moment(&mut stage.database(), "Europe/Berlin", 2, 2, time)
}

/// Asks for half an hour.
pub(super) fn ask(mentee: &Signed, mentor: &Signed, starts: &str) -> Reply {
    mentee.post(
        SESSIONS,
        &json!({"mentorId": mentor.id(), "startsAt": starts, "topic": "Doors"}),
    )
}

/// The office session of an answer of exactly `{officeSession}`.
pub(super) fn office_session(reply: &Reply, status: u16) -> Value {
    reply.expect_only(status);
    let body = reply.json();
    keys_are(&body, &["officeSession"]);
    is_office_session(&body["officeSession"]);
    body["officeSession"].clone()
}

fn is_office_session(value: &Value) {
    keys_are(
        value,
        &[
            "id",
            "mentorId",
            "menteeId",
            "mentorName",
            "menteeName",
            "startsAt",
            "endsAt",
            "timeZone",
            "status",
            "proposedBy",
            "topic",
            "createdAt",
            "updatedAt",
        ],
    );
    for name in ["id", "mentorId", "menteeId"] {
        assert!(is_uuid(&text(value, name)), "{value}");
    }
    for name in ["startsAt", "endsAt", "createdAt", "updatedAt"] {
        assert!(is_time(&text(value, name)), "{value}");
    }
    assert!(text(value, "startsAt") < text(value, "endsAt"), "{value}");
    assert!(
        ["mentor", "mentee"].contains(&text(value, "proposedBy").as_str()),
        "{value}"
    );
    assert!(
        ["requested", "confirmed", "cancelled", "completed"].contains(&text(value, "status").as_str()),
        "{value}"
    );
}

/// The path of one, or of a step of it.
pub(super) fn path(session: &Value, step: &str) -> String {
    let id = text(session, "id");
    if step.is_empty() {
        format!("{SESSIONS}/{id}")
    } else {
        format!("{SESSIONS}/{id}/{step}")
    }
}

/// Takes a step without a body.
fn step(person: &Signed, session: &Value, step: &str) -> Reply {
    person.post(&path(session, step), &json!({}))
}

/// Lets an office session have begun an hour ago.
fn begin(stage: &Stage, session: &Value) {
    let sql = "UPDATE office_sessions SET ends_at = now() - interval '1 hour' + (ends_at - starts_at), starts_at = now() - interval '1 hour'
               WHERE id = $1::text::uuid";
    assert_eq!(stage.database().execute(sql, &[&text(session, "id")]), 1);
}
