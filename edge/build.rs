//! Gives the pages' files addresses that change with what is in them: style sheet and script, which the artifacts hold,
//! and the core for the browser (`cargo xtask build` makes it in `browser/pkg`), which is shipped beside them.
//!
//! Where the core isn't built there are no addresses for it, and the pages do without.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let edge = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let browser = edge.join("../browser");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", edge.join("assets").display());
    // The folder above, because cargo takes a folder that isn't there for one that has changed.
    println!("cargo::rerun-if-changed={}", browser.display());

    let mut code = String::new();
    for (name, file, end) in [("APP_CSS", "app.css", "css"), ("APP_JS", "app.js", "js")] {
        let path = edge.join("assets").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lean = lean(&text);
        fs::write(out.join(file), &lean).expect("OUT_DIR is writable");
        let address = format!("/assets/app.{:08x}.{end}", digest(lean.as_bytes()));
        constant(&mut code, name, "&str", &format!("{address:?}"));
    }
    for (name, file, end) in [("CORE_JS", "core.js", "js"), ("CORE_WASM", "core_bg.wasm", "wasm")] {
        let address = built(&browser, file).map(|bytes| format!("/assets/core.{:08x}.{end}", digest(&bytes)));
        constant(&mut code, name, "Option<&str>", &format!("{address:?}"));
    }
    fs::write(out.join("assets.rs"), code).expect("OUT_DIR is writable");
}

fn constant(code: &mut String, name: &str, kind: &str, value: &str) {
    writeln!(code, "pub(crate) const {name}: {kind} = {value};").expect("a string takes all");
}

fn built(browser: &Path, file: &str) -> Option<Vec<u8>> {
    fs::read(browser.join("pkg").join(file)).ok()
}

/// Without what only people read: indentation, empty lines, and comments that have lines to themselves.
fn lean(text: &str) -> String {
    let mut lean = String::new();
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            lean.push_str(line);
            lean.push('\n');
        }
        if in_comment && line.ends_with("*/") {
            in_comment = false;
        }
    }
    lean
}

/// FNV-1a (32 bits): tells one content from the next, and nobody has anything to gain from two that look the same.
fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
