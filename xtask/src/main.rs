//! `cargo xtask`: the repository's automation.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{bench, build, dev, test};
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
    /// Measure it against what a team would pick instead
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = progress::watch_signals().and_then(|()| match cli.command {
        Command::Dev(options) => dev::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
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
