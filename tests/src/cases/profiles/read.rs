//! `GET /api/profiles/me` and `GET /api/profiles/{id}`.

use serde_json::{Value, json};

use super::{MINE, PROFILES, path, profile};
use crate::each;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        mine_is_the_user_its_firm_and_its_role,
        everybody_reads_ones_own_by_id,
        admins_read_everybody_in_reach,
        a_pm_reads_its_own_firm_only,
        others_read_nobody_else,
        without_a_session_it_is_401,
        nobody_is_404,
        a_changed_role_shows_at_once,
        is_one_flight,
    ]
}

fn mine_is_the_user_its_firm_and_its_role(stage: &Stage) {
    let home = stage.firm();
    for role in ["admin", "pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            let mine = profile(&person.get(MINE));
            for (name, value) in person.session.user.as_object().expect("a user") {
                assert_eq!(&mine[name], value, "{name}");
            }
            let expected = firm.map_or(
                Value::Null,
                |firm| json!({"id": firm.id, "slug": firm.slug, "name": firm.slug}),
            );
            assert_eq!(mine["firm"], expected);
            // A role's own part is there before anything was put into it.
            if role == "mentor" {
                let empty =
                    json!({"headline": null, "bio": null, "expertise": [], "availability": [], "officeSessions": []});
                assert_eq!(mine["mentor"], empty);
            }
            if role == "mentee" {
                assert_eq!(mine["mentee"], json!({"goals": null, "officeSessions": []}));
            }
        }
    }
}

fn everybody_reads_ones_own_by_id(stage: &Stage) {
    let home = stage.firm();
    for role in ["admin", "pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            assert_eq!(profile(&person.get(&path(&person))), profile(&person.get(MINE)));
        }
    }
}

fn admins_read_everybody_in_reach(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let (root, admin) = (stage.root(), stage.signed(Some(&home), "admin"));
    let own = stage.signed(Some(&home), "mentor");
    for stranger in [
        stage.signed(Some(&other), "mentee"),
        stage.signed(None, "member"),
        stage.root(),
    ] {
        assert_eq!(profile(&root.get(&path(&stranger)))["id"], stranger.id());
        admin.get(&path(&stranger)).error(404, "USER_NOT_FOUND");
    }
    for reader in [&root, &admin] {
        assert_eq!(profile(&reader.get(&path(&own))), profile(&own.get(MINE)));
    }
}

fn a_pm_reads_its_own_firm_only(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let pm = stage.signed(Some(&home), "pm");
    for role in ["admin", "pm", "mentor", "mentee", "member"] {
        let own = stage.signed(Some(&home), role);
        assert_eq!(profile(&pm.get(&path(&own)))["email"], own.person.email);
    }
    // Whether somebody is elsewhere or nowhere looks the same.
    let nobody = pm.get(&format!("{PROFILES}/01890000-0000-7000-8000-000000000000"));
    for stranger in [stage.signed(Some(&other), "mentee"), stage.signed(None, "member")] {
        let reply = pm.get(&path(&stranger));
        assert!([403, 404].contains(&reply.status), "{reply}");
        assert_eq!(reply.json(), nobody.json(), "{reply}{nobody}");
    }
    // To belong to no firm is to share none.
    let free = stage.signed(None, "pm");
    for stranger in [stage.signed(Some(&other), "member"), stage.signed(None, "member")] {
        free.get(&path(&stranger)).error(404, "USER_NOT_FOUND");
    }
}

fn others_read_nobody_else(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let targets = [
        stage.signed(Some(&home), "member"),
        stage.signed(Some(&other), "member"),
        stage.root(),
    ];
    for role in ["mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            for target in &targets {
                person.get(&path(target)).error(403, "FORBIDDEN");
            }
            // No id tells whether it is somebody's.
            person
                .get(&format!("{PROFILES}/01890000-0000-7000-8000-000000000000"))
                .error(403, "FORBIDDEN");
        }
    }
}

fn without_a_session_it_is_401(stage: &Stage) {
    let person = stage.signed(None, "member");
    for path in [
        MINE.to_owned(),
        path(&person),
        format!("{PROFILES}/01890000-0000-7000-8000-000000000000"),
        PROFILES.to_owned(),
    ] {
        stage.call("GET", &path).send().error(401, "UNAUTHENTICATED");
    }
}

fn nobody_is_404(stage: &Stage) {
    let home = stage.firm();
    for reader in [stage.root(), stage.signed(Some(&home), "admin")] {
        reader
            .get(&format!("{PROFILES}/01890000-0000-7000-8000-000000000000"))
            .error(404, "USER_NOT_FOUND");
        for bad in [
            "x",
            "%00",
            "ME",
            "01890000-0000-7000-8000-00000000000g",
            &"9".repeat(300),
        ] {
            let reply = reader.get(&format!("{PROFILES}/{bad}"));
            reply.expect_only(404);
            reply.error_shape();
        }
    }
}

fn a_changed_role_shows_at_once(stage: &Stage) {
    // Within the bound it may be late; a profile is read afresh, so it isn't.
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    root.patch(&format!("/api/admin/users/{}", person.id()), &json!({"role": "mentee"}))
        .expect_only(200);
    let seen = profile(&root.get(&path(&person)));
    assert_eq!(seen["role"], "mentee");
    assert!(seen["mentee"].is_object());
}

fn is_one_flight(stage: &Stage) {
    let home = stage.firm();
    for role in ["admin", "mentor", "mentee", "member"] {
        let person = stage.signed(Some(&home), role);
        // What is asked first may have to look up the session, too.
        profile(&person.get(MINE));
        for path in [MINE.to_owned(), path(&person)] {
            let reply = person.get(&path).expect(200);
            let found = flights(&reply);
            assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
        }
    }
}
