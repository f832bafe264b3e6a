//! Gives the pages' files addresses that change with what is in them. They are shipped beside the Worker and inside the
//! component, from `browser/pkg`, where `cargo xtask build` puts them.
//!
//! Where they aren't built, style sheet and script are taken to be as they are written, there are no addresses for the core,
//! and the pages do without it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let edge = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let (written, browser) = (edge.join("assets"), edge.join("../browser"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", written.display());
    // The folder above, because cargo takes a folder that isn't there for one that has changed.
    println!("cargo::rerun-if-changed={}", browser.display());
    let built = browser.join("pkg");

    let mut code = String::new();
    for (name, file) in [("APP_CSS", "app.css"), ("APP_JS", "app.js")] {
        let address = address(&built, file).or_else(|| address(&written, file));
        let address =
            address.unwrap_or_else(|| panic!("{file} is in neither {} nor {}", built.display(), written.display()));
        constant(&mut code, name, "&str", &format!("{address:?}"));
    }
    for (name, file) in [("CORE_JS", "core.js"), ("CORE_WASM", "core_bg.wasm")] {
        constant(&mut code, name, "Option<&str>", &format!("{:?}", address(&built, file)));
    }
    fs::write(out.join("assets.rs"), code).expect("OUT_DIR is writable");
}

fn constant(code: &mut String, name: &str, kind: &str, value: &str) {
    writeln!(code, "pub(crate) const {name}: {kind} = {value};").expect("a string takes all");
}

/// `/assets/core.{digest}.wasm` for `core_bg.wasm`.
fn address(folder: &Path, file: &str) -> Option<String> {
    let bytes = fs::read(folder.join(file)).ok()?;
    let (stem, end) = file.rsplit_once('.')?;
    let name = stem.trim_end_matches("_bg");
    Some(format!("/assets/{name}.{:08x}.{end}", digest(&bytes)))
}

/// FNV-1a (32 bits): tells one content from the next, and nobody has anything to gain from two that look the same.
fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
