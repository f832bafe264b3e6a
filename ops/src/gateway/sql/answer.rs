//! A statement's result as the protocol answers it.

use doorward_edge::wire::pg::{Field, StatementResult};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

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
        let mut rows = serializer.serialize_seq(Some(self.result.rows.len()))?;
        for row in &self.result.rows {
            match (self.raw, self.array_mode) {
                (true, true) => rows.serialize_element(row)?,
                (false, true) => rows.serialize_element(&self.values(row).collect::<Vec<_>>())?,
                (_, false) => {
                    let names = self.result.fields.iter().map(|field| field.name.clone());
                    rows.serialize_element(&names.zip(self.values(row)).collect::<Map<_, _>>())?;
                }
            }
        }
        rows.end()
    }
}

impl RowsAnswer<'_> {
    fn values(&self, row: &[Option<String>]) -> impl Iterator<Item = Value> {
        self.result.fields.iter().zip(row).map(|(field, text)| match text {
            None => Value::Null,
            Some(text) if self.raw => Value::from(text.as_str()),
            Some(text) => value::to_json(field.type_oid, text),
        })
    }
}
