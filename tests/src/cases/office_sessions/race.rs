//! What the database alone can decide: many who want one hour.

use serde_json::{Value, json};

use super::{ask, office_session, open, pair, path, step, wednesday};
use crate::http::{Reply, race};
use crate::people::Signed;
use crate::registry::Case;
use crate::stage::Stage;
use crate::{both, each};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        sixteen_mentees_want_one_hour,
        one_mentee_wants_sixteen_hours_at_one_time,
        sixteen_move_into_one_hour,
        confirmed_and_cancelled_at_once_is_what_came_last,
    ];
    cases.extend(both![Main; sixteen_on_both_hosts_want_one_hour]);
    cases
}

/// One was taken, and the others were told so.
fn one_of(replies: &[Reply], status: u16) {
    let taken: Vec<_> = replies.iter().filter(|reply| reply.status == status).collect();
    assert_eq!(
        taken.len(),
        1,
        "{:?}",
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>()
    );
    for reply in replies.iter().filter(|reply| reply.status != status) {
        reply.error(409, "SLOT_TAKEN");
    }
}

fn overlapping(stage: &Stage) -> Vec<String> {
    (0..16).map(|n| wednesday(stage, &format!("10:{n:02}"))).collect()
}

fn sixteen_mentees_want_one_hour(stage: &Stage) {
    let mentor = open(stage, None, "Europe/Berlin");
    let mentees: Vec<Signed> = (0..16).map(|_| stage.signed(None, "mentee")).collect();
    let starts = overlapping(stage);
    one_of(&race(16, |n| ask(&mentees[n], &mentor, &starts[n])), 201);
}

fn sixteen_on_both_hosts_want_one_hour(workers: &Stage, spin: &Stage) {
    let mentor = open(workers, None, "Europe/Berlin");
    let mentees: Vec<Signed> = (0..8).map(|_| workers.signed(None, "mentee")).collect();
    let starts = overlapping(workers);
    let replies = race(16, |n| {
        let host = if n % 2 == 0 { workers } else { spin };
        ask(&mentees[n / 2].at(host), &mentor, &starts[n])
    });
    one_of(&replies, 201);
}

fn one_mentee_wants_sixteen_hours_at_one_time(stage: &Stage) {
    let mentors: Vec<Signed> = (0..8).map(|_| open(stage, None, "Europe/Berlin")).collect();
    let mentee = stage.signed(None, "mentee");
    let starts = overlapping(stage);
    one_of(&race(16, |n| ask(&mentee, &mentors[n % 8], &starts[n])), 201);
}

fn sixteen_move_into_one_hour(stage: &Stage) {
    let mentor = open(stage, None, "Europe/Berlin");
    let sessions: Vec<(Signed, Value)> = (0..8)
        .map(|n| {
            let mentee = stage.signed(None, "mentee");
            let starts = wednesday(stage, &format!("{:02}:{:02}", 9 + n / 2, n % 2 * 30));
            let session = office_session(&ask(&mentee, &mentor, &starts), 201);
            (mentee, session)
        })
        .collect();
    let starts = wednesday(stage, "15:00");
    let replies = race(8, |n| {
        let (mentee, session) = &sessions[n];
        mentee.post(&path(session, "move"), &json!({ "startsAt": starts }))
    });
    one_of(&replies, 200);
}

fn confirmed_and_cancelled_at_once_is_what_came_last(stage: &Stage) {
    for _ in 0..4 {
        let (mentor, mentee) = pair(stage, None);
        let session = office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
        let replies = race(8, |n| {
            if n % 2 == 0 {
                step(&mentor, &session, "confirm")
            } else {
                step(&mentee, &session, "cancel")
            }
        });
        let done = |of: usize| {
            replies
                .iter()
                .skip(of)
                .step_by(2)
                .filter(|reply| reply.status == 200)
                .count()
        };
        // What was confirmed can be cancelled, so one cancellation always comes through; not the other way round.
        assert_eq!(done(1), 1, "one cancels");
        assert!(done(0) <= 1, "one confirms at most");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            reply.error(409, "INVALID_TRANSITION");
        }
        assert_eq!(
            office_session(&mentee.get(&path(&session, "")), 200)["status"],
            "cancelled"
        );
    }
}
