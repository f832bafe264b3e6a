//! Hours are those of the mentor's clock, across a change to summer time and back.
//!
//! What is expected stands here in UTC, by the law of each zone: Berlin is one hour ahead in winter and two in summer,
//! and changes at 01:00 UTC on the last Sunday of March and of October.

use serde_json::json;

use super::{SESSIONS, ask, available, office_session, wednesday};
use crate::each;
use crate::people::Signed;
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        spring_takes_an_hour,
        autumn_gives_one_back,
        an_offset_in_the_request_is_the_same_moment,
        midnight_is_the_mentors,
        half_hours_and_the_date_line,
    ]
}

/// The last Sunday of a month, of those that are still to come: `2027-03-28`.
fn last_sunday(stage: &Stage, month: i32) -> String {
    let sql = "SELECT max(day)::text FROM (
                   SELECT day::date AS day, make_date(extract(year FROM now())::int4
                          + CASE WHEN extract(month FROM now()) >= $1::int4 THEN 1 ELSE 0 END, $1::int4, 1) AS first
                   FROM generate_series(now(), now() + interval '800 days', interval '1 day') AS day
               ) AS days
               WHERE date_trunc('month', day) = first AND extract(isodow FROM day) = 7";
    stage.database().query(sql, &[&month])[0].get(0)
}

/// The day before or after.
fn shifted(stage: &Stage, day: &str, days: i32) -> String {
    stage
        .database()
        .query("SELECT ($1::text::date + $2::int4)::text", &[&day, &days])[0]
        .get(0)
}

/// A mentor who is there from ten to twelve on weekends, and at night from one to four on Sundays.
fn night_owl(stage: &Stage) -> (Signed, Signed) {
    let mentor = stage.signed(None, "mentor");
    let window = |weekday: u8, start: &str, end: &str| json!({"weekday": weekday, "start": start, "end": end, "timeZone": "Europe/Berlin"});
    available(
        &mentor,
        &json!([
            window(6, "10:00", "12:00"),
            window(7, "10:00", "12:00"),
            window(7, "01:00", "04:00")
        ]),
    );
    (mentor, stage.signed(None, "mentee"))
}

/// Each moment is taken or refused, as the clock on the mentor's wall says. They mustn't overlap.
fn holds(mentor: &Signed, mentee: &Signed, moments: &[(String, bool)]) {
    for (starts, open) in moments {
        let reply = ask(mentee, mentor, starts);
        if *open {
            let made = office_session(&reply, 201);
            assert_eq!(made["startsAt"], starts.replace("00Z", "00.000Z"));
        } else {
            reply.invalid(&["startsAt"]);
        }
    }
}

fn at(day: &str, time: &str) -> String {
    format!("{day}T{time}:00Z")
}

fn spring_takes_an_hour(stage: &Stage) {
    let (mentor, mentee) = night_owl(stage);
    let sunday = last_sunday(stage, 3);
    let saturday = shifted(stage, &sunday, -1);
    holds(
        &mentor,
        &mentee,
        &[
            // In winter, ten o'clock is nine in UTC.
            (at(&saturday, "08:59"), false),
            (at(&saturday, "09:00"), true),
            (at(&saturday, "10:30"), true),
            (at(&saturday, "11:00"), false),
            // The night of the change: from one to four are two hours, from midnight UTC to two.
            (at(&saturday, "23:59"), false),
            (at(&sunday, "00:00"), true),
            (at(&sunday, "00:45"), true),
            (at(&sunday, "01:30"), true),
            (at(&sunday, "01:31"), false),
            (at(&sunday, "02:00"), false),
            // In summer, it is eight.
            (at(&sunday, "07:59"), false),
            (at(&sunday, "08:00"), true),
            (at(&sunday, "09:30"), true),
            (at(&sunday, "10:00"), false),
        ],
    );
    // Ninety minutes across the gap, which the clock calls two hours and a half.
    let other = stage.signed(None, "mentee");
    let (again, _) = night_owl(stage);
    let body = json!({"mentorId": again.id(), "startsAt": at(&sunday, "00:15"), "durationMinutes": 90});
    let made = office_session(&other.post(SESSIONS, &body), 201);
    assert_eq!(made["endsAt"], format!("{sunday}T01:45:00.000Z"));
}

fn autumn_gives_one_back(stage: &Stage) {
    let (mentor, mentee) = night_owl(stage);
    let sunday = last_sunday(stage, 10);
    let saturday = shifted(stage, &sunday, -1);
    holds(
        &mentor,
        &mentee,
        &[
            (at(&saturday, "07:59"), false),
            (at(&saturday, "08:00"), true),
            (at(&saturday, "09:30"), true),
            (at(&saturday, "10:00"), false),
            // From one to four are four hours, from eleven in the evening UTC to three.
            (at(&saturday, "22:59"), false),
            (at(&saturday, "23:00"), true),
            (at(&sunday, "00:00"), true),
            (at(&sunday, "01:00"), true),
            (at(&sunday, "02:30"), true),
            (at(&sunday, "02:31"), false),
            (at(&sunday, "08:59"), false),
            (at(&sunday, "09:00"), true),
            (at(&sunday, "10:30"), true),
            (at(&sunday, "11:00"), false),
        ],
    );
}

fn an_offset_in_the_request_is_the_same_moment(stage: &Stage) {
    let (mentor, mentee) = super::pair(stage, None);
    let starts = wednesday(stage, "10:00");
    let other: String = stage.database().query(
        r#"SELECT to_char(($1::text::timestamptz AT TIME ZONE 'UTC') - interval '5 hours', 'YYYY-MM-DD"T"HH24:MI:SS') || '-05:00'"#,
        &[&starts],
    )[0]
    .get(0);
    let made = office_session(&ask(&mentee, &mentor, &other), 201);
    assert_eq!(made["startsAt"], starts);
    ask(&stage.signed(None, "mentee"), &mentor, &starts).error(409, "SLOT_TAKEN");
}

fn midnight_is_the_mentors(stage: &Stage) {
    let (mentor, mentee) = (stage.signed(None, "mentor"), stage.signed(None, "mentee"));
    let window =
        |weekday: u8| json!({"weekday": weekday, "start": "22:00", "end": "24:00", "timeZone": "Europe/Berlin"});
    available(&mentor, &json!([window(3)]));
    office_session(&ask(&mentee, &mentor, &wednesday(stage, "23:30")), 201);
    // Past midnight is another day, even where it is open, too.
    ask(&mentee, &mentor, &wednesday(stage, "23:45")).invalid(&["startsAt"]);
}

fn half_hours_and_the_date_line(stage: &Stage) {
    for zone in [
        "Asia/Kathmandu",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "Pacific/Pago_Pago",
        "UTC",
    ] {
        let (mentor, mentee) = (stage.signed(None, "mentor"), stage.signed(None, "mentee"));
        available(
            &mentor,
            &json!([{"weekday": 1, "start": "00:00", "end": "01:00", "timeZone": zone}]),
        );
        let mut database = stage.database();
        let mut monday = |time: &str| super::moment(&mut database, zone, 2, 0, time);
        let (first, second, late) = (monday("00:00"), monday("00:30"), monday("00:31"));
        assert_eq!(office_session(&ask(&mentee, &mentor, &first), 201)["timeZone"], zone);
        ask(&mentee, &mentor, &late).invalid(&["startsAt"]);
        office_session(&ask(&mentee, &mentor, &second), 201);
    }
}
