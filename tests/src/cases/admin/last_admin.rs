//! The last active admin of a firm, and the last one without a firm, stay admins.

use serde_json::json;

use super::account;
use crate::each;
use crate::http::race;
use crate::people::{Firm, Signed};
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        of_a_firm_stays,
        an_admin_who_cannot_act_is_no_successor,
        sixteen_demotions_of_two_leave_one,
        admins_who_demote_each_other_leave_one,
        demotion_suspension_and_deletion_at_once_leave_one,
    ]
}

/// Here the deployment's own admins are counted, whom the cases of the suite make as they need them.
pub(super) fn outage() -> Vec<Case> {
    each![Outage; without_a_firm_stays, sixteen_demotions_without_a_firm_leave_one]
}

/// How many could still act.
fn admins(stage: &Stage, firm: Option<&Firm>) -> i64 {
    let firm = firm.map(|firm| firm.id.as_str());
    stage.database().query(
        "SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active' AND firm_id IS NOT DISTINCT FROM $1::text::uuid",
        &[&firm],
    )[0]
    .get(0)
}

fn of_a_firm_stays(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let admin = stage.signed(Some(&home), "admin");
    // Neither a member of the firm, nor another firm's admin, nor one of none takes the place.
    stage.resident(Some(&home), "pm");
    stage.resident(Some(&other), "admin");
    let root = stage.root();
    for by in [&root, &admin] {
        for body in [json!({"role": "member"}), json!({"role": "pm"})] {
            by.patch(&account(&admin), &body).error(409, "LAST_ADMIN");
        }
    }
    for body in [json!({"status": "suspended"}), json!({"status": "inactive"})] {
        root.patch(&account(&admin), &body).error(409, "LAST_ADMIN");
    }
    assert_eq!(admins(stage, Some(&home)), 1);
    assert_eq!(stage.app().me(&admin.session.access).json()["user"]["tier"], "free");
    // What leaves an admin an admin is no matter.
    for body in [json!({"tier": "member"}), json!({"role": "admin", "status": "active"})] {
        root.patch(&account(&admin), &body).expect_only(200);
    }
    // With a successor it may go.
    let next = stage.signed(Some(&home), "admin");
    root.patch(&account(&admin), &json!({"role": "member"}))
        .expect_only(200);
    root.patch(&account(&next), &json!({"role": "member"}))
        .error(409, "LAST_ADMIN");
}

fn an_admin_who_cannot_act_is_no_successor(stage: &Stage) {
    let root = stage.root();
    for status in ["suspended", "inactive"] {
        let home = stage.firm();
        let (admin, other) = (stage.signed(Some(&home), "admin"), stage.signed(Some(&home), "admin"));
        root.patch(&account(&other), &json!({ "status": status }))
            .expect_only(200);
        root.patch(&account(&admin), &json!({"role": "member"}))
            .error(409, "LAST_ADMIN");
        // Who can't act anyway may lose the role.
        root.patch(&account(&other), &json!({"role": "member"}))
            .expect_only(200);
    }
}

fn sixteen_demotions_of_two_leave_one(stage: &Stage) {
    for _ in 0..3 {
        let home = stage.firm();
        let root = stage.root();
        let both = [stage.signed(Some(&home), "admin"), stage.signed(Some(&home), "admin")];
        sixteen_leave_one(stage, Some(&home), &[root.clone(), root], &both);
    }
}

/// Sixteen requests, by two, each to demote one of two admins: one stays.
fn sixteen_leave_one(stage: &Stage, firm: Option<&Firm>, by: &[Signed; 2], both: &[Signed; 2]) {
    let replies = race(16, |index| {
        by[index / 2 % 2].patch(&account(&both[index % 2]), &json!({"role": "member"}))
    });
    assert_eq!(admins(stage, firm), 1);
    assert!(replies.iter().any(|reply| reply.status == 200), "nobody was demoted");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        match reply.status {
            // Whoever was demoted before can demote nobody.
            403 => reply.error(403, "FORBIDDEN"),
            _ => reply.error(409, "LAST_ADMIN"),
        };
    }
}

fn admins_who_demote_each_other_leave_one(stage: &Stage) {
    for _ in 0..3 {
        let home = stage.firm();
        let both = [stage.signed(Some(&home), "admin"), stage.signed(Some(&home), "admin")];
        let crossed = [both[1].clone(), both[0].clone()];
        let replies = race(2, |index| {
            crossed[index].patch(&account(&both[index]), &json!({"role": "member"}))
        });
        assert_eq!(admins(stage, Some(&home)), 1);
        let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert!(
            [[200, 403], [200, 409]].contains(&[statuses[0], statuses[1]]),
            "{statuses:?}"
        );
    }
}

fn demotion_suspension_and_deletion_at_once_leave_one(stage: &Stage) {
    for _ in 0..3 {
        let home = stage.firm();
        let root = stage.root();
        let three: Vec<_> = (0..3).map(|_| stage.signed(Some(&home), "admin")).collect();
        let replies = race(3, |index| match index {
            0 => root.patch(&account(&three[0]), &json!({"role": "member"})),
            1 => root.patch(&account(&three[1]), &json!({"status": "suspended"})),
            _ => three[2].send(
                "DELETE",
                "/api/auth/account",
                &json!({"password": three[2].person.password}),
            ),
        });
        assert_eq!(admins(stage, Some(&home)), 1);
        let refused: Vec<_> = replies.iter().filter(|reply| reply.status >= 400).collect();
        assert_eq!(refused.len(), 1, "two go, one stays");
        refused[0].error(409, "LAST_ADMIN");
    }
}

fn without_a_firm_stays(stage: &Stage) {
    let root = stage.only_root();
    // A firm's admin is no successor.
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    for body in [json!({"role": "member"}), json!({"role": "pm"})] {
        root.patch(&account(&root), &body).error(409, "LAST_ADMIN");
    }
    admin
        .patch(&account(&root), &json!({"role": "member"}))
        .error(404, "USER_NOT_FOUND");
    let next = stage.root();
    root.patch(&account(&root), &json!({"role": "member"})).expect_only(200);
    next.patch(&account(&next), &json!({"role": "member"}))
        .error(409, "LAST_ADMIN");
    let delete = next.send(
        "DELETE",
        "/api/auth/account",
        &json!({"password": next.person.password}),
    );
    delete.error(409, "LAST_ADMIN");
    assert_eq!(admins(stage, None), 1);
}

fn sixteen_demotions_without_a_firm_leave_one(stage: &Stage) {
    let both = [stage.only_root(), stage.root()];
    sixteen_leave_one(stage, None, &both.clone(), &both);
}
