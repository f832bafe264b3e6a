//! The services and hosts under test: started by this process on free ports, or given by the environment.
//!
//! Given by the environment means a running `cargo xtask dev`: `DOORWARD_BASE_WORKERS` and `DOORWARD_BASE_SPIN` (either
//! or both, `http://host:port`), `DOORWARD_GATEWAY_URL`, `DOORWARD_GATEWAY_TOKEN`, `DATABASE_URL`, `REDIS_URL`. Cases
//! that need a configuration or keys of their own are shown as ignored there.

use std::collections::BTreeMap;
use std::env;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use xtask::hosts::{HostOptions, Kind};
use xtask::stack::{Stack as Services, StackOptions};

use crate::data::Database;
use crate::http::Base;
use crate::jwt::KeyRing;
use crate::stage::{Host, Stage, Variant, skip};

/// What stands behind the hosts.
pub struct Stack {
    /// `postgres://user:password@host:port/database`.
    pub database_url: String,
    /// `redis://:password@host:port`.
    pub redis_url: String,
    /// The gateway.
    pub gateway: Base,
    /// What its Redis side wants as Bearer.
    pub gateway_token: String,
    /// The keys that every host of this stack is started with; `None` when the stack is given.
    pub keys: Option<KeyRing>,
    origin: Origin,
}

enum Origin {
    /// Started here; `None` once it is ended.
    Started(Box<Mutex<Option<Services>>>),
    Given(BTreeMap<Host, Base>),
}

/// Where a host listens, once somebody has asked for it.
type Slot = OnceLock<Result<Base, String>>;

/// Everything, started when the first case asks for it, and ended by [`World::end`].
pub struct World {
    name: &'static str,
    stack: OnceLock<Result<&'static Stack, String>>,
    bases: Mutex<BTreeMap<(Host, Variant), &'static Slot>>,
}

impl World {
    /// With nothing started yet. `name` stands in the names of its logs.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            stack: OnceLock::new(),
            bases: Mutex::new(BTreeMap::new()),
        }
    }

    /// The services, started if they weren't.
    ///
    /// # Panics
    /// When they don't start.
    pub fn stack(&self) -> &'static Stack {
        let start = || {
            Stack::given()
                .map_or_else(|| Stack::start(self.name), Ok)
                .map(|stack| &*Box::leak(Box::new(stack)))
        };
        match self.stack.get_or_init(start) {
            Ok(stack) => stack,
            Err(problem) => panic!("the services don't start: {problem}"),
        }
    }

    /// A host in a configuration, started if it wasn't. On a given stack that hasn't it, the case is skipped.
    ///
    /// # Panics
    /// When it doesn't start.
    pub fn stage(&self, host: Host, variant: Variant) -> Stage {
        let stack = self.stack();
        // Whoever waits for one host doesn't wait for another.
        let slot = *held(&self.bases)
            .entry((host, variant))
            .or_insert_with(|| Box::leak(Box::default()));
        match slot.get_or_init(|| stack.base(host, variant)) {
            Ok(base) => Stage {
                host,
                base: base.clone(),
                stack,
            },
            Err(problem) => panic!("{} ({variant:?}) doesn't start: {problem}", host.name()),
        }
    }

    /// Ends what was started.
    pub fn end(&self) {
        if let Some(Ok(Stack {
            origin: Origin::Started(services),
            ..
        })) = self.stack.get()
        {
            drop(held(services).take());
        }
    }
}

impl Stack {
    fn given() -> Option<Self> {
        let bases = [
            (Host::Workers, "DOORWARD_BASE_WORKERS"),
            (Host::Spin, "DOORWARD_BASE_SPIN"),
        ];
        let given: BTreeMap<_, _> = bases
            .iter()
            .filter_map(|(host, name)| Some((*host, Base::parse(&env::var(name).ok()?))))
            .collect();
        if given.is_empty() {
            return None;
        }
        let required = |name: &str| env::var(name).unwrap_or_else(|_| panic!("a given stack needs {name} as well"));
        Some(Self {
            database_url: required("DATABASE_URL"),
            redis_url: required("REDIS_URL"),
            gateway: Base::parse(&required("DOORWARD_GATEWAY_URL")),
            gateway_token: required("DOORWARD_GATEWAY_TOKEN"),
            keys: None,
            origin: Origin::Given(given),
        })
    }

    fn start(name: &str) -> Result<Self, String> {
        let keys = KeyRing::generate();
        let mut options = StackOptions::new(name);
        options.hosts.clear();
        options.env.insert("DOORWARD_KEYS".to_owned(), keys.configuration());
        let services = Services::start(options).map_err(|e| format!("{e:#}"))?;
        Database::connect(&services.database_url()).keep_what_is_committed();
        Ok(Self {
            database_url: services.database_url(),
            redis_url: services.redis_url(),
            gateway: Base::parse(&services.gateway.url()),
            gateway_token: services.gateway.token().to_owned(),
            keys: Some(keys),
            origin: Origin::Started(Box::new(Mutex::new(Some(services)))),
        })
    }

    fn base(&self, host: Host, variant: Variant) -> Result<Base, String> {
        match &self.origin {
            Origin::Given(bases) => match bases.get(&host) {
                Some(base) if variant == Variant::Main => Ok(base.clone()),
                _ => skip("the running stack has no such host or configuration"),
            },
            Origin::Started(services) => {
                let kind = match host {
                    Host::Workers => Kind::Workers,
                    Host::Spin => Kind::Wasi,
                };
                let name = format!("{}-{variant:?}", host.name()).to_lowercase();
                let mut options = HostOptions::new(kind).named(&name);
                options.env.extend(
                    variant
                        .environment()
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value)),
                );
                let mut services = held(services);
                let services = services.as_mut().ok_or("everything has ended")?;
                let host = services.start_host(options).map_err(|e| format!("{e:#}"))?;
                Ok(Base::parse(&host.base_url()))
            }
        }
    }

    /// Lets a case kill and start the services. On a given stack, the case is skipped.
    ///
    /// # Panics
    /// When they have ended.
    pub fn disturb<T>(&self, act: impl FnOnce(&mut Services) -> T) -> T {
        match &self.origin {
            Origin::Given(_) => skip("a running stack is left alone"),
            Origin::Started(services) => act(held(services).as_mut().expect("the services run")),
        }
    }
}

/// A case that failed while it held the lock has said so; the others go on.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
