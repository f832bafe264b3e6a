//! What belongs to another firm: every call of the description is tried with an id of every kind of another firm, by
//! everybody, and nothing is seen or changed.
//!
//! A call that the description has and this file hasn't fails it: whoever adds a call says here what it takes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::office_sessions::{ask, office_session, pair, wednesday};
use crate::actor::Person;
use crate::each;
use crate::http::{Call, Reply};
use crate::openapi::calls;
use crate::people::{Firm, Signed, page};
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        no_call_reaches_into_another_firm,
        no_call_is_open_without_a_session,
        the_sweep_would_find_something,
    ]
}

/// What a place in a path, a query or a body names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Session,
    Firm,
    Invitation,
    OfficeSession,
    /// The cursor of a list that somebody of the other firm was given; as `user`, a filter.
    Cursor,
}

/// What a call takes.
enum Takes {
    /// Nothing of anybody's, and anybody may ask.
    Public,
    /// Nothing of anybody's but one's own; a session.
    Own,
    /// An id in each place of the path, by kind, and a body that would change something.
    Path(&'static [Kind], Value),
    /// A list, with filters that may name something.
    List(&'static str, &'static [(&'static str, Kind)]),
    /// An id in a body.
    Body(&'static str, Value),
}

/// What each call takes.
#[expect(clippy::match_same_arms, reason = "one line a call")]
fn takes(method: &str, path: &str) -> Takes {
    use Kind::{Cursor, Firm, Invitation, OfficeSession, Session, User};
    use Takes::{Body, List, Own, Path, Public};
    match (method, path) {
        (
            _,
            "/api/auth/register"
            | "/auth/signup"
            | "/api/auth/login"
            | "/auth/login"
            | "/api/auth/logout"
            | "/auth/logout"
            | "/api/auth/refresh"
            | "/auth/refresh"
            | "/api/auth/verify-email"
            | "/auth/verify-email"
            | "/api/auth/resend-verification"
            | "/auth/resend-verification"
            | "/api/auth/forgot-password"
            | "/auth/forgot-password"
            | "/api/auth/reset-password"
            | "/auth/reset-password"
            | "/.well-known/jwks.json"
            | "/openapi.json"
            | "/healthz"
            | "/readyz",
        ) => Public,
        // Its own secret opens it, not a session.
        ("post", "/maintenance") => Own,
        (
            _,
            "/api/auth/me"
            | "/api/auth/change-password"
            | "/api/auth/change-email"
            | "/api/auth/account"
            | "/api/auth/sessions"
            | "/api/profiles/me"
            | "/api/profile/update",
        ) => Own,
        ("delete", "/api/auth/sessions/{id}") => Path(&[Session], Value::Null),
        ("get", "/api/profiles") => List("profiles", &[("firm", Firm), ("cursor", Cursor)]),
        ("get", "/api/profiles/{id}") => Path(&[User], Value::Null),
        ("put" | "patch", "/api/profiles/{id}") => {
            Path(&[User], json!({"name": "Mallory", "preferences": {"mallory": true}}))
        }
        ("patch", "/api/admin/users/{id}") => Path(&[User], json!({"role": "pm", "tier": "member"})),
        ("delete", "/api/admin/users/{id}/sessions") => Path(&[User], Value::Null),
        ("get", "/api/admin/events") => List("events", &[("user", User), ("cursor", Cursor)]),
        ("get", "/api/firms") => List("firms", &[("cursor", Cursor)]),
        ("post", "/api/firms") => Own,
        ("patch", "/api/firms/{id}") => Path(&[Firm], json!({"name": "Mallory & Sons"})),
        ("get", "/api/firms/{id}/invitations") => Path(&[Firm], Value::Null),
        ("post", "/api/firms/{id}/invitations") => {
            Path(&[Firm], json!({"email": Person::new().email, "role": "member"}))
        }
        ("delete", "/api/firms/{id}/invitations/{invitationId}") => Path(&[Firm, Invitation], Value::Null),
        ("get", "/api/office-sessions") => List("officeSessions", &[("cursor", Cursor)]),
        ("post", "/api/office-sessions") => Body("mentorId", json!({"startsAt": "a Wednesday", "topic": "Mallory"})),
        ("get", "/api/office-sessions/{id}") => Path(&[OfficeSession], Value::Null),
        ("post", "/api/office-sessions/{id}/move") => Path(&[OfficeSession], json!({"startsAt": "a Wednesday"})),
        ("post", "/api/office-sessions/{id}/confirm" | "/api/office-sessions/{id}/complete") => {
            Path(&[OfficeSession], json!({}))
        }
        ("post", "/api/office-sessions/{id}/cancel") => Path(&[OfficeSession], json!({"reason": "Mallory"})),
        _ => panic!("the sweep doesn't know {method} {path}: say what it takes"),
    }
}

/// Another firm, with something of everything.
struct Other {
    firm: Firm,
    /// admin, pm, mentor, mentee, member.
    people: Vec<Signed>,
    invitation: String,
    office_session: String,
    /// By list, given to its admin or its mentee.
    cursors: Vec<(&'static str, String)>,
    /// What would tell of it wherever it is seen.
    marks: Vec<String>,
}

impl Other {
    fn new(stage: &Stage) -> Self {
        let firm = stage.firm();
        let [admin, pm, member] = ["admin", "pm", "member"].map(|role| stage.signed(Some(&firm), role));
        let (mentor, mentee) = pair(stage, Some(&firm));
        let path = format!("/api/firms/{}/invitations", firm.id);
        let invitation = admin
            .post(&path, &json!({"email": Person::new().email, "role": "member"}))
            .expect(201)
            .json();
        let session = office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
        office_session(&ask(&mentee, &mentor, &wednesday(stage, "11:00")), 201);
        let cursor = |reader: &Signed, name: &'static str, path: &str| {
            let next = page(&reader.get(&format!("{path}?limit=1")), name).1;
            (name, next.expect("more than one"))
        };
        // A firm's admin has a list of one firm: that cursor is made by somebody who sees all.
        stage.firm();
        let cursors = vec![
            cursor(&admin, "profiles", "/api/profiles"),
            cursor(&admin, "events", "/api/admin/events"),
            cursor(&mentee, "officeSessions", "/api/office-sessions"),
            cursor(&stage.root(), "firms", "/api/firms"),
        ];
        let people = vec![admin, pm, mentor, mentee, member];
        let mut marks: Vec<_> = people
            .iter()
            .flat_map(|person| [person.id(), person.person.email.clone(), person.person.name.clone()])
            .collect();
        marks.extend([firm.slug.clone(), text(&invitation["invitation"], "email")]);
        Self {
            invitation: text(&invitation["invitation"], "id"),
            office_session: text(&session, "id"),
            firm,
            people,
            cursors,
            marks,
        }
    }

    /// Every id that it has.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.people.iter().map(Signed::id).collect();
        ids.push(self.people[3].session.session_id());
        ids.extend([
            self.firm.id.clone(),
            self.invitation.clone(),
            self.office_session.clone(),
        ]);
        ids
    }

    /// The right ids of a kind.
    fn of(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::User => self.people.iter().map(Signed::id).collect(),
            Kind::Session => vec![self.people[3].session.session_id()],
            Kind::Firm => vec![self.firm.id.clone()],
            Kind::Invitation => vec![self.invitation.clone()],
            Kind::OfficeSession => vec![self.office_session.clone()],
            Kind::Cursor => self.cursors.iter().map(|(_, cursor)| cursor.clone()).collect(),
        }
    }

    /// Every row of every table that has anything of it, hashed. Whether a mail is out is the outbox's own business.
    fn checksum(&self, stage: &Stage) -> String {
        let mut database = stage.database();
        let tables = database.query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
            &[],
        );
        let marks: Vec<_> = self
            .ids()
            .into_iter()
            .chain(self.marks.iter().cloned())
            .map(|mark| format!("%{mark}%"))
            .collect();
        let sums = tables.iter().map(|table| {
            let name: String = table.get(0);
            let row = if name == "mail_outbox" { "(t.id, t.recipient, t.template)::text" } else { "t::text" };
            let sql = format!(
                "SELECT count(*), coalesce(md5(string_agg({row}, '|' ORDER BY {row})), '') FROM {name} AS t WHERE t::text LIKE ANY ($1)"
            );
            let found = &database.query(&sql, &[&marks])[0];
            format!("{name}: {} {}\n", found.get::<_, i64>(0), found.get::<_, String>(1))
        });
        sums.collect()
    }
}

/// A path with these in its places.
fn filled(path: &str, ids: &[String]) -> String {
    let mut ids = ids.iter();
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            ids.next().expect("an id for each place").clone()
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// With a body that has a day in it where one is needed.
fn with_body(stage: &Stage, call: Call, body: &Value) -> Call {
    let mut body = body.clone();
    if body.is_null() {
        return call;
    }
    if !body["startsAt"].is_null() {
        // One is asked for at noon, and another is moved.
        let time = if body["topic"].is_null() { "14:00" } else { "12:00" };
        body["startsAt"] = json!(wednesday(stage, time));
    }
    call.json(&body)
}

/// The tries of one call by one person: what is sent, and what is asked with it.
fn tries(stage: &Stage, method: &str, path: &str, other: &Other, home: &Firm) -> Vec<(String, Value)> {
    match takes(method, path) {
        Takes::Public | Takes::Own => Vec::new(),
        Takes::Path(places, body) => {
            let tried: Vec<Vec<String>> = if places.len() == 1 {
                other.ids().into_iter().map(|id| vec![id]).collect()
            } else {
                // Each place foreign, and both; what is foreign behind what is one's own, too.
                let firms = [vec![home.id.clone()], other.ids()].concat();
                let behind = |firm: &String| {
                    other
                        .ids()
                        .into_iter()
                        .map(|id| vec![firm.clone(), id])
                        .collect::<Vec<_>>()
                };
                firms.iter().flat_map(behind).collect()
            };
            tried.iter().map(|ids| (filled(path, ids), body.clone())).collect()
        }
        Takes::List(_, filters) => {
            let queries = filters.iter().flat_map(|(name, kind)| {
                let values = if *kind == Kind::Cursor {
                    other.of(Kind::Cursor)
                } else {
                    other.ids()
                };
                let mut queries: Vec<_> = values
                    .into_iter()
                    .map(|value| format!("{path}?limit=100&{name}={value}"))
                    .collect();
                if *kind == Kind::Firm {
                    queries.push(format!("{path}?firm={}", other.firm.slug));
                }
                queries
            });
            queries.map(|path| (path, Value::Null)).collect()
        }
        Takes::Body(field, body) => {
            let bodies = other.ids().into_iter().map(|id| {
                let mut body = body.clone();
                body["startsAt"] = json!(wednesday(stage, "12:00"));
                body[field] = json!(id);
                (path.to_owned(), body)
            });
            bodies.collect()
        }
    }
}

/// Refused, or a list with nothing of the other firm.
fn is_refused(reply: &Reply, list: Option<&str>, other: &Other, who: &str) -> bool {
    let said = reply.text();
    for mark in &other.marks {
        assert!(
            !said.contains(mark.as_str()),
            "{who} is told of another firm: {mark}\n{reply}"
        );
    }
    match (reply.status, list) {
        (200, Some(name)) => {
            page(reply, name);
            false
        }
        // An id in a body that names nobody, and a filter or a cursor that is none, are fields that fail.
        (400, _) => {
            reply.error(400, "VALIDATION_FAILED");
            true
        }
        _ => {
            assert!([401, 403, 404].contains(&reply.status), "{who} isn't refused\n{reply}");
            reply.error_shape();
            true
        }
    }
}

fn no_call_reaches_into_another_firm(stage: &Stage) {
    let (home, other) = (stage.firm(), Other::new(stage));
    let roles = ["admin", "pm", "mentor", "mentee", "member"];
    let mut who: Vec<(String, Option<Signed>)> = Vec::new();
    for role in roles {
        who.push((format!("a firm's {role}"), Some(stage.signed(Some(&home), role))));
        if role != "admin" {
            who.push((format!("a {role} without a firm"), Some(stage.signed(None, role))));
        }
    }
    who.push(("nobody".to_owned(), None));
    let (mut operations, mut asked, mut refused, mut empty) = (0, 0, 0, 0);
    let before = other.checksum(stage);
    for (method, path) in calls(&stage.base) {
        let tries = tries(stage, &method, &path, &other, &home);
        operations += usize::from(!tries.is_empty());
        let list = match takes(&method, &path) {
            Takes::List(name, _) => Some(name),
            _ => None,
        };
        for (name, signed) in &who {
            for (path, body) in &tries {
                let method = method.to_uppercase();
                let call = signed
                    .as_ref()
                    .map_or_else(|| stage.call(&method, path), |signed| signed.call(&method, path));
                let reply = with_body(stage, call, body).send();
                asked += 1;
                if is_refused(&reply, list, &other, name) {
                    refused += 1;
                } else {
                    empty += 1;
                }
                if signed.is_none() {
                    reply.error(401, "UNAUTHENTICATED");
                }
            }
        }
        assert_eq!(
            other.checksum(stage),
            before,
            "{method} {path} changed something of another firm"
        );
    }
    println!(
        "isolation on {}: {operations} calls with foreign ids, by {} people, {asked} requests: {refused} refused, {empty} lists without anything foreign",
        stage.host.name(),
        who.len(),
    );
    assert!(operations >= 18, "only {operations} calls were tried");
    // Nobody of the other firm has noticed anything.
    for person in &other.people {
        stage.app().refresh(&person.session);
    }
}

fn no_call_is_open_without_a_session(stage: &Stage) {
    let other = Other::new(stage);
    let (mut closed, mut open) = (0, BTreeSet::new());
    for (method, path) in calls(&stage.base) {
        let ids = [other.people[0].id(), other.invitation.clone()];
        let (places, body) = match takes(&method, &path) {
            Takes::Public => {
                open.insert(path);
                continue;
            }
            Takes::Path(_, body) | Takes::Body(_, body) => (filled(&path, &ids), body),
            Takes::Own | Takes::List(..) => (path.clone(), json!({})),
        };
        let call = stage.call(&method.to_uppercase(), &places);
        let reply = if method == "get" {
            call
        } else {
            with_body(stage, call, &body)
        }
        .send();
        closed += 1;
        assert_eq!(reply.status, 401, "{method} {path} is open\n{reply}");
        reply.error(401, "UNAUTHENTICATED");
    }
    println!(
        "without a session, on {}: {closed} calls closed, {} paths open",
        stage.host.name(),
        open.len()
    );
}

/// The same requests succeed for whom they are for: none was refused for a mistake in it.
fn the_sweep_would_find_something(stage: &Stage) {
    let other = Other::new(stage);
    let (root, mentor, mentee) = (stage.root(), &other.people[2], &other.people[3]);
    for (method, path) in calls(&stage.base) {
        let office = path.starts_with("/api/office-sessions");
        let session = path.starts_with("/api/auth/sessions");
        // A step that isn't this one's in the life of the one office session, or ends what others need.
        if path.ends_with("/complete") || path.ends_with("/cancel") {
            continue;
        }
        let by = if path.ends_with("/confirm") {
            mentor
        } else if office || session {
            mentee
        } else {
            &root
        };
        let (path, body) = match takes(&method, &path) {
            Takes::Public | Takes::Own => continue,
            Takes::Path(places, body) => {
                // The session that ends here is a member's own, and only there is it another's than the mentee's.
                let last = other.people.len() - 1;
                let ids: Vec<_> = places
                    .iter()
                    .map(|kind| match kind {
                        Kind::User => other.people[last].id(),
                        Kind::Session => stage.app().login(&mentee.person).session_id(),
                        other_kind => other.of(*other_kind)[0].clone(),
                    })
                    .collect();
                (filled(&path, &ids), body)
            }
            Takes::List(name, filters) => {
                for (filter, kind) in filters {
                    let value = match kind {
                        Kind::Cursor => {
                            let mut cursors = other.cursors.iter();
                            cursors.find(|(list, _)| *list == name).expect("a cursor").1.clone()
                        }
                        kind => other.of(*kind)[0].clone(),
                    };
                    let (found, _) = page(&by.get(&format!("{path}?{filter}={value}")), name);
                    assert!(!found.is_empty(), "{path}?{filter}= finds nothing");
                }
                continue;
            }
            Takes::Body(field, mut body) => {
                body[field] = json!(mentor.id());
                (path, body)
            }
        };
        let reply = with_body(stage, by.call(&method.to_uppercase(), &path), &body).send();
        assert!(reply.status < 300, "{reply}");
    }
}
