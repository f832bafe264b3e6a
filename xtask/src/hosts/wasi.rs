//! The component under a WASI 0.3 HTTP host: Spin where it is installed, else Wasmtime.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::Plan;
use crate::process::{Ask, Service};
use crate::{paths, run, tools};

pub(super) fn start(plan: &Plan) -> Result<Service> {
    fs::create_dir_all(&plan.dir)?;
    let mut env = plan.env.clone();
    let gateway = &plan.backends;
    env.entry("SQL_URL".to_owned())
        .or_insert_with(|| format!("{}/sql", gateway.gateway_url));
    env.entry("SQL_TOKEN".to_owned())
        .or_insert_with(|| gateway.gateway_token.clone());
    env.entry("DATABASE_URL".to_owned())
        .or_insert_with(|| gateway.database_url.clone());
    env.entry("REDIS_REST_URL".to_owned())
        .or_insert_with(|| gateway.gateway_url.clone());
    env.entry("REDIS_REST_TOKEN".to_owned())
        .or_insert_with(|| gateway.gateway_token.clone());
    let address = format!("127.0.0.1:{}", plan.port);

    let mut command = if let Some(spin) = spin() {
        let mut command = Command::new(spin);
        command
            .args(["up", "--listen", &address, "--file"])
            .arg(paths::root().join("spin.toml"));
        command.arg("--state-dir").arg(&plan.dir);
        for (name, value) in &env {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command
    } else {
        let mut command = Command::new(tools::wasmtime()?);
        command.args(["serve", "-Scli", "--addr", &address]);
        // Named without a value, a variable is taken from Wasmtime's own environment: what stands in a command line,
        // every user can read.
        for (name, value) in &env {
            command.arg("--env").arg(name).env(name, value);
        }
        command.arg(&plan.artifact);
        command
    };
    command.current_dir(&plan.dir).stdin(Stdio::null());
    Service::start(&plan.options.name, &mut command, &plan.log, Ask::Terminate)
}

/// Spin, if the one on the `PATH` is new enough to run WASI 0.3 components.
fn spin() -> Option<std::path::PathBuf> {
    let spin = run::find("spin")?;
    let said = run::capture("asking for a version", Command::new(&spin).arg("--version")).ok()?;
    let version = said.split_whitespace().nth(1)?;
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next()?);
    (version >= (4, 1)).then_some(spin)
}
