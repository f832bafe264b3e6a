//! Closed loads: each client asks again when it has its answer. On each route, and once more with the database and the
//! cache a delay away.

use anyhow::Result;
use xtask::bench_peers::Route;
use xtask::progress::say;

use super::{Bench, PEERS, SERVICES};
use crate::api::{self, Op};
use crate::load::Shape;
use crate::record::{Key, Row, Section};
use crate::rounds::Turn;
use crate::scene::{Scene, Setting};

pub(super) fn closed(bench: &Bench) -> Result<Vec<Row>> {
    let [.., most] = bench.plan.clients;
    let mut rows = Vec::new();
    for route in [Route::Plain, Route::PgBouncer] {
        let mut scene = Scene::set(bench, &PEERS, Setting::new(Section::Closed, route, most));
        operations(bench, &mut scene, &api::ALL, &bench.plan.clients)?;
        rows.append(&mut scene.rows);
    }
    Ok(rows)
}

/// By few clients, because what counts here is the way. Where a limit is a way to the cache, it is taken: that is what people wait for.
pub(super) fn delayed(bench: &Bench) -> Result<Vec<Row>> {
    let (limited, free): (Vec<Op>, Vec<Op>) = api::ALL
        .into_iter()
        .partition(|op| matches!(op, Op::Register | Op::Login));
    let mut rows = Vec::new();
    for (limits, chosen) in [(false, free), (true, limited)] {
        let setting = Setting {
            delay: Some(bench.plan.delay),
            limits,
            ..Setting::new(Section::Delay, Route::PgBouncer, 8)
        };
        let mut scene = Scene::set(bench, &SERVICES, setting);
        operations(bench, &mut scene, &chosen, &[1, 8])?;
        rows.append(&mut scene.rows);
    }
    Ok(rows)
}

/// These operations, by so many clients, by everybody in turn.
pub(super) fn operations(bench: &Bench, scene: &mut Scene, operations: &[Op], clients: &[usize]) -> Result<()> {
    for op in operations.iter().copied() {
        for clients in clients.iter().copied() {
            say(&format!("  {}, {clients} clients", op.name()));
            let about = |key| Key {
                clients: Some(clients),
                ..key
            };
            scene.contest(bench.plan.rounds, Some(op), about, |subject, everybody, turn| {
                let (clients, seconds) = match turn {
                    // What is under way at the end is waited for: with many clients that is long where a call is.
                    Turn::WarmUp => (clients.min(8), bench.plan.warm_up),
                    Turn::Round => (clients, bench.plan.seconds),
                };
                subject.measure(bench, everybody, op, Shape::Closed { clients, seconds })
            })?;
        }
    }
    Ok(())
}
