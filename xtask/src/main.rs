//! `cargo xtask`: the repository's automation.

mod commands;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use clap::{Parser, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use commands::{build, dev, test};
use xtask::progress;

/// What Doorward's checkout can do by itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run Doorward on this machine: services, migrations, accounts to try, and one host or both
    Dev(dev::Options),
    /// Build what `wrangler deploy` and `spin build` ship
    Build(build::Options),
    /// Run everything that must pass
    Test(test::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = watch_signals().and_then(|()| match cli.command {
        Command::Dev(options) => dev::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Test(options) => test::run(&options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if progress::stopping() => ExitCode::from(130),
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The first signal asks for the end, in order; the second ends at once (and leaves the rest to the guards).
fn watch_signals() -> Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&seen))?;
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
    }
    std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        progress::STOP.store(true, Ordering::Relaxed);
    });
    Ok(())
}
