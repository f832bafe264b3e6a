//! A statement's result as the protocol answers it.

use doorward_edge::wire::pg::{Field, StatementResult};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::request::Run;
use super::value;

/// One result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    /// The command tag's first word.
    command: &'a str,
    fields: Vec<FieldAnswer<'a>>,
    row_as_array: bool,
    /// The command tag's count; null where it has none.
    row_count: Option<u64>,
    rows: RowsAnswer<'a>,
}

/// The results of a transaction.
#[derive(Debug, Serialize)]
pub(crate) struct Answers<'a> {
    /// One for each statement.
    pub(crate) results: Vec<Answer<'a>>,
}

#[derive(Debug, Serialize)]
struct FieldAnswer<'a> {
    #[serde(rename = "columnID")]
    column_id: i16,
    #[serde(rename = "dataTypeID")]
    type_oid: u32,
    #[serde(rename = "dataTypeModifier")]
    type_modifier: i32,
    #[serde(rename = "dataTypeSize")]
    type_size: i16,
    format: &'static str,
    name: &'a str,
    #[serde(rename = "tableID")]
    table_oid: u32,
}

#[derive(Debug)]
struct RowsAnswer<'a> {
    result: &'a StatementResult,
    raw: bool,
    array_mode: bool,
}

impl<'a> Answer<'a> {
    /// The result of the statement at `index`, in the form that the request asks for.
    pub(crate) fn new(result: &'a StatementResult, run: &Run, index: usize) -> Self {
        let array_mode = run.array_mode(index);
        Self {
            command: result.tag.split(' ').next().unwrap_or_default(),
            fields: result.fields.iter().map(FieldAnswer::new).collect(),
            row_as_array: array_mode,
            row_count: result.count(),
            rows: RowsAnswer {
                result,
                raw: run.raw,
                array_mode,
            },
        }
    }
}

impl<'a> FieldAnswer<'a> {
    fn new(field: &'a Field) -> Self {
        Self {
            column_id: field.column_id,
            type_oid: field.type_oid,
            type_modifier: field.type_modifier,
            type_size: field.type_size,
            format: "text",
            name: &field.name,
            table_oid: field.table_oid,
        }
    }
}

impl Serialize for RowsAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.result.rows.iter().map(|row| RowAnswer { rows: self, row }))
    }
}

struct RowAnswer<'a> {
    rows: &'a RowsAnswer<'a>,
    row: &'a [Option<String>],
}

impl Serialize for RowAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RowsAnswer {
            result,
            raw,
            array_mode,
        } = *self.rows;
        if raw && array_mode {
            return self.row.serialize(serializer);
        }
        let values = result.fields.iter().zip(self.row).map(|(field, text)| match text {
            None => Value::Null,
            Some(text) if raw => Value::from(text.as_str()),
            Some(text) => value::to_json(field.type_oid, text),
        });
        if array_mode {
            serializer.collect_seq(values)
        } else {
            // In the order of the columns. Of two with one name a reader of JSON takes the last, as node-postgres does.
            serializer.collect_map(result.fields.iter().map(|field| &field.name).zip(values))
        }
    }
}
