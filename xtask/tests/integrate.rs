//! docs/INTEGRATE.md shows the files of docs/integrate as they are: what people copy is what the suite runs.

use std::fs;

use xtask::paths;

const SHOWN: [&str; 5] = [
    "docs/integrate/rust/Cargo.toml",
    "docs/integrate/rust/src/main.rs",
    "docs/integrate/node/package.json",
    "docs/integrate/node/server.mjs",
    "docs/integrate/postgres/policies.sql",
];

#[test]
fn the_page_shows_the_files_as_they_are() {
    let page = fs::read_to_string(paths::root().join("docs/INTEGRATE.md")).unwrap();
    for path in SHOWN {
        let (_, after) = page
            .split_once(&format!("<!-- {path} -->\n```"))
            .unwrap_or_else(|| panic!("{path} isn't shown"));
        let (_language, after) = after.split_once('\n').unwrap();
        let (block, _) = after
            .split_once("```\n")
            .unwrap_or_else(|| panic!("the block of {path} doesn't end"));
        let file = fs::read_to_string(paths::root().join(path)).unwrap();
        let differs = block.lines().zip(file.lines()).position(|(shown, is)| shown != is);
        assert!(
            block == file,
            "{path} is another one than the page shows, first in line {:?}; put it between the fences again",
            differs.map(|line| line + 1)
        );
    }
    assert_eq!(
        page.matches("<!-- docs/").count(),
        SHOWN.len(),
        "a file is shown that isn't held to the page"
    );
}
