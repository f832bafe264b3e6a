//! What docs/API.md tells people to type works from top to bottom when it is typed, on each host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::actor::Person;
use crate::each;
use crate::jwt::random_hex;
use crate::registry::Case;
use crate::stage::Stage;

/// After this the commands count as hung: they wait for mail.
const DEADLINE: Duration = Duration::from_mins(3);

/// What the commands run with: `curl` notes each status, `expect` compares the last one.
const PRELUDE: &str = r#"
statuses=$PWD/statuses
: > "$statuses"
curl() { command curl -w '%{stderr}%{http_code}\n' "$@" 2>> "$statuses"; }
expect() {
  echo
  last=$(tail -n 1 "$statuses")
  [ "$last" = "$1" ] || { echo "$2: expected $1, got $last"; exit 1; }
}
"#;

pub(super) fn cases() -> Vec<Case> {
    each![Main; the_commands_work_as_written, every_call_is_described_for_people]
}

fn documentation() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    fs::read_to_string(file).expect("docs/API.md")
}

/// The shell blocks as one script, in which a line `# 200` has become the expectation of that status.
fn script(markdown: &str) -> String {
    let blocks = markdown.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("\n```").next().unwrap_or_default().lines());
    let (mut script, mut calls, mut expectations) = (vec![PRELUDE.to_owned()], 0, 0);
    for line in lines {
        match line.strip_prefix("# ") {
            Some(status) if status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()) => {
                expectations += 1;
                script.push(format!("expect {status} 'call {expectations}'"));
            }
            _ => {
                calls += usize::from(line.starts_with("curl ") || line.contains("=$(curl "));
                script.push(line.to_owned());
            }
        }
    }
    assert_eq!(calls, expectations, "every call says what it answers");
    assert!(calls >= 20, "a call for each endpoint, not {calls}");
    script.join("\n")
}

/// A directory for the cookie jar, gone with the case.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn the_commands_work_as_written(stage: &Stage) {
    let scratch = Scratch(std::env::temp_dir().join(format!("doorward-docs-{}", random_hex::<8>())));
    // Where `cargo xtask dev` keeps the token for maintenance.
    fs::create_dir_all(scratch.0.join(".doorward")).expect("a directory");
    fs::write(scratch.0.join(".doorward/gateway.token"), &stage.stack.gateway_token).expect("the token");
    // As written, but for the addresses of the host and the gateway, and for mailboxes and slugs that nobody else's run has
    // taken. The admin that a development database is seeded with is made here.
    let run = random_hex::<6>();
    let admin = Person {
        email: format!("admin-{run}@example.com"),
        password: "doorward-dev-password".to_owned(),
        ..Person::new()
    };
    stage.app().register(&admin);
    let promote = "UPDATE users SET role = 'admin' WHERE email = $1";
    assert_eq!(stage.database().execute(promote, &[&admin.email]), 1);
    let script = script(&documentation())
        .replace("http://localhost:8787", &stage.base.origin())
        .replace("http://localhost:8786", &stage.stack.gateway.origin())
        .replace("@example.com", &format!("-{run}@example.com"))
        .replace("\"acme\"", &format!("\"acme-{run}\""));
    let said = scratch.0.join("said");
    let output = File::create(&said).expect("a file");
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file"))
        .stderr(output)
        .spawn()
        .expect("a shell");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait().expect("a child") {
            break status;
        }
        if started.elapsed() > DEADLINE {
            shell.kill().ok();
            shell.wait().ok();
            panic!("hung\n{}", fs::read_to_string(&said).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(50));
    };
    let said = fs::read_to_string(&said).unwrap_or_default();
    assert!(status.success(), "{status}\n{said}");
}

fn every_call_is_described_for_people(stage: &Stage) {
    let documentation = documentation();
    let description = stage.call("GET", "/openapi.json").send().expect(200).json();
    let paths = description["paths"].as_object().expect("paths");
    for path in paths.keys() {
        assert!(
            documentation.contains(&format!("{path}`")),
            "docs/API.md knows no {path}"
        );
    }
}
