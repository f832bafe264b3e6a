//! `doorward backup` and `restore` on real databases: what went in comes out row for row, and a file that was harmed does no
//! harm.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::Value;
use support::{Database, Rows, json, refusal, stderr, stdout};

/// A folder of its own, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("backup-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Each table's rows, as a checksum that Postgres makes: another one than Doorward's own.
fn contents(database: &Database) -> BTreeMap<String, String> {
    let tables = database.rows("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    let names = tables.into_iter().map(|row| row[0].clone().unwrap());
    names
        .map(|name| {
            let sum = format!("SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {name} AS t");
            let sum = database.value(&sum);
            (name, sum)
        })
        .collect()
}

/// Columns, constraints, indexes, triggers, functions and views.
fn structure(database: &Database) -> Vec<Rows> {
    [
        "SELECT table_name, column_name, data_type, udt_name, is_nullable, is_generated FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY 1, 2",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    ]
    .map(|sql| database.rows(sql))
    .to_vec()
}

/// One with a bit of everything.
fn full() -> Database {
    let database = Database::migrated();
    assert!(database.doorward(&["seed", "--mark-development"]).status.success());
    database.execute(
        r#"
        UPDATE users SET department = E'a\tb\\c\nd\\.', position = '', preferences = '{"k": "\\N ü 李"}'
            WHERE email = 'mentor1@example.com';
        INSERT INTO sessions (id, user_id, token_hash, rotated_at, user_agent, created_at, last_used_at, expires_at)
            SELECT gen_random_uuid(), id, md5(id::text) || md5(email), '2026-03-29 02:30:00.123456+02', E'\\.', now(), now(),
                   'infinity' FROM users;
        -- An event of a firm that its user has left since: the trigger would write another one today.
        INSERT INTO firms (slug, name) VALUES ('other', 'Other');
        INSERT INTO events (id, user_id, kind, outcome, created_at)
            SELECT gen_random_uuid(), id, 'session.created', 'success', now() FROM users WHERE role = 'admin';
        UPDATE users SET firm_id = (SELECT id FROM firms WHERE slug = 'other') WHERE role = 'admin';
        -- What somebody else keeps in the same schema.
        CREATE TYPE mood AS ENUM ('so so', 'it''s fine');
        ALTER TABLE users ADD COLUMN mood mood DEFAULT 'so so', ADD COLUMN "Odd ""name" text;
        UPDATE users SET mood = 'it''s fine', "Odd ""name" = 'x' WHERE role = 'mentee';
        CREATE INDEX users_mood_idx ON users (mood) WHERE mood IS NOT NULL;
        CREATE TABLE "Notes" (
            id serial PRIMARY KEY,
            author uuid NOT NULL CONSTRAINT notes_author_fkey REFERENCES users (id),
            answers integer CONSTRAINT notes_answers_fkey REFERENCES "Notes" (id),
            score double precision,
            raw bytea,
            size integer GENERATED ALWAYS AS (length(raw)) STORED,
            CONSTRAINT notes_score_check CHECK (score < 1)
        );
        INSERT INTO "Notes" (author, answers, score, raw)
            SELECT id, 2, 0.1 + 0.2 / 3, '\x00ff0a5c' FROM users, generate_series(1, 2) ORDER BY id;
        "#,
    );
    database
}

/// How many rows of that table a backup or a restore speaks of; pg_dump's have the schema before the name.
fn rows_of(document: &Value, table: &str) -> u64 {
    let tables = &document["tables"];
    let rows = tables.get(table).unwrap_or(&tables[format!("public.{table}")]);
    rows.as_u64().unwrap_or_else(|| panic!("{table}: {document}"))
}

fn back_up(database: &Database, file: &str, with: &str) {
    let output = database.doorward(&["backup", file, "--with", with, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let document = json(&output);
    assert_eq!(rows_of(&document, "users"), 11);
    assert_eq!(document["bytes"], fs::metadata(file).unwrap().len());
}

fn comes_back_row_for_row(with: &str) {
    let (folder, source) = (Folder::create(), full());
    let file = folder.file("all.backup");
    back_up(&source, &file, with);
    assert_eq!(folder.names(), ["all.backup"], "nothing else is left");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions()) & 0o777,
        0o600
    );

    let target = Database::create();
    let output = target.doorward(&["restore", &file, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(rows_of(&json(&output), "users"), 11);
    assert_eq!(contents(&target), contents(&source));
    for (found, wanted) in structure(&target).iter().zip(&structure(&source)) {
        let only = |these: &Rows, others: &Rows| -> Rows {
            these.iter().filter(|row| !others.contains(row)).cloned().collect()
        };
        assert_eq!((only(found, wanted), only(wanted, found)), (Rows::new(), Rows::new()));
    }

    // Life goes on: the next number is a new one, triggers work, and nothing is pending.
    target.execute(r#"INSERT INTO "Notes" (author) SELECT id FROM users LIMIT 1"#);
    target.execute(
        "INSERT INTO events (id, user_id, kind, outcome, created_at)
         SELECT gen_random_uuid(), id, 'restored', 'success', now() FROM users WHERE role = 'admin'",
    );
    assert_eq!(
        target.value("SELECT firm_id IS NOT NULL FROM events WHERE kind = 'restored'"),
        "t"
    );
    assert!(stdout(&target.doorward(&["migrate"])).contains("nothing to do"));
}

#[test]
fn a_backup_of_our_own_comes_back_row_for_row() {
    comes_back_row_for_row("doorward");
}

#[test]
fn one_by_pg_dump_comes_back_row_for_row_where_it_fits_the_server() {
    let database = Database::migrated();
    let server: u32 = database
        .value("SELECT current_setting('server_version_num')::integer / 10000")
        .parse()
        .unwrap();
    let version = std::process::Command::new("pg_dump").arg("--version").output();
    let version = version.map(|output| stdout(&output)).unwrap_or_default();
    let major = version
        .split_whitespace()
        .nth(2)
        .and_then(|word| word.split('.').next()?.parse::<u32>().ok());
    if major.is_some_and(|major| major >= server) {
        comes_back_row_for_row("pg-dump");
    } else {
        let folder = Folder::create();
        let why = refusal(&database.doorward(&["backup", &folder.file("x"), "--with", "pg-dump"]));
        assert!(why.contains("pg_dump"), "{why}");
        assert_eq!(folder.names(), Vec::<String>::new());
    }
}

/// What writes a backup: Doorward itself, and pg_dump where it fits the server.
fn ways() -> Vec<&'static str> {
    let (folder, probe) = (Folder::create(), Database::migrated());
    let fits = probe.doorward(&["backup", &folder.file("x"), "--with", "pg-dump"]);
    let fits = fits.status.success().then_some("pg-dump");
    ["doorward"].into_iter().chain(fits).collect()
}

/// Restores as an operator does, with what is there before going into `folder`.
fn restore(database: &Database, file: &str, folder: &Folder, more: &[&str]) -> Output {
    let mut command = database.command(&["restore", file, "--json"]);
    command.args(more).env("DOORWARD_BACKUP_DIR", &folder.0);
    command.output().unwrap()
}

#[test]
fn a_database_goes_back_to_its_backup_and_forth_again() {
    for with in ways() {
        let (folder, kept, source) = (Folder::create(), Folder::create(), full());
        let file = folder.file("all.backup");
        back_up(&source, &file, with);
        let wanted = contents(&source);

        // Also an import that was interrupted left something.
        source.execute(
            "DELETE FROM \"Notes\"; DELETE FROM users WHERE role = 'mentee';
             INSERT INTO users (name, email) VALUES ('Since', 'since@example.com');
             CREATE UNLOGGED TABLE import_0123456789abcdef0123456789abcdef_users (a integer)",
        );
        let changed = source.rows("SELECT * FROM users ORDER BY id");
        let output = restore(&source, &file, &kept, &[]);
        assert!(output.status.success(), "{with}: {}", stderr(&output));
        assert_eq!(rows_of(&json(&output), "users"), 11);
        assert_eq!(
            contents(&source),
            wanted,
            "{with}: what was made since is gone, what was deleted is back"
        );

        let backup = json(&output)["backup"].as_str().unwrap().to_owned();
        assert!(
            backup.starts_with(kept.0.to_str().unwrap()) && backup.ends_with("-before-restore.backup"),
            "{backup}"
        );
        assert!(stderr(&output).contains(&backup), "it is said");
        let output = restore(&source, &backup, &kept, &["--no-backup"]);
        assert!(output.status.success(), "{with}: {}", stderr(&output));
        assert_eq!(json(&output)["backup"], Value::Null);
        assert_eq!(source.rows("SELECT * FROM users ORDER BY id"), changed, "{with}");
        assert_eq!(kept.names().len(), 1, "one was asked for");
    }
}

/// A way back over a migration: what it made is known to be Doorward's.
#[test]
fn an_older_backup_replaces_everything_that_doorward_makes() {
    for with in ways() {
        let (folder, source) = (Folder::create(), Database::create());
        assert!(source.doorward(&["migrate", "--until", "1"]).status.success());
        source.execute("INSERT INTO users (id, name, email) VALUES (gen_random_uuid(), 'Ada', 'ada@example.com')");
        // An extension that a migration brought stays, with its functions.
        let own = |database: &Database| -> Vec<Rows> {
            let mut structure = structure(database);
            structure[4] = database.rows(
                "SELECT oid::regprocedure::text FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace
                 AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')",
            );
            structure
        };
        let (before, shape) = (contents(&source), own(&source));
        let file = folder.file("old.backup");
        let output = source.doorward(&["backup", &file, "--with", with]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(source.doorward(&["migrate", "--no-backup"]).status.success());

        let output = restore(&source, &file, &folder, &[]);
        assert!(output.status.success(), "{with}: {}", stderr(&output));
        assert_eq!((contents(&source), own(&source)), (before, shape), "{with}");
    }
}

#[test]
fn what_others_keep_is_dropped_only_when_told() {
    for with in ways() {
        let (folder, kept, source) = (Folder::create(), Folder::create(), full());
        let file = folder.file("all.backup");
        back_up(&source, &file, with);
        let wanted = contents(&source);
        for (make, name) in [
            ("CREATE TABLE since (a integer)", "since"),
            ("CREATE VIEW seen AS SELECT 1 AS one", "seen"),
            (
                "CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "theirs",
            ),
            ("CREATE TYPE hue AS ENUM ('red')", "hue"),
        ] {
            source.execute(make);
            let before = contents(&source);
            let why = refusal(&restore(&source, &file, &kept, &[]));
            assert!(
                why.contains(&format!(" {name}")) && why.contains("--replace"),
                "{with}: {why}"
            );
            assert_eq!(contents(&source), before);
            assert_eq!(kept.names(), Vec::<String>::new(), "nothing is written for nothing");

            let output = restore(&source, &file, &kept, &["--replace", "--no-backup"]);
            assert!(output.status.success(), "{with}: {}", stderr(&output));
            assert_eq!(contents(&source), wanted, "{with}");
        }
        // Something else than Doorward altogether.
        let foreign = Database::create();
        foreign.execute("CREATE TABLE orders (id integer); INSERT INTO orders VALUES (1)");
        let why = refusal(&restore(&foreign, &file, &kept, &[]));
        assert!(why.contains("holds orders"), "{why}");
        assert_eq!(foreign.value("SELECT count(*) FROM orders"), "1");
    }
}

#[test]
fn where_nothing_can_be_kept_nothing_is_replaced() {
    let (folder, source) = (Folder::create(), full());
    let file = folder.file("all.backup");
    back_up(&source, &file, "doorward");
    source.execute("DELETE FROM \"Notes\"");
    let before = contents(&source);
    let blocked = folder.file("a-file");
    fs::write(&blocked, "").unwrap();
    let why = refusal(&restore(&source, &file, &folder, &["--backup-dir", &blocked]));
    assert!(
        why.contains("no backup could be made") && why.contains("--no-backup"),
        "{why}"
    );
    assert_eq!(contents(&source), before);
}

#[test]
fn a_file_that_was_harmed_changes_nothing() {
    let (folder, kept, source) = (Folder::create(), Folder::create(), full());
    let file = folder.file("all.backup");
    back_up(&source, &file, "doorward");
    let before = contents(&source);
    let whole = fs::read(&file).unwrap();
    let harmed = folder.file("harmed.backup");
    let at = |needle: &[u8]| whole.windows(needle.len()).position(|window| window == needle).unwrap();

    let mut changed = whole.clone();
    let place = whole.len() - at(b"mentor3@example.com");
    let place = whole.len() - place;
    changed[place] = b'M';
    let mut cut = whole.clone();
    cut.truncate(whole.len() * 2 / 3);
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap();
    // A row is gone.
    let end = place + whole[place..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let begin = whole[..place].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let fewer = [&whole[..begin], &whole[end..]].concat();

    for (what, bytes) in [
        ("a byte is another one", changed),
        ("the end is missing", cut),
        ("the last line is missing", whole[..=last].to_vec()),
        ("a row is missing", fewer),
        ("it is something else", b"PK\x03\x04 a spreadsheet".to_vec()),
        ("it is empty", Vec::new()),
    ] {
        fs::write(&harmed, bytes).unwrap();
        let why = refusal(&restore(&source, &harmed, &kept, &[]));
        assert!(
            why.contains("damaged") || why.contains("cut short") || why.contains("no backup"),
            "{what}: {why}"
        );
        assert_eq!(contents(&source), before, "{what}");
    }
    assert_eq!(kept.names(), Vec::<String>::new());
    let why = refusal(&source.doorward(&["restore", &folder.file("none")]));
    assert!(why.contains("can't read"), "{why}");
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let folder = Folder::create();
    let file = folder.file("kept");
    fs::write(&file, "something dear").unwrap();
    let why = refusal(&Database::migrated().doorward(&["backup", &file]));
    assert!(why.contains("exists"), "{why}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "something dear");
    let why = refusal(&Database::create().doorward(&["backup", &folder.file("nothing")]));
    assert!(why.contains("nothing in this database"), "{why}");
    assert_eq!(folder.names(), ["kept"]);
}

/// Two rows that are written together are both in the backup or neither is, however much is written meanwhile.
#[test]
fn a_backup_is_of_one_moment() {
    let (folder, source) = (Folder::create(), Database::migrated());
    let file = folder.file("busy.backup");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                count += 1;
                source.execute(&format!(
                    "WITH one AS (INSERT INTO users (name, email) VALUES ('x', 'x{count}@example.com') RETURNING id)
                     INSERT INTO accounts (id, user_id, provider, provider_account_id)
                     SELECT gen_random_uuid(), id, 'test', id::text FROM one"
                ));
            }
            count
        });
        let mut runs = 0;
        for _ in 0..3 {
            runs += 1;
            let file = format!("{file}{runs}");
            let output = source.doorward(&["backup", &file, "--with", "doorward"]);
            assert!(output.status.success(), "{}", stderr(&output));
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 3, "something was written meanwhile");
    });
    for run in 1..=3 {
        let target = Database::create();
        assert!(target.doorward(&["restore", &format!("{file}{run}")]).status.success());
        assert_eq!(
            target.value("SELECT count(*) FROM users FULL JOIN accounts ON user_id = users.id WHERE user_id IS NULL OR users.id IS NULL"),
            "0"
        );
    }
}

#[test]
fn migrate_makes_one_first_where_there_are_accounts() {
    let folder = Folder::create();
    let source = Database::create();
    source.execute(
        "CREATE TYPE kind AS ENUM ('Admin', 'user');
         CREATE TABLE users (id uuid PRIMARY KEY, firm_id uuid, name varchar(50), email varchar(80) UNIQUE, role kind,
                             created_at timestamp);
         INSERT INTO users VALUES (gen_random_uuid(), NULL, 'Ada', 'Ada@Example.com', 'Admin', '2020-01-01 10:00');",
    );
    let (before, shape) = (contents(&source), structure(&source));
    let migrate = |more: &[&str]| {
        let mut command = source.command(&["migrate", "--json"]);
        command
            .env("DOORWARD_BACKUP_DIR", &folder.0)
            .args(more)
            .stderr(Stdio::piped());
        command.output().unwrap()
    };
    // Where it can't be written nothing is migrated.
    let blocked = folder.file("a-file");
    fs::write(&blocked, "").unwrap();
    let why = refusal(&migrate(&["--backup-dir", &blocked]));
    assert!(
        why.contains("no backup could be made") && why.contains("--no-backup"),
        "{why}"
    );
    assert_eq!(contents(&source), before);

    let output = migrate(&[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let file = json(&output)["backup"].as_str().unwrap().to_owned();
    assert!(
        file.starts_with(folder.0.to_str().unwrap()) && file.contains("before-0001_create_users"),
        "{file}"
    );
    assert_ne!(contents(&source), before);

    let target = Database::create();
    let output = target.doorward(&["restore", &file]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        (contents(&target), structure(&target)),
        (before, shape),
        "as it was before"
    );

    // Nothing pending, nobody there, or told not to: none.
    assert_eq!(json(&migrate(&[]))["backup"], Value::Null);
    let count = folder.names().len();
    for arguments in [&["migrate", "--json"][..], &["migrate", "--json", "--no-backup"]] {
        let empty = Database::create();
        if arguments.len() == 3 {
            empty.execute("CREATE TABLE users (id uuid, firm_id uuid, name text, email text, role text, created_at timestamptz); INSERT INTO users (email) VALUES ('a@b.co')");
        }
        let output = empty
            .command(arguments)
            .env("DOORWARD_BACKUP_DIR", &folder.0)
            .output()
            .unwrap();
        assert_eq!(json(&output)["backup"], Value::Null, "{}", stderr(&output));
    }
    assert_eq!(folder.names().len(), count);
}
