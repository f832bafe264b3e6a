//! The benchmarks: Doorward against what a team would pick instead, on one machine and in one run. `cargo xtask bench`
//! runs it; what it writes is bench/RESULTS.md, bench/charts and bench/results.json.

mod api;
mod cpu;
mod load;
mod people;
mod plan;
mod record;
mod report;
mod rounds;
mod scene;
mod sections;
mod stats;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use xtask::artifacts::Profile;
use xtask::progress::{self, Progress, say, stopping};
use xtask::stack::Stack;
use xtask::{paths, tools};

use crate::load::Tools;
use crate::plan::Options;
use crate::record::{Record, Section};
use crate::sections::Bench;

fn main() -> ExitCode {
    let options = Options::parse();
    match progress::watch_signals().and_then(|()| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if stopping() => ExitCode::from(130),
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let folder = paths::root().join("bench");
    let file = folder.join("results.json");
    let mut record = if options.render || !options.only.is_empty() {
        Record::read(&file).unwrap_or_default()
    } else {
        Record::default()
    };
    if !options.render {
        measure(options, &mut record, &file)?;
    }
    report::write(&record, &folder)?;
    say(&format!("written: {}", folder.join("RESULTS.md").display()));
    match record.failures() {
        0 => Ok(()),
        failures => bail!("{failures} measurements failed: see the report"),
    }
}

fn measure(options: &Options, record: &mut Record, file: &Path) -> Result<()> {
    let whole = Progress::start("all");
    let plan = options.plan();
    record.conditions = report::conditions(&plan);
    if !options.only.is_empty() {
        let only = format!("{:?}; what else is here is of an earlier run", options.only);
        record.conditions.push(("measured in this run".to_owned(), only));
    }
    let scratch = paths::state().join("bench");
    fs::create_dir_all(&scratch).with_context(|| format!("making {}", scratch.display()))?;
    let tools = Tools {
        oha: tools::oha()?,
        scratch,
    };
    let stack = Stack::start_services_built("bench", Profile::Native)?;
    stack.run_doorward(&["migrate"])?;
    let bench = Bench { plan, stack, tools };
    for section in Section::value_variants() {
        if options.wants(*section) {
            say(&format!("== {section:?}"));
            let rows = sections::run(&bench, *section)?;
            record.rows.retain(|row| row.key.section != *section);
            record.rows.extend(rows);
            // What is measured is kept, whatever becomes of the rest.
            record.write(file)?;
        }
    }
    record
        .conditions
        .push(("took".to_owned(), progress::human(whole.elapsed())));
    record.write(file)
}
