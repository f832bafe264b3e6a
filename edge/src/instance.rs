//! What lives as long as an instance of the artifact: values only, never anything of a request.
//!
//! Neither host shares memory between instances, and both run many requests in one, so nothing here is needed for a
//! right answer: it is configuration, a working buffer, a short-lived cache and a fallback.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use doorward_core::password::Workspace;
use doorward_core::time::Time;
use doorward_core::token::access::Proven;

use crate::config::{Config, ConfigError};
use crate::limits::LocalLimits;
use crate::rollout::Rollout;
use crate::sessions::SessionCache;

/// Made once by the host adapter and lent to every request.
#[derive(Debug)]
pub struct Instance {
    /// What the deployment decides.
    pub config: Config,
    /// The one Argon2 buffer: hashing never awaits, so one is enough however many sign in at once.
    pub(crate) hashing: RefCell<Workspace>,
    /// Access tokens whose signatures were found good.
    pub(crate) proven: Proven,
    /// Who is signed in, as read within the last few seconds.
    pub(crate) sessions: RefCell<SessionCache>,
    /// Counters for when Redis is down.
    pub(crate) limits: RefCell<LocalLimits>,
    /// Redis failed; until then (milliseconds since 1970) it isn't asked again.
    pub(crate) kv_rests_until: Cell<i64>,
    /// Where the database said that the switch between the systems is, and until when to go by it.
    pub(crate) rollout: Cell<Option<(Rollout, Time)>>,
    /// It was said that there is no mail provider.
    pub(crate) mail_is_off: Cell<bool>,
    /// The last answer of `readyz`, and when it was found.
    pub(crate) readiness: RefCell<Option<crate::handlers::readyz::Readiness>>,
}

thread_local! {
    /// Each host runs an artifact on one thread, so this is the instance's one.
    static SHARED: OnceCell<Rc<Instance>> = const { OnceCell::new() };
}

impl Instance {
    /// The one of this artifact's instance, made by its first request over the configuration that `get` answers.
    ///
    /// # Errors
    /// As [`Config::read`]; the next request tries again.
    pub fn shared(get: impl Fn(&str) -> Option<String>) -> Result<Rc<Self>, ConfigError> {
        SHARED.with(|cell| {
            if let Some(instance) = cell.get() {
                return Ok(Rc::clone(instance));
            }
            let config = Config::read(get)?;
            Ok(Rc::clone(cell.get_or_init(|| Rc::new(Self::new(config)))))
        })
    }

    /// A fresh instance over a configuration.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            hashing: RefCell::new(Workspace::new()),
            proven: Proven::new(),
            sessions: RefCell::default(),
            limits: RefCell::default(),
            kv_rests_until: Cell::new(0),
            rollout: Cell::new(None),
            mail_is_off: Cell::new(false),
            readiness: RefCell::default(),
        }
    }
}
