//! The steps of an office session, and who may take them.

use serde_json::{Value, json};

use super::super::admin::events_of;
use super::{SESSIONS, ask, available, begin, moment, office_session, open, pair, path, step, wednesday};
use crate::each;
use crate::people::Signed;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        goes_from_asked_to_confirmed_to_completed,
        each_step_is_for_whom_it_is_for,
        what_is_over_stays_over,
        whoever_moves_asks_the_other,
        a_move_keeps_the_length_and_the_rules,
        a_move_may_overlap_its_own_place_only,
        nothing_is_completed_before_it_began,
        a_stranger_finds_nothing,
        a_reason_goes_with_a_cancellation,
        every_step_is_recorded,
        goes_when_either_goes,
        is_two_flights_at_most,
    ]
}

const STEPS: [&str; 4] = ["confirm", "move", "cancel", "complete"];

/// One between these two, asked for at ten.
fn asked(stage: &Stage, mentor: &Signed, mentee: &Signed) -> Value {
    office_session(&ask(mentee, mentor, &wednesday(stage, "10:00")), 201)
}

fn move_to(person: &Signed, session: &Value, starts: &str) -> crate::http::Reply {
    person.post(&path(session, "move"), &json!({ "startsAt": starts }))
}

fn goes_from_asked_to_confirmed_to_completed(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let mut expected = asked(stage, &mentor, &mentee);
    let confirmed = office_session(&step(&mentor, &expected, "confirm"), 200);
    expected["status"] = json!("confirmed");
    expected["updatedAt"] = confirmed["updatedAt"].clone();
    assert_eq!(confirmed, expected);
    assert_eq!(office_session(&mentee.get(&path(&expected, "")), 200), confirmed);
    begin(stage, &confirmed);
    let completed = office_session(&step(&mentor, &confirmed, "complete"), 200);
    assert_eq!(completed["status"], "completed");
}

fn each_step_is_for_whom_it_is_for(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    for (method, path) in [
        ("POST", path(&session, "confirm")),
        ("GET", path(&session, "")),
        ("POST", path(&session, "cancel")),
    ] {
        stage
            .call(method, &path)
            .json(&json!({}))
            .send()
            .error(401, "UNAUTHENTICATED");
    }
    // Whoever asks doesn't answer.
    let own = step(&mentee, &session, "confirm");
    assert!([403, 409].contains(&own.status), "{own}");
    office_session(&step(&mentor, &session, "confirm"), 200);
    begin(stage, &session);
    let early = step(&mentee, &session, "complete");
    assert!([403, 409].contains(&early.status), "{early}");
    assert_eq!(
        office_session(&mentor.get(&path(&session, "")), 200)["status"],
        "confirmed"
    );
}

fn what_is_over_stays_over(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let cancelled = asked(stage, &mentor, &mentee);
    office_session(&step(&mentee, &cancelled, "cancel"), 200);
    let completed = asked(stage, &mentor, &mentee);
    office_session(&step(&mentor, &completed, "confirm"), 200);
    begin(stage, &completed);
    office_session(&step(&mentor, &completed, "complete"), 200);
    for (session, status) in [(&cancelled, "cancelled"), (&completed, "completed")] {
        for person in [&mentor, &mentee] {
            for name in STEPS {
                let reply = if name == "move" {
                    move_to(person, session, &wednesday(stage, "11:00"))
                } else {
                    step(person, session, name)
                };
                // A step that isn't this person's in the first place may be refused as such.
                if reply.status == 403 {
                    assert!(
                        person.id() == mentee.id() && ["confirm", "complete"].contains(&name),
                        "{reply}"
                    );
                } else {
                    reply.error(409, "INVALID_TRANSITION");
                }
            }
            assert_eq!(office_session(&person.get(&path(session, "")), 200)["status"], status);
        }
    }
    // What is confirmed isn't confirmed again.
    let again = office_session(&ask(&mentee, &mentor, &wednesday(stage, "12:00")), 201);
    office_session(&step(&mentor, &again, "confirm"), 200);
    step(&mentor, &again, "confirm").error(409, "INVALID_TRANSITION");
}

fn whoever_moves_asks_the_other(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    office_session(&step(&mentor, &session, "confirm"), 200);
    for (mover, other, time) in [
        (&mentor, &mentee, "11:00"),
        (&mentee, &mentor, "12:00"),
        (&mentor, &mentee, "13:00"),
    ] {
        let moved = office_session(&move_to(mover, &session, &wednesday(stage, time)), 200);
        assert_eq!(moved["status"], "requested");
        assert_eq!(moved["startsAt"], wednesday(stage, time));
        assert_eq!(moved["proposedBy"], mover.session.user["role"]);
        let own = step(mover, &session, "confirm");
        assert!([403, 409].contains(&own.status), "{own}");
        assert_eq!(
            office_session(&step(other, &session, "confirm"), 200)["status"],
            "confirmed"
        );
    }
}

fn a_move_keeps_the_length_and_the_rules(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let body = json!({"mentorId": mentor.id(), "startsAt": wednesday(stage, "10:00"), "durationMinutes": 45});
    let session = office_session(&mentee.post(SESSIONS, &body), 201);
    let moved = office_session(&move_to(&mentee, &session, &wednesday(stage, "14:00")), 200);
    assert_eq!(moved["endsAt"], wednesday(stage, "14:45"));
    let body = json!({"startsAt": wednesday(stage, "15:00"), "endsAt": wednesday(stage, "16:30")});
    let moved = office_session(&mentee.post(&path(&session, "move"), &body), 200);
    assert_eq!(moved["endsAt"], wednesday(stage, "16:30"));
    for out in ["08:00", "16:31", "20:00"] {
        move_to(&mentee, &session, &wednesday(stage, out)).invalid(&["startsAt"]);
        move_to(&mentor, &session, &wednesday(stage, out)).invalid(&["startsAt"]);
    }
    let past = moment(&mut stage.database(), "Europe/Berlin", -1, 2, "10:00");
    move_to(&mentee, &session, &past).invalid(&["startsAt"]);
    mentee.post(&path(&session, "move"), &json!({})).invalid(&["startsAt"]);
    let body = json!({"startsAt": wednesday(stage, "10:00"), "endsAt": wednesday(stage, "09:00")});
    mentee.post(&path(&session, "move"), &body).invalid(&["endsAt"]);
    assert_eq!(office_session(&mentee.get(&path(&session, "")), 200), moved);
    // The hours of today count, not those of when it was asked for.
    available(
        &mentor,
        &json!([{"weekday": 4, "start": "09:00", "end": "17:00", "timeZone": "Europe/Berlin"}]),
    );
    move_to(&mentee, &session, &wednesday(stage, "10:00")).invalid(&["startsAt"]);
}

fn a_move_may_overlap_its_own_place_only(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    let other = office_session(
        &ask(&stage.signed(None, "mentee"), &mentor, &wednesday(stage, "12:00")),
        201,
    );
    office_session(&move_to(&mentee, &session, &wednesday(stage, "10:15")), 200);
    for taken in ["11:45", "12:00", "12:29"] {
        move_to(&mentee, &session, &wednesday(stage, taken)).error(409, "SLOT_TAKEN");
    }
    office_session(&move_to(&mentee, &session, &wednesday(stage, "12:30")), 200);
    assert_eq!(
        office_session(&mentor.get(&path(&other, "")), 200)["startsAt"],
        wednesday(stage, "12:00")
    );
}

fn nothing_is_completed_before_it_began(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    step(&mentor, &session, "complete").error(409, "INVALID_TRANSITION");
    office_session(&step(&mentor, &session, "confirm"), 200);
    step(&mentor, &session, "complete").error(409, "INVALID_TRANSITION");
}

fn a_stranger_finds_nothing(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let (mentor, mentee) = pair(stage, Some(&home));
    let session = asked(stage, &mentor, &mentee);
    let strangers = [
        open(stage, Some(&home), "Europe/Berlin"),
        stage.signed(Some(&home), "mentee"),
        stage.signed(Some(&home), "member"),
        stage.signed(Some(&other), "mentor"),
        stage.signed(Some(&other), "mentee"),
        stage.signed(None, "mentee"),
    ];
    for stranger in &strangers {
        let mut replies = vec![
            stranger.get(&path(&session, "")),
            move_to(stranger, &session, &wednesday(stage, "11:00")),
        ];
        replies.extend(["confirm", "cancel", "complete"].map(|name| step(stranger, &session, name)));
        for reply in replies {
            // Who can't have any may be told so.
            if stranger.session.user["role"] == "member" && reply.status == 403 {
                continue;
            }
            reply.error(404, "OFFICE_SESSION_NOT_FOUND");
        }
    }
    let nobody = format!("{SESSIONS}/01890000-0000-7000-8000-000000000000");
    mentee.get(&nobody).error(404, "OFFICE_SESSION_NOT_FOUND");
    for bad in ["x", "%00", "01890000"] {
        mentee.get(&format!("{SESSIONS}/{bad}")).expect_only(404);
        mentee
            .post(&format!("{SESSIONS}/{bad}/confirm"), &json!({}))
            .expect_only(404);
    }
    assert_eq!(office_session(&mentee.get(&path(&session, "")), 200), session);
}

fn a_reason_goes_with_a_cancellation(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    for wrong in [
        json!({"reason": 5}),
        json!({"reason": "a\u{0}"}),
        json!({"reason": "a".repeat(50_000)}),
    ] {
        mentor.post(&path(&session, "cancel"), &wrong).invalid(&["reason"]);
    }
    let cancelled = office_session(&mentor.post(&path(&session, "cancel"), &json!({"reason": "Ill."})), 200);
    assert_eq!(cancelled["status"], "cancelled");
    // One without a reason, and without a body.
    let session = asked(stage, &mentor, &mentee);
    let reply = mentee.call("POST", &path(&session, "cancel")).json(&json!({})).send();
    assert_eq!(office_session(&reply, 200)["status"], "cancelled");
}

fn every_step_is_recorded(stage: &Stage) {
    let (root, (mentor, mentee)) = (stage.root(), pair(stage, None));
    let session = asked(stage, &mentor, &mentee);
    office_session(&step(&mentor, &session, "confirm"), 200);
    office_session(&move_to(&mentee, &session, &wednesday(stage, "11:00")), 200);
    office_session(&step(&mentor, &session, "confirm"), 200);
    begin(stage, &session);
    office_session(&step(&mentor, &session, "complete"), 200);
    let other = asked(stage, &mentor, &mentee);
    office_session(&step(&mentor, &other, "cancel"), 200);
    for (kind, count, actor) in [
        ("requested", 2, &mentee),
        ("confirmed", 2, &mentor),
        ("moved", 1, &mentee),
        ("completed", 1, &mentor),
        ("cancelled", 1, &mentor),
    ] {
        let kind = format!("office_session.{kind}");
        let events = [
            events_of(&root, &mentor.id(), &kind),
            events_of(&root, &mentee.id(), &kind),
        ]
        .concat();
        assert_eq!(events.len(), count, "{kind}: {events:?}");
        assert!(
            events.iter().all(|event| event["actorId"] == actor.id()),
            "{kind}: {events:?}"
        );
    }
}

fn goes_when_either_goes(stage: &Stage) {
    for index in 0..2 {
        let (mentor, mentee) = pair(stage, None);
        let session = asked(stage, &mentor, &mentee);
        let (goer, stayer) = if index == 0 {
            (&mentor, &mentee)
        } else {
            (&mentee, &mentor)
        };
        goer.send(
            "DELETE",
            "/api/auth/account",
            &json!({"password": goer.person.password}),
        )
        .expect_only(204);
        stayer.get(&path(&session, "")).error(404, "OFFICE_SESSION_NOT_FOUND");
        for trace in [&goer.person.email, &goer.person.name] {
            assert_eq!(
                stage.database().tables_containing(trace),
                Vec::<String>::new(),
                "{trace}"
            );
        }
    }
}

fn is_two_flights_at_most(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let session = asked(stage, &mentor, &mentee);
    for (person, name) in [
        (&mentor, "confirm"),
        (&mentee, "move"),
        (&mentor, "confirm"),
        (&mentor, "cancel"),
    ] {
        let reply = if name == "move" {
            move_to(person, &session, &wednesday(stage, "11:00"))
        } else {
            step(person, &session, name)
        };
        office_session(&reply, 200);
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
}
