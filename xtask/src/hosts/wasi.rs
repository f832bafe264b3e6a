//! The component under a WASI 0.3 HTTP host: Spin where it is installed, else Wasmtime.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Plan;
use crate::process::{Ask, Service};
use crate::{paths, run, secrets, tools};

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
        let text = fs::read_to_string(paths::root().join("spin.toml")).context("reading spin.toml")?;
        let manifest = plan.dir.join("spin.toml");
        // Spin knows the client's address, and no client can write this header itself.
        env.entry("CLIENT_ADDRESS_HEADER".to_owned())
            .or_insert_with(|| "spin-client-addr".to_owned());
        // It holds secrets of development, and so does what Spin makes of it.
        secrets::write_private(&manifest, &local_manifest(&text, &plan.artifact, &env))?;
        let private = plan.dir.join("spin");
        fs::create_dir_all(&private)?;
        fs::set_permissions(&private, fs::Permissions::from_mode(0o700))?;
        let mut command = Command::new(spin);
        command
            .args(["up", "--listen", &address, "--file"])
            .arg(manifest)
            .arg("--temp")
            .arg(private)
            .arg("--state-dir")
            .arg(&plan.dir);
        command
    } else {
        let mut command = Command::new(tools::wasmtime()?);
        command.args(["serve", "-Scli", "--addr", &address]);
        command.args(tools::WASMTIME_CODEGEN);
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

/// `spin.toml` for a local run: as it is in the checkout, but with the component where it was built and the environment
/// of this run.
fn local_manifest(text: &str, component: &Path, env: &BTreeMap<String, String>) -> String {
    let is_source = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == "source");
    let mut local: Vec<String> = text
        .lines()
        .map(|line| {
            if is_source(line) {
                format!("source = {}", quoted(&component.to_string_lossy()))
            } else {
                line.to_owned()
            }
        })
        .collect();
    local.push("\n[component.doorward.environment]".to_owned());
    local.extend(env.iter().map(|(name, value)| format!("{name} = {}", quoted(value))));
    local.join("\n") + "\n"
}

/// A string of TOML, which JSON's are too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Wasmtime takes minutes to compile: not where Spin is.
pub(super) fn install() -> Result<()> {
    if is_spin() { Ok(()) } else { tools::wasmtime().map(drop) }
}

/// Whether a WASI host is Spin on this machine, and not Wasmtime.
#[must_use]
pub fn is_spin() -> bool {
    spin().is_some()
}

/// Spin, if the one on the `PATH` is new enough to run WASI 0.3 components.
fn spin() -> Option<PathBuf> {
    let spin = run::find("spin")?;
    let said = run::capture("asking for a version", Command::new(&spin).arg("--version")).ok()?;
    let version = said.split_whitespace().nth(1)?;
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next()?);
    (version >= (4, 1)).then_some(spin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_manifest_has_its_own_component_and_environment() {
        let text = "[component.doorward]\nsource = \"target/x.wasm\"\nallowed_outbound_hosts = []\n";
        let env = BTreeMap::from([("KEYS".to_owned(), "{\"keys\":[]}".to_owned())]);
        assert_eq!(
            local_manifest(text, Path::new("/b/y.wasm"), &env),
            "[component.doorward]\nsource = \"/b/y.wasm\"\nallowed_outbound_hosts = []\n\n\
             [component.doorward.environment]\nKEYS = \"{\\\"keys\\\":[]}\"\n"
        );
    }
}
