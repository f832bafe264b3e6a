//! Workers on workerd itself: `workerd serve`, as wrangler's own modules bring it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::better_auth;
use super::capnp::Worker;
use super::upstream::Upstream;
use crate::{artifacts, paths, secrets, tools};

/// Doorward, with the date of `wrangler.toml`.
pub(super) fn doorward(
    port: u16,
    mut env: BTreeMap<String, String>,
    upstream: &Upstream,
    dir: &Path,
) -> Result<Command> {
    let entry = artifacts::worker()?;
    let gateway = &upstream.backends;
    env.insert("REDIS_REST_URL".to_owned(), gateway.gateway_url.clone());
    env.insert("REDIS_REST_TOKEN".to_owned(), gateway.gateway_token.clone());
    env.retain(|_, value| !value.is_empty());
    let worker = Worker {
        port,
        modules: modules(&entry, dir)?,
        date: date()?,
        flags: Vec::new(),
        vars: env.into_iter().collect(),
        database: Some(upstream.login.clone()),
        assets: Some(artifacts::browser_folder().display().to_string()),
    };
    serve(&worker, dir)
}

pub(super) fn hello(port: u16, dir: &Path) -> Result<Command> {
    let entry = artifacts::worker_of("doorward-bench-hello-worker", "bench/peers/hello-worker")?;
    let worker = Worker {
        port,
        modules: modules(&entry, dir)?,
        date: date()?,
        flags: Vec::new(),
        vars: Vec::new(),
        database: None,
        assets: None,
    };
    serve(&worker, dir)
}

pub(super) fn better_auth(port: u16, url: &str, upstream: &Upstream, dir: &Path) -> Result<Command> {
    better_auth::bundle(&dir.join("index.js"))?;
    let worker = Worker {
        port,
        modules: vec!["index.js".to_owned()],
        date: date()?,
        flags: vec!["nodejs_compat"],
        vars: better_auth::variables(url)?,
        database: Some(upstream.login.clone()),
        assets: None,
    };
    serve(&worker, dir)
}

fn serve(worker: &Worker, dir: &Path) -> Result<Command> {
    let config = dir.join("config.capnp");
    secrets::write_private(&config, &worker.text())?;
    let mut command = Command::new(tools::workerd()?);
    command.arg("serve").arg(config).arg("config").current_dir(dir);
    Ok(command)
}

/// Copies the entry point and the WebAssembly beside it to where the configuration is, which can name nothing elsewhere.
fn modules(entry: &Path, dir: &Path) -> Result<Vec<String>> {
    let build = entry
        .parent()
        .ok_or_else(|| anyhow!("{} has no folder", entry.display()))?;
    let mut names = vec!["index.js".to_owned()];
    for file in fs::read_dir(build).with_context(|| format!("reading {}", build.display()))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|end| end == "wasm") {
            names.push(name);
        }
    }
    for name in &names {
        fs::copy(build.join(name), dir.join(name)).with_context(|| format!("copying {name}"))?;
    }
    Ok(names)
}

/// The date of `wrangler.toml`, for all.
fn date() -> Result<String> {
    let text = fs::read_to_string(paths::root().join("wrangler.toml")).context("reading wrangler.toml")?;
    let line = text.lines().find_map(|line| line.strip_prefix("compatibility_date = "));
    let date = line.ok_or_else(|| anyhow!("wrangler.toml has no compatibility_date"))?;
    Ok(date.trim_matches('"').to_owned())
}
