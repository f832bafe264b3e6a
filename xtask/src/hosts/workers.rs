//! Workers under `wrangler dev`: workerd, Hyperdrive's local stand-in, no account and no network.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Plan;
use crate::process::{Ask, Service};
use crate::{artifacts, paths, probe, run, secrets, tools};

/// The binding of Hyperdrive in `wrangler.toml`.
const BINDING: &str = "DB";

pub(super) fn start(plan: &Plan) -> Result<Service> {
    let wrangler = tools::wrangler()?;
    fs::create_dir_all(&plan.dir)?;
    let config = plan.dir.join("wrangler.toml");
    let mut vars = plan.env.clone();
    let gateway = &plan.backends;
    vars.entry("REDIS_REST_URL".to_owned())
        .or_insert_with(|| gateway.gateway_url.clone());
    vars.entry("REDIS_REST_TOKEN".to_owned())
        .or_insert_with(|| gateway.gateway_token.clone());
    if !plan.options.hyperdrive {
        vars.insert("DATABASE_URL".to_owned(), gateway.database_url.clone());
    }
    let text = fs::read_to_string(paths::root().join("wrangler.toml")).context("reading wrangler.toml")?;
    // It holds secrets of development.
    secrets::write_private(
        &config,
        &local_config(&text, &plan.artifact, &vars, plan.options.hyperdrive),
    )?;

    let mut command = Command::new("node");
    command
        .arg(wrangler)
        .args(["dev", "--local", "--ip", "127.0.0.1", "--port", &plan.port.to_string()]);
    command.args([
        "--inspector-ip",
        "127.0.0.1",
        "--inspector-port",
        &probe::free_port()?.to_string(),
    ]);
    command
        .arg("--config")
        .arg(&config)
        .arg("--persist-to")
        .arg(plan.dir.join("state"));
    command.args(["--show-interactive-dev-session=false", "--log-level", "log"]);
    command.current_dir(&plan.dir).stdin(Stdio::null());
    command
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("FORCE_COLOR", "0");
    command.env("WRANGLER_LOG_PATH", plan.dir.join("wrangler-logs"));
    command.env("WRANGLER_REGISTRY_PATH", plan.dir.join("registry"));
    // What `Request.cf` says locally would be fetched from the network.
    command.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    command.env(
        format!("CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{BINDING}"),
        &gateway.database_url,
    );
    let sockets = paths::root().join("xtask/src/hosts/sockets.cjs");
    let others = std::env::var("NODE_OPTIONS").unwrap_or_default();
    command.env("NODE_OPTIONS", format!("{others} --require={}", quoted(&sockets)));
    Service::start(&plan.options.name, &mut command, &plan.log, Ask::Terminate)
}

/// `wrangler.toml` for a local run: as it is in the checkout, but with an entry point that is built already, without a
/// build of its own, with the variables of this run, and without Hyperdrive where that isn't wanted. The folder of the
/// assets is named from the root, because the file lies elsewhere.
fn local_config(text: &str, entry: &Path, vars: &BTreeMap<String, String>, hyperdrive: bool) -> String {
    let mut local: Vec<String> = Vec::new();
    let mut keep = true;
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            let table = line.trim().trim_matches(['[', ']']);
            keep = table != "build" && table != "vars" && (hyperdrive || table != "hyperdrive");
        }
        if keep {
            local.push(match line.split('=').next().map(str::trim) {
                Some("main") => format!("main = {}", quoted(entry)),
                Some("directory") => format!("directory = {}", quoted(&artifacts::browser_folder())),
                _ => line.to_owned(),
            });
        }
    }
    local.push("\n[vars]".to_owned());
    local.extend(
        vars.iter()
            .map(|(name, value)| format!("{name} = {}", serde_json::Value::from(value.as_str()))),
    );
    local.join("\n") + "\n"
}

/// A path as a string of TOML, which JSON's are too.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

/// Whether what `wrangler deploy` would send can be made: everything but the sending.
///
/// # Errors
/// When it can't.
pub fn deploy_dry_run(out: &Path) -> Result<()> {
    let mut command = Command::new("node");
    command
        .arg(tools::wrangler()?)
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(out)
        .current_dir(paths::root());
    command
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("FORCE_COLOR", "0");
    command.env("WRANGLER_LOG_PATH", paths::logs());
    run::run("wrangler deploy --dry-run", &mut command, &run::log("wrangler-deploy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_configuration_has_its_own_entry_and_variables_and_no_build() {
        let text = "name = \"x\"\nmain = \"a/index.js\"\n\n[build]\ncommand = \"make\"\n\n[vars]\nLIMITS = \"on\"\n\n\
                    [[hyperdrive]]\nbinding = \"DB\"\nid = \"1\"\n\n[observability]\nenabled = true\n";
        let vars = BTreeMap::from([("KEYS".to_owned(), "{\"keys\":[]}".to_owned())]);
        let local = local_config(text, Path::new("/b/index.js"), &vars, true);
        assert_eq!(
            local,
            "name = \"x\"\nmain = \"/b/index.js\"\n\n[[hyperdrive]]\nbinding = \"DB\"\nid = \"1\"\n\n[observability]\n\
             enabled = true\n\n[vars]\nKEYS = \"{\\\"keys\\\":[]}\"\n"
        );
        assert!(!local_config(text, Path::new("/b/index.js"), &vars, false).contains("DB"));
    }
}
