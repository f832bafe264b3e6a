//! `GET /api/office-sessions?status=&cursor=&limit=`.

use std::collections::BTreeSet;

use super::{SESSIONS, ask, is_office_session, office_session, open, pair, step, wednesday};
use crate::each;
use crate::people::{page, refuses_bad_paging, walk};
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        has_ones_own_from_either_side,
        filters_by_status,
        pages_without_a_gap_while_others_come,
        holds_its_bounds,
        nobody_else_has_any,
    ]
}

/// Times of day that don't overlap.
fn times(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| format!("{:02}:{:02}", 9 + n / 2, n % 2 * 30))
        .collect()
}

fn has_ones_own_from_either_side(stage: &Stage) {
    let home = stage.firm();
    let (mentor, mentee) = pair(stage, Some(&home));
    let (second, rival) = (
        open(stage, Some(&home), "Europe/Berlin"),
        stage.signed(Some(&home), "mentee"),
    );
    let ids: Vec<_> = [
        (&mentee, &mentor, "09:00"),
        (&rival, &mentor, "10:00"),
        (&mentee, &second, "11:00"),
    ]
    .iter()
    .map(|(mentee, mentor, time)| {
        text(
            &office_session(&ask(mentee, mentor, &wednesday(stage, time)), 201),
            "id",
        )
    })
    .collect();
    for (person, expected) in [(&mentor, [0, 1]), (&mentee, [0, 2])] {
        let (found, next) = page(&person.get(SESSIONS), "officeSessions");
        assert_eq!(next, None);
        found.iter().for_each(is_office_session);
        let found: BTreeSet<_> = found.iter().map(|session| text(session, "id")).collect();
        assert_eq!(found, expected.iter().map(|&index| ids[index].clone()).collect());
    }
}

fn filters_by_status(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let made: Vec<_> = times(3)
        .iter()
        .map(|time| office_session(&ask(&mentee, &mentor, &wednesday(stage, time)), 201))
        .collect();
    office_session(&step(&mentor, &made[1], "confirm"), 200);
    office_session(&step(&mentor, &made[2], "cancel"), 200);
    for (status, expected) in [
        ("requested", Some(0)),
        ("confirmed", Some(1)),
        ("cancelled", Some(2)),
        ("completed", None),
    ] {
        for person in [&mentor, &mentee] {
            let (found, _) = page(&person.get(&format!("{SESSIONS}?status={status}")), "officeSessions");
            let found: Vec<_> = found.iter().map(|session| text(session, "id")).collect();
            let expected: Vec<_> = expected.iter().map(|&index: &usize| text(&made[index], "id")).collect();
            assert_eq!(found, expected, "{status}");
        }
    }
    for bad in ["asleep", "%00", "REQUESTED"] {
        mentee.get(&format!("{SESSIONS}?status={bad}")).invalid(&["status"]);
        mentee
            .get(&format!("{SESSIONS}?status={bad}&limit=0"))
            .invalid(&["status", "limit"]);
    }
}

fn pages_without_a_gap_while_others_come(stage: &Stage) {
    let (mentor, mentee) = pair(stage, None);
    let there: BTreeSet<_> = times(8)
        .iter()
        .map(|time| {
            text(
                &office_session(&ask(&mentee, &mentor, &wednesday(stage, time)), 201),
                "id",
            )
        })
        .collect();
    let mut later = times(16).into_iter().skip(8);
    for limit in [1, 3, 100] {
        for person in [&mentor, &mentee] {
            let found = walk(person, SESSIONS, "officeSessions", limit, || {
                if let Some(time) = later.next() {
                    office_session(&ask(&mentee, &mentor, &wednesday(stage, &time)), 201);
                }
            });
            let distinct: BTreeSet<_> = found.iter().cloned().collect();
            assert_eq!(distinct.len(), found.len(), "one is there twice, by {limit}");
            assert!(there.is_subset(&distinct), "one is missing, by {limit}");
        }
    }
}

fn holds_its_bounds(stage: &Stage) {
    for role in ["mentor", "mentee"] {
        refuses_bad_paging(&stage.signed(None, role), SESSIONS);
    }
}

fn nobody_else_has_any(stage: &Stage) {
    let home = stage.firm();
    let (mentor, mentee) = pair(stage, Some(&home));
    office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
    for role in ["admin", "pm", "mentor", "mentee", "member"] {
        let reply = stage.signed(Some(&home), role).get(SESSIONS);
        if reply.status == 200 {
            assert!(page(&reply, "officeSessions").0.is_empty(), "{reply}");
        } else {
            reply.error(403, "FORBIDDEN");
        }
    }
}
