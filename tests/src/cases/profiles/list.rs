//! `GET /api/profiles?role=&firm=&q=&cursor=&limit=`.

use std::collections::BTreeSet;

use super::{PROFILES, is_profile, path, profile};
use crate::actor::Person;
use crate::each;
use crate::jwt::random_hex;
use crate::people::{Firm, Signed, page, refuses_bad_paging, walk};
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        tells_of_everybody_newest_first,
        filters_by_role_and_firm,
        pages_without_a_gap_while_people_come,
        pages_through_people_of_one_moment,
        finds_names_and_addresses,
        takes_no_letter_for_a_wildcard,
        holds_its_bounds,
        is_for_admins,
        an_admin_of_a_firm_lists_its_own_people_only,
        a_cursor_of_another_firm_shows_nothing_of_it,
        a_profile_in_a_list_is_the_profile,
        is_one_flight,
    ]
}

/// The addresses that a list has on its first page.
fn found(reader: &Signed, query: &str) -> Vec<String> {
    let (profiles, _) = page(&reader.get(&format!("{PROFILES}?{query}")), "profiles");
    profiles.iter().for_each(is_profile);
    profiles.iter().map(|profile| text(profile, "email")).collect()
}

fn emails(people: &[Person]) -> Vec<String> {
    people.iter().rev().map(|person| person.email.clone()).collect()
}

fn tells_of_everybody_newest_first(stage: &Stage) {
    let (root, home) = (stage.root(), stage.firm());
    let people: Vec<_> = ["admin", "pm", "mentor", "mentee", "member"]
        .map(|role| stage.resident(Some(&home), role))
        .to_vec();
    assert_eq!(found(&root, &format!("firm={}", home.id)), emails(&people));
    let (all, _) = page(&root.get(PROFILES), "profiles");
    assert!((5..=20).contains(&all.len()));
    let times: Vec<_> = all.iter().map(|profile| text(profile, "createdAt")).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

fn filters_by_role_and_firm(stage: &Stage) {
    let (root, home, other) = (stage.root(), stage.firm(), stage.firm());
    let mentors = [
        stage.resident(Some(&home), "mentor"),
        stage.resident(Some(&home), "mentor"),
    ];
    let mentee = stage.resident(Some(&home), "mentee");
    let elsewhere = stage.resident(Some(&other), "mentor");
    for firm in [&home.id, &home.slug] {
        assert_eq!(found(&root, &format!("firm={firm}&role=mentor")), emails(&mentors));
        assert_eq!(
            found(&root, &format!("role=mentee&firm={firm}")),
            std::slice::from_ref(&mentee.email)
        );
        assert_eq!(found(&root, &format!("firm={firm}&role=pm")), [""; 0]);
    }
    assert_eq!(found(&root, &format!("firm={}", other.slug)), [elsewhere.email]);
    // What isn't there has nobody.
    for nowhere in ["no-such-firm", "01890000-0000-7000-8000-000000000000"] {
        let reply = root.get(&format!("{PROFILES}?firm={nowhere}"));
        if reply.status == 200 {
            assert!(page(&reply, "profiles").0.is_empty(), "{reply}");
        } else {
            assert!([400, 404].contains(&reply.status), "{reply}");
        }
    }
}

fn pages_without_a_gap_while_people_come(stage: &Stage) {
    let (root, home) = (stage.root(), stage.firm());
    let there: BTreeSet<_> = (0..9)
        .map(|_| id(stage, &stage.resident(Some(&home), "member")))
        .collect();
    for limit in [1, 2, 9, 100] {
        let path = format!("{PROFILES}?firm={}", home.slug);
        let found = walk(&root, &path, "profiles", limit, || {
            drop(stage.resident(Some(&home), "mentee"));
        });
        let distinct: BTreeSet<_> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "one is there twice, by {limit}");
        assert!(there.is_subset(&distinct), "one is missing, by {limit}");
    }
}

fn id(stage: &Stage, person: &Person) -> String {
    stage
        .database()
        .query("SELECT id::text FROM users WHERE email = $1", &[&person.email])[0]
        .get(0)
}

/// An import makes thousands at one time: only the id tells them apart.
fn pages_through_people_of_one_moment(stage: &Stage) {
    let (root, home) = (stage.root(), stage.firm());
    let sql = "INSERT INTO users (firm_id, name, email, created_at)
               SELECT $1::text::uuid, 'Person ' || n, 'p-' || n || '-' || $2 || '@example.com', now() - interval '1 day'
               FROM generate_series(1, 41) AS n RETURNING id::text";
    let rows = stage.database().query(sql, &[&home.id, &random_hex::<6>()]);
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for limit in [7, 20, 41] {
        let found = walk(&root, &format!("{PROFILES}?firm={}", home.id), "profiles", limit, || ());
        assert_eq!(found.len(), 41);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), there);
    }
}

/// Puts somebody with this name and address into a firm.
fn named(stage: &Stage, firm: &Firm, name: &str, email: &str) -> String {
    let person = stage.resident(Some(firm), "member");
    let sql = "UPDATE users SET name = $2, email = $3 WHERE email = $1";
    assert_eq!(stage.database().execute(sql, &[&person.email, &name, &email]), 1);
    email.to_owned()
}

fn finds_names_and_addresses(stage: &Stage) {
    let (root, home, tag) = (stage.root(), stage.firm(), random_hex::<6>());
    let ada = named(stage, &home, "Ada Lovelace", &format!("countess-{tag}@example.com"));
    let bea = named(stage, &home, "Béatrice O'Neill", &format!("bea+test-{tag}@example.org"));
    let firm = &home.slug;
    for (q, expected) in [
        ("lovelace", vec![&ada]),
        ("LOVE", vec![&ada]),
        ("da%20Lo", vec![&ada]),
        ("countess", vec![&ada]),
        ("COUNTESS-", vec![&ada]),
        ("O%27Neill", vec![&bea]),
        ("b%C3%A9atrice", vec![&bea]),
        ("B%C3%89ATRICE", vec![&bea]),
        ("bea%2Btest", vec![&bea]),
        ("example.org", vec![&bea]),
        ("%40example.", vec![&bea, &ada]),
        (tag.as_str(), vec![&bea, &ada]),
        ("nobody-has-this", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(found(&root, &format!("firm={firm}&q={q}")), expected, "{q}");
    }
    // White space around it is dropped; a role goes with it.
    assert_eq!(
        found(&root, &format!("firm={firm}&q=%20lovelace%20")),
        std::slice::from_ref(&ada)
    );
    assert_eq!(found(&root, &format!("firm={firm}&q=lovelace&role=member")), [ada]);
    assert_eq!(found(&root, &format!("firm={firm}&q=lovelace&role=pm")), [""; 0]);
}

fn takes_no_letter_for_a_wildcard(stage: &Stage) {
    let (root, home, tag) = (stage.root(), stage.firm(), random_hex::<6>());
    let odd = named(
        stage,
        &home,
        r"50% off_all \ (sic) [x]* 'n' ; --",
        &format!("odd-{tag}@example.com"),
    );
    let plain = named(stage, &home, "500 off all", &format!("plain-{tag}@example.com"));
    let firm = &home.slug;
    for (q, expected) in [
        ("50%25", vec![&odd]),
        ("0%25%20o", vec![&odd]),
        ("off_", vec![&odd]),
        ("f_a", vec![&odd]),
        ("l%20%5C", vec![&odd]),
        ("all%20%5C", vec![&odd]),
        ("%5C%5C", vec![]),
        ("%25%25", vec![]),
        ("__", vec![]),
        ("%5Bx%5D*", vec![&odd]),
        ("%27n%27%20%3B%20--", vec![&odd]),
        ("(sic)", vec![&odd]),
        ("50", vec![&plain, &odd]),
        (".*", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(found(&root, &format!("firm={firm}&q={q}")), expected, "{q}");
    }
}

fn holds_its_bounds(stage: &Stage) {
    let (root, home) = (stage.root(), stage.firm());
    refuses_bad_paging(&root, PROFILES);
    root.get(&format!("{PROFILES}?role=nobody%20has%20this&limit=0"))
        .invalid(&["role", "limit"]);
    // What can be nobody's name never reaches the database.
    for q in ["%00%00", "a%00b", "a", "%20", &"a".repeat(101)] {
        root.get(&format!("{PROFILES}?firm={}&q={q}", home.slug))
            .invalid(&["q"]);
    }
}

fn is_for_admins(stage: &Stage) {
    let home = stage.firm();
    stage.call("GET", PROFILES).send().error(401, "UNAUTHENTICATED");
    for role in ["pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            for query in ["", "?limit=1", "?q=person", "?role=admin"] {
                person.get(&format!("{PROFILES}{query}")).error(403, "FORBIDDEN");
            }
            person
                .get(&format!("{PROFILES}?firm={}", home.slug))
                .error(403, "FORBIDDEN");
        }
    }
}

fn an_admin_of_a_firm_lists_its_own_people_only(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let admin = stage.signed(Some(&home), "admin");
    let member = stage.resident(Some(&home), "member");
    stage.resident(Some(&other), "member");
    stage.resident(None, "member");
    let own = [member.email, admin.person.email.clone()];
    for query in [
        "",
        "limit=100",
        "q=person",
        "q=example.com",
        &format!("firm={}", home.slug),
        &format!("firm={}", home.id),
    ] {
        assert_eq!(found(&admin, query), own, "{query}");
    }
    for firm in [&other.slug, &other.id] {
        let reply = admin.get(&format!("{PROFILES}?firm={firm}"));
        if reply.status == 200 {
            assert!(page(&reply, "profiles").0.is_empty(), "{reply}");
        } else {
            assert!([403, 404].contains(&reply.status), "{reply}");
        }
    }
}

fn a_cursor_of_another_firm_shows_nothing_of_it(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let (admin, rival) = (stage.signed(Some(&home), "admin"), stage.signed(Some(&other), "admin"));
    for _ in 0..3 {
        stage.resident(Some(&home), "member");
    }
    let (_, cursor) = page(&admin.get(&format!("{PROFILES}?limit=1")), "profiles");
    let reply = rival.get(&format!("{PROFILES}?cursor={}", cursor.expect("more people")));
    if reply.status == 200 {
        for profile in page(&reply, "profiles").0 {
            assert_eq!(profile["firmId"], other.id);
        }
    } else {
        reply.invalid(&["cursor"]);
    }
}

fn a_profile_in_a_list_is_the_profile(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    for role in ["mentor", "mentee", "member"] {
        let person = stage.signed(Some(&home), role);
        let (listed, _) = page(&admin.get(&format!("{PROFILES}?role={role}")), "profiles");
        assert_eq!(listed, [profile(&admin.get(&path(&person)))]);
    }
}

fn is_one_flight(stage: &Stage) {
    let root = stage.root();
    // What is asked first may have to look up the session, too.
    root.get(PROFILES).expect_only(200);
    for query in ["", "?limit=100", "?role=mentor&q=person", "?firm=nowhere-at-all&q=ada"] {
        let reply = root.get(&format!("{PROFILES}{query}"));
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
}
