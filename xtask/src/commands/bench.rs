//! `cargo xtask bench`: hands over to the package `doorward-bench`, which has dependencies of its own, so that nobody
//! compiles them who only wants to run or to test Doorward.

use anyhow::{Context, Result, bail};

use xtask::run as programs;

/// The options of `cargo xtask bench`, which doorward-bench reads.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What to measure, and for how long: see `cargo xtask bench --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = programs::cargo();
    // As fast as what it measures: the load generator shares the machine with it.
    command.args(["run", "--package", "doorward-bench", "--profile", "native", "--"]);
    let status = command.args(&options.arguments).status().context("starting cargo")?;
    if !status.success() {
        bail!("the benchmarks ended with {status}");
    }
    Ok(())
}
