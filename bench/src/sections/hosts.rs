//! What is about the hosts: memory with many sign-ins at once, cold start, and flights.

use anyhow::{Context, Result};
use xtask::bench_peers::Route;

use super::{Bench, OURS, PEERS, SERVICES};
use crate::api::{self, Op};
use crate::cpu;
use crate::load::Shape;
use crate::record::{Row, Section, sample};
use crate::rounds::Turn;
use crate::scene::{Scene, Setting};

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

/// How often an operation waits for the database and for the cache, as `Server-Timing` says.
pub(super) fn flights(bench: &Bench) -> Result<Vec<Row>> {
    let mut scene = Scene::set(bench, &OURS, Setting::new(Section::Flights, Route::PgBouncer, 2));
    for op in api::ALL {
        // The warm-up may have to fetch what the next one has at hand.
        scene.contest(
            1,
            Some(op),
            |key| key,
            |subject, _, _| {
                let timing = subject.people.call(op)?.server_timing;
                let timing = timing.context("an answer without Server-Timing")?;
                Ok(sample([("sql", count(&timing, "sql")?), ("kv", count(&timing, "kv")?)]))
            },
        )?;
    }
    Ok(scene.rows)
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
