//! The report: a file with one JSON document a line for each row that was cleaned or refused.
//!
//! `{"source", "row", "id", "email", "user", "outcome": "cleaned" | "refused", "reasons": [{"field", "code"}], "kept"}`: `row`
//! counts from 1 in the source, `id` and `email` are as the source has them, `user` is the id here, `kept` is who has the address
//! instead. One-time tokens that stay behind are in a file of their own beside it, because the counts are of users.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use super::settle::Work;
use crate::database::explain;

/// The file about tokens beside the report about users.
pub(super) fn tokens_path(path: &Path) -> PathBuf {
    path.with_extension("tokens.jsonl")
}

/// A file that others on this machine can't read: it names people. An older one makes room for it, because it would keep its
/// rights, and whoever has it open; what is no file, as a pipe, is written into.
fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    open(path)
        .map(BufWriter::new)
        .with_context(|| format!("the report {}", path.display()))
}

fn open(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => return Err(io::Error::other("a link leads from there elsewhere")),
        Ok(there) if there.is_file() => fs::remove_file(path)?,
        Ok(_) => return OpenOptions::new().write(true).open(path),
        Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes both files; the second only if there is something to say. When nothing was brought in, only what the tokens
/// themselves tell is known of them.
///
/// # Errors
/// Whatever the database refuses, and a file that can't be written.
pub(super) async fn write(work: &Work<'_>, path: &Path, nothing_came: bool) -> anyhow::Result<()> {
    let mut file = create(path)?;
    let rows = work
        .rows(
            "SELECT s.pos, s.key, s.id::text, coalesce(s.given, s.email), coalesce(s.refused, v.code), s.notes, v.other
             FROM {users} s LEFT JOIN import_verdicts v ON v.pos = s.pos
             WHERE (s.refused IS NOT NULL OR s.notes IS NOT NULL OR v.pos IS NOT NULL) AND v.code IS DISTINCT FROM 'here'
             ORDER BY s.pos",
        )
        .await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(explain)? {
        let refused: Option<&str> = row.get(4);
        let notes: Option<&str> = row.get(5);
        let mut line = json!({
            "source": "users",
            "row": row.get::<_, i64>(0),
            "id": row.get::<_, Option<&str>>(1),
            "email": row.get::<_, Option<&str>>(3),
            "outcome": if refused.is_some() { "refused" } else { "cleaned" },
            "reasons": reasons(refused.or(notes).unwrap_or_default()),
        });
        if refused.is_none() {
            enter(&mut line, "user", row.get(2));
        }
        enter(&mut line, "kept", row.get(6));
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    write_tokens(work, path, nothing_came).await
}

async fn write_tokens(work: &Work<'_>, path: &Path, nothing_came: bool) -> anyhow::Result<()> {
    let sql = if nothing_came {
        "SELECT origin, pos, user_key, refused FROM {tokens} WHERE refused IS NOT NULL ORDER BY origin, pos"
    } else {
        "SELECT t.origin, t.pos, t.user_key,
                coalesce(t.refused, CASE WHEN a.id IS NULL THEN 'userId:not_here' ELSE 'token:not_the_latest' END)
         FROM {tokens} t
         LEFT JOIN accounts a ON a.provider = {source} AND a.provider_account_id = t.user_key AND a.fingerprint IS NOT NULL
         LEFT JOIN tokens k ON k.token_hash = t.hash
         WHERE k.id IS NULL ORDER BY t.origin, t.pos"
    };
    let mut rows = std::pin::pin!(work.rows(sql).await?);
    let mut file = None;
    while let Some(row) = rows.try_next().await.map_err(explain)? {
        let line = json!({
            "source": row.get::<_, &str>(0),
            "row": row.get::<_, i64>(1),
            "userId": row.get::<_, Option<&str>>(2),
            "outcome": "refused",
            "reasons": reasons(row.get(3)),
        });
        if file.is_none() {
            file = Some(create(&tokens_path(path))?);
        }
        if let Some(file) = &mut file {
            writeln!(file, "{line}")?;
        }
    }
    file.map_or(Ok(()), |mut file| file.flush().map_err(Into::into))
}

fn enter(line: &mut Value, name: &str, value: Option<&str>) {
    if let (Some(line), Some(value)) = (line.as_object_mut(), value) {
        line.insert(name.to_owned(), value.into());
    }
}

/// From `field:code,field:code`.
fn reasons(text: &str) -> Vec<Value> {
    text.split(',')
        .filter_map(|one| one.split_once(':'))
        .map(|(field, code)| json!({ "field": field, "code": code }))
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_report_is_its_owners_whatever_was_there() {
        let folder = std::env::temp_dir().join(format!("doorward-report-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (report, theirs, link) = (folder.join("report"), folder.join("theirs"), folder.join("link"));
        for path in [&report, &theirs] {
            fs::write(path, "as it was").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        symlink(&theirs, &link).unwrap();
        assert!(create(&link).is_err());
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "as it was");

        let mut read_by_another = File::open(&report).unwrap();
        create(&report).unwrap().write_all(b"who is here").unwrap();
        assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&report).unwrap(), "who is here");
        assert_eq!(io::read_to_string(&mut read_by_another).unwrap(), "as it was");
        fs::remove_dir_all(&folder).unwrap();
        assert!(create(Path::new("/dev/null")).is_ok());
        assert!(Path::new("/dev/null").exists());
    }
}
