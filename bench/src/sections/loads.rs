//! Closed loads: each client asks again when it has its answer. On each route, and once more with the database and the
//! cache a delay away.

use anyhow::Result;
use xtask::bench_peers::Route;
use xtask::progress::say;

use super::{Bench, PEERS, SERVICES};
use crate::api;
use crate::load::Shape;
use crate::record::{Key, Row, Section};
use crate::rounds::Turn;
use crate::scene::{Scene, Setting};

pub(super) fn closed(bench: &Bench) -> Result<Vec<Row>> {
    let [.., most] = bench.plan.clients;
    let mut rows = Vec::new();
    for route in [Route::Plain, Route::PgBouncer] {
        let mut scene = Scene::set(bench, &PEERS, Setting::new(Section::Closed, route, most));
        every_operation(bench, &mut scene, &bench.plan.clients)?;
        rows.append(&mut scene.rows);
    }
    Ok(rows)
}

/// By few clients, because what counts here is the way.
pub(super) fn delayed(bench: &Bench) -> Result<Vec<Row>> {
    let setting = Setting {
        delay: Some(bench.plan.delay),
        ..Setting::new(Section::Delay, Route::PgBouncer, 8)
    };
    let mut scene = Scene::set(bench, &SERVICES, setting);
    every_operation(bench, &mut scene, &[1, 8])?;
    Ok(scene.rows)
}

/// Every operation, by so many clients, by everybody in turn.
pub(super) fn every_operation(bench: &Bench, scene: &mut Scene, clients: &[usize]) -> Result<()> {
    for op in api::ALL {
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
