//! `doorward`, the operator's command line: migrations, accounts, sessions, keys and the gateway.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong usage. With `--json` one JSON document goes to standard output and
//! everything for people to standard error.

mod backup;
mod cli;
mod database;
mod gateway;
mod host;
mod import;
mod keys;
mod migrate;
mod output;
mod people;
mod rollout;
mod seed;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    output::finish(cli::run(&cli).await, cli.json)
}
