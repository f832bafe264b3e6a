//! The table: every seeded role, in a firm and without one, by every action, by every target. The expected decisions are
//! written out by hand.

use super::*;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

const HERE: FirmId = FirmId::from_bytes([0xa; 16]);
const THERE: FirmId = FirmId::from_bytes([0xb; 16]);
const SELF: UserId = UserId::from_bytes([1; 16]);
const OTHER: UserId = UserId::from_bytes([2; 16]);

fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

/// What the migration gives to each role.
fn seeded(name: &str) -> Permissions {
    Permissions::parse(match name {
        "admin" => {
            "profiles.read profiles.list profiles.write users.manage events.read firms.read firms.manage \
             invitations.manage"
        }
        "pm" => "profiles.read",
        "mentor" => "mentoring.offer",
        "mentee" => "mentoring.ask",
        _ => "",
    })
}

fn principal(name: &str, firm: Option<FirmId>) -> Principal {
    Principal {
        user: Some(SELF),
        role: role(name),
        permissions: seeded(name),
        tier: Tier::Free,
        firm,
    }
}

/// The rows of the table: who is in firm A, who is in none.
fn principals() -> Vec<Principal> {
    let names = ["member", "mentee", "mentor", "pm", "admin"];
    let mut all = vec![Principal::anonymous()];
    all.extend(names.map(|name| principal(name, Some(HERE))));
    all.extend(names.map(|name| principal(name, None)));
    all
}

/// For each action, a row for each principal: anonymous; member, mentee, mentor, pm and admin of firm A; and those five
/// without a firm. For each target a letter: Allowed, Denied, Hidden, or `-` where there is no such case.
type Table<'a> = &'a [(&'a str, [&'a str; 11])];

/// Targets: oneself, somebody in firm A, in firm B, in none. The others are members, except that one asks a mentor for
/// an office session.
const PEOPLE: Table<'static> = &[
    (
        "read profile",
        [
            "-DDD", "ADDD", "ADDD", "ADDD", "AAHH", "AAHH", "ADDD", "ADDD", "ADDD", "AHHH", "AAAA",
        ],
    ),
    (
        "update profile",
        [
            "-DDD", "ADDD", "ADDD", "ADDD", "ADDD", "AAHH", "ADDD", "ADDD", "ADDD", "ADDD", "AAAA",
        ],
    ),
    (
        "set role member",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "set role mentor",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "set role admin",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "set status",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "set tier",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "DAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "end sessions",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "read events",
        [
            "-DDD", "DDDD", "DDDD", "DDDD", "DDDD", "AAHH", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "offer office sessions",
        [
            "-DDD", "DDDD", "DDDD", "ADHH", "DDDD", "DDDD", "DDDD", "DDDD", "AHHD", "DDDD", "DDDD",
        ],
    ),
    (
        "ask for office session",
        [
            "-DDD", "DDDD", "DAHH", "DDDD", "DDDD", "DDDD", "DDDD", "DHHA", "DDDD", "DDDD", "DDDD",
        ],
    ),
];

/// Targets: firm A, firm B, whatever is in the own scope, the deployment.
const FIRMS: Table<'static> = &[
    (
        "list profiles",
        [
            "DDDD", "DDDD", "DDDD", "DDDD", "DDDD", "AHAD", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "read events",
        [
            "DDDD", "DDDD", "DDDD", "DDDD", "DDDD", "AHAD", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "read firms",
        [
            "DDDD", "DDDD", "DDDD", "DDDD", "DDDD", "AHAD", "DDDD", "DDDD", "DDDD", "DDDD", "AAAA",
        ],
    ),
    (
        "make firm",
        [
            "---D", "---D", "---D", "---D", "---D", "---D", "---D", "---D", "---D", "---D", "---A",
        ],
    ),
    (
        "change firm",
        [
            "DD--", "DD--", "DD--", "DD--", "DD--", "AH--", "DD--", "DD--", "DD--", "DD--", "AA--",
        ],
    ),
    (
        "manage invitations",
        [
            "DD--", "DD--", "DD--", "DD--", "DD--", "AH--", "DD--", "DD--", "DD--", "DD--", "AA--",
        ],
    ),
    (
        "invite member",
        [
            "DD--", "DD--", "DD--", "DD--", "DD--", "AH--", "DD--", "DD--", "DD--", "DD--", "AA--",
        ],
    ),
    (
        "invite admin",
        [
            "DD--", "DD--", "DD--", "DD--", "DD--", "AH--", "DD--", "DD--", "DD--", "DD--", "AA--",
        ],
    ),
];

fn action<'a>(name: &str, given: &'a Role) -> Action<'a> {
    let permissions = seeded(given.as_str());
    let role = given;
    match name {
        "read profile" => Action::ReadProfile,
        "list profiles" => Action::ListProfiles,
        "update profile" => Action::UpdateProfile,
        "set role member" | "set role mentor" | "set role admin" => Action::SetRole { role, permissions },
        "set status" => Action::SetStatus,
        "set tier" => Action::SetTier,
        "end sessions" => Action::EndSessions,
        "read events" => Action::ReadEvents,
        "read firms" => Action::ReadFirms,
        "make firm" => Action::MakeFirm,
        "change firm" => Action::ChangeFirm,
        "manage invitations" => Action::ManageInvitations,
        "invite member" | "invite admin" => Action::Invite { role, permissions },
        "offer office sessions" => Action::OfferOfficeSessions,
        "ask for office session" => Action::AskForOfficeSession,
        other => panic!("{other}"),
    }
}

fn letter(decision: Decision) -> char {
    match decision {
        Decision::Allowed => 'A',
        Decision::Denied => 'D',
        Decision::Hidden => 'H',
    }
}

/// The role that an action's name ends with, if it is about one.
fn given(name: &str) -> Role {
    role(
        name.rsplit(' ')
            .next()
            .filter(|word| matches!(*word, "mentor" | "admin"))
            .unwrap_or("member"),
    )
}

#[test]
fn people() {
    let (member, mentor) = (Role::member(), role("mentor"));
    let mut cases = 0;
    for (name, rows) in PEOPLE {
        let given = given(name);
        let other = if name.starts_with("ask") { &mentor } else { &member };
        for (principal, expected) in principals().iter().zip(rows) {
            let own = principal.role.clone();
            let target = |id, firm, role| {
                Target::Person(Person {
                    id,
                    firm,
                    role,
                    permissions: seeded(role.as_str()),
                })
            };
            let targets = [
                target(SELF, principal.firm, &own),
                target(OTHER, Some(HERE), other),
                target(OTHER, Some(THERE), other),
                target(OTHER, None, other),
            ];
            for (target, expected) in targets
                .iter()
                .zip(expected.chars())
                .filter(|(_, expected)| *expected != '-')
            {
                let decided = letter(may(principal, &action(name, &given), target));
                assert_eq!(decided, expected, "{name}: {principal:?} {target:?}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, PEOPLE.len() * (11 * 4 - 1));
}

#[test]
fn firms() {
    for (name, rows) in FIRMS {
        let given = given(name);
        for (principal, expected) in principals().iter().zip(rows) {
            let targets = [
                Target::Firm(HERE),
                Target::Firm(THERE),
                Target::OwnScope,
                Target::Deployment,
            ];
            for (target, expected) in targets
                .iter()
                .zip(expected.chars())
                .filter(|(_, expected)| *expected != '-')
            {
                let decided = letter(may(principal, &action(name, &given), target));
                assert_eq!(decided, expected, "{name}: {principal:?} {target:?}");
            }
        }
    }
}

#[test]
fn nothing_can_be_done_to_what_it_is_not_for() {
    let admin = principal("admin", None);
    let member = Role::member();
    let person = Target::Person(Person {
        id: OTHER,
        firm: None,
        role: &member,
        permissions: Permissions::NONE,
    });
    for name in [
        "read firms",
        "make firm",
        "change firm",
        "manage invitations",
        "list profiles",
        "invite admin",
    ] {
        assert_eq!(may(&admin, &action(name, &member), &person), Decision::Denied, "{name}");
    }
    for name in [
        "read profile",
        "set status",
        "set tier",
        "end sessions",
        "set role member",
        "make firm",
    ] {
        let decision = may(&admin, &action(name, &member), &Target::Firm(HERE));
        assert_eq!(decision, Decision::Denied, "{name}");
    }
}

/// A role of the deployment's own.
fn custom(words: &str, firm: Option<FirmId>) -> Principal {
    Principal {
        role: role("support"),
        permissions: Permissions::parse(words),
        ..principal("member", firm)
    }
}

#[test]
fn nobody_gives_or_takes_a_power_that_one_has_not() {
    let (admin, pm, member) = (role("admin"), role("pm"), role("member"));
    let person = |role, firm| {
        Target::Person(Person {
            id: OTHER,
            firm,
            role,
            permissions: seeded(Role::as_str(role)),
        })
    };
    let set = |role| Action::SetRole {
        role,
        permissions: seeded(Role::as_str(role)),
    };
    let support = custom("users.manage", Some(HERE));
    assert_eq!(
        may(&support, &set(&member), &person(&member, Some(HERE))),
        Decision::Allowed
    );
    assert_eq!(
        may(&support, &Action::SetTier, &person(&member, Some(HERE))),
        Decision::Allowed
    );
    for (action, target) in [
        (set(&pm), person(&member, Some(HERE))),
        (set(&admin), person(&member, Some(HERE))),
        (set(&member), person(&pm, Some(HERE))),
        (set(&member), person(&admin, Some(HERE))),
        (Action::SetStatus, person(&admin, Some(HERE))),
        (Action::EndSessions, person(&pm, Some(HERE))),
    ] {
        assert_eq!(
            may(&support, &action, &target),
            Decision::Denied,
            "{action:?} {target:?}"
        );
    }
    // Oneself neither.
    let own = role("support");
    let me = Target::Person(Person {
        id: SELF,
        firm: Some(HERE),
        role: &own,
        permissions: support.permissions,
    });
    assert_eq!(may(&support, &set(&admin), &me), Decision::Denied);

    let inviter = custom("invitations.manage profiles.read", Some(HERE));
    let invite = |role| Action::Invite {
        role,
        permissions: seeded(Role::as_str(role)),
    };
    assert_eq!(may(&inviter, &invite(&pm), &Target::Firm(HERE)), Decision::Allowed);
    assert_eq!(may(&inviter, &invite(&admin), &Target::Firm(HERE)), Decision::Denied);
}

#[test]
fn who_runs_the_deployment_is_made_by_such_a_one_only() {
    // Every permission that there is, but another role's name: still no admin of all.
    let words: Vec<_> = Permission::ALL.iter().map(ToString::to_string).collect();
    let all = custom(&words.join(" "), None);
    let (admin, member) = (role("admin"), role("member"));
    let person = |role| {
        Target::Person(Person {
            id: OTHER,
            firm: None,
            role,
            permissions: seeded(Role::as_str(role)),
        })
    };
    let make = Action::SetRole {
        role: &admin,
        permissions: seeded("admin"),
    };
    assert_eq!(all.scope(), Scope::Firmless);
    assert_eq!(may(&all, &make, &person(&member)), Decision::Denied);
    assert_eq!(may(&all, &Action::SetStatus, &person(&admin)), Decision::Denied);
    assert_eq!(may(&all, &Action::MakeFirm, &Target::Deployment), Decision::Denied);
    assert_eq!(
        may(&principal("admin", None), &make, &person(&member)),
        Decision::Allowed
    );
}
