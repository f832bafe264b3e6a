//! Writes `openapi.json` anew, from the code.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openapi.json");
    std::fs::write(file, doorward_edge::openapi::text())
}
