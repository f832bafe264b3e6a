//! The pages in a real browser, on each host: `tests/browser`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Outcome;
use xtask::hosts::{HostOptions, Kind};
use xtask::progress::say;
use xtask::stack::{Stack, StackOptions};
use xtask::{paths, run as programs, tools};

pub(super) fn run() -> Result<Outcome> {
    let chromium = tools::chromium()?;
    let folder = paths::root().join("tests/browser");
    let mut install = Command::new("npm");
    install
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder);
    programs::run("npm ci", &mut install, &super::log("browser-install"))?;
    let pictures = paths::logs().join("pictures");
    fs::remove_dir_all(&pictures).ok();

    let mut options = StackOptions::new("browser");
    options.hosts.clear();
    options.env.insert("LIMITS".to_owned(), "off".to_owned());
    let mut stack = Stack::start(options)?;
    let mut failed = Vec::new();
    for kind in [Kind::Workers, Kind::Wasi] {
        let url = stack.start_host(HostOptions::new(kind))?.base_url();
        let cases = |stack: &Stack, part: &str| {
            let mut command = Command::new("node");
            command.arg("main.mjs").arg(part).current_dir(&folder);
            command.env("HOST_NAME", kind.name()).env("HOST_URL", &url);
            command.env("CHROMIUM", &chromium).env("PICTURES", &pictures);
            command.env("GATEWAY_URL", stack.gateway.url());
            command.env("GATEWAY_TOKEN", stack.gateway.token());
            command.env("DATABASE_URL", stack.database_url());
            let log = super::log(&format!("browser-{}-{part}", kind.name()));
            let result = programs::run(&format!("{part} on {}", kind.name()), &mut command, &log);
            show(&log)?;
            Ok::<_, anyhow::Error>(result.err())
        };
        failed.extend(cases(&stack, "pages")?);
        stack.postgres.stop();
        failed.extend(cases(&stack, "outage")?);
        stack.postgres.start()?;
        // One host at a time: the machine is small.
        stack.hosts.clear();
    }
    if failed.is_empty() {
        return Ok(Outcome::Passed);
    }
    let failed: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
    bail!("{}\npictures of what failed: {}", failed.join("\n"), pictures.display())
}

/// What the cases said, but for the stacks of those that failed.
fn show(log: &Path) -> Result<()> {
    let text = fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    for line in text
        .lines()
        .filter(|line| !line.starts_with("     ") || line.starts_with("       "))
    {
        say(&format!("        {line}"));
    }
    Ok(())
}
