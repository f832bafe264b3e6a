//! `cargo xtask test`: everything that must pass, in order, and a summary.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::build::report;
use xtask::artifacts::{self, Profile};
use xtask::progress::{self, Progress, human, stopping};
use xtask::stack::Stack;
use xtask::{budget, hosts, paths, run as programs, tools};

mod browser;
mod imports;
mod migrations;
mod schemathesis;
mod sql;

/// The options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only what needs neither services nor wasm: format, clippy for this machine, unit tests
    #[arg(long)]
    quick: bool,
    /// Only the steps whose name contains this; if there is none, only those cases of the black-box suite
    filter: Option<String>,
    /// List the steps and do nothing
    #[arg(long)]
    list: bool,
}

/// What the packages are called, by what they are checked for.
const NATIVE: [&str; 9] = [
    "doorward-argon2",
    "doorward-core",
    "doorward-edge",
    "doorward-browser",
    "doorward",
    "xtask",
    "doorward-tests",
    "doorward-bench",
    "doorward-bench-hash",
];
const UNIT: [&str; 7] = [
    "doorward-argon2",
    "doorward-core",
    "doorward-edge",
    "doorward-browser",
    "doorward",
    "xtask",
    "doorward-bench",
];
const ON_WORKERS: [&str; 7] = [
    "doorward-argon2",
    "doorward-core",
    "doorward-edge",
    "doorward-workers",
    "doorward-browser",
    "doorward-bench-hash",
    "doorward-bench-hello-worker",
];
const ON_WASI: [&str; 5] = [
    "doorward-argon2",
    "doorward-core",
    "doorward-edge",
    "doorward-spin",
    "doorward-bench-hello-component",
];

/// One thing that must pass.
struct Step {
    name: &'static str,
    quick: bool,
    act: fn(&mut Context) -> Result<Outcome>,
}

/// How a step went that didn't fail.
enum Outcome {
    Passed,
    /// Why it couldn't be done, where that is no failure.
    Skipped(String),
}

/// What steps share.
#[derive(Default)]
struct Context {
    services: Option<Stack>,
    cases: Option<String>,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        quick: true,
        act: |_| cargo("format", &["fmt", "--all", "--check"]),
    },
    Step {
        name: "clippy (this machine)",
        quick: true,
        act: |_| clippy_native(),
    },
    Step {
        name: "clippy (wasm32-unknown-unknown)",
        quick: false,
        act: |_| clippy("wasm32-unknown-unknown", &ON_WORKERS),
    },
    Step {
        name: "clippy (wasm32-wasip2)",
        quick: false,
        act: |_| clippy("wasm32-wasip2", &ON_WASI),
    },
    Step {
        name: "documentation",
        quick: false,
        act: |_| documentation(),
    },
    Step {
        name: "cargo deny",
        quick: false,
        act: |_| deny(),
    },
    Step {
        name: "cargo machete",
        quick: false,
        act: |_| machete(),
    },
    Step {
        name: "migrations only expand",
        quick: true,
        act: |_| migrations::check().map(|()| Outcome::Passed),
    },
    Step {
        name: "unit tests",
        quick: true,
        act: |_| unit_tests(),
    },
    Step {
        name: "the core on wasm",
        quick: false,
        act: |_| core_on_wasm(),
    },
    Step {
        name: "the core imports nothing",
        quick: false,
        act: |_| imports::core_imports_nothing().map(|()| Outcome::Passed),
    },
    Step {
        name: "build",
        quick: false,
        act: |_| build(),
    },
    Step {
        name: "wrangler deploy --dry-run",
        quick: false,
        act: |_| deploy(),
    },
    Step {
        name: "conformance of the ports",
        quick: false,
        act: conformance,
    },
    Step {
        name: "doorward against real servers",
        quick: false,
        act: integration,
    },
    Step {
        name: "official clients against the gateway",
        quick: false,
        act: clients,
    },
    Step {
        name: "black-box suite",
        quick: false,
        act: suite,
    },
    Step {
        name: "pages in a browser",
        quick: false,
        act: |context| {
            // It starts services of its own.
            context.services = None;
            browser::run()
        },
    },
    Step {
        name: "schemathesis",
        quick: false,
        act: |context| {
            // It starts services of its own.
            context.services = None;
            schemathesis::run()
        },
    },
];

/// The step that takes the names of cases.
const SUITE: &str = "black-box suite";

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut context = Context::default();
    let mut steps: Vec<&Step> = STEPS.iter().filter(|step| step.quick || !options.quick).collect();
    if let Some(filter) = &options.filter {
        if steps.iter().any(|step| step.name.contains(filter.as_str())) {
            steps.retain(|step| step.name.contains(filter.as_str()));
        } else {
            steps.retain(|step| step.name == SUITE);
            context.cases = Some(filter.clone());
        }
    }
    if options.list {
        for step in steps {
            println!("{}", step.name);
        }
        return Ok(());
    }
    let whole = Progress::start("all");
    let mut results: Vec<(&str, Duration, Result<Outcome>)> = Vec::new();
    for step in steps {
        if stopping() {
            bail!("interrupted");
        }
        println!("== {}", step.name);
        let progress = Progress::start(step.name);
        let result = (step.act)(&mut context);
        if let Err(error) = &result {
            println!("FAILED: {error:#}\n");
        }
        results.push((step.name, progress.elapsed(), result));
    }
    drop(context);
    summarise(&results, whole.elapsed())
}

fn summarise(results: &[(&str, Duration, Result<Outcome>)], whole: Duration) -> Result<()> {
    println!("\n== summary");
    for (name, time, result) in results {
        let word = match result {
            Ok(Outcome::Passed) => "passed ".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped ({why})"),
            Err(_) => "FAILED ".to_owned(),
        };
        println!("  {name:<40}{:>12}  {word}", human(*time));
    }
    let failed = results.iter().filter(|(.., result)| result.is_err()).count();
    println!("  {:<40}{:>12}", "all", human(whole));
    if failed > 0 {
        bail!(
            "{failed} of {} failed; their output is in {}",
            results.len(),
            paths::logs().display()
        );
    }
    Ok(())
}

/// The log of a step, of this run only.
fn log(step: &str) -> PathBuf {
    let name: String = step
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let log = programs::log(&format!("test-{name}"));
    std::fs::remove_file(&log).ok();
    log
}

fn cargo(step: &str, arguments: &[&str]) -> Result<Outcome> {
    programs::run(step, programs::cargo().args(arguments), &log(step))?;
    Ok(Outcome::Passed)
}

/// Runs tests; when some fail, their names come first.
fn tests(step: &str, command: &mut Command) -> Result<()> {
    let log = log(step);
    let result = programs::run(step, command, &log);
    if result.is_err() {
        let output = std::fs::read(&log).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let is_verdict = |line: &&str| line.ends_with("FAILED") || line.starts_with("error");
        for line in output.lines().filter(is_verdict).take(60) {
            println!("  {line}");
        }
    }
    result
}

fn packages(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--package", name]).collect()
}

fn clippy_native() -> Result<Outcome> {
    let mut arguments = vec![
        "clippy",
        "--all-targets",
        "--features",
        "doorward-edge/conformance,doorward-edge/openapi,doorward/integration",
    ];
    arguments.extend(packages(&NATIVE));
    arguments.extend(["--", "-D", "warnings"]);
    cargo("clippy", &arguments)
}

fn clippy(target: &str, names: &[&'static str]) -> Result<Outcome> {
    let mut arguments = vec!["clippy", "--lib", "--target", target];
    arguments.extend(packages(names));
    arguments.extend(["--", "-D", "warnings"]);
    cargo(&format!("clippy for {target}"), &arguments)
}

/// With private items, because nobody but this workspace uses the packages: their documentation is for whoever changes
/// them.
fn documentation() -> Result<Outcome> {
    let call = |kind: &str, names: &[&'static str]| {
        let mut command = programs::cargo();
        command
            .args(["doc", "--no-deps", "--document-private-items", kind])
            .args(packages(names));
        command.env("RUSTDOCFLAGS", "-D warnings");
        programs::run("documentation", &mut command, &log(&format!("doc{kind}")))
    };
    call(
        "--lib",
        &[
            "doorward-argon2",
            "doorward-core",
            "doorward-edge",
            "doorward-browser",
            "xtask",
            "doorward-tests",
        ],
    )?;
    call("--bins", &["doorward", "doorward-bench"])?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Outcome> {
    let deny = tools::cargo_deny()?;
    let call = |what: &str, arguments: &[&str]| {
        let mut command = Command::new(&deny);
        command.current_dir(paths::root()).args(arguments);
        programs::run(what, &mut command, &log(what))
    };
    call("deny", &["check", "bans", "licenses", "sources"])?;
    // The list of advisories lies on GitHub, which isn't reachable from everywhere.
    if let Err(error) = call("deny-fetch", &["fetch", "db"]) {
        if stopping() {
            return Err(error);
        }
        return Ok(Outcome::Skipped(
            "advisories only: their list can't be fetched".to_owned(),
        ));
    }
    call("deny-advisories", &["check", "--disable-fetch", "advisories"])?;
    Ok(Outcome::Passed)
}

fn machete() -> Result<Outcome> {
    let mut command = Command::new(tools::cargo_machete()?);
    command.current_dir(paths::root());
    for dir in ["core", "edge", "browser", "ops", "xtask", "tests", "bench"] {
        command.arg(dir);
    }
    programs::run("machete", &mut command, &log("machete"))?;
    Ok(Outcome::Passed)
}

fn unit_tests() -> Result<Outcome> {
    let mut arguments = vec!["test", "--no-fail-fast", "--features", "doorward-edge/openapi"];
    arguments.extend(packages(&UNIT));
    tests("unit tests", programs::cargo().args(arguments))?;
    Ok(Outcome::Passed)
}

fn core_on_wasm() -> Result<Outcome> {
    let wasmtime = tools::wasmtime()?;
    let mut command = programs::cargo();
    command.args([
        "test",
        "--no-fail-fast",
        "--package",
        "doorward-argon2",
        "--package",
        "doorward-core",
        "--lib",
        "--tests",
        "--target",
        "wasm32-wasip2",
    ]);
    command.env(
        "CARGO_TARGET_WASM32_WASIP2_RUNNER",
        format!("{} run", wasmtime.display()),
    );
    tests("the core's tests on wasm", &mut command)?;
    Ok(Outcome::Passed)
}

fn build() -> Result<Outcome> {
    artifacts::doorward(Profile::Dev)?;
    artifacts::browser()?;
    artifacts::worker()?;
    let component = artifacts::component()?;
    for (what, files, most) in [
        ("core for the browser", &artifacts::browser_files()[..], budget::BROWSER),
        ("Worker", &artifacts::worker_files(), budget::WORKER),
        ("component", &[component], budget::COMPONENT),
    ] {
        budget::hold(what, report(&format!("  {what}"), files)?, most)?;
    }
    Ok(Outcome::Passed)
}

fn deploy() -> Result<Outcome> {
    hosts::workers::deploy_dry_run(&paths::state().join("deploy"))?;
    Ok(Outcome::Passed)
}

/// The services that the steps share, started by the first that needs them.
fn services(context: &mut Context) -> Result<&Stack> {
    if context.services.is_none() {
        context.services = Some(Stack::start_services("test")?);
    }
    context
        .services
        .as_ref()
        .ok_or_else(|| anyhow!("the services were started and aren't there"))
}

/// The addresses of real servers, as the tests of the ports and of the command line want them.
fn with_services(command: &mut Command, stack: &Stack) {
    command.env("DOORWARD_TEST_DATABASE_URL", stack.database_url());
    command.env("DOORWARD_TEST_REDIS_URL", stack.redis_url());
    command.env("DOORWARD_TEST_SQL_URL", format!("{}/sql", stack.gateway.url()));
    command.env("DOORWARD_TEST_REDIS_REST_URL", stack.gateway.url());
    command.env("DOORWARD_TEST_REDIS_REST_TOKEN", stack.gateway.token());
}

fn conformance(context: &mut Context) -> Result<Outcome> {
    let mut command = programs::cargo();
    command.args([
        "test",
        "--package",
        "doorward-edge",
        "--features",
        "conformance",
        "--test",
        "conformance",
    ]);
    with_services(&mut command, services(context)?);
    tests("conformance", &mut command)?;
    Ok(Outcome::Passed)
}

fn integration(context: &mut Context) -> Result<Outcome> {
    let mut command = programs::cargo();
    command.args([
        "test",
        "--no-fail-fast",
        "--package",
        "doorward",
        "--features",
        "integration",
    ]);
    with_services(&mut command, services(context)?);
    tests("integration", &mut command)?;
    Ok(Outcome::Passed)
}

fn clients(context: &mut Context) -> Result<Outcome> {
    let dir = paths::root().join("ops/tests/clients");
    let mut install = Command::new("npm");
    install
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&dir);
    programs::run("npm ci", &mut install, &log("clients-install"))?;
    let stack = services(context)?;
    let mut command = Command::new("npm");
    command.args(["test", "--silent"]).current_dir(&dir);
    command
        .env("GATEWAY_URL", stack.gateway.url())
        .env("GATEWAY_TOKEN", stack.gateway.token());
    command.env("DATABASE_URL", stack.database_url());
    programs::run("official clients", &mut command, &log("clients"))?;
    Ok(Outcome::Passed)
}

fn suite(context: &mut Context) -> Result<Outcome> {
    // It starts services of its own.
    context.services = None;
    progress::say("  (one line a case in .doorward/logs/test-black-box-suite.log)");
    let mut command = programs::cargo();
    command.args(["test", "--no-fail-fast", "--package", "doorward-tests"]);
    if let Some(cases) = &context.cases {
        command.args(["--", cases]);
    }
    tests("black-box suite", &mut command)?;
    Ok(Outcome::Passed)
}
