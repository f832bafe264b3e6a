//! `doorward import` on real databases: what comes in, what stays behind and why, and that there is a way back.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use doorward_core::password::{Attempt, Verdict, Workspace, verify};
use doorward_core::token::HashedToken;
use doorward_core::unicode::TABLES;
use serde_json::{Value, json};
use support::{Database, doorward, json as document, refusal, stderr};

const PASSWORD: &str = "moving in tomorrow";

/// A folder of its own, with the samples in it.
struct Samples(PathBuf);

impl Samples {
    fn with(users: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "doorward-import-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        let output = doorward(&["import", "sample", dir.to_str().unwrap(), "--users", &users.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        Self(dir)
    }

    fn new() -> Self {
        Self::with(20)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn report(&self) -> String {
        self.path("report.jsonl")
    }

    /// Runs an import.
    fn run(&self, database: &Database, arguments: &[&str]) -> Output {
        let report = self.report();
        let mut all = vec!["import"];
        all.extend_from_slice(arguments);
        all.extend(["--json", "--report", &report]);
        database.doorward(&all)
    }

    /// Runs one that has to succeed, and answers its counts: read, imported, cleaned, refused, unchanged.
    fn import(&self, database: &Database, arguments: &[&str]) -> (Value, [u64; 5]) {
        let output = self.run(database, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let answer = document(&output);
        let counts = ["read", "imported", "cleaned", "refused", "unchanged"].map(|name| answer[name].as_u64().unwrap());
        let [read, imported, cleaned, refused, unchanged] = counts;
        assert_eq!(read, imported + refused + unchanged, "{answer}");
        let lines = self.lines();
        let of = |outcome: &str| lines.iter().filter(|line| line["outcome"] == outcome).count() as u64;
        assert_eq!((of("cleaned"), of("refused")), (cleaned, refused), "a line for each");
        assert_eq!(lines.len() as u64, cleaned + refused);
        (answer, counts)
    }

    fn lines(&self) -> Vec<Value> {
        lines(Path::new(&self.report()))
    }

    /// The codes in the report by the address or id that is in the line.
    fn codes(&self) -> BTreeMap<String, String> {
        let shown = |line: &Value| {
            let name = line["email"].as_str().or(line["id"].as_str()).unwrap_or("-");
            let reasons = line["reasons"].as_array().unwrap().iter();
            let codes: Vec<_> = reasons
                .map(|reason| {
                    format!(
                        "{}:{}",
                        reason["field"].as_str().unwrap(),
                        reason["code"].as_str().unwrap()
                    )
                })
                .collect();
            (name.trim().to_owned(), codes.join(","))
        };
        self.lines().iter().map(shown).collect()
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A checksum over the rows of every table. Temporary ones are not of the database: those of a dry run are there until the
/// server notices that its process has ended, and nobody else can read them.
fn checksums(database: &Database) -> BTreeMap<String, String> {
    let tables = database.rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    );
    assert!(tables.len() >= 10);
    tables
        .iter()
        .map(|row| {
            let table = row[0].clone().unwrap();
            let sql = format!("SELECT coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM {table} t");
            let sum = database.value(&sql);
            (table, sum)
        })
        .collect()
}

fn right(database: &Database, email: &str) -> Verdict {
    let hash = database.value(&format!("SELECT password_hash FROM users WHERE email = '{email}'"));
    verify(Some(&hash), &Attempt::new(PASSWORD, TABLES), &mut Workspace::new())
}

/// Each command that `import sample` answers brings people in, as it stands, also from a folder with an awkward name.
#[test]
#[cfg(unix)]
fn the_samples_say_how_they_are_imported() {
    let samples = Samples::with(0);
    let dir = samples.path("it's a \"sample\" & more");
    let arguments = ["import", "sample", &dir, "--users", "3"];
    let said = support::stdout(&doorward(&arguments).output().unwrap());
    let answer = document(&doorward(&arguments).arg("--json").output().unwrap());
    let commands = answer["commands"].as_array().unwrap();

    let written = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let written = written.filter(|path| !path.to_str().unwrap().ends_with(".map.json"));
    let mut written: Vec<_> = written.map(|path| path.to_str().unwrap().to_owned()).collect();
    let mut named: Vec<_> = commands.iter().map(|one| one["path"].as_str().unwrap()).collect();
    written.sort();
    named.sort_unstable();
    assert_eq!(named, written, "all that was written");

    let program = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    for one in commands {
        let [path, command] = ["path", "command"].map(|name| one[name].as_str().unwrap());
        let line = one["load"].as_str().map(|load| format!("{load} && {command}"));
        let line = line.unwrap_or_else(|| command.to_owned());
        assert!(said.lines().any(|text| text.trim() == line), "{line}: {said}");

        let (target, source) = (Database::migrated(), Database::create());
        if let Some(load) = one["load"].as_str() {
            assert!(load.starts_with("psql "), "{load}");
            source.execute(&fs::read_to_string(path).unwrap());
        }
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("{command} --json")])
            .current_dir(&samples.0)
            .env("PATH", program)
            .env("DATABASE_URL", target.url())
            .env("SOURCE", source.url())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", stderr(&output));
        assert!(document(&output)["imported"].as_u64().unwrap() >= 3, "{command}");
    }
}

#[test]
fn every_form_of_a_dump_brings_the_same_people() {
    let samples = Samples::new();
    let mut seen = Vec::new();
    for form in ["mongodump", "mongodump-gzip", "mongodump.archive", "mongodump/app"] {
        let database = Database::migrated();
        let (_, counts) = samples.import(&database, &["mongo", &samples.path(form)]);
        assert_eq!(counts, [32, 28, 7, 4, 0], "{form}");
        let users = "SELECT * FROM users ORDER BY id";
        let tokens = "SELECT user_id, type, token_hash, expires_at FROM tokens ORDER BY 1, 2";
        seen.push((database.rows(users), database.rows(tokens)));
        assert_eq!(right(&database, "person0@example.org"), Verdict::Right { rehash: true });
    }
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert_eq!(seen[0].1.len(), 10);

    // The export has one line more, which is cut off.
    let database = Database::migrated();
    let (_, counts) = samples.import(&database, &["mongo", &samples.path("mongoexport")]);
    assert_eq!(counts, [33, 28, 7, 5, 0]);
    assert_eq!(database.rows("SELECT * FROM users ORDER BY id"), seen[0].0);
}

#[test]
fn what_is_malformed_is_cleaned_or_refused_and_said() {
    let samples = Samples::new();
    let database = Database::migrated();
    samples.import(&database, &["mongo", &samples.path("mongodump")]);
    let codes = samples.codes();
    for (name, code) in [
        ("Spaces.And.Case@Example.ORG", "email:trimmed,email:folded"),
        ("text-date@example.org", "createdAt:text"),
        ("number-date@example.org", "createdAt:number"),
        ("without-name@example.org", "name:missing"),
        ("clear-password@example.org", "password:unusable"),
        ("unknown-role@example.org", "role:unknown,status:translated"),
        ("no address", "email:invalid_email"),
    ] {
        assert_eq!(codes.get(name).map(String::as_str), Some(code), "{name}: {codes:?}");
    }
    let refused: Vec<_> = samples
        .lines()
        .into_iter()
        .filter(|line| line["outcome"] == "refused")
        .collect();
    assert!(
        refused
            .iter()
            .all(|line| line["row"].as_u64().is_some() && line["id"].as_str().is_some())
    );
    let row = |email: &str| {
        let sql = format!(
            "SELECT name, role, status, is_verified, password_hash IS NULL, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
             FROM users WHERE email = '{email}'"
        );
        database.rows(&sql)[0]
            .iter()
            .map(|value| value.clone().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        row("person3@example.org"),
        ["Person 3", "member", "active", "f", "f", "2020-01-01 00:03:00"]
    );
    assert_eq!(row("text-date@example.org")[5], "2021-03-04 05:06:07");
    assert_eq!(row("number-date@example.org")[5], "2021-03-04 05:06:07");
    assert_eq!(row("without-name@example.org")[0], "without-name");
    assert_eq!(row("clear-password@example.org")[4], "t");
    assert_eq!(row("unknown-role@example.org")[1..3], ["member", "suspended"]);
    assert_eq!(
        row("two-parts@example.org")[..4],
        ["Two Parts", "member", "active", "t"]
    );
    // Three had this address, and one was signed in last.
    assert_eq!(row("twice@example.org")[0], "Last Signed In");
}

#[test]
fn of_one_address_the_last_signed_in_then_the_verified_then_the_oldest_stays() {
    let samples = Samples::with(0);
    let database = Database::migrated();
    let user = |id: u8, email: &str, more: &str| {
        format!(
            "{{\"_id\": {{\"$oid\": \"6592008000000000000000{id:02x}\"}}, \"email\": \"{email}\", \"name\": \"{id}\"{more}}}\n"
        )
    };
    let date = |name: &str, day: u8| format!(", \"{name}\": {{\"$date\": \"2024-01-{day:02}T00:00:00Z\"}}");
    let users = [
        user(1, "login@example.org", &date("lastLoginAt", 3)),
        user(2, "login@example.org", &date("lastLoginAt", 5)),
        user(
            3,
            "login@example.org",
            &(date("lastLoginAt", 4) + ", \"isVerified\": true"),
        ),
        user(4, "verified@example.org", &date("createdAt", 1)),
        user(
            5,
            "verified@example.org",
            &(date("createdAt", 2) + ", \"isVerified\": true"),
        ),
        user(6, "oldest@example.org", &date("createdAt", 9)),
        user(7, "oldest@example.org", &date("createdAt", 8)),
        user(8, "taken@example.org", ""),
    ];
    samples.write("own/users.json", &users.concat());
    database.execute("INSERT INTO users (name, email) VALUES ('here before', 'Taken@example.org')");
    let path = samples.path("own");
    let (_, counts) = samples.import(&database, &["mongo", &path]);
    assert_eq!(counts, [8, 3, 0, 5, 0]);
    let names = "SELECT email, name FROM users ORDER BY email";
    let expected = [
        ("Taken", "here before"),
        ("login", "2"),
        ("oldest", "7"),
        ("verified", "5"),
    ];
    let expected = expected.map(|(email, name)| vec![Some(format!("{email}@example.org")), Some(name.to_owned())]);
    assert_eq!(database.rows(names), expected);
    let kept: Vec<_> = samples
        .lines()
        .iter()
        .filter_map(|line| line["kept"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kept.len(), 5);
    assert!(kept[0].ends_with("02"), "{kept:?}");

    // One of those who stayed behind signs in over there. Here, nothing is taken from who has the address.
    samples.write("own/users.json", &users.concat().replace("2024-01-03", "2024-01-30"));
    let (answer, counts) = samples.import(&database, &["mongo", &path]);
    assert_eq!(counts, [8, 0, 0, 5, 3]);
    assert_eq!(answer["batch"], Value::Null);
    assert_eq!(database.rows(names), expected);
}

#[test]
fn a_second_run_and_a_dry_one_change_nothing() {
    let samples = Samples::new();
    let database = Database::migrated();
    let path = samples.path("mongodump.archive");
    let empty = checksums(&database);
    let (answer, counts) = samples.import(&database, &["mongo", &path, "--dry-run"]);
    assert_eq!((counts, &answer["batch"]), ([32, 28, 7, 4, 0], &Value::Null));
    assert_eq!(checksums(&database), empty);

    samples.import(&database, &["mongo", &path]);
    let full = checksums(&database);
    assert_ne!(full, empty);
    for arguments in [
        vec!["mongo", &path],
        vec!["mongo", &path, "--dry-run"],
        vec!["mongo", &path],
    ] {
        let (_, counts) = samples.import(&database, &arguments);
        assert_eq!(counts, [32, 0, 0, 4, 28]);
        assert_eq!(checksums(&database), full);
    }
    let batches = document(&database.doorward(&["import", "list", "--json"]));
    assert_eq!(batches["batches"].as_array().unwrap().len(), 1);
}

#[test]
fn a_strict_run_brings_in_everybody_or_nobody() {
    let samples = Samples::new();
    let database = Database::migrated();
    let before = checksums(&database);
    let why = refusal(&samples.run(&database, &["mongo", &samples.path("mongodump"), "--strict"]));
    assert!(why.contains("4 of 32"), "{why}");
    assert_eq!(checksums(&database), before);
    assert_eq!(samples.lines().len(), 11, "the report says why");

    let sound = "{\"_id\": 1, \"email\": \"Ada@example.org\", \"name\": \"Ada\"}\n";
    samples.write("sound/users.json", sound);
    let (_, counts) = samples.import(&database, &["mongo", &samples.path("sound"), "--strict"]);
    assert_eq!(counts, [1, 1, 1, 0, 0]);
}

#[test]
fn a_rollback_restores_every_table() {
    let samples = Samples::new();
    let database = Database::migrated();
    samples.write(
        "first/users.json",
        "{\"_id\": 1, \"email\": \"ada@example.org\", \"name\": \"Ada\"}\n",
    );
    samples.import(&database, &["mongo", &samples.path("first")]);
    let before = checksums(&database);
    for arguments in [
        vec!["mongo".to_owned(), samples.path("mongodump")],
        vec!["csv".to_owned(), samples.path("cognito.csv")],
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (answer, [_, imported, ..]) = samples.import(&database, &arguments);
        assert_ne!(checksums(&database), before);
        // They sign in meanwhile, and the hash that came along is replaced.
        database.execute(
            "UPDATE users SET last_login_at = now(), password_hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ'
             WHERE email LIKE 'person%';
             INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
             SELECT gen_random_uuid(), id, encode(sha256(id::text::bytea), 'hex'), now(), now(), now(), now() + '1 day' FROM users
             WHERE email LIKE 'person%';
             INSERT INTO events (id, user_id, actor_id, kind, outcome, created_at)
             SELECT gen_random_uuid(), id, id, 'session.created', 'success', now() FROM users WHERE email LIKE 'person%'",
        );
        let batch = answer["batch"].as_str().unwrap();
        let output = database.doorward(&["import", "rollback", batch, "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(
            document(&output),
            json!({ "batch": batch, "removed": imported, "kept": 0 })
        );
        assert_eq!(checksums(&database), before);
        refusal(&database.doorward(&["import", "rollback", batch]));
    }
}

#[test]
fn a_rollback_keeps_who_was_changed_and_says_so() {
    let samples = Samples::new();
    let database = Database::migrated();
    let (answer, [_, imported, ..]) = samples.import(&database, &["mongo", &samples.path("mongodump")]);
    let batch = answer["batch"].as_str().unwrap();
    let changes = [
        "name = 'Another Name'",
        "email = 'elsewhere@example.org'",
        "password_hash = 'x', password_changed_at = now(), last_login_at = now()",
        "password_hash = 'changed by hand'",
        "phone = '+49301234567'",
        "preferences = '{\"theme\": \"dark\"}'",
        "status = 'suspended'",
    ];
    for (number, change) in changes.iter().enumerate() {
        database.execute(&format!(
            "UPDATE users SET {change} WHERE email = 'person{number}@example.org'"
        ));
    }
    // Somebody became a mentor here.
    database.execute("INSERT INTO mentors (user_id) SELECT id FROM users WHERE email = 'person10@example.org'");
    let output = database.doorward(&["import", "rollback", batch, "--json"]);
    let kept = changes.len() as u64 + 1;
    assert_eq!(
        document(&output),
        json!({ "batch": batch, "removed": imported - kept, "kept": kept })
    );
    for word in [
        "elsewhere@example.org",
        "password changed",
        "profile or address changed",
        "mentors",
    ] {
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
    assert_eq!(database.value("SELECT count(*) FROM users"), kept.to_string());
    let batches = document(&database.doorward(&["import", "list", "--json"]));
    assert_eq!(batches["batches"][0]["status"], "rolled_back");
    // Again: the same are kept.
    let again = document(&database.doorward(&["import", "rollback", batch, "--json"]));
    assert_eq!(again, json!({ "batch": batch, "removed": 0, "kept": kept }));
}

#[test]
fn tokens_come_along_while_a_link_can_use_them() {
    let samples = Samples::with(0);
    let database = Database::migrated();
    samples.write(
        "own/users.json",
        "{\"_id\": 1, \"email\": \"ada@example.org\", \"name\": \"Ada\"}\n",
    );
    let token = |token: &str, user: u8, expires: &str, created: &str| {
        format!(
            "{{\"userId\": {user}, {token}, \"expiresAt\": \"{expires}\", \"createdAt\": \"2024-01-{created}T00:00:00Z\"}}\n"
        )
    };
    let hash = HashedToken::of("the hash of this one is known");
    let (later, past) = ("2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z");
    samples.write(
        "own/verification_tokens.json",
        &[
            token("\"token\": \"not-the-latest\"", 1, later, "01"),
            token("\"token\": \"the-latest-one\"", 1, later, "02"),
            token("\"token\": \"of-nobody-here\"", 2, later, "03"),
            token("\"token\": \"expired-long-ago\"", 1, past, "04"),
        ]
        .concat(),
    );
    let hashed = format!("\"tokenHash\": \"{hash}\"");
    samples.write("own/password_reset_tokens.json", &token(&hashed, 1, later, "01"));
    samples.import(&database, &["mongo", &samples.path("own")]);
    assert_eq!(
        database.rows("SELECT type, token_hash FROM tokens ORDER BY type"),
        [
            ["email_verification", HashedToken::of("the-latest-one").as_str()],
            ["password_reset", hash.as_str()]
        ]
        .map(|row| row.map(|text| Some(text.to_owned())).to_vec())
    );
    let told: Vec<_> = lines(Path::new(&samples.path("report.tokens.jsonl")))
        .iter()
        .map(|line| line["reasons"][0]["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["not_the_latest", "not_here", "expired"]);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let samples = Samples::with(40_000);
    let database = Database::migrated();
    let path = samples.path("mongodump-gzip");
    let mut first = database
        .command(&["import", "mongo", &path, "--report", &samples.report()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait("the first chunk", || {
        database.value("SELECT coalesce(max(position), 0) > 0 FROM import_batches") == "t"
    });
    // The next chunk waits for this.
    database.execute("BEGIN; LOCK TABLE import_batches IN SHARE MODE");
    let position: u64 = database.value("SELECT position FROM import_batches").parse().unwrap();
    assert!((1..40_000).contains(&position), "{position}");
    first.kill().unwrap();
    first.wait().unwrap();
    database.execute("COMMIT");
    wait("the killed run's connection to end", || {
        database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doorward' AND datname = current_database()") == "0"
    });
    assert_eq!(database.value("SELECT count(*) FROM users"), "0");
    let staged: u64 = database.value("SELECT position FROM import_batches").parse().unwrap();

    let output = samples.run(&database, &["mongo", &path]);
    assert!(
        stderr(&output).contains(&format!("after {staged} records")),
        "{}",
        stderr(&output)
    );
    let answer = document(&output);
    assert_eq!((&answer["read"], &answer["imported"]), (&json!(40_012), &json!(40_008)));
    assert_eq!(database.value("SELECT count(*) FROM users"), "40008");
    let staging = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'import\\_0%'";
    assert_eq!(database.value(staging), "0", "nothing is left of the staging tables");
}

fn wait(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_mins(1), "still waiting for {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_damaged_dump_brings_in_nobody() {
    let samples = Samples::new();
    let database = Database::migrated();
    let before = checksums(&database);
    let whole = fs::read(samples.path("mongodump/app/users.bson")).unwrap();
    let dir = samples.0.join("cut");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("users.bson"), &whole[..whole.len() - 3]).unwrap();
    let why = refusal(&samples.run(&database, &["mongo", &samples.path("cut")]));
    assert!(
        why.contains("document 32") && why.contains("ends in the middle"),
        "{why}"
    );
    let archive = fs::read(samples.path("mongodump.archive")).unwrap();
    // In the middle of a document, and where a block ends.
    let blocks: Vec<_> = (0..archive.len())
        .filter(|at| archive[..*at].ends_with(&[0xff; 4]))
        .collect();
    for end in [archive.len() / 2, blocks[1]] {
        fs::write(samples.0.join("cut.archive"), &archive[..end]).unwrap();
        let why = refusal(&samples.run(&database, &["mongo", &samples.path("cut.archive")]));
        assert!(
            why.contains("ends in the middle") || why.contains("ends before its users do"),
            "{why}"
        );
    }
    for nothing in ["missing", "cognito.csv/", "."] {
        let output = samples.run(&database, &["mongo", &samples.path(nothing)]);
        assert_eq!(output.status.code(), Some(1), "{nothing}");
    }
    assert_eq!(checksums(&database), before);
}

#[test]
fn better_auth_comes_with_identities_and_resets() {
    let samples = Samples::new();
    for (file, issuer) in [
        ("better-auth.sql", None),
        ("better-auth-issuer.sql", Some("https://accounts.example.org")),
    ] {
        let (database, theirs) = (Database::migrated(), Database::create());
        theirs.execute(&fs::read_to_string(samples.path(file)).unwrap());
        let url = theirs.url();
        let empty = checksums(&database);
        let (answer, counts) = samples.import(&database, &["better-auth", &url]);
        assert_eq!(counts, [22, 21, 1, 1, 0], "{file}");
        assert_eq!(right(&database, "person0@example.org"), Verdict::Right { rehash: true });
        let google = "SELECT u.email, a.provider_account_id, a.issuer FROM accounts a JOIN users u ON u.id = a.user_id
                      WHERE a.provider = 'google' ORDER BY 1";
        let rows = database.rows(google);
        assert_eq!(rows.len(), 4);
        assert_eq!(
            rows[2],
            [Some("person4@example.org"), Some("g-4"), issuer].map(|text| text.map(str::to_owned))
        );
        assert_eq!(
            database.value("SELECT count(*) FROM users WHERE password_hash IS NULL"),
            "5"
        );
        assert_eq!(database.value("SELECT type FROM tokens"), "password_reset");
        let full = checksums(&database);
        let (_, counts) = samples.import(&database, &["better-auth", &url]);
        assert_eq!(counts, [22, 0, 0, 1, 21]);
        assert_eq!(checksums(&database), full);
        let batch = answer["batch"].as_str().unwrap();
        assert!(database.doorward(&["import", "rollback", batch]).status.success());
        assert_eq!(checksums(&database), empty);
        // The password of the source's database is in no table of ours.
        assert!(!answer.to_string().contains("postgres://"));
    }
}

#[test]
fn an_older_table_is_read_by_its_mapping() {
    let samples = Samples::new();
    let (database, theirs) = (Database::migrated(), Database::create());
    theirs.execute(&fs::read_to_string(samples.path("old-users.sql")).unwrap());
    let (url, map) = (theirs.url(), samples.path("old-users.map.json"));
    let (_, counts) = samples.import(&database, &["postgres", &url, "--map", &map]);
    assert_eq!([counts[0], counts[1], counts[3]], [23, 21, 2]);
    let codes = samples.codes();
    assert_eq!(codes["90001"], "email:required");
    assert_eq!(codes["PERSON0@example.org"], "email:duplicate_email");
    let row = "SELECT name, is_verified, created_at = '2020-01-01T00:01:00Z', last_login_at = '2024-05-06T00:00:00Z'
               FROM users WHERE email = 'person1@example.org'";
    assert_eq!(
        database.rows(row)[0],
        ["Person 1", "t", "t", "t"].map(|text| Some(text.to_owned()))
    );
    let (_, counts) = samples.import(&database, &["postgres", &url, "--map", &map]);
    assert_eq!(counts[4], 21);
    let why = refusal(&samples.run(&database, &["postgres", &url]));
    assert!(why.contains("no table users"), "{why}");
}

#[test]
fn csv_comes_with_or_without_a_mapping() {
    let samples = Samples::new();
    let database = Database::migrated();
    let (_, counts) = samples.import(&database, &["csv", &samples.path("cognito.csv")]);
    assert_eq!(counts, [24, 22, 2, 2, 0]);
    assert_eq!(samples.codes()["phone@example.org"], "phone:invalid_phone");
    assert_eq!(
        database.value("SELECT status || phone IS NULL FROM users WHERE email = 'phone@example.org'"),
        "t"
    );

    let database = Database::migrated();
    let (file, map) = (samples.path("customers.csv"), samples.path("customers.map.json"));
    let why = refusal(&samples.run(&database, &["csv", &file]));
    assert!(why.contains("--map"), "{why}");
    let (_, counts) = samples.import(&database, &["csv", &file, "--map", &map]);
    assert_eq!(counts, [21, 20, 0, 1, 0]);
    assert_eq!(
        database.value("SELECT name FROM users WHERE email = 'person7@example.org'"),
        "Person 7"
    );
}

/// The query and the commands are those of docs/MIGRATE.md.
#[test]
fn who_registered_with_anothers_address_is_found_and_undone() {
    let samples = Samples::with(1);
    let database = Database::migrated();
    let file = samples.write(
        "people.csv",
        "id,email,name,isVerified\n1,ann@example.com,Ann,true\n2,bob@example.com,Bob,false\n",
    );
    database.execute(
        "INSERT INTO users (id, name, email, password_hash, is_verified) VALUES
         ('00000000-0000-0000-0000-0000000000e1', 'Eve', 'Ann@example.com', 'x', false),
         ('00000000-0000-0000-0000-0000000000f1', 'Flo', 'flo@example.com', 'x', true)",
    );
    let (_, counts) = samples.import(&database, &["csv", &file]);
    assert_eq!(counts, [2, 1, 0, 1, 0]);
    let line = &samples.lines()[0];
    assert_eq!(line["reasons"], json!([{ "field": "email", "code": "email_taken" }]));

    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/MIGRATE.md");
    let docs = fs::read_to_string(docs).unwrap();
    let query = docs.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next());
    let found = database.rows(query.unwrap().trim().trim_end_matches(';'));
    let ids: Vec<_> = found.iter().map(|row| row[0].as_deref().unwrap()).collect();
    let kept = line["kept"].as_str().unwrap();
    assert_eq!(ids, [kept]);

    assert!(database.doorward(&["users", "delete", kept, "--yes"]).status.success());
    let (_, counts) = samples.import(&database, &["csv", &file]);
    assert_eq!(counts, [2, 1, 0, 0, 1]);
}

#[test]
fn a_database_that_is_not_migrated_is_refused() {
    let samples = Samples::with(1);
    let database = Database::create();
    for arguments in [vec!["mongo", "mongodump"], vec!["csv", "cognito.csv"]] {
        let why = refusal(&samples.run(&database, &[arguments[0], &samples.path(arguments[1])]));
        assert!(why.contains("doorward migrate"), "{why}");
    }
    refusal(&database.doorward(&["import", "list"]));
    let output = Database::migrated().doorward(&["import", "rollback", "01a1fb02-a783-7afc-a732-55dc861bc0b3"]);
    assert!(refusal(&output).contains("no batch"));
}
