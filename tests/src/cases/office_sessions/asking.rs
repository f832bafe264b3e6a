//! `POST /api/office-sessions`.

use serde_json::{Value, json};

use super::super::admin::events_of;
use super::{SESSIONS, ask, available, moment, office_session, open, pair, path, wednesday};
use crate::each;
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        a_mentee_asks_and_both_see_it,
        lasts_as_long_as_asked_for,
        is_within_the_mentors_hours,
        is_in_the_future,
        names_every_failing_field_at_once,
        is_for_mentees,
        a_mentor_out_of_reach_is_as_one_who_is_not_there,
        what_is_taken_is_409,
        what_was_cancelled_is_free_again,
        is_recorded,
        is_two_flights_at_most,
    ]
}

fn a_mentee_asks_and_both_see_it(stage: &Stage) {
    let home = stage.firm();
    for firm in [Some(&home), None] {
        let (mentor, mentee) = pair(stage, firm);
        let starts = wednesday(stage, "10:00");
        let made = office_session(&ask(&mentee, &mentor, &starts), 201);
        assert_eq!(made["mentorId"], mentor.id());
        assert_eq!(made["menteeId"], mentee.id());
        assert_eq!(made["mentorName"], mentor.person.name);
        assert_eq!(made["menteeName"], mentee.person.name);
        assert_eq!(made["startsAt"], starts);
        assert_eq!(made["endsAt"], wednesday(stage, "10:30"));
        assert_eq!(made["timeZone"], "Europe/Berlin");
        assert_eq!(
            (&made["status"], &made["topic"]),
            (&json!("requested"), &json!("Doors"))
        );
        for person in [&mentor, &mentee] {
            assert_eq!(office_session(&person.get(&path(&made, "")), 200), made);
            let profile = person.get("/api/profiles/me").expect(200).json()["profile"].clone();
            let part = if person.id() == mentor.id() { "mentor" } else { "mentee" };
            let listed = profile[part]["officeSessions"].as_array().expect("a list").clone();
            assert_eq!(listed.len(), 1, "{profile}");
            assert_eq!(listed[0]["id"], made["id"]);
        }
    }
}

fn lasts_as_long_as_asked_for(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let last = |hour: &str, more: Value| {
        let mut body = json!({"mentorId": mentor.id(), "startsAt": wednesday(stage, hour)});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        mentee.post(SESSIONS, &body)
    };
    let made = office_session(&last("09:00", json!({"durationMinutes": 15})), 201);
    assert_eq!(made["endsAt"], wednesday(stage, "09:15"));
    assert_eq!(made["topic"], Value::Null);
    let made = office_session(&last("10:00", json!({"durationMinutes": 240})), 201);
    assert_eq!(made["endsAt"], wednesday(stage, "14:00"));
    let made = office_session(&last("15:00", json!({"endsAt": wednesday(stage, "15:45")})), 201);
    assert_eq!(made["endsAt"], wednesday(stage, "15:45"));
    for minutes in [
        json!(14),
        json!(241),
        json!(0),
        json!(-30),
        json!(30.5),
        json!("30"),
        json!(1e300),
    ] {
        last("16:00", json!({ "durationMinutes": minutes })).invalid(&["durationMinutes"]);
    }
    for end in ["15:59", "16:00", "16:14"] {
        last("16:00", json!({"endsAt": wednesday(stage, end)})).invalid(&["endsAt"]);
    }
}

fn is_within_the_mentors_hours(stage: &Stage) {
    let (mentor, mentee) = (stage.signed(None, "mentor"), stage.signed(None, "mentee"));
    let window =
        |start: &str, end: &str| json!({"weekday": 3, "start": start, "end": end, "timeZone": "Europe/Berlin"});
    // Who has named no hours has none.
    let closed = ask(&mentee, &mentor, &wednesday(stage, "10:00"));
    assert!([400, 404].contains(&closed.status), "{closed}");
    closed.error_shape();
    available(
        &mentor,
        &json!([
            window("09:00", "12:00"),
            window("13:00", "14:00"),
            window("23:00", "24:00")
        ]),
    );
    for early_or_late in [
        "08:59", "11:31", "11:45", "12:00", "12:45", "13:31", "22:59", "23:31", "00:00",
    ] {
        ask(&mentee, &mentor, &wednesday(stage, early_or_late)).invalid(&["startsAt"]);
    }
    // Another day has other hours.
    let tuesday = moment(&mut stage.database(), "Europe/Berlin", 2, 1, "10:00");
    ask(&mentee, &mentor, &tuesday).invalid(&["startsAt"]);
    for good in ["09:00", "11:30", "13:00", "13:30", "23:30"] {
        office_session(&ask(&mentee, &mentor, &wednesday(stage, good)), 201);
    }
}

fn is_in_the_future(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    for weeks in [-1, -100] {
        let past = moment(&mut stage.database(), "Europe/Berlin", weeks, 2, "10:00");
        ask(&mentee, &mentor, &past).invalid(&["startsAt"]);
    }
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    mentee.post(SESSIONS, &json!({})).invalid(&["mentorId", "startsAt"]);
    mentee
        .post(
            SESSIONS,
            &json!({"mentorId": 5, "startsAt": true, "topic": [], "durationMinutes": "x"}),
        )
        .invalid(&["mentorId", "startsAt", "topic", "durationMinutes"]);
    for starts in [
        "",
        "tomorrow",
        "2027-02-30T10:00:00Z",
        "2027-01-01",
        "2027-01-01T10:00:00",
        "10:00",
        "2027-13-01T10:00:00Z",
        "99999-01-01T00:00:00Z",
    ] {
        mentee
            .post(SESSIONS, &json!({"mentorId": mentor.id(), "startsAt": starts}))
            .invalid(&["startsAt"]);
    }
    let starts = wednesday(stage, "10:00");
    for topic in ["a\u{0}".to_owned(), "a".repeat(50_000)] {
        mentee
            .post(
                SESSIONS,
                &json!({"mentorId": mentor.id(), "startsAt": starts, "topic": topic}),
            )
            .invalid(&["topic"]);
    }
}

fn is_for_mentees(stage: &Stage) {
    let home = stage.firm();
    let mentor = open(stage, Some(&home), "Europe/Berlin");
    let starts = wednesday(stage, "10:00");
    let body = json!({"mentorId": mentor.id(), "startsAt": starts});
    stage
        .call("POST", SESSIONS)
        .json(&body)
        .send()
        .error(401, "UNAUTHENTICATED");
    stage.call("GET", SESSIONS).send().error(401, "UNAUTHENTICATED");
    for role in ["admin", "pm", "mentor", "member"] {
        stage
            .signed(Some(&home), role)
            .post(SESSIONS, &body)
            .error(403, "FORBIDDEN");
    }
    mentor.post(SESSIONS, &body).error(403, "FORBIDDEN");
    let count = "SELECT count(*) FROM office_sessions WHERE mentor_id = $1::text::uuid";
    assert_eq!(stage.database().query(count, &[&mentor.id()])[0].get::<_, i64>(0), 0);
    // A mentee no more is one no more.
    let former = stage.signed(Some(&home), "mentee");
    let account = format!("/api/admin/users/{}", former.id());
    stage
        .root()
        .patch(&account, &json!({"role": "member"}))
        .expect_only(200);
    former.post(SESSIONS, &body).error(403, "FORBIDDEN");
    assert_eq!(stage.database().query(count, &[&mentor.id()])[0].get::<_, i64>(0), 0);
}

fn a_mentor_out_of_reach_is_as_one_who_is_not_there(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let mentee = stage.signed(Some(&home), "mentee");
    let starts = wednesday(stage, "10:00");
    let ask = |id: &str| mentee.post(SESSIONS, &json!({"mentorId": id, "startsAt": starts}));
    let nobody = ask("01890000-0000-7000-8000-000000000000");
    assert!([400, 404].contains(&nobody.status), "{nobody}");
    let suspended = open(stage, Some(&home), "Europe/Berlin");
    stage.database().set_status(&suspended.id(), "suspended");
    for mentor in [
        open(stage, Some(&other), "Europe/Berlin").id(),
        open(stage, None, "Europe/Berlin").id(),
        stage.signed(Some(&home), "member").id(),
        stage.signed(Some(&home), "mentee").id(),
        suspended.id(),
        mentee.id(),
    ] {
        let reply = ask(&mentor);
        assert_eq!((reply.status, reply.json()), (nobody.status, nobody.json()), "{reply}");
    }
    let count = "SELECT count(*) FROM office_sessions WHERE mentee_id = $1::text::uuid";
    assert_eq!(stage.database().query(count, &[&mentee.id()])[0].get::<_, i64>(0), 0);
}

fn what_is_taken_is_409(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let (second, rival) = (open(stage, None, "Europe/Berlin"), stage.signed(None, "mentee"));
    office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
    for overlapping in ["09:31", "09:45", "10:00", "10:15", "10:29"] {
        let starts = wednesday(stage, overlapping);
        // Neither for another mentee, nor for the same one with another mentor.
        ask(&rival, &mentor, &starts).error(409, "SLOT_TAKEN");
        ask(&mentee, &second, &starts).error(409, "SLOT_TAKEN");
    }
    // One may begin when the other ends.
    office_session(&ask(&rival, &mentor, &wednesday(stage, "09:30")), 201);
    office_session(&ask(&rival, &mentor, &wednesday(stage, "10:30")), 201);
    office_session(&ask(&rival, &second, &wednesday(stage, "10:00")), 201);
}

fn what_was_cancelled_is_free_again(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let starts = wednesday(stage, "10:00");
    let made = office_session(&ask(&mentee, &mentor, &starts), 201);
    office_session(&super::step(&mentee, &made, "cancel"), 200);
    let again = office_session(&ask(&stage.signed(None, "mentee"), &mentor, &starts), 201);
    assert_ne!(text(&again, "id"), text(&made, "id"));
}

fn is_recorded(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
    let events = [mentee.id(), mentor.id()].map(|user| events_of(&stage.root(), &user, "office_session.requested"));
    let events = events.concat();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["actorId"], mentee.id(), "{}", events[0]);
}

fn is_two_flights_at_most(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    mentee.get("/api/profiles/me").expect_only(200);
    let asked = ask(&mentee, &mentor, &wednesday(stage, "10:00")).expect(201);
    let taken = ask(&mentee, &mentor, &wednesday(stage, "10:00")).expect(409);
    let read = mentee.get(&path(&asked.json()["officeSession"], "")).expect(200);
    let listed = mentee.get(SESSIONS).expect(200);
    for reply in [&asked, &taken, &read, &listed] {
        let found = flights(reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
}
