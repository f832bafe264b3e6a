//! What needs no service: how big the artifacts are, and the password hash by itself.

use std::path::PathBuf;

use anyhow::Result;
use xtask::bench_peers::{self, HashTime, Peer};
use xtask::{artifacts, paths};

use crate::record::{Key, Problem, Row, Section, sample};
use crate::scene::name;

/// The WebAssembly that is downloaded to every edge location. Those that say hello are built when they are first started.
pub(super) fn sizes() -> Result<Vec<Row>> {
    artifacts::worker()?;
    let hello_worker = paths::root().join("bench/peers/hello-worker/build/index_bg.wasm");
    let hello_component = paths::target()?.join("wasm32-wasip2/release/doorward_bench_hello_component.wasm");
    let files = [
        (Peer::Worker, artifacts::worker_module()),
        (Peer::Component, artifacts::component()?),
        (Peer::HelloWorker, hello_worker),
        (Peer::HelloComponent, hello_component),
    ];
    let row = |(peer, file): (Peer, PathBuf)| {
        let key = Key::new(Section::Sizes, name(peer));
        if !file.is_file() {
            return Ok(Row::without(key, Problem::NotRun("it isn't built yet".to_owned())));
        }
        let (raw, gzipped) = artifacts::sizes(&[file])?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of a file, far below 2^52")]
        let sizes = [("raw_bytes", raw as f64), ("gzip_bytes", gzipped as f64)];
        Ok(Row::of(key, vec![sample(sizes)]))
    };
    files.into_iter().map(row).collect()
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
