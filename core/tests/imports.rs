//! The core as a WebAssembly module imports nothing: whatever a host offers, no decision can depend on it.

#![cfg(not(target_family = "wasm"))]

use std::path::Path;
use std::process::Command;

/// Section ids (WebAssembly core specification, section 5.5.2).
const IMPORT_SECTION: u8 = 2;
const EXPORT_SECTION: u8 = 7;

#[test]
fn the_core_imports_nothing_on_wasm() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--package",
            "doorward-core",
            "--example",
            "pure",
            "--target",
            "wasm32-unknown-unknown",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(
        status.success(),
        "the example doesn't build: is the target wasm32-unknown-unknown installed?"
    );
    let module = std::fs::read(target.join("wasm32-unknown-unknown/debug/examples/pure.wasm")).unwrap();
    let sections = sections(&module);
    let exports = sections
        .iter()
        .find(|(id, _)| *id == EXPORT_SECTION)
        .expect("a module that exports nothing proves nothing")
        .1;
    assert!(
        exports.windows(4).any(|name| name == b"\x03run"),
        "the export `run` is there, so its code is, too"
    );
    let imports = sections.iter().find(|(id, _)| *id == IMPORT_SECTION);
    assert_eq!(imports.map(|(_, body)| String::from_utf8_lossy(body)), None);
}

/// The id and the body of each section.
fn sections(module: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = module
        .strip_prefix(b"\0asm\x01\0\0\0")
        .expect("a WebAssembly module, version 1");
    let mut sections = Vec::new();
    while let Some((id, body)) = rest.split_first() {
        let (length, bytes) = leb128(body);
        let (body, next) = body[bytes..].split_at(length);
        sections.push((*id, body));
        rest = next;
    }
    sections
}

/// An unsigned number in LEB128, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (value, at + 1);
        }
    }
    panic!("a number without an end");
}
