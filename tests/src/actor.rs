//! Who calls: nobody in particular, a browser with its cookies, an app with its tokens.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::{Base, Call, Reply};
use crate::jwt::random_hex;
use crate::shape::Session;

/// `POST` to make an account, in both path families.
pub const REGISTER: [&str; 2] = ["/api/auth/register", "/auth/signup"];
/// `POST` to sign in.
pub const LOGIN: [&str; 2] = ["/api/auth/login", "/auth/login"];
/// `POST` to sign out.
pub const LOGOUT: [&str; 2] = ["/api/auth/logout", "/auth/logout"];
/// `POST` or `GET` for a new pair of tokens.
pub const REFRESH: [&str; 2] = ["/api/auth/refresh", "/auth/refresh"];
/// `GET` who is signed in.
pub const ME: &str = "/api/auth/me";

/// What people of the suite have once they have changed their password.
pub const OTHER_PASSWORD: &str = "another door, as quiet";

/// A password that no other of the last [`PASSWORDS`] people of this thread has, so that those of one case differ.
///
/// Not a random one: the list of common passwords is a filter, which takes one in some thousand others for common, and
/// a random one would be among those in some run.
fn password() -> String {
    thread_local!(static COUNT: Cell<usize> = const { Cell::new(0) });
    let number = COUNT.replace((COUNT.get() + 1) % PASSWORDS);
    format!("a quiet door at the edge, no. {number}")
}

/// How many different ones there are.
const PASSWORDS: usize = 64;

/// Somebody's data, as they would type it; nobody else has the address.
#[derive(Debug, Clone)]
pub struct Person {
    /// Unique, in lower case.
    pub email: String,
    /// Keeps every policy.
    pub password: String,
    /// As shown.
    pub name: String,
}

impl Person {
    /// Somebody new.
    pub fn new() -> Self {
        let tag = random_hex::<8>();
        Self {
            email: format!("p-{tag}@example.com"),
            password: password(),
            name: format!("Person {tag}"),
        }
    }

    /// The body of a registration.
    pub fn registration(&self) -> Value {
        json!({"email": self.email, "name": self.name, "password": self.password})
    }

    /// The body of a sign-in.
    pub fn credentials(&self) -> Value {
        json!({"email": self.email, "password": self.password})
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

/// A browser: sends what browsers send, keeps cookies, and drops them when told.
#[derive(Debug, Clone)]
pub struct Browser {
    base: Base,
    /// By name, as it would be sent.
    pub jar: BTreeMap<String, String>,
}

impl Browser {
    /// With an empty jar.
    pub fn new(base: &Base) -> Self {
        Self {
            base: base.clone(),
            jar: BTreeMap::new(),
        }
    }

    /// A request of a page of the same origin.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let call = self
            .base
            .call(method, path)
            .header("Origin", self.base.origin())
            .header("Sec-Fetch-Site", "same-origin")
            .header("User-Agent", "Mozilla/5.0 (doorward-tests)");
        if self.jar.is_empty() {
            call
        } else {
            call.header("Cookie", self.cookie_header())
        }
    }

    /// Sends, and takes the reply's cookies into the jar.
    pub fn send(&mut self, call: Call) -> Reply {
        let reply = call.send();
        self.keep(&reply);
        reply
    }

    /// Takes a reply's cookies into the jar.
    pub fn keep(&mut self, reply: &Reply) {
        for cookie in reply.cookies() {
            if cookie.deletes() {
                self.jar.remove(&cookie.name);
            } else {
                self.jar.insert(cookie.name, cookie.value);
            }
        }
    }

    /// `name=value; name=value`.
    pub fn cookie_header(&self) -> String {
        self.jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// A cookie by its name without prefix.
    ///
    /// # Panics
    /// When it isn't in the jar.
    pub fn cookie(&self, name: &str) -> String {
        let found = self
            .jar
            .iter()
            .find(|(given, _)| given.trim_start_matches("__Host-") == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.jar.keys()))
            .1
            .clone()
    }

    /// Registers; the browser is signed in afterwards.
    pub fn register(&mut self, person: &Person) -> Session {
        let call = self.call("POST", REGISTER[0]).json(&person.registration());
        self.send(call).session_by_cookie(201)
    }

    /// Signs in.
    pub fn login(&mut self, person: &Person) -> Session {
        let call = self.call("POST", LOGIN[0]).json(&person.credentials());
        self.send(call).session_by_cookie(200)
    }

    /// Asks for a new pair.
    pub fn refresh(&mut self) -> Session {
        let call = self.call("POST", REFRESH[0]);
        self.send(call).session_by_cookie(200)
    }

    /// Signs out.
    pub fn logout(&mut self) {
        let call = self.call("POST", LOGOUT[0]);
        self.send(call).expect_only(204);
    }

    /// Asks who it is, whatever the answer.
    pub fn me(&self) -> Reply {
        self.call("GET", ME).send()
    }
}

/// An app or a command line: token mode, no cookies, none of a browser's headers.
#[derive(Debug, Clone)]
pub struct App {
    base: Base,
}

impl App {
    /// Without a session yet; sessions are values here.
    pub fn new(base: &Base) -> Self {
        Self { base: base.clone() }
    }

    /// A request in token mode.
    pub fn call(&self, method: &str, path: &str) -> Call {
        self.base.call(method, path).token_mode()
    }

    /// Registers.
    pub fn register(&self, person: &Person) -> Session {
        self.call("POST", REGISTER[0])
            .json(&person.registration())
            .send()
            .session_by_token(201)
    }

    /// Signs in.
    pub fn login(&self, person: &Person) -> Session {
        self.call("POST", LOGIN[0])
            .json(&person.credentials())
            .send()
            .session_by_token(200)
    }

    /// Presents a refresh token, whatever the answer.
    pub fn present(&self, refresh: &str) -> Reply {
        self.call("POST", REFRESH[0])
            .json(&json!({"refreshToken": refresh}))
            .send()
    }

    /// Refreshes.
    pub fn refresh(&self, session: &Session) -> Session {
        self.present(&session.refresh).session_by_token(200)
    }

    /// Signs the session out.
    pub fn logout(&self, session: &Session) {
        self.call("POST", LOGOUT[0])
            .bearer(&session.access)
            .send()
            .expect_only(204);
    }

    /// Asks who an access token is, whatever the answer.
    pub fn me(&self, access: &str) -> Reply {
        self.base.call("GET", ME).bearer(access).send()
    }
}
