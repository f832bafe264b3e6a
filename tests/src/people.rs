//! People with a role in a firm, signed in.
//!
//! They are put into the database as an import would, with the hash of a password that everybody of the suite's firms
//! shares, and then sign in as anybody does: what is to be tried is what they may do, not how they came.

use std::sync::OnceLock;

use serde_json::Value;

use crate::actor::Person;
use crate::http::{Base, Call, Reply};
use crate::jwt::random_hex;
use crate::shape::{Session, text};
use crate::stage::Stage;

/// A firm.
#[derive(Debug, Clone)]
pub struct Firm {
    /// UUID.
    pub id: String,
    /// Nobody else's.
    pub slug: String,
}

/// Somebody with a session.
#[derive(Debug, Clone)]
pub struct Signed {
    /// As they would type it.
    pub person: Person,
    /// Of the sign-in.
    pub session: Session,
    base: Base,
}

impl Stage {
    /// A new firm.
    pub fn firm(&self) -> Firm {
        let slug = format!("f-{}", random_hex::<8>());
        let id = self.database().make_firm(&slug);
        Firm { id, slug }
    }

    /// Somebody new with a role, in a firm or in none, without a session yet.
    pub fn resident(&self, firm: Option<&Firm>, role: &str) -> Person {
        let person = Person {
            password: PASSWORD.to_owned(),
            ..Person::new()
        };
        let firm = firm.map(|firm| firm.id.as_str());
        self.database().execute(
            "INSERT INTO users (firm_id, name, email, password_hash, role) VALUES ($1::text::uuid, $2, $3, $4, $5)",
            &[&firm, &person.name, &person.email, &self.hash(), &role],
        );
        person
    }

    /// Somebody new with a role, in a firm or in none, signed in.
    pub fn signed(&self, firm: Option<&Firm>, role: &str) -> Signed {
        let person = self.resident(firm, role);
        self.sign_in(person)
    }

    /// An admin without a firm, who sees all.
    pub fn root(&self) -> Signed {
        self.signed(None, "admin")
    }

    /// An admin without a firm, and no other: those of earlier cases are admins no more. For cases that have the stack to
    /// themselves.
    pub fn only_root(&self) -> Signed {
        // A running stack has admins of its own, who stay.
        self.stack.disturb(|_| ());
        self.database().execute(
            "UPDATE users SET role = 'member' WHERE role = 'admin' AND firm_id IS NULL",
            &[],
        );
        self.root()
    }

    /// Signs somebody in.
    pub fn sign_in(&self, person: Person) -> Signed {
        let session = self.app().login(&person);
        Signed {
            person,
            session,
            base: self.base.clone(),
        }
    }

    /// The hash of [`PASSWORD`], as a host makes it.
    fn hash(&self) -> &'static str {
        static HASH: OnceLock<String> = OnceLock::new();
        HASH.get_or_init(|| {
            let person = Person {
                password: PASSWORD.to_owned(),
                ..Person::new()
            };
            let user = self.app().register(&person).user_id();
            self.database().password_hash(&user).expect("a hash")
        })
    }
}

/// What everybody of [`Stage::resident`] types.
const PASSWORD: &str = "a quiet door for a whole firm";

impl Signed {
    /// The user's id.
    pub fn id(&self) -> String {
        self.session.user_id()
    }

    /// The same person, speaking to another host.
    #[must_use]
    pub fn at(&self, stage: &Stage) -> Self {
        Self {
            base: stage.base.clone(),
            ..self.clone()
        }
    }

    /// A request with the access token.
    pub fn call(&self, method: &str, path: &str) -> Call {
        self.base.call(method, path).bearer(&self.session.access)
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send()
    }

    /// Sends a body.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.call(method, path).json(body).send()
    }

    /// `POST` with a body.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, body)
    }

    /// `PATCH` with a body.
    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send("PATCH", path, body)
    }

    /// `DELETE` without a body.
    pub fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path).send()
    }
}

/// One page of a list: what is in it, and the cursor of the next.
///
/// # Panics
/// When it isn't one.
pub fn page(reply: &Reply, name: &str) -> (Vec<Value>, Option<String>) {
    reply.expect_only(200);
    let body = reply.json();
    crate::shape::keys_are(&body, &[name, "nextCursor"]);
    let items = body[name].as_array().unwrap_or_else(|| panic!("a list\n{reply}"));
    let next = &body["nextCursor"];
    assert!(
        next.is_null() || next.is_string(),
        "nextCursor is text or null\n{reply}"
    );
    (items.clone(), next.as_str().map(str::to_owned))
}

/// Every page of a list from the first to the last, as ids. `between` is played after each page.
///
/// # Panics
/// When a page is longer than `limit`, when one but the last is shorter, or when it doesn't end.
pub fn walk(reader: &Signed, path: &str, name: &str, limit: usize, mut between: impl FnMut()) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    let joint = if path.contains('?') { '&' } else { '?' };
    for _ in 0..1000 {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let reply = reader.get(&format!("{path}{joint}limit={limit}{after}"));
        let (items, next) = page(&reply, name);
        assert!(items.len() <= limit, "a page of {}\n{reply}", items.len());
        assert!(
            next.is_none() || items.len() == limit,
            "a short page that isn't the last\n{reply}"
        );
        found.extend(items.iter().map(|item| text(item, "id")));
        if next.is_none() {
            return found;
        }
        cursor = next;
        between();
    }
    panic!("{path} doesn't end");
}

/// What every list refuses: limits out of bounds, and cursors that it never gave.
pub fn refuses_bad_paging(reader: &Signed, path: &str) {
    let joint = if path.contains('?') { '&' } else { '?' };
    for limit in [
        "0",
        "101",
        "-1",
        "1.5",
        "ten",
        "%20",
        "",
        "99999999999999999999",
        "%31%30x",
    ] {
        reader.get(&format!("{path}{joint}limit={limit}")).invalid(&["limit"]);
    }
    for limit in ["1", "100"] {
        reader.get(&format!("{path}{joint}limit={limit}")).expect_only(200);
    }
    // The last but one is the smallest number that there is, which has no absolute value, and an id.
    let smallest = "LTkyMjMzNzIwMzY4NTQ3NzU4MDggMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw";
    let long = "A".repeat(3000);
    for cursor in ["x", "!", "AAAA", "e30", "%00", "%27%20OR%201=1", smallest, &long] {
        reader
            .get(&format!("{path}{joint}cursor={cursor}"))
            .invalid(&["cursor"]);
    }
    reader
        .get(&format!("{path}{joint}limit=0&cursor=x"))
        .invalid(&["limit", "cursor"]);
}
