//! A host that a test holds in its hands: the database and the cache say what the test has put down, the clock moves when
//! the test moves it, randomness is the same in every run, and what was asked and logged is kept.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;
use doorward_core::unicode::{TABLES, Unicode};
use doorward_edge::host::{Host, Level};

mod fetch;
mod kv;
mod sql;

pub(crate) use fetch::FakeFetch;
pub(crate) use kv::{FakeKv, KvOutcome};
pub(crate) use sql::{Batch, FakeSql, SqlOutcome};

/// 2026-11-20T12:00:00.000Z: when every test begins.
pub(crate) const NOON: i64 = 1_795_176_000_000;

/// A handle on the ports of one test.
#[derive(Clone)]
pub(crate) struct FakeHost(Rc<Ports>);

/// What the handle leads to.
pub(crate) struct Ports {
    pub(crate) sql: FakeSql,
    pub(crate) kv: FakeKv,
    pub(crate) fetch: FakeFetch,
    pub(crate) log: RefCell<Vec<(Level, String)>>,
    pub(crate) has_entropy: Cell<bool>,
    /// Whether what is shipped beside the artifact is there; each file holds its own name.
    pub(crate) assets: Cell<bool>,
    now: Cell<i64>,
    seed: Cell<u64>,
    deferred: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
}

impl FakeHost {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Ports {
            sql: FakeSql::default(),
            kv: FakeKv::default(),
            fetch: FakeFetch::default(),
            log: RefCell::default(),
            has_entropy: Cell::new(true),
            assets: Cell::new(true),
            now: Cell::new(NOON),
            seed: Cell::new(0x5eed),
            deferred: RefCell::default(),
        }))
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0
    }

    /// Moves the clock. Whatever sleeps wakes when it is polled the next time.
    pub(crate) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.0.now.set(self.0.now.get() + millis);
    }

    /// Runs what was put off until after the replies as far as it goes without the clock. Answers how much of it still
    /// waits for something.
    pub(crate) fn run_deferred(&self) -> usize {
        let work = self.0.deferred.take();
        let waiting: Vec<_> = work
            .into_iter()
            .filter_map(|mut work| poll(&mut work).is_none().then_some(work))
            .collect();
        let mut deferred = self.0.deferred.borrow_mut();
        deferred.extend(waiting);
        deferred.len()
    }

    /// How much was put off until after the replies and is not done yet.
    pub(crate) fn deferred(&self) -> usize {
        self.0.deferred.borrow().len()
    }
}

/// Lets a future go as far as it can. Nothing here wakes anybody: time only passes between two polls.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Entropy for FakeHost {
    /// SplitMix64: the same bytes in every run, other ones at every call.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        if !self.0.has_entropy.get() {
            return Err(EntropyError);
        }
        for byte in buffer {
            let state = self.0.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.seed.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = mixed.to_be_bytes()[0];
        }
        Ok(())
    }
}

impl Host for FakeHost {
    type Sql = FakeSql;
    type Kv = FakeKv;
    type Fetch = FakeFetch;

    const UNICODE: Unicode = TABLES;

    fn sql(&self) -> &FakeSql {
        &self.0.sql
    }

    fn kv(&self) -> &FakeKv {
        &self.0.kv
    }

    fn fetch(&self) -> &FakeFetch {
        &self.0.fetch
    }

    async fn asset(&self, name: &'static str) -> Option<Bytes> {
        self.0.assets.get().then(|| Bytes::from_static(name.as_bytes()))
    }

    fn now(&self) -> Time {
        Time::from_millis(self.0.now.get())
    }

    fn ticks(&self) -> u64 {
        u64::try_from(self.0.now.get() - NOON).unwrap() * 1000
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now().saturating_add(duration);
        std::future::poll_fn(|_| {
            if self.now() >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn log(&self, level: Level, line: &str) {
        self.0.log.borrow_mut().push((level, line.to_owned()));
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        self.0.deferred.borrow_mut().push(Box::pin(work));
    }
}
