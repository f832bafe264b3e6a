//! That the core imports nothing from a host: no clock, no randomness, no I/O could be hidden in it or below it.
//!
//! All of the core, used or not, is linked into one module for `wasm32-unknown-unknown`, and that module's import
//! section must be empty.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use xtask::{paths, run as programs};

const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn core_imports_nothing() -> Result<()> {
    let log = super::log("imports");
    // Not the release profile: its libraries hold only what link-time optimisation wants.
    let mut build = programs::cargo();
    build.args(["build", "--package", "doorward-core", "--lib", "--target", TARGET]);
    programs::run("compiling the core", &mut build, &log)?;

    let folder = paths::target()?.join(TARGET).join("debug");
    let library = folder.join("libdoorward_core.rlib");
    let work = paths::target()?.join("xtask");
    fs::create_dir_all(&work)?;
    let (source, module) = (work.join("imports.rs"), work.join("imports.wasm"));
    fs::write(&source, "extern crate doorward_core;\n")?;
    let mut link = std::process::Command::new("rustc");
    link.current_dir(paths::root())
        .args(["--crate-type", "cdylib", "--crate-name", "imports", "--target", TARGET]);
    link.arg("-o").arg(&module).arg(&source);
    link.arg(format!("--extern=doorward_core={}", library.display()));
    link.arg(format!("-Ldependency={}", folder.join("deps").display()));
    // Macros that libraries were compiled with run on this machine, and are looked for even now.
    link.arg(format!(
        "-Ldependency={}",
        paths::target()?.join("debug/deps").display()
    ));
    for argument in [
        "--whole-archive",
        &library.to_string_lossy(),
        "--no-whole-archive",
        "--no-gc-sections",
    ] {
        link.arg(format!("-Clink-arg={argument}"));
    }
    // What can't be resolved is an import, to be named below, and no failure of the linker. And rustc names the library
    // too, after us.
    link.args(["-Clink-arg=--allow-undefined", "-Clink-arg=--allow-multiple-definition"]);
    programs::run("linking all of the core", &mut link, &log)?;

    let found = imports_of(&module)?;
    if !found.is_empty() {
        bail!("the core imports from its host: {}", found.join(", "));
    }
    let size = fs::metadata(&module)?.len();
    if size < 50_000 {
        bail!("{} has {size} bytes: that can't be all of the core", module.display());
    }
    Ok(())
}

/// The imports of a module, each as `module.name`.
fn imports_of(module: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(module).with_context(|| format!("reading {}", module.display()))?;
    parse(&bytes).ok_or_else(|| anyhow!("{} is no WebAssembly module that can be read", module.display()))
}

/// Reads the import section (WebAssembly core specification 3.0, 5.5.5).
fn parse(bytes: &[u8]) -> Option<Vec<String>> {
    let mut module = Reader(bytes.strip_prefix(b"\0asm\x01\0\0\0")?);
    while !module.0.is_empty() {
        let id = module.byte()?;
        let length = module.number()?;
        let mut section = Reader(module.take(length)?);
        if id == 2 {
            let count = section.number()?;
            return (0..count).map(|_| section.import()).collect();
        }
    }
    Some(Vec::new())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn name(&mut self) -> Option<String> {
        let length = self.number()?;
        Some(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn limits(&mut self) -> Option<()> {
        let flags = self.byte()?;
        self.number()?;
        if flags & 1 == 1 {
            self.number()?;
        }
        Some(())
    }

    fn import(&mut self) -> Option<String> {
        let name = format!("{}.{}", self.name()?, self.name()?);
        match self.byte()? {
            0 => drop(self.number()?),
            1 => {
                self.byte()?;
                self.limits()?;
            }
            2 => self.limits()?,
            3 => drop(self.take(2)?),
            4 => {
                self.byte()?;
                self.number()?;
            }
            _ => return None,
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_and_named() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(b"\x01\x04\x01\x60\0\0");
        module.extend(b"\x02\x15\x02\x03env\x01f\0\0\x03env\x03mem\x02\x01\x01\x02");
        assert_eq!(parse(&module).unwrap(), ["env.f", "env.mem"]);
        module.truncate(module.len() - 1);
        assert!(parse(&module).is_none());
        assert_eq!(parse(b"\0asm\x01\0\0\0").unwrap(), [""; 0]);
        assert!(parse(b"\0asm").is_none());
    }
}
