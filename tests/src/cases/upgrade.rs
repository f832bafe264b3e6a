//! From one release to the next without a moment in which somebody can't sign in.
//!
//! People sign up, in, on and out all the time, on the previous build and the tables that it knows. Meanwhile the tables are
//! brought up to date, the new build starts beside it, the traffic moves over, and the old one ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::previous;

use crate::actor::Person;
use crate::each;
use crate::http::{Base, Call, LOST_BY_WRANGLER, Reply};
use crate::registry::Case;
use crate::stage::{Host, Stage, Variant, skip};

/// How many people are on their way at any time.
const WALKERS: usize = 4;
/// How often each of them has to come through before the next thing happens.
const ROUNDS: usize = 2;
/// How long that may take on a small machine.
const BOUND: Duration = Duration::from_mins(3);

pub(super) fn cases() -> Vec<Case> {
    each![Outage; nobody_notices_an_upgrade]
}

/// The way through an account, over and over, on whatever builds the traffic goes to.
struct Traffic {
    /// The previous build and the new one, once it runs.
    builds: Mutex<Vec<Base>>,
    requests: AtomicUsize,
    failures: Mutex<Vec<String>>,
    rounds: [AtomicUsize; WALKERS],
    over: AtomicBool,
}

impl Traffic {
    fn to(base: &Base) -> Self {
        Self {
            builds: Mutex::new(vec![base.clone()]),
            requests: AtomicUsize::new(0),
            failures: Mutex::default(),
            rounds: std::array::from_fn(|_| AtomicUsize::new(0)),
            over: AtomicBool::new(false),
        }
    }

    fn now_to(&self, builds: &[&Base]) {
        *self.builds.lock().unwrap() = builds.iter().map(|base| (*base).clone()).collect();
    }

    /// Waits until everybody has come through so often on what the traffic goes to now.
    fn flows(&self, what: &str) {
        let before: Vec<_> = self.rounds.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        let started = Instant::now();
        // One more: the round that each is in may have begun earlier.
        let wanted = ROUNDS + 1;
        while self
            .rounds
            .iter()
            .zip(&before)
            .any(|(count, before)| count.load(Ordering::SeqCst) < before + wanted)
        {
            assert!(
                started.elapsed() < BOUND,
                "nobody comes through: {what}: {:?}",
                self.failures()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    /// One person after another, until it is over.
    fn walk(&self, number: usize) {
        while !self.over.load(Ordering::SeqCst) {
            self.round();
            self.rounds[number].fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Each step goes to another build than the one before, where there are two: what one wrote the other reads.
    fn round(&self) -> Option<()> {
        let builds = self.builds.lock().unwrap().clone();
        let mut next = 0;
        let mut step = |method: &str, path: &str, status: u16, dress: &dyn Fn(Call) -> Call| -> Option<Reply> {
            let base = &builds[next % builds.len()];
            next += 1;
            self.requests.fetch_add(1, Ordering::SeqCst);
            let call = || dress(base.call(method, path)).try_send();
            let mut answer = call();
            // Wrangler's own proxy, which no deployment has, says that it lost the request: as everywhere in this suite.
            if answer.as_ref().is_ok_and(Reply::is_from_wranglers_proxy) {
                LOST_BY_WRANGLER.fetch_add(1, Ordering::Relaxed);
                answer = call();
            }
            let outcome = match answer {
                Ok(reply) if reply.status == status => return Some(reply),
                Ok(reply) => format!(
                    "{method} {path} at {}: {} {}",
                    base.origin(),
                    reply.status,
                    reply.text()
                ),
                Err(problem) => format!("{method} {path} at {}: {problem}", base.origin()),
            };
            self.failures.lock().unwrap().push(outcome);
            None
        };
        let text = |reply: &Reply, name: &str| reply.json()[name].as_str().unwrap_or_default().to_owned();
        let body = |value: Value| move |call: Call| call.token_mode().json(&value);

        let person = Person::new();
        step("POST", "/api/auth/register", 201, &body(person.registration()))?;
        let signed_in = step("POST", "/api/auth/login", 200, &body(person.credentials()))?;
        let access = text(&signed_in, "accessToken");
        step("GET", "/api/auth/me", 200, &|call| call.bearer(&access))?;
        let refresh = json!({ "refreshToken": text(&signed_in, "refreshToken") });
        let refreshed = step("POST", "/api/auth/refresh", 200, &body(refresh))?;
        let again = json!({ "refreshToken": text(&refreshed, "refreshToken") });
        let refreshed = step("POST", "/auth/refresh", 200, &body(again))?;
        let access = text(&refreshed, "accessToken");
        step("GET", "/api/auth/sessions", 200, &|call| call.bearer(&access))?;
        step(
            "POST",
            "/auth/forgot-password",
            202,
            &body(json!({ "email": person.email })),
        )?;
        step("POST", "/api/auth/logout", 204, &|call| call.bearer(&access))?;
        Some(())
    }
}

fn nobody_notices_an_upgrade(stage: &Stage) {
    let previous = previous::build().unwrap_or_else(|problem| skip(&format!("{problem:#}")));
    let artifact = match stage.host {
        Host::Workers => previous.worker,
        Host::Spin => previous.component,
    };
    let database = format!("upgrade_{}", stage.host.name());
    stage
        .database()
        .execute(&format!("DROP DATABASE IF EXISTS {database}"), &[]);
    stage.database().execute(&format!("CREATE DATABASE {database}"), &[]);
    let migrate = |arguments: &[&str]| {
        stage.stack.disturb(|services| {
            let url = services.postgres.url_of(&database);
            services.run_doorward_on(&url, &[&["migrate", "--no-backup"], arguments].concat())
        })
    };
    migrate(&["--until", &previous::MIGRATION.to_string()]).expect("the tables of the previous build");

    let options = |age: &str| {
        let mut options = stage
            .options(&format!("upgrade-{age}"), Variant::Main)
            .with("LIMITS", "off");
        options.database = Some(database.clone());
        options
    };
    let mut old = options("old");
    old.artifact = Some(artifact);
    let old_name = old.name.clone();
    let old = stage.started(old);

    let traffic = Traffic::to(&old.base);
    std::thread::scope(|scope| {
        for number in 0..WALKERS {
            let traffic = &traffic;
            scope.spawn(move || traffic.walk(number));
        }
        // However it ends, the walkers are told.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            traffic.flows("the previous build on its own tables");
            migrate(&[]).expect("the tables of this build");
            traffic.flows("the previous build on the new tables");
            let new = stage.started(options("new"));
            traffic.now_to(&[&old.base, &new.base]);
            traffic.flows("both builds beside each other");
            traffic.now_to(&[&new.base]);
            traffic.flows("the new build");
            stage
                .stack
                .disturb(|services| services.hosts.retain(|host| host.name() != old_name));
            traffic.flows("the new build alone");
        }));
        traffic.over.store(true, Ordering::SeqCst);
        outcome.unwrap_or_else(|problem| std::panic::resume_unwind(problem));
    });
    let failures = traffic.failures();
    let requests = traffic.requests.load(Ordering::SeqCst);
    assert!(
        failures.is_empty(),
        "{} of {requests} failed: {failures:#?}",
        failures.len()
    );
    println!(
        "{}: {requests} requests during the upgrade, none failed",
        stage.host.name()
    );
}
