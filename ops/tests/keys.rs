//! `doorward keys`: sets that the core reads, files for their owner alone, and no secret where none is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use doorward_core::token::keys::Keys;
use serde_json::Value;

/// A directory of its own, removed with the value.
struct Directory(PathBuf);

impl Directory {
    fn create(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn keys(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Not in this checkout, which may have keys of its own, and without those of this process's environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("keys").args(arguments);
    command.current_dir("/").env_remove("DOORWARD_KEYS");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_generated_set_is_one_that_the_core_reads_and_no_other() {
    let first = text(&keys(&["generate"]).stdout);
    assert!(Keys::parse(&first).is_ok());
    assert_ne!(first, text(&keys(&["generate"]).stdout));
    let document: Value = serde_json::from_slice(&keys(&["generate", "--json"]).stdout).unwrap();
    assert!(Keys::parse(&document.to_string()).is_ok());
}

#[test]
fn a_file_is_for_its_owner_and_is_not_overwritten() {
    let directory = Directory::create("generate");
    let file = directory.file("keys.json");
    let output = keys(&["generate", "--out", &file]);
    assert!(output.status.success());
    let set = fs::read_to_string(&file).unwrap();
    assert!(Keys::parse(&set).is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_no_secret(&set, &output);

    assert_eq!(keys(&["generate", "--out", &file]).status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), set);
    assert_eq!(
        fs::read_dir(&directory.0).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn rotation_puts_new_keys_first_and_keeps_the_old_ones() {
    let directory = Directory::create("rotate");
    let file = directory.file("keys.json");
    keys(&["generate", "--out", &file]);
    let old = fs::read_to_string(&file).unwrap();
    let (old_signing, old_mac) = ids(&old);

    let printed = text(&keys(&["rotate", &file]).stdout);
    assert_eq!(fs::read_to_string(&file).unwrap(), old, "only --out writes");
    assert!(Keys::parse(&printed).is_ok());

    let output = keys(&["rotate", &file, "--out", &file]);
    assert!(output.status.success());
    let new = fs::read_to_string(&file).unwrap();
    let (signing, mac) = ids(&new);
    assert_eq!((signing.len(), mac.len()), (2, 2));
    assert_eq!((&signing[1..], &mac[1..]), (&old_signing[..], &old_mac[..]));
    assert_no_secret(&new, &output);
}

#[test]
fn keys_are_staged_for_one_deployment_and_promoted_for_the_next() {
    let directory = Directory::create("stage");
    let file = directory.file("keys.json");
    keys(&["generate", "--out", &file]);
    let (signing, mac) = ids(&fs::read_to_string(&file).unwrap());
    let states = || -> Vec<String> {
        let output = keys(&["list", &file]);
        let words = text(&output.stdout);
        words
            .lines()
            .map(|line| line.split_whitespace().last().unwrap().to_owned())
            .collect()
    };

    let refused = keys(&["promote", &file, "--out", &file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("no staged keys"));

    let output = keys(&["rotate", "--stage", &file, "--out", &file]);
    assert!(output.status.success(), "{output:?}");
    let staged = fs::read_to_string(&file).unwrap();
    assert_no_secret(&staged, &output);
    let (signing_staged, mac_staged) = ids(&staged);
    assert_eq!(
        (&signing_staged[0], &mac_staged[0]),
        (&signing[0], &mac[0]),
        "still active"
    );
    assert_eq!(states(), ["active", "staged", "active", "staged"]);
    assert_eq!(keys(&["rotate", "--stage", &file]).status.code(), Some(1), "once only");

    let output = keys(&["promote", &file, "--out", &file]);
    assert!(output.status.success(), "{output:?}");
    let promoted = fs::read_to_string(&file).unwrap();
    assert_no_secret(&promoted, &output);
    let (signing_now, mac_now) = ids(&promoted);
    assert_eq!(signing_now, [signing_staged[1].clone(), signing[0].clone()]);
    assert_eq!(mac_now, [mac_staged[1], mac[0]]);
    assert_eq!(states(), ["active", "tokens", "active", "tokens"]);
}

#[test]
fn a_list_tells_which_keys_are_active_and_no_secret() {
    let directory = Directory::create("list");
    let file = directory.file("keys.json");
    keys(&["generate", "--out", &file]);
    keys(&["rotate", &file, "--out", &file]);
    let set = fs::read_to_string(&file).unwrap();
    let (signing, mac) = ids(&set);

    let output = keys(&["list", &file, "--json"]);
    assert_no_secret(&set, &output);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed: Vec<_> = document["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["kid"].as_str().unwrap(), key["active"].as_bool().unwrap()))
        .collect();
    let mac: Vec<_> = mac.iter().map(ToString::to_string).collect();
    assert_eq!(
        listed,
        [
            (signing[0].as_str(), true),
            (signing[1].as_str(), false),
            (mac[0].as_str(), true),
            (mac[1].as_str(), false)
        ]
    );
    assert_no_secret(&set, &keys(&["list", &file]));
}

#[test]
fn a_set_that_is_not_named_is_that_of_the_environment_or_of_the_checkout() {
    let directory = Directory::create("unnamed");
    let [ours, developments] = [(); 2].map(|()| text(&keys(&["generate"]).stdout));
    let kids = |set: &str| -> Vec<String> {
        let (signing, mac) = ids(set);
        signing.into_iter().chain(mac.iter().map(ToString::to_string)).collect()
    };
    let listed = |command: &mut Command| -> Vec<String> {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = text(&output.stdout);
        lines
            .lines()
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect()
    };

    // A checkout, and a folder in it that isn't its root.
    let inside = directory.0.join("ops/src");
    fs::create_dir_all(&inside).unwrap();
    let list = || {
        let mut command = command(&["list"]);
        command.current_dir(&inside);
        command
    };
    fs::create_dir_all(directory.0.join(".doorward")).unwrap();
    fs::write(directory.file(".doorward/keys.json"), &developments).unwrap();
    // Without more, that may be anybody's folder. (Above it is this checkout, which may have keys.)
    let output = list().output().unwrap();
    assert!(!kids(&developments).iter().any(|kid| text(&output.stdout).contains(kid)));
    fs::create_dir_all(directory.0.join("migrations")).unwrap();
    fs::create_dir_all(directory.0.join("xtask")).unwrap();
    fs::write(directory.file("xtask/Cargo.toml"), "").unwrap();

    assert_eq!(listed(&mut list()), kids(&developments));
    assert_eq!(listed(list().env("DOORWARD_KEYS", "")), kids(&developments));
    assert_eq!(
        listed(list().env("DOORWARD_KEYS", &ours)),
        kids(&ours),
        "it comes first"
    );
    let file = directory.file("own.json");
    keys(&["generate", "--out", &file]);
    let own = kids(&fs::read_to_string(&file).unwrap());
    let named = listed(command(&["list", &file]).env("DOORWARD_KEYS", &ours));
    assert_eq!(named, own, "what is named comes before");

    for (arguments, count) in [(&["rotate"][..], 2), (&["rotate", "--stage"], 2)] {
        let output = command(arguments).env("DOORWARD_KEYS", &ours).output().unwrap();
        let (signing, mac) = ids(&text(&output.stdout));
        assert_eq!((signing.len(), mac.len()), (count, count), "{output:?}");
        let (old, _) = ids(&ours);
        assert!(signing.contains(&old[0]));
        let staged = text(&output.stdout);
        let output = command(&["promote"]).env("DOORWARD_KEYS", staged).output().unwrap();
        assert_eq!(output.status.success(), arguments.len() == 2, "{output:?}");
    }

    for arguments in [&["list"][..], &["rotate"], &["promote"]] {
        let output = keys(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let why = text(&output.stderr);
        assert!(
            ["FILE", "DOORWARD_KEYS", ".doorward/keys.json"]
                .iter()
                .all(|way| why.contains(way)),
            "{why}"
        );
        let output = command(arguments).env("DOORWARD_KEYS", "hunter2").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let why = text(&output.stderr);
        assert!(why.contains("DOORWARD_KEYS") && !why.contains("hunter2"), "{why}");
    }
}

#[test]
fn what_is_no_key_set_is_refused_without_being_shown() {
    let directory = Directory::create("refused");
    let file = directory.file("keys.json");
    fs::write(&file, "hunter2").unwrap();
    for arguments in [
        &["list", &file][..],
        &["rotate", &file],
        &["rotate", &file, "--out", &file],
        &["rotate", "--stage", &file],
        &["promote", &file],
        &["list", &directory.file("none")],
    ] {
        let output = keys(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !text(&output.stderr).contains("hunter2"),
            "{arguments:?}"
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "hunter2");
}

fn ids(set: &str) -> (Vec<String>, Vec<u32>) {
    let keys = Keys::parse(set).unwrap();
    let (signing, mac) = keys.ids();
    (signing.into_iter().map(str::to_owned).collect(), mac)
}

/// Asserts that none of the secrets of the set was printed.
fn assert_no_secret(set: &str, output: &Output) {
    let set: Value = serde_json::from_str(set).unwrap();
    let printed = text(&output.stdout) + &text(&output.stderr);
    let mut secrets = 0;
    for secret in set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|key| [&key["d"], &key["k"]])
        .filter_map(Value::as_str)
    {
        secrets += 1;
        assert!(!printed.contains(secret));
    }
    assert!(secrets >= 2, "a set has secrets");
}
