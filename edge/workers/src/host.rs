//! The ports, lent by the Workers runtime.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;
use doorward_core::unicode::Unicode;
use doorward_edge::config::Config;
use doorward_edge::host::{Host, Level};
use doorward_edge::outbound::pg_sql::PgSql;
use doorward_edge::outbound::rest_kv::RestKv;
use futures_util::task::AtomicWaker;
use worker::js_sys::{self, JsString};
use worker::{Context, Delay, Env, ScheduleContext, console_error, console_log, console_warn};

use crate::fetch::WorkersFetch;
use crate::files;
use crate::socket::Database;

/// One request's handle on the runtime.
#[derive(Clone)]
pub(crate) struct WorkersHost(Rc<Ports>);

struct Ports {
    event: Event,
    sql: PgSql<Database>,
    kv: Option<RestKv<WorkersFetch>>,
    /// The bindings. Looking one up takes several calls into JavaScript, so that only who needs one does.
    env: Env,
}

/// What the runtime called us for: it keeps us alive until deferred work is done.
pub(crate) enum Event {
    /// A request.
    Fetch(Context),
    /// The time of a cron trigger.
    Scheduled(ScheduleContext),
}

impl WorkersHost {
    /// Nothing is connected before it is needed.
    ///
    /// # Errors
    /// A sentence for the log when the deployment names no usable database.
    pub(crate) fn new(env: &Env, event: Event, config: &Config) -> Result<Self, String> {
        let (database, pg) = Database::new(env, config)?;
        Ok(Self(Rc::new(Ports {
            event,
            sql: PgSql::new(database, pg),
            kv: config.redis.clone().map(|redis| RestKv::new(WorkersFetch, redis)),
            env: env.clone(),
        })))
    }
}

/// A configuration value: a secret or a plain variable, which the runtime shows alike.
pub(crate) fn variable(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|value| value.to_string())
}

/// The runtime's own: `String.prototype.normalize` and `toLowerCase`.
pub(crate) const UNICODE: Unicode = Unicode {
    nfkc: |text| JsString::from(text).normalize("NFKC").into(),
    lowercase: |text| JsString::from(text).to_lower_case().into(),
};

/// The wall clock.
pub(crate) fn now() -> Time {
    Time::from_millis(millis())
}

#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, far below 2^53")]
fn millis() -> i64 {
    js_sys::Date::now() as i64
}

/// The runtime's cryptographically secure generator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Randomness;

impl Entropy for Randomness {
    #[expect(clippy::disallowed_methods, reason = "here randomness comes in")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

impl Entropy for WorkersHost {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        Randomness.fill(buffer)
    }
}

impl Host for WorkersHost {
    type Sql = PgSql<Database>;
    type Kv = Option<RestKv<WorkersFetch>>;
    type Fetch = WorkersFetch;

    const UNICODE: Unicode = UNICODE;

    fn sql(&self) -> &Self::Sql {
        &self.0.sql
    }

    fn kv(&self) -> &Self::Kv {
        &self.0.kv
    }

    fn fetch(&self) -> &WorkersFetch {
        &WorkersFetch
    }

    async fn asset(&self, name: &'static str) -> Option<Bytes> {
        files::read(&self.0.env, name).await
    }

    fn now(&self) -> Time {
        now()
    }

    /// Milliseconds' grain: the runtime has no finer clock, and this one stands still between two awaits.
    fn ticks(&self) -> u64 {
        u64::try_from(millis()).unwrap_or(0).saturating_mul(1000)
    }

    async fn sleep(&self, duration: Duration) {
        let relay = Arc::new(Relay(AtomicWaker::new()));
        let waker = Waker::from(Arc::clone(&relay));
        let mut delay = pin!(Delay::from(duration));
        poll_fn(|context| {
            relay.0.register(context.waker());
            delay.as_mut().poll(&mut task::Context::from_waker(&waker))
        })
        .await;
    }

    fn log(&self, level: Level, line: &str) {
        match level {
            Level::Info => console_log!("{line}"),
            Level::Warn => console_warn!("{line}"),
            Level::Error => console_error!("{line}"),
        }
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        match &self.0.event {
            Event::Fetch(context) => context.wait_until(work),
            Event::Scheduled(context) => context.wait_until(work),
        }
    }
}

/// Wakes whoever polled last. The crate's [`Delay`] wakes whoever polled it first, and a request is polled once before it is
/// anybody's (see `fetch` in `lib.rs`).
struct Relay(AtomicWaker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

impl fmt::Debug for WorkersHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkersHost")
    }
}
