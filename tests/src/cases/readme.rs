//! What the README tells people to type works when it is typed, on each host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::each;
use crate::jwt::random_hex;
use crate::registry::Case;
use crate::stage::Stage;

/// Where the README has its host.
const DOCUMENTED: &str = "http://localhost:8787";

pub(super) fn cases() -> Vec<Case> {
    each![Main; the_session_with_curl_works_as_written]
}

/// The commands of the first shell block that calls a host under `heading`, continued lines joined.
fn commands(markdown: &str, heading: &str) -> Vec<String> {
    let (_, section) = markdown.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let (_, block) = section
        .split_once("```sh\n")
        .unwrap_or_else(|| panic!("no shell block under {heading:?}"));
    let (block, _) = block.split_once("\n```").expect("the block ends");
    let block = block.replace("\\\n", " ");
    block
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl "))
        .map(str::to_owned)
        .collect()
}

/// A directory for the cookie jar, gone with the case.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn the_session_with_curl_works_as_written(stage: &Stage) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    let commands = commands(&readme, "## A session with curl");
    assert!(
        commands.len() >= 5,
        "sign up, who am I, refresh, sign out, sign in: {commands:?}"
    );
    let scratch = Scratch(std::env::temp_dir().join(format!("doorward-readme-{}", random_hex::<8>())));
    fs::create_dir_all(&scratch.0).expect("a directory");
    let tag = random_hex::<6>();
    for command in commands {
        // As written, but for the host under test, and an address that nobody else's run has taken.
        let typed = command
            .replace(DOCUMENTED, &stage.base.origin())
            .replace("@example.com", &format!("-{tag}@example.com"));
        assert_ne!(typed, command, "not about the host");
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("{typed} -w '\\n%{{http_code}}'"))
            .current_dir(&scratch.0)
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.lines().last().unwrap_or_default();
        assert!(
            output.status.success() && status.starts_with('2'),
            "{command}\nanswers\n{text}"
        );
    }
}
