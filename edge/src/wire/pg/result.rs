//! What one statement answered, with everything that the protocol says about it.

use crate::host::Rows;

/// One column of a result (RowDescription).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The OID of the table that it comes from, or 0.
    pub table_oid: u32,
    /// Its attribute number in that table, or 0.
    pub column_id: i16,
    /// The OID of its type.
    pub type_oid: u32,
    /// `pg_type.typlen`; negative for a variable width.
    pub type_size: i16,
    /// `pg_attribute.atttypmod`, or -1.
    pub type_modifier: i32,
    /// 0 is text.
    pub format: i16,
}

/// What one statement of a batch answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatementResult {
    /// The columns, in order. Empty when the statement returns no rows.
    pub fields: Vec<Field>,
    /// The rows in text format; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// The command tag as the server said it (`INSERT 0 3`); empty for an empty statement.
    pub tag: String,
}

impl StatementResult {
    /// The tag's words: `INSERT`, `CREATE TABLE`.
    pub fn command(&self) -> &str {
        self.tag.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ')
    }

    /// The tag's count, where it has one (`SELECT 2`, `INSERT 0 3`).
    pub fn count(&self) -> Option<u64> {
        self.tag.rsplit_once(' ').and_then(|(_, last)| last.parse().ok())
    }
}

impl From<StatementResult> for Rows {
    fn from(result: StatementResult) -> Self {
        let affected = result.count().unwrap_or(0);
        Self {
            columns: result.fields.into_iter().map(|field| field.name).collect(),
            rows: result.rows,
            affected,
        }
    }
}
