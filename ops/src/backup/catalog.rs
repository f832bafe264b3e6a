//! What a schema is made of, read from Postgres' catalogs: enough to make its tables again.

use anyhow::bail;
use serde::{Deserialize, Serialize};
use tokio_postgres::GenericClient;

use crate::database::explain;

/// The schema that unqualified names mean, as far as a backup carries it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Catalog {
    /// Its name.
    pub(super) schema: String,
    /// Extensions, by name.
    pub(super) extensions: Vec<String>,
    /// Enumerated types.
    pub(super) enums: Vec<Enum>,
    /// The tables, by name.
    pub(super) tables: Vec<Table>,
}

/// An enumerated type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Enum {
    /// Its name, quoted where it must be.
    pub(super) name: String,
    /// Its labels, in order.
    pub(super) labels: Vec<String>,
}

/// A table.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table {
    /// Its name, not quoted.
    pub(super) name: String,
    /// Its columns, in order.
    pub(super) columns: Vec<Column>,
    /// Its constraints; foreign keys last.
    pub(super) constraints: Vec<Constraint>,
    /// Indexes that belong to no constraint.
    pub(super) indexes: Vec<Index>,
}

/// A column.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    /// As SQL says it.
    pub(super) kind: String,
    pub(super) required: bool,
    /// An expression; none for a column that Postgres counts up by itself.
    pub(super) default: Option<String>,
    /// Whether Postgres counts it up.
    pub(super) counted: bool,
    /// Whether it is made from the others: then it isn't in the rows.
    pub(super) made: bool,
}

/// A constraint, as `ALTER TABLE ... ADD CONSTRAINT` takes it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Constraint {
    pub(super) name: String,
    /// Postgres' letter: p, u, c, x or f.
    pub(super) kind: String,
    pub(super) definition: String,
}

/// An index, as `CREATE INDEX` makes it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) definition: String,
}

impl Table {
    /// The columns that its rows have, for COPY.
    pub(super) fn columns(&self) -> String {
        let kept = self.columns.iter().filter(|column| !column.made);
        kept.map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }
}

/// A name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Reads the schema.
///
/// # Errors
/// When it has something that a backup of our own can't carry.
pub(super) async fn read(client: &impl GenericClient) -> anyhow::Result<Catalog> {
    let row = client
        .query_one(
            "SELECT current_schema()::text,
                    (SELECT coalesce(array_agg(extname::text ORDER BY extname), '{}') FROM pg_extension
                     WHERE extname <> 'plpgsql')",
            &[],
        )
        .await
        .map_err(explain)?;
    let Some(schema) = row.get::<_, Option<String>>(0) else {
        bail!("the search path names no schema that is there");
    };
    let extensions = row.get(1);
    let enums = client
        .query(
            "SELECT t.oid::regtype::text, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
             FROM pg_type AS t JOIN pg_enum AS e ON e.enumtypid = t.oid
             WHERE t.typnamespace = current_schema()::regnamespace GROUP BY t.oid ORDER BY 1",
            &[],
        )
        .await
        .map_err(explain)?;
    let enums = enums
        .iter()
        .map(|row| Enum {
            name: row.get(0),
            labels: row.get(1),
        })
        .collect();
    let names = client
        .query(
            "SELECT c.relname::text, c.oid FROM pg_class AS c
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
               AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
             ORDER BY 1",
            &[],
        )
        .await
        .map_err(explain)?;
    let odd = client
        .query_opt(
            "SELECT c.relname || '.' || a.attname, format_type(a.atttypid, NULL)
             FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0
               AND t.typnamespace = c.relnamespace AND t.typtype IN ('d', 'c', 'r')
               AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e') LIMIT 1",
            &[],
        )
        .await
        .map_err(explain)?;
    if let Some(row) = odd {
        let (column, kind): (String, String) = (row.get(0), row.get(1));
        bail!(
            "{column} is of a type of this database's own ({kind}), which only a pg_dump that fits the server can carry"
        );
    }
    let mut tables = Vec::new();
    for row in &names {
        tables.push(table(client, row.get(0), row.get(1)).await?);
    }
    Ok(Catalog {
        schema,
        extensions,
        enums,
        tables,
    })
}

async fn table(client: &impl GenericClient, name: String, oid: u32) -> anyhow::Result<Table> {
    let columns = client
        .query(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                    a.attidentity <> '' OR pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) IS NOT NULL,
                    a.attgenerated <> ''
             FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            &[&oid],
        )
        .await
        .map_err(explain)?;
    let columns = columns
        .iter()
        .map(|row| {
            let counted: bool = row.get(4);
            Column {
                name: row.get(0),
                kind: row.get(1),
                required: row.get(2),
                default: row.get::<_, Option<String>>(3).filter(|_| !counted),
                counted,
                made: row.get(5),
            }
        })
        .collect();
    let constraints = client
        .query(
            "SELECT conname::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = $1 AND contype IN ('p', 'u', 'c', 'x', 'f') ORDER BY contype = 'f', contype <> 'p', 1",
            &[&oid],
        )
        .await
        .map_err(explain)?;
    let constraints = constraints
        .iter()
        .map(|row| Constraint {
            name: row.get(0),
            kind: row.get(1),
            definition: row.get(2),
        })
        .collect();
    let indexes = client
        .query(
            "SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
             WHERE i.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.conrelid = $1)
             ORDER BY 1",
            &[&oid],
        )
        .await
        .map_err(explain)?;
    let indexes = indexes
        .iter()
        .map(|row| Index {
            name: row.get(0),
            definition: row.get(1),
        })
        .collect();
    Ok(Table {
        name,
        columns,
        constraints,
        indexes,
    })
}
