//! Puts what is shipped beside the artifact on other hosts into the component, which is all that a WASI host is given:
//! what `cargo xtask build` has put into `browser/pkg`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let spin = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let browser = spin.join("../../browser");
    println!("cargo::rerun-if-changed=build.rs");
    // The folder above, because cargo takes a folder that isn't there for one that has changed.
    println!("cargo::rerun-if-changed={}", browser.display());

    let mut code =
        String::from("/// The files by their names in `browser/pkg`.\nconst ASSETS: &[(&str, &[u8])] = &[\n");
    for name in ["app.css", "app.js", "core.js", "core_bg.wasm", "openapi.json"] {
        if let Ok(path) = browser.join("pkg").join(name).canonicalize() {
            let path = path.to_str().expect("a checkout's path is UTF-8");
            writeln!(code, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes all");
        }
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("assets.rs"), code).expect("OUT_DIR is writable");
}
