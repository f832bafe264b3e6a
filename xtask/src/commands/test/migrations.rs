//! Migrations only expand: what holds a table for as long as it is big, what writes it anew, and what the release before
//! can't live with is refused, unless the file says in words why it may:
//!
//! ```sql
//! -- lint: allow add-constraint because no row can have the word yet
//! ```
//!
//! The line stands before or in the statement that it is about. A table that the same file makes is nobody's yet. An
//! allowance that allows nothing is refused, too.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use xtask::paths;

use super::sql::{self, Statement};

/// What is refused, and what to do instead.
const RULES: [(&str, &str); 11] = [
    (
        "create-index",
        "no row can be written until the index is built; build it CONCURRENTLY by hand before, and here IF NOT EXISTS",
    ),
    (
        "add-constraint",
        "every row is looked at while nobody may write; add it NOT VALID, or USING INDEX, and validate it in the next file",
    ),
    (
        "set-not-null",
        "every row is looked at while nobody may read; add a CHECK (... IS NOT NULL) NOT VALID, validate it, then set it",
    ),
    (
        "not-null-without-default",
        "it fails where there are rows, and the release before doesn't fill it; give it a default",
    ),
    (
        "rewrite",
        "every row is written anew while nobody may read; add a column beside it and fill that bit by bit",
    ),
    (
        "update-rows",
        "every row stays locked until all are done; fill them in batches, from the outside",
    ),
    (
        "rename",
        "the release before asks for the old name; add the new one beside it",
    ),
    (
        "drop",
        "the release before still uses it; drop it in the release after the one that stopped",
    ),
    ("lock", "nobody gets by until the file is done"),
    ("dynamic-sql", "what it does can't be seen here"),
    ("outside-transaction", "a file is one transaction"),
];

/// Functions whose value is another one for each row.
const VOLATILE: [&str; 6] = [
    "GEN_RANDOM_UUID",
    "RANDOM",
    "CLOCK_TIMESTAMP",
    "NEXTVAL",
    "UUIDV4",
    "UUIDV7",
];

/// Refuses what isn't allowed in the files of `migrations/`.
///
/// # Errors
/// Each place, with the rule and what to do instead.
pub(super) fn check() -> Result<()> {
    let folder = paths::root().join("migrations");
    let mut files: Vec<_> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut text = String::new();
    for file in files {
        let name = file.strip_prefix(paths::root()).unwrap_or(&file).display().to_string();
        let sql = fs::read_to_string(&file).with_context(|| name.clone())?;
        for finding in lint(&sql) {
            write!(text, "\n{name}:{}: {}", finding.line, finding.text)?;
        }
    }
    if !text.is_empty() {
        bail!("migrations that people would notice:{text}");
    }
    Ok(())
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    text: String,
}

/// Everything that is wrong with a file.
fn lint(sql: &str) -> Vec<Finding> {
    let mut made = Vec::new();
    let mut findings = Vec::new();
    for statement in sql::statements(sql) {
        let mut broken = broken(&statement.words, &mut made);
        for block in &statement.blocks {
            for words in sql::within(block) {
                broken.extend(self::broken(words, &mut made));
                if words.first().is_some_and(|word| word == "EXECUTE") {
                    broken.push("dynamic-sql");
                }
            }
        }
        broken.sort_unstable();
        broken.dedup();
        findings.extend(judge(&statement, &broken));
    }
    findings
}

/// Holds what a statement does against what it is allowed.
fn judge(statement: &Statement, broken: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in broken {
        if statement.allowed.iter().all(|allowed| allowed.rule != *rule) {
            let advice = RULES
                .iter()
                .find(|(name, _)| name == rule)
                .map_or("", |(_, advice)| advice);
            findings.push(Finding {
                line: statement.line,
                text: format!("{rule}: {advice}. If it is right here: -- lint: allow {rule} because ..."),
            });
        }
    }
    for allowed in &statement.allowed {
        let text = if !broken.contains(&allowed.rule.as_str()) {
            format!("nothing here needs `allow {}`", allowed.rule)
        } else if allowed.reason.split_whitespace().count() < 3 {
            format!("`allow {}` without a reason: say `because ...` in words", allowed.rule)
        } else {
            continue;
        };
        findings.push(Finding {
            line: allowed.line,
            text,
        });
    }
    findings
}

/// The rules that a statement breaks. Notes the tables that it makes.
fn broken(words: &[String], made: &mut Vec<String>) -> Vec<&'static str> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_new = |name: &str| made.iter().any(|one| one == plain(name));
    let at = |word: &str| words.iter().position(|one| *one == word);
    match words[..] {
        ["CREATE", "TABLE", "IF", ..] => Vec::new(),
        ["CREATE", "TABLE", name, ..] | ["CREATE", "UNLOGGED", "TABLE", name, ..] => {
            made.push(plain(name).to_owned());
            Vec::new()
        }
        ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] => {
            let table = at("ON").and_then(|at| words[at + 1..].iter().find(|word| **word != "ONLY"));
            if words.contains(&"CONCURRENTLY") {
                vec!["outside-transaction"]
            } else if table.is_some_and(|table| is_new(table)) {
                Vec::new()
            } else {
                vec!["create-index"]
            }
        }
        ["ALTER", "TABLE", ..] => {
            let Some(start) = (2..words.len()).find(|at| !matches!(words[*at], "IF" | "EXISTS" | "ONLY")) else {
                return Vec::new();
            };
            if is_new(words[start]) {
                return Vec::new();
            }
            clauses(&words[start + 1..]).into_iter().flat_map(altered).collect()
        }
        ["UPDATE", name, ..] | ["DELETE", "FROM", name, ..] if !is_new(name) => vec!["update-rows"],
        ["WITH", ..] => {
            let mut pairs = words.windows(2);
            let changes = pairs.any(|pair| matches!(pair, ["UPDATE", _] | ["DELETE", "FROM"]));
            if changes { vec!["update-rows"] } else { Vec::new() }
        }
        ["DROP", ..] => vec!["drop"],
        ["TRUNCATE" | "LOCK" | "CLUSTER" | "REINDEX" | "REFRESH", ..] => vec!["lock"],
        ["ALTER", .., "RENAME", "TO", _] => vec!["rename"],
        ["BEGIN" | "COMMIT" | "ROLLBACK" | "START" | "VACUUM", ..] => vec!["outside-transaction"],
        _ => Vec::new(),
    }
}

/// The rules that one clause of an ALTER TABLE breaks.
fn altered(clause: &[&str]) -> Vec<&'static str> {
    let has = |words: &[&str]| clause.windows(words.len()).any(|window| window == words);
    match clause {
        ["ADD", "CONSTRAINT", _, rest @ ..] | ["ADD", rest @ ..] if is_constraint(rest) => {
            if has(&["NOT", "VALID"]) || has(&["USING", "INDEX"]) {
                Vec::new()
            } else {
                vec!["add-constraint"]
            }
        }
        ["ADD", ..] => {
            let mut rules = Vec::new();
            let generated = has(&["GENERATED"]) || clause.iter().any(|word| word.ends_with("SERIAL"));
            let volatile = has(&["DEFAULT"]) && clause.iter().any(|word| VOLATILE.contains(word));
            if generated || volatile {
                rules.push("rewrite");
            } else if has(&["NOT", "NULL"]) && !has(&["DEFAULT"]) {
                rules.push("not-null-without-default");
            }
            if has(&["UNIQUE"]) || has(&["PRIMARY", "KEY"]) || has(&["CHECK"]) || has(&["REFERENCES"]) {
                rules.push("add-constraint");
            }
            rules
        }
        ["ALTER", ..] if has(&["SET", "NOT", "NULL"]) => vec!["set-not-null"],
        ["ALTER", ..] if has(&["TYPE"]) => vec!["rewrite"],
        ["DROP", "CONSTRAINT", ..] => Vec::new(),
        ["DROP", ..] => vec!["drop"],
        ["RENAME", ..] => vec!["rename"],
        ["SET", "LOGGED" | "UNLOGGED" | "TABLESPACE" | "ACCESS", ..] => vec!["rewrite"],
        _ => Vec::new(),
    }
}

fn is_constraint(words: &[&str]) -> bool {
    matches!(
        words,
        ["CHECK" | "UNIQUE" | "FOREIGN" | "EXCLUDE", ..] | ["PRIMARY", "KEY", ..]
    )
}

/// Splits at the commas that stand in no parentheses.
fn clauses<'a, 'b>(words: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut depth = 0;
    let ends = |word: &&str| {
        match *word {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        *word == "," && depth == 0
    };
    words.split(ends).collect()
}

/// A table's name without its schema and quotes.
fn plain(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that a file breaks, in order.
    fn rules(sql: &str) -> Vec<String> {
        let findings = lint(sql).into_iter();
        findings
            .map(|finding| finding.text.split(':').next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn what_only_expands_passes() {
        for sql in [
            "ALTER TABLE users ADD COLUMN nickname text;",
            "ALTER TABLE users ADD COLUMN logins integer NOT NULL DEFAULT 0, ADD COLUMN seen timestamptz NOT NULL DEFAULT now();",
            "ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0) NOT VALID;",
            "ALTER TABLE users ADD CONSTRAINT c UNIQUE USING INDEX users_x;",
            "ALTER TABLE users DROP CONSTRAINT c, ALTER COLUMN a DROP NOT NULL, ALTER COLUMN b SET DEFAULT 1;",
            "CREATE TABLE t (id uuid PRIMARY KEY); CREATE INDEX i ON t (id); ALTER TABLE t ADD CHECK (id IS NOT NULL);
             UPDATE t SET id = NULL; INSERT INTO t SELECT id FROM users;",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE users SET name = ''; DROP TABLE users $$;",
            "CREATE VIEW v AS SELECT 'DROP TABLE users; UPDATE users SET' AS \"UPDATE users\"; -- DROP TABLE users;
             /* TRUNCATE users; /* nested */ DROP TABLE users; */ COMMENT ON TABLE users IS E'it''s \\'; DROP TABLE users;'",
        ] {
            assert_eq!(lint(sql), [], "{sql}");
        }
    }

    const REFUSED: &[(&str, &str)] = &[
        ("CREATE INDEX i ON users (name)", "create-index"),
        (
            "create unique index if not exists i on only public.users (name)",
            "create-index",
        ),
        (
            "CREATE TABLE IF NOT EXISTS users (id uuid); CREATE INDEX i ON users (id)",
            "create-index",
        ),
        ("ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0)", "add-constraint"),
        (
            "ALTER TABLE users ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES t (id)",
            "add-constraint",
        ),
        (
            "ALTER TABLE users ADD CONSTRAINT c EXCLUDE USING gist (a WITH =)",
            "add-constraint",
        ),
        ("ALTER TABLE users ADD UNIQUE (a)", "add-constraint"),
        ("ALTER TABLE users ADD COLUMN a integer UNIQUE", "add-constraint"),
        ("ALTER TABLE ONLY users ALTER COLUMN a SET NOT NULL", "set-not-null"),
        (
            "ALTER TABLE users ADD COLUMN a numeric(3, 2) NOT NULL",
            "not-null-without-default",
        ),
        (
            "ALTER TABLE users ADD a text, ADD b text NOT NULL",
            "not-null-without-default",
        ),
        (
            "ALTER TABLE users ADD COLUMN a uuid NOT NULL DEFAULT gen_random_uuid()",
            "rewrite",
        ),
        ("ALTER TABLE users ADD COLUMN a bigserial", "rewrite"),
        (
            "ALTER TABLE users ADD COLUMN a text GENERATED ALWAYS AS (lower(b)) STORED",
            "rewrite",
        ),
        ("ALTER TABLE users ALTER a TYPE bigint", "rewrite"),
        (
            "ALTER TABLE users ALTER COLUMN a SET DATA TYPE text USING a::text",
            "rewrite",
        ),
        ("ALTER TABLE users SET UNLOGGED", "rewrite"),
        ("UPDATE users SET a = 1", "update-rows"),
        ("DELETE FROM sessions WHERE old", "update-rows"),
        ("WITH x AS (DELETE FROM sessions RETURNING id) SELECT 1", "update-rows"),
        ("ALTER TABLE users RENAME COLUMN a TO b", "rename"),
        ("ALTER INDEX a RENAME TO b", "rename"),
        ("ALTER TABLE users DROP COLUMN a", "drop"),
        ("DROP INDEX users_a_idx", "drop"),
        ("DROP VIEW v", "drop"),
        ("LOCK TABLE users IN SHARE MODE", "lock"),
        ("TRUNCATE sessions", "lock"),
        ("CREATE INDEX CONCURRENTLY i ON users (name)", "outside-transaction"),
        ("VACUUM users", "outside-transaction"),
        ("COMMIT", "outside-transaction"),
        (
            "DO $$ BEGIN IF true THEN ALTER TABLE users ALTER COLUMN a SET NOT NULL; END IF; END $$",
            "set-not-null",
        ),
        (
            "DO $x$ DECLARE a text; BEGIN EXECUTE format('DROP TABLE %I', a); END $x$",
            "dynamic-sql",
        ),
        (
            "DO $$ BEGIN FOR a IN SELECT 1 LOOP UPDATE users SET x = a; END LOOP; END $$",
            "update-rows",
        ),
    ];

    #[test]
    fn what_people_would_notice_is_refused() {
        for (sql, rule) in REFUSED {
            assert_eq!(rules(sql), [*rule], "{sql}");
        }
        for (rule, _) in RULES {
            assert!(REFUSED.iter().any(|(_, refused)| *refused == rule), "{rule} has a case");
        }
    }

    #[test]
    fn each_broken_rule_is_told_once_with_its_line() {
        let sql = "SELECT 1;\n\nALTER TABLE users\n  ADD UNIQUE (a), ADD UNIQUE (b),\n  DROP COLUMN c;\n";
        let findings = lint(sql);
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(rules(sql), ["add-constraint", "drop"]);
    }

    #[test]
    fn an_allowance_is_for_its_statement_and_has_a_reason() {
        let allowed = "-- Why.\n-- lint: allow drop because nothing has read it since 0.9\nDROP VIEW v;";
        assert_eq!(lint(allowed), []);
        let inside = "ALTER TABLE users\n    -- lint: allow drop because nothing reads it\n    DROP COLUMN a;";
        assert_eq!(lint(inside), []);
        assert_eq!(
            rules(&format!("{allowed} DROP VIEW w;")),
            ["drop"],
            "not for the next one"
        );
        assert_eq!(
            rules("-- lint: allow lock because of this and that\nDROP VIEW v;"),
            ["drop", "nothing here needs `allow lock`"]
        );
        assert_eq!(
            rules("-- lint: allow drop\nDROP VIEW v;"),
            ["`allow drop` without a reason"]
        );
        assert_eq!(
            rules("-- lint: allow drop because yes\nDROP VIEW v;"),
            ["`allow drop` without a reason"]
        );
        let block =
            "-- lint: allow dynamic-sql because the names are those of the old table\nDO $$ BEGIN EXECUTE a; END $$;";
        assert_eq!(lint(block), []);
        assert_eq!(
            rules("SELECT 1;\n-- lint: allow drop because of nothing at all"),
            ["nothing here needs `allow drop`"]
        );
    }
}
