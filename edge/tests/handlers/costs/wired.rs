//! A host whose ports are the real adapters; clock, randomness and log are those of the other tests.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;
use doorward_core::unicode::{TABLES, Unicode};
use doorward_edge::host::{Host, Level, Sql};
use doorward_edge::outbound::rest_kv::RestKv;

use super::services::Service;
use crate::fake::FakeHost;

/// One request's handle on it.
pub(super) struct Wired<S>(Rc<Ports<S>>);

struct Ports<S> {
    rest: FakeHost,
    sql: S,
    kv: RestKv<Service>,
    fetch: Service,
}

impl<S> Wired<S> {
    pub(super) fn new(rest: &FakeHost, sql: S, kv: RestKv<Service>) -> Self {
        let rest = rest.clone();
        let fetch = Service::default();
        Self(Rc::new(Ports { rest, sql, kv, fetch }))
    }
}

impl<S> Clone for Wired<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> Entropy for Wired<S> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.rest.fill(buffer)
    }
}

impl<S: Sql + 'static> Host for Wired<S> {
    type Sql = S;
    type Kv = RestKv<Service>;
    type Fetch = Service;

    const UNICODE: Unicode = TABLES;

    fn sql(&self) -> &S {
        &self.0.sql
    }

    fn kv(&self) -> &RestKv<Service> {
        &self.0.kv
    }

    fn fetch(&self) -> &Service {
        &self.0.fetch
    }

    async fn asset(&self, _: &'static str) -> Option<Bytes> {
        None
    }

    fn now(&self) -> Time {
        self.0.rest.now()
    }

    fn ticks(&self) -> u64 {
        self.0.rest.ticks()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.rest.sleep(duration).await;
    }

    fn log(&self, level: Level, line: &str) {
        self.0.rest.log(level, line);
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        self.0.rest.defer(work);
    }
}
