//! `cargo xtask build`: what `wrangler deploy` and `spin build` ship, and how big it is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Hosts;
use xtask::progress::Progress;
use xtask::{artifacts, paths, progress};

/// The options of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to build
    #[arg(long, value_enum, default_value_t = Hosts::Both)]
    host: Hosts,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let progress = Progress::start("build");
    artifacts::browser()?;
    report("core for the browser", &artifacts::browser_files())?;
    if options.host.workers() {
        artifacts::worker()?;
        report("Worker", &artifacts::worker_files())?;
    }
    if options.host.spin() {
        let component = artifacts::component()?;
        place_for_spin(&component)?;
        report("component", &[component])?;
    }
    println!("built in {}", progress::human(progress.elapsed()));
    Ok(())
}

/// `spin.toml` names `target/`; a target directory elsewhere gets a copy there.
fn place_for_spin(component: &Path) -> Result<()> {
    let expected = paths::root().join("target/wasm32-wasip2/release/doorward_spin.wasm");
    if expected != component {
        fs::create_dir_all(expected.parent().unwrap_or(paths::root()))?;
        fs::copy(component, &expected).with_context(|| format!("copying the component to {}", expected.display()))?;
    }
    Ok(())
}

/// Prints how big an artifact is; answers its size gzipped, in bytes.
pub(crate) fn report(what: &str, files: &[PathBuf]) -> Result<u64> {
    let (raw, gzipped) = artifacts::sizes(files)?;
    let shown = files
        .iter()
        .map(|file| file.strip_prefix(paths::root()).unwrap_or(file).display().to_string());
    println!(
        "{what}: {}, gzipped {} ({})",
        kilobytes(raw),
        kilobytes(gzipped),
        shown.collect::<Vec<_>>().join(", ")
    );
    Ok(gzipped)
}

/// Thousands of bytes, as size limits are given.
fn kilobytes(bytes: u64) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_thousands() {
        assert_eq!(kilobytes(399_949), "399.9 kB");
        assert_eq!(kilobytes(1_040), "1.0 kB");
    }
}
