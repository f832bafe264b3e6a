//! What Postgres' refusals mean to whoever sent the batch, the same for every adapter.

use crate::host::{DatabaseError, SqlError};

/// Sorts a refusal by its SQLSTATE (PostgreSQL manual, appendix A): a cancelled statement is a timeout; a server that
/// is stopping, starting, or out of a resource is unreachable; the rest is the statement's own.
pub(super) fn refused(error: DatabaseError) -> SqlError {
    match error.code.as_str() {
        "57014" => SqlError::Timeout,
        "57P01" | "57P02" | "57P03" | "57P05" => unreachable(&error),
        code if code.starts_with("08") || code.starts_with("53") => unreachable(&error),
        _ => SqlError::Database(error),
    }
}

fn unreachable(error: &DatabaseError) -> SqlError {
    SqlError::Unreachable(format!("{}: {}", error.code, error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted() {
        let refusal = |code: &str| {
            refused(DatabaseError {
                code: code.to_owned(),
                ..DatabaseError::default()
            })
        };
        assert_eq!(refusal("57014"), SqlError::Timeout);
        for code in ["57P01", "57P03", "53300", "08006"] {
            assert!(matches!(refusal(code), SqlError::Unreachable(_)), "{code}");
        }
        for code in ["23505", "40001", "28P01", "57000", "5", ""] {
            assert!(
                matches!(refusal(code), SqlError::Database(error) if error.code == code),
                "{code}"
            );
        }
    }
}
