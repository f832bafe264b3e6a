//! The ports, lent by a WASI host.

use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;
use doorward_core::unicode::{TABLES, Unicode};
use doorward_edge::config::Config;
use doorward_edge::host::{Host, Level};
use doorward_edge::outbound::http_sql::HttpSql;
use doorward_edge::outbound::rest_kv::RestKv;
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::fetch::SpinFetch;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One request's handle on the host.
#[derive(Debug, Clone)]
pub(crate) struct SpinHost(Rc<Ports>);

#[derive(Debug)]
struct Ports {
    sql: HttpSql<SpinFetch>,
    kv: Option<RestKv<SpinFetch>>,
}

impl SpinHost {
    /// Nothing is connected before it is needed.
    ///
    /// # Errors
    /// A sentence for the log when the deployment names no SQL proxy.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let proxy = config.sql_proxy.clone().ok_or("configuration SQL_URL: is missing")?;
        let kv = config.redis.clone().map(|redis| RestKv::new(SpinFetch, redis));
        Ok(Self(Rc::new(Ports {
            sql: HttpSql::new(SpinFetch, proxy, config.sql_timeout),
            kv,
        })))
    }
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "here the clock is read")]
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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

impl Entropy for SpinHost {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        Randomness.fill(buffer)
    }
}

impl Host for SpinHost {
    type Sql = HttpSql<SpinFetch>;
    type Kv = Option<RestKv<SpinFetch>>;
    type Fetch = SpinFetch;

    const UNICODE: Unicode = TABLES;

    fn sql(&self) -> &Self::Sql {
        &self.0.sql
    }

    fn kv(&self) -> &Self::Kv {
        &self.0.kv
    }

    fn fetch(&self) -> &SpinFetch {
        &SpinFetch
    }

    async fn asset(&self, name: &'static str) -> Option<Bytes> {
        let (_, bytes) = ASSETS.iter().find(|(known, _)| *known == name)?;
        Some(Bytes::from_static(bytes))
    }

    fn now(&self) -> Time {
        now()
    }

    fn ticks(&self) -> u64 {
        monotonic_clock::now() / 1000
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }

    fn log(&self, _: Level, line: &str) {
        eprintln!("{line}");
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        spin_sdk::wasip3::spawn(work);
    }
}
