//! What needs no service: how big the artifacts are, and the password hash by itself.

use anyhow::Result;
use xtask::artifacts;
use xtask::bench_peers::{self, HashTime, Peer};

use crate::record::{Key, Problem, Row, Section, sample};
use crate::scene::name;

/// The WebAssembly that is downloaded to every edge location.
pub(super) fn sizes() -> Result<Vec<Row>> {
    artifacts::worker()?;
    let files = [
        (Peer::Worker, artifacts::worker_module()),
        (Peer::Component, artifacts::component()?),
    ];
    let mut rows = Vec::new();
    for (peer, file) in files {
        let (raw, gzipped) = artifacts::sizes(&file)?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of a file, far below 2^52")]
        let sizes = [("raw_bytes", raw as f64), ("gzip_bytes", gzipped as f64)];
        rows.push(Row::of(Key::new(Section::Sizes, name(peer)), vec![sample(sizes)]));
    }
    Ok(rows)
}

/// The hash in each of its builds, in turn; `bench/hash` does that by itself.
pub(super) fn hash() -> Vec<Row> {
    let row = |time: HashTime| {
        let rounds = time.cpu_ms.iter().map(|cpu| sample([("cpu_ms", *cpu)]));
        Row::of(Key::new(Section::Hash, &time.name), rounds.collect())
    };
    match bench_peers::hash() {
        Ok(times) => times.into_iter().map(row).collect(),
        Err(error) => {
            let problem = Problem::NotRun(format!("{error:#}"));
            vec![Row::without(Key::new(Section::Hash, "all of them"), problem)]
        }
    }
}
