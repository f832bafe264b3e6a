//! `cargo xtask dev`: everything that Doorward needs, on this machine, until Ctrl-C.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::Hosts;
use xtask::artifacts::{self, Profile};
use xtask::hosts::{self, Backends, Host, HostOptions, Kind};
use xtask::process::tail;
use xtask::progress::{self, Progress, STOP, say, stopping};
use xtask::services::gateway::Gateway;
use xtask::services::postgres::{Postgres, Purpose};
use xtask::services::valkey::Valkey;
use xtask::{paths, probe, run as programs, secrets, stack};

/// Where PostgreSQL and Valkey are put if nobody else is there.
const POSTGRES_PORT: u16 = 8784;
const VALKEY_PORT: u16 = 8785;

/// The password of the accounts that `doorward seed` makes.
const SEEDED_PASSWORD: &str = "doorward-dev-password";

/// How often a host that ends by itself is started again within one run.
const RESTARTS: u32 = 20;

/// How often a host is asked for its maintenance.
const TICK: Duration = Duration::from_secs(20);

/// The options of `cargo xtask dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to serve on
    #[arg(long, value_enum, default_value_t = Hosts::Workers)]
    host: Hosts,
    /// The port of Workers
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// The port of the WASI host
    #[arg(long, default_value_t = 3000)]
    spin_port: u16,
    /// The port of the gateway
    #[arg(long, default_value_t = 8786)]
    gateway_port: u16,
    /// Turn the limits off, for load tests
    #[arg(long)]
    no_limits: bool,
}

/// What runs. Ends in the order of the fields.
struct Running {
    hosts: Vec<Host>,
    services: Services,
}

/// The services, ours or those that the environment names.
struct Services {
    gateway: Gateway,
    valkey: Option<Valkey>,
    postgres: Option<Postgres>,
    database_url: String,
    redis_url: String,
    doorward: PathBuf,
    /// Whether the accounts of development are there, or why not.
    seeded: Result<(), String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let progress = Progress::start("dev");
    let _only_one = lock()?;
    check_ports(options)?;
    let mut running = start(options)?;
    greet(options, &running, &progress::human(progress.elapsed()))?;
    tick(&running);
    let result = watch(&mut running);
    say("\nending ...");
    drop(running);
    if stopping() {
        return Ok(());
    }
    result
}

/// Two runs in one checkout would share its data.
fn lock() -> Result<File> {
    let path = paths::state().join("dev.lock");
    fs::create_dir_all(paths::state())?;
    let holder = paths::state().join("dev.pid");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    if file.try_lock().is_err() {
        let id = fs::read_to_string(&holder).unwrap_or_default();
        bail!(
            "`cargo xtask dev` already runs in this checkout (process {}): end it first",
            id.trim()
        );
    }
    fs::write(&holder, std::process::id().to_string())?;
    Ok(file)
}

fn check_ports(options: &Options) -> Result<()> {
    let mut wanted = vec![(options.gateway_port, "the gateway", "--gateway-port")];
    if options.host.workers() {
        wanted.push((options.port, "Workers", "--port"));
    }
    if options.host.spin() {
        wanted.push((options.spin_port, "the WASI host", "--spin-port"));
    }
    for (index, (port, what, flag)) in wanted.iter().enumerate() {
        if wanted.iter().take(index).any(|(other, ..)| other == port) {
            bail!("port {port} is asked for twice: give {what} another one with {flag}");
        }
        if !probe::is_free(*port) {
            bail!("port {port} is in use: {what} can't listen there; end what does, or choose another with {flag}");
        }
    }
    Ok(())
}

fn start(options: &Options) -> Result<Running> {
    // Both of these take long on a fresh clone and wait for different things.
    let (services, artifacts) = thread::scope(|scope| {
        let artifacts = scope.spawn(|| all_or_stop(build_artifacts(options.host)));
        let services = all_or_stop(start_services(options.gateway_port));
        (services, artifacts.join().map_err(|_| anyhow!("the build died")))
    });
    let (services, artifacts) = match (services, artifacts?) {
        (Ok(services), Ok(artifacts)) => (services, artifacts),
        // Whichever failed first; the other was only interrupted.
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(failed(error)),
        (Err(a), Err(b)) => return Err(failed(if is_interruption(&a) { b } else { a })),
    };
    let env = configuration(options, &services)?;
    let backends = Backends {
        database_url: services.database_url.clone(),
        gateway_url: services.gateway.url(),
        gateway_token: services.gateway.token().to_owned(),
    };
    let mut hosts = Vec::new();
    for (kind, artifact) in artifacts {
        let port = if kind == Kind::Workers {
            options.port
        } else {
            options.spin_port
        };
        let host = HostOptions::new(kind)
            .on(port)
            .with("PUBLIC_URL", &format!("http://localhost:{port}"));
        let (dir, log) = (paths::state().join(kind.name()), fresh_log(kind.name()));
        hosts.push(Host::start(host, &env, &backends, &artifact, &dir, &log)?);
    }
    Ok(Running { hosts, services })
}

/// On a failure, whatever else is under way stops too.
fn all_or_stop<T>(result: Result<T>) -> Result<T> {
    if result.is_err() {
        STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    result
}

/// It wasn't a signal that asked for the end: the error is to be shown.
fn failed(error: anyhow::Error) -> anyhow::Error {
    if !is_interruption(&error) {
        STOP.store(false, std::sync::atomic::Ordering::Relaxed);
    }
    error
}

fn is_interruption(error: &anyhow::Error) -> bool {
    error.root_cause().to_string() == "interrupted"
}

fn build_artifacts(hosts: Hosts) -> Result<Vec<(Kind, PathBuf)>> {
    let mut built = Vec::new();
    if hosts.workers() {
        hosts::install(Kind::Workers)?;
        built.push((Kind::Workers, artifacts::worker()?));
    }
    if hosts.spin() {
        hosts::install(Kind::Wasi)?;
        built.push((Kind::Wasi, artifacts::component()?));
    }
    Ok(built)
}

fn start_services(gateway_port: u16) -> Result<Services> {
    let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let (given_database, given_redis) = (given("DATABASE_URL"), given("REDIS_URL"));
    let postgres = if given_database.is_none() {
        let port = probe::free_port_near(POSTGRES_PORT)?;
        let dir = paths::state().join("postgres");
        Some(Postgres::launch(
            &dir,
            port,
            Purpose::Development,
            &fresh_log("postgres"),
        )?)
    } else {
        None
    };
    let valkey = if given_redis.is_none() {
        let port = probe::free_port_near(VALKEY_PORT)?;
        Some(Valkey::launch(
            &paths::state().join("valkey"),
            port,
            true,
            &fresh_log("valkey"),
        )?)
    } else {
        None
    };
    let doorward = artifacts::doorward(Profile::Native)?;
    let own_database = postgres.is_some();
    let database_url = given_database
        .or_else(|| postgres.as_ref().map(Postgres::url))
        .unwrap_or_default();
    let redis_url = given_redis
        .or_else(|| valkey.as_ref().map(Valkey::url))
        .unwrap_or_default();
    let operate = |arguments: &[&str]| {
        let mut command = Command::new(&doorward);
        command.args(arguments).env("DATABASE_URL", &database_url);
        command.env("DOORWARD_BACKUP_DIR", paths::state().join("backups"));
        programs::run(
            &format!("doorward {}", arguments.join(" ")),
            &mut command,
            &programs::log("doorward"),
        )
    };
    // Somebody's database is marked for development by its owner, unless nobody has used it yet.
    let may_mark = if own_database {
        true
    } else {
        let mut command = Command::new(&doorward);
        command.args(["migrate", "status", "--json"]);
        command.env("DATABASE_URL", &database_url);
        is_unused(&programs::capture("doorward migrate status", &mut command)?)
    };
    operate(&["migrate"])?;
    let seeded = if own_database {
        operate(seeding(may_mark))?;
        Ok(())
    } else {
        let mut command = Command::new(&doorward);
        command.args(seeding(may_mark)).env("DATABASE_URL", &database_url);
        let seeded = programs::capture("doorward seed", &mut command);
        seeded.map(drop).map_err(|error| reason(&error.to_string()))
    };
    let token = secrets::kept(&paths::state().join("gateway.token"), secrets::random)?;
    let gateway = Gateway::launch(
        &doorward,
        gateway_port,
        &token,
        &database_url,
        &redis_url,
        &fresh_log("gateway"),
    )?;
    Ok(Services {
        gateway,
        valkey,
        postgres,
        database_url,
        redis_url,
        doorward,
        seeded,
    })
}

/// Whether a database held no table before it was migrated, by what `doorward migrate status --json` answered then.
fn is_unused(status: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(status).is_ok_and(|status| status["tables"] == 0)
}

/// How the accounts of development are made. Without the mark, only where the database was marked before.
fn seeding(may_mark: bool) -> &'static [&'static str] {
    if may_mark {
        &["seed", "--mark-development"]
    } else {
        &["seed"]
    }
}

/// The sentence of the command line in the message of a failed run.
fn reason(message: &str) -> String {
    let said = message.split_once("doorward: ").map_or(message, |(_, said)| said);
    said.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What a person is told of the accounts.
fn accounts(seeded: &Result<(), String>) -> String {
    match seeded {
        Ok(()) => format!(
            "  Accounts    admin@example.com, mentor1@example.com to mentor5@, mentee1@example.com to mentee5@\n              \
             the password of all of them is {SEEDED_PASSWORD}"
        ),
        Err(why) => format!("  Accounts    none were made: {why}"),
    }
}

fn configuration(options: &Options, services: &Services) -> Result<BTreeMap<String, String>> {
    let keys = secrets::kept(&paths::state().join("keys.json"), || {
        stack::generate_keys(&services.doorward)
    })?;
    let mut env = stack::configuration(&keys, &services.gateway);
    // The same for both hosts, so that a session of one is good on the other.
    env.insert("ISSUER".to_owned(), "doorward-development".to_owned());
    if options.no_limits {
        env.insert("LIMITS".to_owned(), "off".to_owned());
    }
    Ok(env)
}

fn greet(options: &Options, running: &Running, took: &str) -> Result<()> {
    let services = &running.services;
    let mut first = None;
    println!("\nDoorward is up ({took}).\n");
    for host in &running.hosts {
        let (name, url) = match host.kind() {
            Kind::Workers => ("Workers", format!("http://localhost:{}", options.port)),
            Kind::Wasi => ("WASI host", format!("http://localhost:{}", options.spin_port)),
        };
        println!("  {name:<12}{url}");
        first = first.or(Some(url));
    }
    println!("  {:<12}http://localhost:{}", "Gateway", options.gateway_port);
    println!("  {:<12}{}", "  token", services.gateway.token());
    println!("  {:<12}http://localhost:{}/mailbox", "Mail", options.gateway_port);
    println!("  {:<12}{}", "PostgreSQL", services.database_url);
    println!("  {:<12}{}", "Valkey", services.redis_url);
    println!(
        "  {:<12}{}",
        "Logs",
        paths::logs()
            .strip_prefix(env::current_dir()?)
            .unwrap_or(&paths::logs())
            .display()
    );
    println!("\n{}", accounts(&services.seeded));
    if let Some(url) = first {
        println!("\nTry it:\n");
        println!("  curl -i {url}/api/auth/register -H 'content-type: application/json' \\");
        println!(
            "    -d '{{\"email\":\"ada-'$(date +%s)'@example.com\",\"name\":\"Ada\",\"password\":\"correct-horse-battery\"}}'"
        );
    }
    println!("\nCtrl-C ends all of it.");
    Ok(())
}

/// What a scheduler does in production: asks one host for its maintenance (mail that is due, rows that are over).
fn tick(running: &Running) {
    let Some(port) = running.hosts.first().map(Host::port) else {
        return;
    };
    let authorization = format!("Authorization: Bearer {}\r\n", running.services.gateway.token());
    thread::spawn(move || {
        while !stopping() {
            thread::sleep(TICK);
            // Whoever doesn't answer is started again by somebody else.
            probe::http_call(port, "POST", "/maintenance", &authorization);
        }
    });
}

/// Returns when a signal asks for the end, or with what ended by itself.
fn watch(running: &mut Running) -> Result<()> {
    let mut restarts = 0;
    while !stopping() {
        for host in &mut running.hosts {
            if host.is_running() || stopping() {
                continue;
            }
            restarts += 1;
            if restarts > RESTARTS {
                bail!("{} ends again and again; {}", host.name(), end_of(host.log()));
            }
            say(&format!(
                "{} ended by itself; starting it again. {}",
                host.name(),
                end_of(host.log())
            ));
            host.restart()?;
            say(&format!("{} is up again", host.name()));
        }
        let services = &mut running.services;
        if !services.gateway.is_running() {
            bail!("the gateway ended by itself; {}", end_of(services.gateway.log()));
        }
        if let Some(valkey) = &mut services.valkey
            && !valkey.is_running()
        {
            bail!("Valkey ended by itself; {}", end_of(valkey.log()));
        }
        if let Some(postgres) = &mut services.postgres
            && !postgres.is_running()
        {
            bail!("PostgreSQL ended by itself; {}", end_of(postgres.log()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn end_of(log: &Path) -> String {
    format!("the end of {}:\n{}", log.display(), tail(log, 15))
}

fn fresh_log(name: &str) -> PathBuf {
    let log = programs::log(&format!("dev-{name}"));
    fs::remove_file(&log).ok();
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unused_database_is_marked_for_development() {
        assert!(is_unused(r#"{"tables": 0, "applied": [], "pending": []}"#));
        for status in [
            r#"{"tables": 1, "applied": [], "pending": []}"#,
            r#"{"applied": [], "pending": []}"#,
            "",
        ] {
            assert!(!is_unused(status), "{status}");
        }
        assert_eq!(seeding(true), ["seed", "--mark-development"]);
        assert_eq!(seeding(false), ["seed"]);
    }

    #[test]
    fn the_password_is_said_where_the_accounts_are() {
        assert!(accounts(&Ok(())).contains(SEEDED_PASSWORD));
        let why =
            reason("doorward seed failed (/x/doorward, exit status: 1):\ndoorward: this database isn't marked\n  so");
        let said = accounts(&Err(why));
        assert!(!said.contains(SEEDED_PASSWORD), "{said}");
        assert_eq!(said, "  Accounts    none were made: this database isn't marked so");
    }
}
