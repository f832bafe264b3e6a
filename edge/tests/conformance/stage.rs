//! A stage for what lives in the tables: a migrated database of its own, a host with a clock that the case moves, and a
//! mail provider that the case gives its lines.

use std::cell::{Cell, RefCell};
use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::process;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;
use doorward_core::token::Keys;
use doorward_core::unicode::{TABLES, Unicode};
use doorward_edge::config::Config;
use doorward_edge::host::{Command, Fetch, FetchError, Host, Kv, KvError, Level, Reply};
use doorward_edge::instance::Instance;
use http::{Request, Response};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use crate::adapter::{Adapter, AnySql};
use crate::environment::PASSWORD;

/// When every case begins.
pub(crate) const START: Time = Time::from_millis(1_795_197_600_000);

/// A migrated database, and what all hosts on it share.
pub(crate) struct Stage {
    /// For looking at the tables and filling them, beside the adapter.
    pub(crate) client: Client,
    pub(crate) provider: Provider,
    pub(crate) now: Rc<Cell<Time>>,
    pub(crate) log: Rc<RefCell<Vec<String>>>,
    adapter: Adapter,
    database: String,
}

impl Stage {
    /// Makes the database, owned by the adapter's role.
    pub(crate) async fn build(adapter: &Adapter) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = format!("doorward_stage_{}_{number}", process::id());
        let role = adapter.kind.role();
        let create = format!("CREATE DATABASE {database} OWNER {role}");
        adapter.environment.superuser(&[&create]).await;
        let (host, port) = adapter.environment.postgres();
        let mut login = tokio_postgres::Config::new();
        login
            .host(host)
            .port(port)
            .user(role)
            .password(PASSWORD)
            .dbname(&database);
        let (client, connection) = login.connect(NoTls).await.expect("the stage's database");
        tokio::spawn(connection);
        for migration in migrations() {
            client.batch_execute(&migration).await.expect("a migration");
        }
        Self {
            client,
            provider: Provider::default(),
            now: Rc::new(Cell::new(START)),
            log: Rc::default(),
            adapter: adapter.clone(),
            database,
        }
    }

    /// Removes the database again.
    pub(crate) async fn strike(self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        self.adapter.environment.superuser(&[&drop]).await;
    }

    /// Another host, as each request and each tick has one.
    pub(crate) fn host(&self) -> TestHost {
        TestHost(Rc::new(Ports {
            sql: self.adapter.with_database(&self.database),
            provider: self.provider.clone(),
            now: Rc::clone(&self.now),
            ticks: Cell::new(0),
            log: Rc::clone(&self.log),
            deferred: RefCell::default(),
        }))
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, duration: Duration) {
        self.now.set(self.now.get().saturating_add(duration));
    }

    /// Runs SQL that has no parameters.
    pub(crate) async fn execute(&self, sql: &str) {
        self.client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Commits what [`Stage::execute`] has begun, as soon as somebody waits for it.
    pub(crate) async fn commit_once_waited_for(&self) {
        let waiting = "SELECT count(*)::text FROM pg_locks
                       WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
        for _ in 0..1000 {
            if self.value(waiting).await.as_deref() != Some("0") {
                return self.execute("COMMIT").await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody waits for what is begun");
    }

    /// The only value of the only row, which is text.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        let row = self.client.query_one(sql, &[]).await;
        row.unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
    }
}

/// An instance with a mail provider and, beside that, this configuration.
pub(crate) fn configured(configuration: &[(&str, &str)]) -> Rc<Instance> {
    let keys = keys();
    let config = Config::read(|name| {
        let given = configuration.iter().find(|(given, _)| *given == name);
        let standard = match name {
            "DOORWARD_KEYS" => Some(keys.as_str()),
            "PUBLIC_URL" => Some("https://id.example.com"),
            "MAIL_URL" => Some("https://mail.example.com"),
            "MAIL_TOKEN" => Some("re_123"),
            "MAIL_FROM" => Some("Doorward <no-reply@example.com>"),
            _ => None,
        };
        given.map(|(_, value)| *value).or(standard).map(str::to_owned)
    });
    Rc::new(Instance::new(config.expect("the configuration")))
}

/// The keys of every instance.
pub(crate) fn keys() -> String {
    Keys::generate([1; 32], [2; 32]).expect("keys")
}

fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let files = fs::read_dir(folder).expect("the migrations");
    let files = files.map(|file| file.expect("a migration").path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "sql"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).expect("a migration"))
        .collect()
}

/// A message that reached the provider.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    pub(crate) key: String,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn to(&self) -> &str {
        self.body["to"][0].as_str().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        self.body["text"].as_str().unwrap()
    }
}

/// What the provider does with a message.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// Answers with a status and a name for the error.
    Status(u16, &'static str),
    /// The same, with a `Retry-After` of so many seconds.
    RetryAfter(u16, &'static str),
    /// Doesn't answer before whoever waits has waited long enough.
    Silence,
    /// Doesn't answer, and no time passes.
    Stop,
    /// Takes it, once [`Provider::recover`] was called.
    Hold,
    /// Breaks the connection.
    Break,
}

/// While it lasts, whoever waits has waited long enough.
struct Silence(Rc<Cell<bool>>);

impl Silence {
    fn falls(overdue: &Rc<Cell<bool>>) -> Self {
        overdue.set(true);
        Self(overdue.clone())
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A provider that keeps what it receives. It is shared by the hosts of a stage.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    pub(crate) received: Rc<RefCell<Vec<Received>>>,
    /// What it does with mail for an address; it takes all other mail.
    lines: Rc<RefCell<Vec<(String, Line)>>>,
    /// Whether it is silent (see [`Silence`]).
    overdue: Rc<Cell<bool>>,
    /// What the system that people come from answers, at https://old.example.com.
    old: Rc<RefCell<Bytes>>,
}

impl Provider {
    /// From now on, does this with mail for the address, or with all mail for `*`.
    pub(crate) fn say(&self, to: &str, line: Line) {
        self.lines.borrow_mut().insert(0, (to.to_owned(), line));
    }

    /// From now on, the system that people come from answers this.
    pub(crate) fn old_says(&self, body: &Value) {
        *self.old.borrow_mut() = body.to_string().into();
    }

    /// Takes all mail again.
    pub(crate) fn recover(&self) {
        self.lines.borrow_mut().clear();
    }

    /// Waits until something has come in.
    pub(crate) async fn reached(&self) {
        while self.received.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Everything that came in so far, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }
}

impl Fetch for Provider {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        if request.uri().host() == Some("old.example.com") {
            return Ok(Response::new(self.old.borrow().clone()));
        }
        assert_eq!(request.uri(), "https://mail.example.com/emails");
        let received = Received {
            key: request.headers()["idempotency-key"].to_str().unwrap().to_owned(),
            body: serde_json::from_slice(request.body()).unwrap(),
        };
        let to = received.to().to_owned();
        self.received.borrow_mut().push(received);
        // Whoever delivers at the same time gets a turn.
        tokio::task::yield_now().await;
        let line = self
            .lines
            .borrow()
            .iter()
            .find(|(other, _)| *other == to || other == "*")
            .map(|(_, line)| line.clone());
        let response = match line {
            None => return Ok(Response::new(Bytes::from_static(b"{\"id\":\"1\"}"))),
            Some(Line::Status(status, name)) => (status, name, None),
            Some(Line::RetryAfter(status, seconds)) => (status, "rate_limit_exceeded", Some(seconds)),
            Some(Line::Break) => return Err(FetchError::Unreachable("connection reset".to_owned())),
            Some(Line::Silence) => {
                let _silence = Silence::falls(&self.overdue);
                std::future::pending().await
            }
            Some(Line::Stop) => std::future::pending().await,
            Some(Line::Hold) => {
                while !self.lines.borrow().is_empty() {
                    tokio::task::yield_now().await;
                }
                return Ok(Response::new(Bytes::new()));
            }
        };
        let (status, name, retry_after) = response;
        let mut response = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            response = response.header("retry-after", seconds);
        }
        Ok(response.body(Bytes::from(format!(r#"{{"name":"{name}"}}"#))).unwrap())
    }
}

/// A cache that isn't there.
pub(crate) struct NoKv;

impl Kv for NoKv {
    async fn pipeline(&self, _: &[Command<'_>]) -> Result<Vec<Reply>, KvError> {
        Err(KvError::Unreachable("there is none".to_owned()))
    }
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// A host whose clock the case moves.
#[derive(Clone)]
pub(crate) struct TestHost(Rc<Ports>);

struct Ports {
    sql: AnySql,
    provider: Provider,
    now: Rc<Cell<Time>>,
    ticks: Cell<u64>,
    log: Rc<RefCell<Vec<String>>>,
    deferred: RefCell<Vec<Work>>,
}

impl TestHost {
    /// Runs what was left for after the reply. Answers how many pieces of work there were.
    pub(crate) async fn run_deferred(&self) -> usize {
        let work = self.0.deferred.take();
        let count = work.len();
        for piece in work {
            piece.await;
        }
        count
    }

    /// What a moment takes, as `ticks` tells it: the monotonic clock jumps that far ahead.
    pub(crate) fn take(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap();
        self.0.ticks.set(self.0.ticks.get() + micros);
    }
}

impl Entropy for TestHost {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        // Different at each call, which is all that the ids of a test need.
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        buffer
            .iter_mut()
            .rev()
            .zip(count.iter().rev().cycle())
            .for_each(|(byte, from)| *byte = *from);
        Ok(())
    }
}

impl Host for TestHost {
    type Sql = AnySql;
    type Kv = NoKv;
    type Fetch = Provider;

    const UNICODE: Unicode = TABLES;

    fn sql(&self) -> &AnySql {
        &self.0.sql
    }

    fn kv(&self) -> &NoKv {
        &NoKv
    }

    fn fetch(&self) -> &Provider {
        &self.0.provider
    }

    async fn asset(&self, _: &'static str) -> Option<Bytes> {
        None
    }

    fn now(&self) -> Time {
        self.0.now.get()
    }

    fn ticks(&self) -> u64 {
        self.0.ticks.get()
    }

    async fn sleep(&self, duration: Duration) {
        let mut timer = pin!(tokio::time::sleep(duration));
        poll_fn(|context| {
            if self.0.provider.overdue.get() {
                return Poll::Ready(());
            }
            timer.as_mut().poll(context)
        })
        .await;
    }

    fn log(&self, level: Level, line: &str) {
        self.0.log.borrow_mut().push(format!("{level} {line}"));
    }

    fn defer(&self, work: impl Future<Output = ()> + 'static) {
        self.0.deferred.borrow_mut().push(Box::pin(work));
    }
}
