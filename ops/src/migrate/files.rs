//! The migrations that this build carries.

use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// One file of `migrations/`.
#[derive(Debug)]
pub(crate) struct Migration {
    /// The number that its name begins with; they run from 1 without a gap.
    pub(crate) version: i32,
    /// The rest of its name.
    pub(crate) name: &'static str,
    /// The statements.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// As the file is called, without `.sql`.
    pub(crate) fn label(&self) -> String {
        format!("{:04}_{}", self.version, self.name)
    }

    /// Whether it makes a table, a view or a function of that name.
    pub(crate) fn makes(&self, name: &str) -> bool {
        self.sql.lines().filter_map(made).any(|made| made == name)
    }

    /// SHA-256 of the text in hex. Line breaks count as `\n` however the checkout has them, and what the lint is told
    /// (`-- lint: ...`) doesn't count: a reason may be added to a file that was applied.
    pub(crate) fn checksum(&self) -> String {
        let text = self.sql.replace("\r\n", "\n");
        let lines = text.split_inclusive('\n');
        let counted = lines.filter(|line| !line.trim_start().starts_with("-- lint: "));
        let digest = Sha256::digest(counted.collect::<String>());
        digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// The name of what is made by a statement that begins with this line.
fn made(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("CREATE ")?;
    let rest = rest.strip_prefix("OR REPLACE ").unwrap_or(rest);
    let rest = ["TABLE ", "VIEW ", "FUNCTION ", "TYPE "]
        .iter()
        .find_map(|kind| rest.strip_prefix(kind))?;
    let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
    rest.split([' ', '(']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_what_the_files_make() {
        for name in ["users", "import_batches", "verification_tokens", "events_firm"] {
            assert!(FILES.iter().any(|file| file.makes(name)), "{name}");
        }
        for name in ["user", "btree_gist", "users_email_key", "IF", ""] {
            assert!(!FILES.iter().any(|file| file.makes(name)), "{name}");
        }
        assert_eq!(made("CREATE OR REPLACE FUNCTION f(a text) AS $$"), Some("f"));
        assert_eq!(made("-- CREATE TABLE x ("), None);
    }

    #[test]
    fn a_checksum_is_sha_256_and_blind_to_the_kind_of_line_break() {
        let unix = Migration {
            version: 1,
            name: "x",
            sql: "a\nb",
        };
        let dos = Migration {
            version: 1,
            name: "x",
            sql: "a\r\nb",
        };
        // printf 'a\nb' | sha256sum
        assert_eq!(
            unix.checksum(),
            "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78"
        );
        assert_eq!(unix.checksum(), dos.checksum());
        let with_a_reason = Migration {
            version: 1,
            name: "x",
            sql: "a\n  -- lint: allow drop because nothing reads it\nb",
        };
        assert_eq!(unix.checksum(), with_a_reason.checksum());
    }

    #[test]
    fn no_file_ends_the_transaction_that_it_runs_in() {
        for file in FILES {
            for line in file.sql.lines() {
                let line = line.trim().trim_end_matches(';').to_ascii_uppercase();
                let ends = ["COMMIT", "ROLLBACK", "BEGIN TRANSACTION", "START TRANSACTION"].contains(&line.as_str());
                assert!(!ends, "{}: {line}", file.label());
            }
        }
    }
}
