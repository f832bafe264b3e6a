//! Schemathesis against each host: it makes requests up from the API's description, good and bad ones, and holds every
//! answer to what the description says.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Outcome;
use xtask::hosts::{HostOptions, Kind};
use xtask::progress::say;
use xtask::stack::{Stack, StackOptions};
use xtask::{paths, run as programs, secrets, tools};

/// Requests that are made up for each call, beyond those that follow from the description one by one.
const EXAMPLES: &str = "40";

pub(super) fn run() -> Result<Outcome> {
    let Some(schemathesis) = tools::schemathesis()? else {
        return Ok(Outcome::Skipped("there is no python3".to_owned()));
    };
    let token = secrets::random()?;
    let mut options = StackOptions::new("schemathesis");
    options.hosts.clear();
    // It signs in as one of the accounts of development.
    options.seed = true;
    options.env.extend([
        ("LIMITS".to_owned(), "off".to_owned()),
        ("MAINTENANCE_TOKEN".to_owned(), token.clone()),
    ]);
    let mut stack = Stack::start(options)?;
    let mut failed = Vec::new();
    for kind in [Kind::Workers, Kind::Wasi] {
        let url = stack.start_host(HostOptions::new(kind))?.base_url();
        let log = super::log(&format!("schemathesis-{}", kind.name()));
        let what = format!("schemathesis on {}", kind.name());
        if let Err(error) = programs::run(&what, &mut command(&schemathesis, &url, &token), &log) {
            failed.push(format!("{error:#}"));
        }
        say(&format!("        {}: {}", kind.name(), summary(&log)?));
        // One host at a time: the machine is small.
        stack.hosts.clear();
    }
    if failed.is_empty() {
        Ok(Outcome::Passed)
    } else {
        bail!("{}", failed.join("\n"))
    }
}

fn command(schemathesis: &Path, url: &str, token: &str) -> Command {
    let mut command = Command::new(schemathesis);
    command
        .arg("--config-file")
        .arg(paths::root().join("tests/schemathesis.toml"))
        .arg("run")
        .arg(format!("{url}/openapi.json"))
        .args([
            "--url",
            url,
            "--checks",
            "all",
            "--max-examples",
            EXAMPLES,
            "--no-color",
        ])
        .env("MAINTENANCE_TOKEN", token)
        .current_dir(paths::logs());
    command
}

/// The line that says how many requests there were.
fn summary(log: &Path) -> Result<String> {
    let text = std::fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    let cases = text.lines().skip_while(|line| !line.starts_with("Test cases:")).nth(1);
    Ok(cases.unwrap_or("no requests at all").trim().to_owned())
}
