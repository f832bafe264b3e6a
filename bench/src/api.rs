//! The calls of each peer: what is sent for an operation, and what a right answer looks like.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use xtask::bench_peers::Peer;

/// The password of everybody.
const PASSWORD: &str = "correct horse battery staple";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// A reply without any work: the host's own limit.
    Hello,
    Register,
    Login,
    /// Who signed in, with the session's cookie. Better Auth's nearest is `get-session`.
    MeCookie,
    /// The same with `Authorization: Bearer`.
    MeBearer,
    Refresh,
    /// One's own sessions: five.
    Sessions,
    Logout,
}

/// In the order in which they run: `Logout` last, because an instance remembers for seconds that a session has ended.
pub(crate) const ALL: [Op; 8] = [
    Op::Hello,
    Op::Register,
    Op::Login,
    Op::MeCookie,
    Op::MeBearer,
    Op::Refresh,
    Op::Sessions,
    Op::Logout,
];

impl Op {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Register => "register",
            Self::Login => "login",
            Self::MeCookie => "me, cookie",
            Self::MeBearer => "me, Bearer",
            Self::Refresh => "refresh",
            Self::Sessions => "list sessions",
            Self::Logout => "logout",
        }
    }
}

/// What a peer is, as far as its calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Hello,
    BetterAuth,
    Doorward,
}

impl Api {
    pub(crate) fn of(peer: Peer) -> Self {
        match peer {
            Peer::HelloWorker | Peer::HelloComponent => Self::Hello,
            Peer::BetterAuthWorkerd | Peer::BetterAuthNode => Self::BetterAuth,
            Peer::Worker | Peer::Component => Self::Doorward,
        }
    }

    /// Whether the peer has the operation at all.
    pub(crate) fn offers(self, op: Op) -> bool {
        match self {
            Self::Hello => op == Op::Hello,
            Self::BetterAuth => !matches!(op, Op::Hello | Op::MeBearer | Op::Refresh),
            Self::Doorward => op != Op::Hello,
        }
    }
}

/// Somebody who has registered and is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) email: String,
    access: String,
    refresh: String,
    /// The `Cookie` header that a browser would send.
    cookie: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
    /// The status of a right answer.
    pub(crate) status: u16,
    /// What a right answer's body contains.
    pub(crate) contains: &'static str,
}

/// What was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// `Set-Cookie`, each cut off at its attributes.
    pub(crate) cookies: Vec<String>,
    pub(crate) server_timing: Option<String>,
    pub(crate) body: String,
}

impl Call {
    /// # Errors
    /// When the answer isn't the right one: its number would say nothing.
    pub(crate) fn check(&self, reply: &Reply) -> Result<()> {
        if reply.status == self.status && reply.body.contains(self.contains) {
            return Ok(());
        }
        let start: String = reply.body.chars().take(200).collect();
        bail!("{} {} answered {}: {start}", self.method, self.path, reply.status)
    }
}

/// The call of `op`, by `person`. A registration is of a new person with that address.
pub(crate) fn call(api: Api, base: &str, op: Op, person: &Person) -> Call {
    match api {
        Api::Hello => get("/", Vec::new(), ""),
        Api::Doorward => doorward(op, person),
        Api::BetterAuth => better_auth(base, op, person),
    }
}

fn doorward(op: Op, person: &Person) -> Call {
    let token_mode = || vec![("x-doorward-mode", "token".to_owned())];
    let bearer = || vec![("authorization", format!("Bearer {}", person.access))];
    match op {
        Op::Hello => get("/healthz", Vec::new(), ""),
        Op::Register => {
            let body = json!({"email": person.email, "password": PASSWORD, "name": "Bench Person"});
            let call = post("/api/auth/register", token_mode(), Some(&body), "\"refreshToken\"");
            Call { status: 201, ..call }
        }
        Op::Login => {
            let body = json!({"email": person.email, "password": PASSWORD});
            post("/api/auth/login", token_mode(), Some(&body), "\"refreshToken\"")
        }
        Op::MeCookie => get("/api/auth/me", vec![("cookie", person.cookie.clone())], "\"user\""),
        Op::MeBearer => get("/api/auth/me", bearer(), "\"user\""),
        Op::Refresh => {
            let body = json!({"refreshToken": person.refresh});
            post("/api/auth/refresh", token_mode(), Some(&body), "\"refreshToken\"")
        }
        Op::Sessions => get("/api/auth/sessions", bearer(), "\"current\""),
        Op::Logout => Call {
            status: 204,
            ..post("/api/auth/logout", bearer(), None, "")
        },
    }
}

fn better_auth(base: &str, op: Op, person: &Person) -> Call {
    // Without an origin of its own it takes no request that has a cookie and changes something.
    let headers = vec![("cookie", person.cookie.clone()), ("origin", base.to_owned())];
    match op {
        Op::Register => {
            let body = json!({"email": person.email, "password": PASSWORD, "name": "Bench Person"});
            post("/api/auth/sign-up/email", Vec::new(), Some(&body), "\"user\"")
        }
        Op::Login => {
            let body = json!({"email": person.email, "password": PASSWORD});
            post("/api/auth/sign-in/email", Vec::new(), Some(&body), "\"user\"")
        }
        Op::Sessions => get("/api/auth/list-sessions", headers, "\"userId\""),
        Op::Logout => post("/api/auth/sign-out", headers, Some(&json!({})), "true"),
        // `offers` says no to the others; this is what they would be.
        Op::Hello | Op::MeBearer | Op::MeCookie | Op::Refresh => get("/api/auth/get-session", headers, "\"session\""),
    }
}

fn get(path: &'static str, headers: Vec<(&'static str, String)>, contains: &'static str) -> Call {
    Call {
        method: "GET",
        path,
        headers,
        body: None,
        status: 200,
        contains,
    }
}

fn post(
    path: &'static str,
    mut headers: Vec<(&'static str, String)>,
    body: Option<&Value>,
    contains: &'static str,
) -> Call {
    if body.is_some() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    Call {
        method: "POST",
        path,
        headers,
        body: body.map(Value::to_string),
        status: 200,
        contains,
    }
}

impl Person {
    /// Somebody with this address, who isn't signed in yet.
    pub(crate) fn new(email: String) -> Self {
        Self {
            email,
            ..Self::default()
        }
    }

    /// Takes the session out of the answer to a registration, a login or a refresh.
    ///
    /// # Errors
    /// When it isn't there.
    pub(crate) fn learn(&mut self, api: Api, reply: &Reply) -> Result<()> {
        match api {
            Api::Hello => {}
            Api::Doorward => {
                let body: Value = serde_json::from_str(&reply.body).context("a session answer that isn't JSON")?;
                let text = |name: &str| {
                    let text = body.get(name).and_then(Value::as_str);
                    text.map(str::to_owned)
                        .with_context(|| format!("a session answer without {name}"))
                };
                (self.access, self.refresh) = (text("accessToken")?, text("refreshToken")?);
                // What a browser would have been given; in token mode no cookie is set.
                self.cookie = format!("doorward_access={}", self.access);
            }
            Api::BetterAuth => {
                if reply.cookies.is_empty() {
                    bail!("a session answer without a cookie");
                }
                self.cookie = reply.cookies.join("; ");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_sends_what_the_last_answer_had() {
        let mut person = Person::new("a@bench.example".to_owned());
        let reply = Reply {
            body: r#"{"accessToken":"a1","refreshToken":"r1"}"#.to_owned(),
            ..Reply::default()
        };
        person.learn(Api::Doorward, &reply).unwrap();
        let refresh = call(Api::Doorward, "", Op::Refresh, &person);
        assert_eq!(refresh.body.as_deref(), Some(r#"{"refreshToken":"r1"}"#));
        let me = call(Api::Doorward, "", Op::MeCookie, &person);
        assert_eq!(me.headers, [("cookie", "doorward_access=a1".to_owned())]);
    }

    #[test]
    fn a_wrong_answer_is_refused() {
        let me = call(
            Api::BetterAuth,
            "http://127.0.0.1:1",
            Op::MeCookie,
            &Person::new("a@b.c".to_owned()),
        );
        let reply = |status, body: &str| Reply {
            status,
            body: body.to_owned(),
            ..Reply::default()
        };
        assert!(me.check(&reply(200, r#"{"session":{}}"#)).is_ok());
        // Better Auth's answer to somebody who isn't signed in.
        assert!(me.check(&reply(200, "null")).is_err());
        assert!(me.check(&reply(401, r#"{"session":{}}"#)).is_err());
    }

    #[test]
    fn a_session_that_is_missing_is_noticed() {
        let mut person = Person::default();
        assert!(person.learn(Api::BetterAuth, &Reply::default()).is_err());
        assert!(person.learn(Api::Doorward, &Reply::default()).is_err());
    }
}
