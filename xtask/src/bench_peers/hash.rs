//! What a password's hash costs: Doorward's Argon2id, that of others, and Better Auth's scrypt, in turns.
//!
//! Each contender is a process that reads how many hashes are wanted, makes them, and prints the last one's output. Its CPU
//! time is read from outside, for all of them alike, because Wasmtime lends its guest no such clock: the nanoseconds of
//! `/proc/<pid>/task/*/schedstat`, which count every thread (V8's too).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::better_auth;
use crate::process::append;
use crate::{artifacts, paths, run, tools};

/// Rounds, and hashes of each contender a round.
const ROUNDS: usize = 12;
const HASHES: u32 = 6;
/// Hashes before the first round: V8 compiles anew what runs often.
const WARM_UP: u32 = 6;

const PASSWORD: &str = "correct horse battery staple";
const SALT: &str = "0123456789abcdef";

/// How long a contender is left alone before its time is read.
const SETTLE: Duration = Duration::from_millis(5);

/// A contender's times.
#[derive(Debug, Clone, PartialEq)]
pub struct HashTime {
    /// Who it is, such as `ours in V8`.
    pub name: String,
    /// CPU milliseconds a hash: one value a round, the mean of the round's hashes.
    pub cpu_ms: Vec<f64>,
}

/// Measures all contenders in one run, in turns. Argon2id is 19 MiB, two passes, one lane, 32 bytes; scrypt is Better
/// Auth's: N=16384, r=16, p=1, 64 bytes.
///
/// # Errors
/// When something can't be installed or built, or when two that compute the same disagree.
pub fn hash() -> Result<Vec<HashTime>> {
    let mut contenders = contenders()?;
    let mut times: Vec<HashTime> = Vec::new();
    let mut outputs: Vec<String> = Vec::new();
    for (name, _, contender) in &mut contenders {
        outputs.push(contender.hash(WARM_UP)?);
        times.push(HashTime {
            name: (*name).to_owned(),
            cpu_ms: Vec::new(),
        });
    }
    for (index, (name, kind, _)) in contenders.iter().enumerate() {
        let same = contenders
            .iter()
            .position(|(_, other, _)| other == kind)
            .unwrap_or(index);
        if outputs[index].len() != kind.output_bytes() * 2 || outputs[same] != outputs[index] {
            let (of, first) = (&outputs[index], &outputs[same]);
            bail!("{name} computes {of}, and {} {first}", contenders[same].0);
        }
    }
    for _ in 0..ROUNDS {
        for (index, (name, _, contender)) in contenders.iter_mut().enumerate() {
            let before = contender.cpu()?;
            let output = contender.hash(HASHES)?;
            let spent = contender.cpu()?.saturating_sub(before);
            if output != outputs[index] {
                bail!("{name} computes {output}, and a moment ago {}", outputs[index]);
            }
            times[index]
                .cpu_ms
                .push(spent.as_secs_f64() * 1000.0 / f64::from(HASHES));
        }
    }
    Ok(times)
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Argon2id,
    Scrypt,
}

impl Kind {
    fn output_bytes(self) -> usize {
        match self {
            Self::Argon2id => 32,
            Self::Scrypt => 64,
        }
    }
}

fn contenders() -> Result<Vec<(&'static str, Kind, Contender)>> {
    let scripts = paths::root().join("bench/hash");
    better_auth::install(&scripts)?;
    let bound = bound_for_node()?;
    let node = |name: &str| {
        let mut command = Command::new("node");
        command
            .arg("main.mjs")
            .arg(name)
            .args([PASSWORD, SALT])
            .current_dir(&scripts);
        command
    };
    let program = |file: &Path| {
        let mut command = Command::new(file);
        command.args([PASSWORD, SALT]);
        command
    };
    let mut ours = node("ours");
    ours.arg(bound);
    let mut wasmtime = Command::new(tools::wasmtime()?);
    wasmtime
        .arg("run")
        .args(tools::WASMTIME_CODEGEN)
        .arg(compiled(Some("wasm32-wasip2"))?)
        .args([PASSWORD, SALT]);
    let all = [
        ("ours in V8", Kind::Argon2id, ours),
        ("ours in Wasmtime", Kind::Argon2id, wasmtime),
        ("libargon2 (C)", Kind::Argon2id, program(&in_c()?)),
        ("argon2 (Rust, native)", Kind::Argon2id, program(&compiled(None)?)),
        ("hash-wasm", Kind::Argon2id, node("hash-wasm")),
        ("scrypt of noble", Kind::Scrypt, node("noble-scrypt")),
        ("scrypt of node:crypto", Kind::Scrypt, node("node-scrypt")),
    ];
    all.into_iter()
        .map(|(name, kind, command)| Ok((name, kind, Contender::start(name, command)?)))
        .collect()
}

/// Doorward's, compiled and optimised as the Worker is, and bound for Node: V8 as on Workers.
fn bound_for_node() -> Result<PathBuf> {
    let log = run::log("bench-hash");
    let mut compile = run::cargo();
    compile.args(["build", "--package", "doorward-bench-hash", "--lib", "--release"]);
    compile.args(["--target", "wasm32-unknown-unknown"]);
    run::run("compiling the hash for V8", &mut compile, &log)?;
    let out = paths::target()?.join("bench-hash");
    let mut bind = Command::new(tools::wasm_bindgen()?);
    bind.args([
        "--target",
        "nodejs",
        "--no-typescript",
        "--out-name",
        "hash",
        "--out-dir",
    ]);
    bind.arg(&out)
        .arg(paths::target()?.join("wasm32-unknown-unknown/release/doorward_bench_hash.wasm"));
    run::run("binding the hash for V8", &mut bind, &log)?;
    // By its name, so that it isn't taken for a module of the other kind.
    artifacts::optimise_worker(&out.join("hash_bg.wasm"), &log)?;
    fs::write(out.join("package.json"), "{\"type\":\"commonjs\"}\n")?;
    Ok(out.join("hash.js"))
}

/// The program: as WebAssembly with Doorward's Argon2id, for this machine with the crate's. That one is compiled for speed
/// altogether: with its own package alone it takes half as long again, because the rest of the profile is for size.
fn compiled(target: Option<&str>) -> Result<PathBuf> {
    let mut command = run::cargo();
    command.args([
        "build",
        "--package",
        "doorward-bench-hash",
        "--bin",
        "doorward-bench-hash",
        "--release",
    ]);
    let mut folder = paths::target()?.to_path_buf();
    let mut name = "doorward-bench-hash".to_owned();
    if let Some(target) = target {
        command.args(["--target", target]);
        folder.push(target);
        name += ".wasm";
    } else {
        command.args(["--config", "profile.release.opt-level=3"]);
    }
    run::run("compiling the hash as a program", &mut command, &run::log("bench-hash"))?;
    Ok(folder.join("release").join(name))
}

/// libargon2 as the system has it, with a program around it.
fn in_c() -> Result<PathBuf> {
    tools::libargon2()?;
    let folder = paths::target()?.join("bench-hash");
    fs::create_dir_all(&folder)?;
    let program = folder.join("libargon2");
    let mut command = Command::new("cc");
    command
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(paths::root().join("bench/hash/libargon2.c"))
        .arg("-largon2");
    run::run("compiling libargon2's program", &mut command, &run::log("bench-hash"))?;
    Ok(program)
}

/// A process that hashes. It ends with its input, which is this process's to give.
struct Contender {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Contender {
    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        let errors = append(&run::log("bench-hash"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name} has no input or no output");
        };
        Ok(Self {
            name,
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Makes `count` hashes, and answers the last one's output in hex.
    fn hash(&mut self, count: u32) -> Result<String> {
        let mut line = String::new();
        writeln!(self.input, "{count}").with_context(|| format!("telling {}", self.name))?;
        if self.output.read_line(&mut line)? == 0 {
            bail!("{} ended; see {}", self.name, run::log("bench-hash").display());
        }
        Ok(line.trim().to_owned())
    }

    /// CPU time of its threads so far. The system adds a slice when a thread stops running, so it is left alone first.
    fn cpu(&self) -> Result<Duration> {
        thread::sleep(SETTLE);
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut sum = 0;
        for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).context("this needs Linux' schedstat")?;
            sum += running(&text).ok_or_else(|| anyhow!("schedstat says {text:?}"))?;
        }
        Ok(Duration::from_nanos(sum))
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The first field of `schedstat`: nanoseconds on a processor.
fn running(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_begins_with_the_time_on_a_processor() {
        assert_eq!(running("57996123 1200 17\n"), Some(57_996_123));
        assert_eq!(running(""), None);
    }

    #[test]
    fn a_contender_says_what_it_computed_and_its_end_is_noticed() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read count && echo \"$count done\""]);
        let mut contender = Contender::start("echo", command).unwrap();
        assert_eq!(contender.hash(3).unwrap(), "3 done");
        assert!(contender.hash(1).is_err());
    }
}
