//! Puts the files of `migrations/` into the binary, so that a deployed `doorward` needs no checkout beside it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../migrations");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .expect("a readable folder")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
        .collect();
    names.sort();

    let mut code = String::from("pub(crate) static FILES: &[Migration] = &[\n");
    for (index, file) in names.iter().enumerate() {
        let (number, name) = file
            .split_once('_')
            .unwrap_or_else(|| panic!("{file}: not NNNN_verb_noun.sql"));
        let version: i32 = number
            .parse()
            .unwrap_or_else(|_| panic!("{file}: not NNNN_verb_noun.sql"));
        assert!(number.len() == 4, "{file}: not NNNN_verb_noun.sql");
        assert!(
            usize::try_from(version) == Ok(index + 1),
            "{file}: the numbers run from 0001 without a gap"
        );
        let path = folder
            .join(format!("{file}.sql"))
            .canonicalize()
            .expect("it was just listed");
        let path = path.to_str().expect("a checkout's path is UTF-8");
        writeln!(
            code,
            "    Migration {{ version: {version}, name: {name:?}, sql: include_str!({path:?}) }},"
        )
        .expect("a string takes all");
    }
    code.push_str("];\n");

    let target = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("migrations.rs");
    fs::write(target, code).expect("OUT_DIR is writable");
}
