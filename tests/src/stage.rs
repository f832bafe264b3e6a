//! Where a case plays: one host in one configuration, with the services behind it.

use std::time::{Duration, Instant};

use xtask::hosts::{HostOptions, Kind, is_spin};

use crate::actor::{App, Browser, Person};
use crate::data::{Cache, Database};
use crate::http::{Base, Call, Reply};
use crate::jwt::KeyRing;
use crate::shape::Session;
use crate::stack::Stack;

/// The two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// workerd, under `wrangler dev`.
    Workers,
    /// The WASI component, under `wasmtime serve` or `spin up`.
    Spin,
}

impl Host {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Workers, Self::Spin];

    /// As it stands in front of a case's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Spin => "spin",
        }
    }
}

/// A configuration under which a host runs. Each is started when the first case asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// As in development: http, cookies without Secure, one trusted origin, wide limits, flights reported.
    Main,
    /// As [`Variant::Main`], with every time limit at its default: for what happens when something is down.
    Outage,
    /// As behind https, without a grace for refresh tokens.
    Secure,
    /// Signups masked, and no sign-in before the address is verified.
    Reserved,
    /// Limits at their defaults. Its cases run one after another, since all of them come from one address.
    Limited,
}

/// In which [`Variant::Limited`] is told the client's address, on the host that doesn't know it itself.
pub const CLIENT_ADDRESS_HEADER: &str = "x-client-address";
/// The origin that every variant trusts besides its own.
pub const TRUSTED_ORIGIN: &str = "https://app.example.net";

impl Variant {
    /// What it is configured with, beyond what every variant has.
    pub fn environment(self) -> Vec<(&'static str, String)> {
        let pairs: &[(&str, &str)] = match self {
            // A machine under load is slow, and a slow cache counts as none: that isn't what these cases are about.
            Self::Main => &[("KV_TIMEOUT_MS", "5000")],
            Self::Outage => &[],
            Self::Secure => &[("PUBLIC_URL", "https://id.example.com"), ("REFRESH_GRACE_SECONDS", "0")],
            Self::Reserved => &[("SIGNUPS", "masked"), ("EMAIL_VERIFICATION", "required")],
            Self::Limited => &[
                ("LIMITS", "on"),
                ("CLIENT_ADDRESS_HEADER", CLIENT_ADDRESS_HEADER),
                // As for Main: a crowd's hashes keep an isolate too busy to hear its cache.
                ("KV_TIMEOUT_MS", "5000"),
            ],
        };
        let common = [
            ("LIMITS", "loose"),
            ("SERVER_TIMING", "on"),
            ("SELF_ROLES", "mentor,mentee"),
            ("TRUSTED_ORIGINS", TRUSTED_ORIGIN),
        ];
        let overridden = |name: &str| pairs.iter().any(|(given, _)| *given == name);
        common
            .iter()
            .filter(|(name, _)| !overridden(name))
            .chain(pairs)
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }
}

/// One host in one configuration.
pub struct Stage {
    /// Which host.
    pub host: Host,
    /// Where it listens.
    pub base: Base,
    /// What stands behind it.
    pub stack: &'static Stack,
}

impl Stage {
    /// The same host once more, with more of the configuration given; `name` stands in the name of its log.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn another(&self, name: &str, variant: Variant, pairs: &[(&str, &str)]) -> Self {
        let usual = self.options(name, variant);
        self.started(
            pairs
                .iter()
                .fold(usual, |options, (name, value)| options.with(name, value)),
        )
    }

    /// Whether header values come to us as they were sent. Spin's own trigger answers one that isn't UTF-8, before it asks the
    /// component, with a 500 of its own.
    #[must_use]
    pub fn shows_every_header(&self) -> bool {
        self.host != Host::Spin || !is_spin()
    }

    /// The same host in a configuration, not started; `name` stands in the name of its log.
    #[must_use]
    pub fn options(&self, name: &str, variant: Variant) -> HostOptions {
        let kind = match self.host {
            Host::Workers => Kind::Workers,
            Host::Spin => Kind::Wasi,
        };
        let mut options = HostOptions::new(kind).named(&format!("{}-{name}", self.host.name()));
        let usual = variant.environment();
        options
            .env
            .extend(usual.into_iter().map(|(name, value)| (name.to_owned(), value)));
        options
    }

    /// A host of this stack's services, as the options say.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn started(&self, options: HostOptions) -> Self {
        let base = self.stack.disturb(|services| {
            let host = services.start_host(options).expect("the host starts");
            Base::parse(&host.base_url())
        });
        Self {
            host: self.host,
            base,
            stack: self.stack,
        }
    }

    /// A plain request: no browser, no session.
    pub fn call(&self, method: &str, path: &str) -> Call {
        self.base.call(method, path)
    }

    /// A browser with an empty jar.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.base)
    }

    /// An app.
    pub fn app(&self) -> App {
        App::new(&self.base)
    }

    /// Somebody new with an account and a session, in token mode.
    pub fn somebody(&self) -> (Person, Session) {
        let person = Person::new();
        let session = self.app().register(&person);
        (person, session)
    }

    /// A connection to the database.
    pub fn database(&self) -> Database {
        Database::connect(&self.stack.database_url)
    }

    /// A connection to the cache.
    pub fn cache(&self) -> Cache {
        Cache::connect(&self.stack.redis_url)
    }

    /// The keys that the host was started with. A stack from the environment keeps its own: then the case is skipped.
    pub fn keys(&self) -> &'static KeyRing {
        self.stack
            .keys
            .as_ref()
            .unwrap_or_else(|| skip("the running stack has keys of its own"))
    }

    /// Polls until `done`, or until `bound` has passed since the first try; the last reply is given back.
    ///
    /// For what may take effect late by contract ("within 5 seconds"): the bound is part of the promise.
    pub fn poll(&self, bound: Duration, ask: impl Fn() -> Reply, done: impl Fn(&Reply) -> bool) -> Reply {
        poll(bound, ask, done)
    }
}

/// See [`Stage::poll`].
pub fn poll(bound: Duration, ask: impl Fn() -> Reply, done: impl Fn(&Reply) -> bool) -> Reply {
    let started = Instant::now();
    loop {
        // Taken before the question is asked: an answer counts only when it was asked for within the bound.
        let late = started.elapsed() > bound;
        let reply = ask();
        if done(&reply) || late {
            return reply;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Why a case can't be played on this stack. Not a failure; it is shown as ignored, with the reason.
pub struct Skip(pub String);

/// Ends the case as ignored.
pub fn skip(reason: &str) -> ! {
    std::panic::panic_any(Skip(reason.to_owned()))
}
