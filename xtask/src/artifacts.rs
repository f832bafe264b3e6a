//! What is built: the operator's command line for this machine, the Worker, and the WASI component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};

use crate::lean::lean;
use crate::tools::versions;
use crate::{paths, run, tools};

/// How the operator's command line is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Fast to compile; what the suite uses.
    Dev,
    /// Fast to run; what a developer's gateway and the benchmarks use.
    Native,
}

/// Builds the operator's command line and says where it is.
///
/// # Errors
/// When it doesn't compile.
pub fn doorward(profile: Profile) -> Result<PathBuf> {
    let (name, folder) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Native => ("native", "native"),
    };
    let mut command = run::cargo();
    command.args(["build", "--package", "doorward", "--bin", "doorward", "--profile", name]);
    run::run(
        "building doorward (command line and gateway)",
        &mut command,
        &fresh_log("build-doorward"),
    )?;
    Ok(paths::target()?.join(folder).join("doorward"))
}

/// Makes what hosts ship as files, in [`browser_folder`]: the core for the browser, the style sheet, the script, and the
/// description of the API. Both hosts name them by what is in them, so it comes before them. Does next to nothing when
/// nothing changed.
///
/// # Errors
/// When a tool is missing and can't be installed, or the core doesn't compile.
pub fn browser() -> Result<()> {
    browser_core()?;
    let edge = paths::root().join("edge");
    for name in ["app.css", "app.js"] {
        place(name, &lean(&read(&edge.join("assets").join(name))?))?;
    }
    place("openapi.json", &read(&edge.join("src/openapi.json"))?)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

/// Writes a file into [`browser_folder`], unless it is there: cargo goes by the time.
fn place(name: &str, text: &str) -> Result<()> {
    let file = browser_folder().join(name);
    if fs::read_to_string(&file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

fn browser_core() -> Result<()> {
    let folder = browser_folder();
    let module = folder.join("core_bg.wasm");
    let (bindgen, wasm_opt) = (tools::wasm_bindgen()?, tools::wasm_opt()?);
    let log = fresh_log("build-browser");
    let mut compile = run::cargo();
    compile.args(["build", "--package", "doorward-browser", "--lib", "--release"]);
    compile.args(["--target", "wasm32-unknown-unknown"]);
    // It runs for a moment at a time: small is all that counts.
    for package in ["sha2", "digest"] {
        let small = format!("profile.release.package.{package}.opt-level=\"z\"");
        compile.args(["--config", &small]);
    }
    run::run("compiling the core for the browser", &mut compile, &log)?;
    let wasm = paths::target()?.join("wasm32-unknown-unknown/release/doorward_browser.wasm");
    let stamp = stamp(&wasm)?;
    // Beside the folder: everything in it is shipped.
    let stamp_file = paths::root().join("browser/.stamp");
    if module.is_file() && fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
        return Ok(());
    }
    fs::remove_dir_all(&folder).ok();
    let mut command = Command::new(bindgen);
    command.args(["--target", "web", "--no-typescript", "--out-name", "core", "--out-dir"]);
    command.arg(&folder).arg(&wasm);
    run::run("binding the core for the browser", &mut command, &log)?;
    optimise(&wasm_opt, &module, &["-Oz"], &BROWSER_FEATURES, &log)?;
    fs::write(&stamp_file, stamp).with_context(|| format!("writing {}", stamp_file.display()))
}

/// What is shipped beside the Worker: `browser/pkg`.
pub fn browser_folder() -> PathBuf {
    paths::root().join("browser/pkg")
}

/// Builds what Workers run, in `edge/workers/build`, and says where its entry point is. Does next to nothing when
/// nothing changed.
///
/// # Errors
/// When a tool is missing and can't be installed, or something doesn't compile.
pub fn worker() -> Result<PathBuf> {
    browser()?;
    worker_of("doorward-workers", "edge/workers")
}

/// The same of another package that is a Worker, in its folder's `build`.
pub(crate) fn worker_of(package: &str, folder: &str) -> Result<PathBuf> {
    let folder = paths::root().join(folder);
    let build = folder.join("build");
    let entry = build.join("index.js");
    let (bindgen, worker_build) = (tools::wasm_bindgen()?, tools::worker_build()?);
    let esbuild = tools::esbuild()?;
    let log = fresh_log(&format!("build-{package}"));

    // The same compilation that worker-build asks for, in the same environment. When it yields what it yielded the last
    // time, the bindings, the bundle and the optimisation are those of the last time too.
    let mut compile = run::cargo();
    compile.env("WASM_BINDGEN_USE_JS_SYS", "1");
    compile.args([
        "build",
        "--package",
        package,
        "--lib",
        "--release",
        "--target",
        "wasm32-unknown-unknown",
    ]);
    run::run(&format!("compiling the Worker {package}"), &mut compile, &log)?;
    let wasm = compiled("wasm32-unknown-unknown", package)?;
    let stamp = stamp(&wasm)?;
    let stamp_file = build.join(".stamp");
    if entry.is_file() && fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
        return Ok(entry);
    }

    let mut command = Command::new(worker_build);
    command.current_dir(&folder).args(["--release", "--no-opt"]);
    command.env("WASM_BINDGEN_BIN", bindgen).env("ESBUILD_BIN", esbuild);
    command.env("CARGO_TARGET_DIR", paths::target()?);
    run::run("binding and bundling the Worker", &mut command, &log)?;
    optimise_worker(&build.join("index_bg.wasm"), &log)?;
    fs::write(&stamp_file, stamp).with_context(|| format!("writing {}", stamp_file.display()))?;
    Ok(entry)
}

/// What workerd has.
const WORKER_FEATURES: [&str; 8] = [
    "mutable-globals",
    "sign-ext",
    "nontrapping-float-to-int",
    "bulk-memory",
    "multivalue",
    "reference-types",
    "exception-handling",
    "simd",
];

/// What Rust's compiler takes for granted of a browser (those of 2022 and later have it).
const BROWSER_FEATURES: [&str; 6] = [
    "mutable-globals",
    "sign-ext",
    "nontrapping-float-to-int",
    "bulk-memory",
    "multivalue",
    "reference-types",
];

/// Optimises what wasm-bindgen made, as a Worker's.
pub(crate) fn optimise_worker(module: &Path, log: &Path) -> Result<()> {
    optimise(&tools::wasm_opt()?, module, &["-O"], &WORKER_FEATURES, log)
}

/// What worker-build would do with `wasm-opt`, and without the names of functions: a tenth of the download.
///
/// The features are named one by one, because `wasm-bindgen` takes away the section that would, and so that no encoding
/// comes out that workerd doesn't know.
fn optimise(wasm_opt: &Path, module: &Path, level: &[&str], features: &[&str], log: &Path) -> Result<()> {
    let optimised = module.with_extension("optimised");
    let mut command = Command::new(wasm_opt);
    command
        .arg(module)
        .arg("-o")
        .arg(&optimised)
        .args(level)
        // Nothing lies in the first kilobyte: the stack would have to be all but used up. And functions that are called most
        // come first, because their numbers are the shortest.
        .args([
            "--low-memory-unused",
            "--reorder-functions",
            "--strip-debug",
            "--strip-producers",
        ]);
    for feature in features {
        command.arg(format!("--enable-{feature}"));
    }
    run::run("optimising what was bound", &mut command, log)?;
    fs::rename(&optimised, module).with_context(|| format!("replacing {}", module.display()))
}

/// The Worker's module in `edge/workers/build`, beside its entry point.
pub fn worker_module() -> PathBuf {
    paths::root().join("edge/workers/build/index_bg.wasm")
}

/// What is uploaded as the Worker: entry point and module.
pub fn worker_files() -> [PathBuf; 2] {
    [worker_module().with_file_name("index.js"), worker_module()]
}

/// The core for the browser: what loads it, and its module.
pub fn browser_files() -> [PathBuf; 2] {
    ["core.js", "core_bg.wasm"].map(|name| browser_folder().join(name))
}

/// Builds the component for WASI hosts and says where it is.
///
/// # Errors
/// When it doesn't compile.
pub fn component() -> Result<PathBuf> {
    browser()?;
    component_of("doorward-spin")
}

/// The same of another package that is a component.
pub(crate) fn component_of(package: &str) -> Result<PathBuf> {
    let mut command = run::cargo();
    command.args([
        "build",
        "--package",
        package,
        "--lib",
        "--release",
        "--target",
        "wasm32-wasip2",
    ]);
    // Nothing reads the names in a component's modules; without them it is a third smaller.
    command.args(["--config", "profile.release.strip=true"]);
    run::run(
        &format!("compiling the WASI component {package}"),
        &mut command,
        &fresh_log(&format!("build-{package}")),
    )?;
    compiled("wasm32-wasip2", package)
}

/// Where cargo puts a package's library as WebAssembly.
fn compiled(target: &str, package: &str) -> Result<PathBuf> {
    let file = format!("{target}/release/{}.wasm", package.replace('-', "_"));
    Ok(paths::target()?.join(file))
}

/// The size of files taken together, and their size when gzip -9 has done its best with each, in bytes.
///
/// # Errors
/// When a file can't be read or there is no gzip.
pub fn sizes(files: &[PathBuf]) -> Result<(u64, u64)> {
    let (mut raw, mut gzipped) = (0, 0);
    for file in files {
        raw += fs::metadata(file)
            .with_context(|| format!("looking at {}", file.display()))?
            .len();
        let mut command = Command::new("gzip");
        command.args(["-9", "-c"]).arg(file).stdin(Stdio::null());
        let output = command.output().context("gzip")?;
        if !output.status.success() {
            bail!("gzip failed on {}", file.display());
        }
        gzipped += u64::try_from(output.stdout.len())?;
    }
    Ok((raw, gzipped))
}

/// Tells one result of a compilation from another.
fn stamp(wasm: &Path) -> Result<String> {
    let meta = fs::metadata(wasm).with_context(|| format!("looking at {}", wasm.display()))?;
    let modified = meta
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    Ok(format!(
        "{} {} {modified} bindgen {} worker-build {} esbuild {} binaryen {}\n",
        wasm.display(),
        meta.len(),
        versions::WASM_BINDGEN,
        versions::WORKER_BUILD,
        versions::ESBUILD,
        versions::BINARYEN
    ))
}

/// A log that holds this run only.
fn fresh_log(name: &str) -> PathBuf {
    let log = run::log(name);
    fs::remove_file(&log).ok();
    log
}
