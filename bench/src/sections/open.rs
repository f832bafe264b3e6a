//! Open load: requests are due at fixed times whatever the answers take, and latency counts from when they were due.
//! Once at 70 % of what each can by itself, and once at one rate for all: 70 % of what the slowest can.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use xtask::bench_peers::Route;
use xtask::progress::say;

use super::{Bench, SERVICES};
use crate::api::Op;
use crate::load::Shape;
use crate::record::{Key, Row, Section};
use crate::rounds::Turn;
use crate::scene::{Scene, Setting};

/// The share of what somebody can do at most.
const SHARE: f64 = 0.7;
/// Over how many connections, at most; and how many clients find out what somebody can do.
const CONNECTIONS: usize = 64;
const CLIENTS: usize = 8;
/// How many requests a turn has at least.
const FEWEST: f64 = 30.0;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let setting = Setting::new(Section::Open, Route::PgBouncer, CONNECTIONS);
    let mut scene = Scene::set(bench, &SERVICES, setting);
    let seconds = bench.plan.seconds;
    for op in [Op::Login, Op::MeCookie, Op::Refresh] {
        // What each can do, by its URL.
        let mut most: BTreeMap<String, f64> = BTreeMap::new();
        for rate in ["own", "shared"] {
            say(&format!("  {}, {rate} rate", op.name()));
            let about = |key| Key {
                rate: Some(rate.to_owned()),
                ..key
            };
            scene.contest(bench.plan.rounds, Some(op), about, |subject, everybody, turn| {
                let url = subject.running.url.clone();
                if turn == Turn::WarmUp {
                    let clients = CLIENTS;
                    let found = subject.measure(bench, everybody, op, Shape::Closed { clients, seconds })?;
                    most.entry(url).or_insert(found.get("rps").copied().unwrap_or_default());
                    return Ok(found);
                }
                let slowest = most.values().copied().reduce(f64::min);
                let capacity = if rate == "own" {
                    most.get(&url).copied()
                } else {
                    slowest
                };
                let rate = SHARE * capacity.context("nobody knows what it can do at most")?;
                let clients = CONNECTIONS;
                // Of what is slow, a turn has few.
                let seconds = seconds.max(FEWEST / rate);
                let mut sample = subject.measure(bench, everybody, op, Shape::Open { clients, rate, seconds })?;
                sample.insert("rate".to_owned(), rate);
                Ok(sample)
            })?;
        }
    }
    Ok(scene.rows)
}
