//! What is measured together: peers that run beside each other, with their people, and the turns that they take.

use std::time::Duration;

use anyhow::Result;
use xtask::bench_peers::{self, Peer, Place, Route, Running};
use xtask::progress::say;
use xtask::services::postgres::NAME;

use crate::api::{Api, Op};
use crate::cpu::Meter;
use crate::load::Shape;
use crate::people::{People, Sessions};
use crate::record::{Key, Problem, Row, Sample, Section, sample};
use crate::rounds::{Turn, in_turn};
use crate::sections::Bench;

/// What a peer is called in the report.
pub(crate) fn name(peer: Peer) -> &'static str {
    match peer {
        Peer::HelloWorker => "hello worker",
        Peer::HelloComponent => "hello component",
        Peer::BetterAuthWorkerd => "Better Auth, workerd",
        Peer::BetterAuthNode => "Better Auth, Node",
        Peer::Worker => "Doorward, workerd",
        Peer::Component => "Doorward, Wasmtime",
    }
}

/// A peer that runs, and its people.
pub(crate) struct Subject {
    pub(crate) running: Running,
    pub(crate) people: People,
    key: Key,
    api: Api,
    database_url: String,
}

/// Where the peers of a scene run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) section: Section,
    pub(crate) route: Route,
    pub(crate) delay: Option<Duration>,
    /// In a database with so many users, rather than in the peer's own.
    pub(crate) users: Option<u32>,
    /// Whether Doorward's calls are counted in the cache, in the measure of development.
    pub(crate) limits: bool,
    /// How many people each has besides the one whose session is shown.
    pub(crate) people: usize,
}

impl Setting {
    pub(crate) fn new(section: Section, route: Route, people: usize) -> Self {
        Self {
            section,
            route,
            delay: None,
            users: None,
            limits: false,
            people,
        }
    }

    fn key(&self, peer: Peer) -> Key {
        let route = match self.route {
            Route::Plain => "plain",
            Route::PgBouncer => "PgBouncer",
        };
        Key {
            route: Some(route.to_owned()),
            users: self.users,
            ..Key::new(self.section, name(peer))
        }
    }
}

/// What the database with so many users is called.
pub(crate) fn grown(users: u32) -> String {
    format!("growth_{users}")
}

/// Peers that run, and the rows about them so far.
#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rows: Vec<Row>,
}

impl Scene {
    /// Starts each of `peers`. Who can't be started has a row that says so.
    pub(crate) fn set(bench: &Bench, peers: &[Peer], setting: Setting) -> Self {
        let mut scene = Self::default();
        for peer in peers {
            let key = setting.key(*peer);
            say(&format!("  starting {}", key.subject));
            match start(bench, *peer, &setting) {
                Ok(subject) => scene.subjects.push(subject),
                Err(problem) => {
                    say(&format!("  {}: {problem:?}", key.subject));
                    scene.rows.push(Row::without(key, problem));
                }
            }
        }
        scene
    }

    /// Gives those that offer `op` their turns; `about` completes the key of their rows.
    pub(crate) fn contest(
        &mut self,
        rounds: usize,
        op: Option<Op>,
        about: impl Fn(Key) -> Key,
        mut measure: impl FnMut(&mut Subject, &[u32], Turn) -> Result<Sample>,
    ) -> Result<()> {
        let everybody: Vec<u32> = self
            .subjects
            .iter()
            .flat_map(|subject| subject.running.pids())
            .collect();
        let offering = |subject: &&mut Subject| op.is_none_or(|op| subject.people.offers(op));
        let contestants = self.subjects.iter_mut().filter(offering).map(|subject| {
            let op = op.map(|op| op.name().to_owned());
            let key = about(Key {
                op,
                ..subject.key.clone()
            });
            (key, subject)
        });
        let rows = in_turn(rounds, contestants.collect(), |subject, turn| {
            measure(subject, &everybody, turn)
        })?;
        self.rows.extend(rows);
        Ok(())
    }
}

fn start(bench: &Bench, peer: Peer, setting: &Setting) -> Result<Subject, Problem> {
    let place = Place {
        stack: &bench.stack,
        route: setting.route,
        delay: setting.delay,
        database: setting.users.map(grown),
        limits: setting.limits,
    };
    // The end of a log is in the log.
    let first_line = |error: anyhow::Error| format!("{error:#}").lines().next().unwrap_or_default().to_owned();
    let running = bench_peers::start(peer, &place).map_err(|error| Problem::NotRun(first_line(error)))?;
    let (api, key) = (Api::of(peer), setting.key(peer));
    let own = if api == Api::BetterAuth { "better_auth" } else { NAME };
    let database = place.database.as_deref().unwrap_or(own);
    let scene = format!(
        "{:?}-{}-{}-{}",
        setting.section,
        key.subject,
        key.route.as_deref().unwrap_or_default(),
        if setting.limits { "limited" } else { "free" }
    );
    let mut people = People::new(api, &running.url, &scene.to_lowercase().replace([' ', ','], ""));
    people
        .enrol(setting.people)
        .map_err(|error| Problem::Failed(format!("registering: {error:#}")))?;
    Ok(Subject {
        database_url: bench.stack.postgres.url_of(database),
        running,
        people,
        key,
        api,
    })
}

impl Subject {
    /// Runs a load, and takes the processor's time before and after it.
    pub(crate) fn measure(&mut self, bench: &Bench, everybody: &[u32], op: Op, shape: Shape) -> Result<Sample> {
        self.people.prepare(op)?;
        let mut sessions = match op {
            Op::Logout => Sessions::keep(self.api, &self.database_url)?,
            _ => Sessions::untouched(),
        };
        let meter = Meter::start(&self.running.pids(), everybody);
        let load = self.people.load(&bench.tools, op, shape, &mut sessions)?;
        let used = meter.stop();
        load.check()?;
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        let requests = load.requests as f64;
        let [p50, p95, p99] = load.percentiles;
        let rps = requests / load.seconds;
        let latencies = [("p50_ms", p50), ("p95_ms", p95), ("p99_ms", p99)];
        let mut numbers = sample([("requests", requests), ("rps", rps)]);
        numbers.extend(sample(latencies));
        if let Some((host, behind)) = used {
            let each = |time: Duration| time.as_secs_f64() * 1000.0 / requests;
            numbers.extend(sample([("host_cpu_ms", each(host))]));
            // Bringing sessions back is the database's work too, and no part of the load.
            if op != Op::Logout {
                numbers.extend(sample([("behind_cpu_ms", each(behind))]));
            }
        }
        Ok(numbers)
    }
}
