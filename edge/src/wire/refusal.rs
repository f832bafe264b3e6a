//! What Postgres' refusals mean to whoever sent the batch, the same by socket and by HTTP.

use crate::host::{DatabaseError, SqlError};

/// Sorts a refusal by its SQLSTATE (PostgreSQL manual, appendix A): a cancelled statement is a timeout; a server that
/// is stopping, starting or out of a resource is unreachable, and so is one that ends the connection over the
/// connection itself (poolers do); the rest is the statement's own.
pub fn sort(severity: &str, error: DatabaseError) -> SqlError {
    let is_class = |class| error.code.starts_with(class);
    let ends_connection = matches!(severity, "FATAL" | "PANIC");
    let is_unreachable = match error.code.as_str() {
        "57014" => return SqlError::Timeout,
        "57P01" | "57P02" | "57P03" | "57P05" => true,
        _ => is_class("53") || ends_connection && (is_class("08") || is_class("58")),
    };
    if is_unreachable {
        return SqlError::Unreachable(format!("{}: {}", error.code, error.message));
    }
    SqlError::Database(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted() {
        let sort = |severity, code: &str| {
            sort(
                severity,
                DatabaseError {
                    code: code.to_owned(),
                    ..DatabaseError::default()
                },
            )
        };
        assert_eq!(sort("ERROR", "57014"), SqlError::Timeout);
        for (severity, code) in [
            ("FATAL", "57P01"),
            ("ERROR", "57P03"),
            ("FATAL", "53300"),
            ("FATAL", "08P01"),
            ("FATAL", "58000"),
        ] {
            assert!(
                matches!(sort(severity, code), SqlError::Unreachable(_)),
                "{severity} {code}"
            );
        }
        for (severity, code) in [
            ("ERROR", "23505"),
            ("ERROR", "40001"),
            ("FATAL", "28P01"),
            ("FATAL", "3D000"),
            ("ERROR", "08P01"),
            ("ERROR", "57000"),
            ("", ""),
        ] {
            assert!(
                matches!(sort(severity, code), SqlError::Database(error) if error.code == code),
                "{severity} {code}"
            );
        }
    }
}
