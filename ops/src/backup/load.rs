//! Reads a backup of our own back into a database: the tables as the migrations of its time made them, then its rows, and
//! at last what others had added. One transaction: it is all there, row for row, or nothing has changed.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::SinkExt as _;
use tokio_postgres::Transaction;

use super::archive::{Counted, Head, Reader};
use super::catalog::{self, Catalog, Column, Table, quoted};
use super::dump::{self, PLAIN};
use crate::database::explain;
use crate::migrate;

/// How much is sent at a time.
const PIECE: usize = 1 << 16;

/// Restores the file into the schema of the transaction, in the place of what that holds, and answers what each table holds.
///
/// # Errors
/// When the file is damaged, this build doesn't know its migrations, or a row isn't taken as it was.
pub(super) async fn read(transaction: &Transaction<'_>, path: &Path) -> anyhow::Result<Vec<Counted>> {
    run(transaction, CLEAR).await?;
    transaction.batch_execute(PLAIN).await.map_err(explain)?;
    let mut reader = Reader::open(path)?;
    prepare(transaction, &reader.head).await?;
    let made = catalog::read(transaction).await?;
    // Rows are to come back as they were, not as a trigger would write them today.
    triggers(transaction, &made, "DISABLE").await?;
    while let Some(name) = reader.next_table()? {
        let table =
            find(&reader.head.catalog, &name).context("the backup has rows of a table that it doesn't describe")?;
        let sql = format!("COPY {} ({}) FROM STDIN", quoted(&name), table.columns());
        fill(transaction, &sql, &mut reader)
            .await
            .with_context(|| format!("table {name}"))?;
    }
    triggers(transaction, &made, "ENABLE").await?;
    finish(transaction, &reader.head.catalog, &made).await?;

    let mut found = Vec::new();
    for table in &reader.head.catalog.tables {
        let rows = dump::read(transaction, table, |_| Ok(())).await?;
        found.push(Counted::new(&table.name, &rows.tally));
    }
    ensure!(
        found == reader.tallies()?,
        "the tables aren't what the backup says; nothing was restored"
    );
    Ok(found)
}

/// Makes the tables, empty and without the keys between them that a load can't wait for.
async fn prepare(transaction: &Transaction<'_>, head: &Head) -> anyhow::Result<()> {
    let ledger: Vec<(i32, &str)> = head
        .ledger
        .iter()
        .map(|one| (one.version, one.checksum.as_str()))
        .collect();
    migrate::replay(transaction, &ledger).await?;
    let made = catalog::read(transaction).await?;
    let names: Vec<String> = made.tables.iter().map(|table| quoted(&table.name)).collect();
    if !names.is_empty() {
        run(transaction, &format!("TRUNCATE {} CASCADE", names.join(", "))).await?;
    }
    for extension in &head.catalog.extensions {
        if !made.extensions.contains(extension) {
            run(
                transaction,
                &format!("CREATE EXTENSION IF NOT EXISTS {}", quoted(extension)),
            )
            .await?;
        }
    }
    for one in &head.catalog.enums {
        if made.enums.iter().all(|there| there.name != one.name) {
            let labels: Vec<String> = one
                .labels
                .iter()
                .map(|label| format!("'{}'", label.replace('\'', "''")))
                .collect();
            run(
                transaction,
                &format!("CREATE TYPE {} AS ENUM ({})", one.name, labels.join(", ")),
            )
            .await?;
        }
    }
    for table in &head.catalog.tables {
        let name = quoted(&table.name);
        match find(&made, &table.name) {
            None => {
                let columns: Vec<String> = table.columns.iter().map(definition).collect();
                run(transaction, &format!("CREATE TABLE {name} ({})", columns.join(", "))).await?;
            }
            Some(there) => {
                for column in &table.columns {
                    if there.columns.iter().all(|one| one.name != column.name) {
                        run(
                            transaction,
                            &format!("ALTER TABLE {name} ADD COLUMN {}", definition(column)),
                        )
                        .await?;
                    }
                }
            }
        }
    }
    // A foreign key is checked row by row as they come: it waits until all are there.
    for table in &made.tables {
        for key in table.constraints.iter().filter(|one| one.kind == "f") {
            let (table, key) = (quoted(&table.name), quoted(&key.name));
            run(transaction, &format!("ALTER TABLE {table} DROP CONSTRAINT {key}")).await?;
        }
    }
    Ok(())
}

/// Adds what the tables had and don't have yet: constraints, indexes, and where counting goes on.
async fn finish(transaction: &Transaction<'_>, wanted: &Catalog, made: &Catalog) -> anyhow::Result<()> {
    let mut keys = Vec::new();
    for table in &wanted.tables {
        let name = quoted(&table.name);
        let there = find(made, &table.name);
        let has_primary = there.is_some_and(|table| table.constraints.iter().any(|one| one.kind == "p"));
        let constraints: BTreeSet<&str> = there
            .iter()
            .flat_map(|table| &table.constraints)
            .filter(|one| one.kind != "f")
            .map(|one| one.name.as_str())
            .collect();
        for one in &table.constraints {
            if constraints.contains(one.name.as_str()) || (one.kind == "p" && has_primary) {
                continue;
            }
            let sql = format!(
                "ALTER TABLE {name} ADD CONSTRAINT {} {}",
                quoted(&one.name),
                one.definition
            );
            if one.kind == "f" {
                keys.push(sql);
            } else {
                run(transaction, &sql).await?;
            }
        }
        let indexes: BTreeSet<&str> = there
            .iter()
            .flat_map(|table| &table.indexes)
            .map(|one| one.name.as_str())
            .collect();
        for one in table.indexes.iter().filter(|one| !indexes.contains(one.name.as_str())) {
            run(transaction, &one.definition).await?;
        }
        for column in table.columns.iter().filter(|column| column.counted) {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max({}) FROM {name}))",
                quoted(&column.name)
            );
            transaction.query(&sql, &[&name, &column.name]).await.map_err(explain)?;
        }
    }
    // What they refer to has its primary keys now.
    for sql in keys {
        run(transaction, &sql).await?;
    }
    Ok(())
}

async fn triggers(transaction: &Transaction<'_>, made: &Catalog, word: &str) -> anyhow::Result<()> {
    for table in &made.tables {
        run(
            transaction,
            &format!("ALTER TABLE {} {word} TRIGGER USER", quoted(&table.name)),
        )
        .await?;
    }
    Ok(())
}

async fn fill(transaction: &Transaction<'_>, sql: &str, reader: &mut Reader) -> anyhow::Result<()> {
    let mut sink = pin!(transaction.copy_in::<_, Bytes>(sql).await.map_err(explain)?);
    let mut piece = BytesMut::with_capacity(PIECE);
    while let Some(row) = reader.next_row()? {
        piece.extend_from_slice(row);
        if piece.len() >= PIECE {
            sink.send(piece.split().freeze()).await.map_err(explain)?;
        }
    }
    sink.send(piece.freeze()).await.map_err(explain)?;
    sink.finish().await.map_err(explain)?;
    Ok(())
}

fn definition(column: &Column) -> String {
    let mut text = format!("{} {}", quoted(&column.name), column.kind);
    if column.counted {
        text += " GENERATED BY DEFAULT AS IDENTITY";
    }
    match &column.default {
        Some(expression) if column.made => text = format!("{text} GENERATED ALWAYS AS ({expression}) STORED"),
        Some(expression) => text = format!("{text} DEFAULT {expression}"),
        None => {}
    }
    if column.required {
        text += " NOT NULL";
    }
    text
}

fn find<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Table> {
    catalog.tables.iter().find(|table| table.name == name)
}

async fn run(transaction: &Transaction<'_>, sql: &str) -> anyhow::Result<()> {
    transaction
        .batch_execute(sql)
        .await
        .map_err(explain)
        .with_context(|| sql.to_owned())
}

/// Empties the schema. The schema itself stays, and with it who may do what in it.
pub(super) const CLEAR: &str = "DO $$
DECLARE
    statement text;
    space CONSTANT oid := current_schema()::regnamespace;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                   WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, oid::regclass)
        FROM pg_class AS c
        WHERE relnamespace = space AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT relispartition
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc AS p
        WHERE pronamespace = space AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type AS t
        WHERE typnamespace = space AND typtype IN ('e', 'd')
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e'))
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$";
