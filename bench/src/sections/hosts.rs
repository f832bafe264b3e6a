//! What is about the hosts: memory with many sign-ins at once, cold start, and flights.

use anyhow::{Context, Result};
use xtask::artifacts;
use xtask::bench_peers::{Peer, Route};
use xtask::hosts::{Host, HostOptions, Kind};

use super::{Bench, PEERS, SERVICES};
use crate::api::{self, Api, Op};
use crate::cpu;
use crate::load::Shape;
use crate::people::People;
use crate::record::{Key, Row, Section, sample};
use crate::rounds::Turn;
use crate::scene::{Scene, Setting, name};

/// How many sign in at once.
const AT_ONCE: usize = 64;

/// The most that the host's processes hold while 64 sign in, over what they hold when they have just started.
pub(super) fn memory(bench: &Bench) -> Result<Vec<Row>> {
    let setting = Setting::new(Section::Memory, Route::PgBouncer, AT_ONCE);
    let mut scene = Scene::set(bench, &SERVICES, setting);
    scene.contest(
        bench.plan.rounds,
        Some(Op::Login),
        |key| key,
        |subject, _, turn| {
            if turn == Turn::WarmUp {
                return Ok(sample([]));
            }
            subject.running.restart()?;
            let pids = subject.running.pids();
            cpu::forget_peak(&pids)?;
            let (idle, _) = cpu::memory(&pids)?;
            subject.measure(bench, &pids, Op::Login, Shape::Once { clients: AT_ONCE })?;
            let (after, peak) = cpu::memory(&pids)?;
            let numbers = [
                ("idle_mb", idle),
                ("peak_mb", peak),
                ("over_mb", peak - idle),
                ("after_mb", after),
            ];
            Ok(sample(numbers))
        },
    )?;
    Ok(scene.rows)
}

/// From the start of the host's process to the end of its first answer, which needs no database.
pub(super) fn cold(bench: &Bench) -> Result<Vec<Row>> {
    let mut scene = Scene::set(bench, &PEERS, Setting::new(Section::Cold, Route::Plain, 0));
    scene.contest(
        bench.plan.rounds,
        None,
        |key| key,
        |subject, _, _| {
            let taken = subject.running.cold_start()?;
            Ok(sample([("first_ms", taken.as_secs_f64() * 1000.0)]))
        },
    )?;
    Ok(scene.rows)
}

/// How often an operation waits for the database and for the cache, as `Server-Timing` says: on hosts of their own with
/// the limits on, because those under load run without.
pub(super) fn flights(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (peer, kind) in [(Peer::Worker, Kind::Workers), (Peer::Component, Kind::Wasi)] {
        let artifact = match kind {
            Kind::Workers => artifacts::worker()?,
            Kind::Wasi => artifacts::component()?,
        };
        let label = format!("bench-flights-{}", kind.name());
        let options = HostOptions::new(kind).named(&label);
        let (dir, log) = (bench.tools.scratch.join(&label), xtask::run::log(&label));
        let (env, backends) = (bench.stack.env(), bench.stack.backends());
        let host = Host::start(options, env, &backends, &artifact, &dir, &log)?;
        let mut people = People::new(Api::Doorward, &host.base_url(), &label);
        people.enrol(1)?;
        for op in api::ALL.into_iter().filter(|op| Api::Doorward.offers(*op)) {
            // The first may have to fetch what later ones have at hand. A session ends but once.
            if op != Op::Logout {
                people.call(op)?;
            }
            let timing = people
                .call(op)?
                .server_timing
                .context("an answer without Server-Timing")?;
            let key = Key {
                op: Some(op.name().to_owned()),
                ..Key::new(Section::Flights, name(peer))
            };
            let flights = [("sql", count(&timing, "sql")?), ("kv", count(&timing, "kv")?)];
            rows.push(Row::of(key, vec![sample(flights)]));
        }
    }
    Ok(rows)
}

/// The flights of a kind in `sql;desc="2";dur=12.1, kv;desc="1";dur=0.9`; a kind that isn't named had none.
fn count(timing: &str, kind: &str) -> Result<f64> {
    let mut metrics = timing.split(',').map(|metric| metric.trim().split(';'));
    let Some(mut metric) = metrics.find_map(|mut parts| (parts.next() == Some(kind)).then_some(parts)) else {
        return Ok(0.0);
    };
    let number = metric.find_map(|part| part.trim().strip_prefix("desc=")?.trim_matches('"').parse().ok());
    number.with_context(|| format!("no number of {kind} in {timing}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flights_are_read_from_the_header() {
        let timing = r#"sql;desc="2";dur=9.1, kv;desc="1";dur=0.8, total;dur=58.0"#;
        let counts = ["sql", "kv", "mail"].map(|kind| count(timing, kind).unwrap().to_string());
        assert_eq!(counts, ["2", "1", "0"]);
        assert!(count("sql;dur=1", "sql").is_err());
    }
}
