//! What a schema holds, and what of that neither Doorward makes nor a backup brings back: nobody loses that unasked.

use std::collections::BTreeSet;

use anyhow::bail;
use tokio_postgres::GenericClient;

use crate::database::explain;
use crate::{import, migrate};

/// How many names a refusal lists.
const NAMED: usize = 5;

/// What [`super::load::CLEAR`] drops.
#[derive(Debug)]
pub(super) struct Holdings {
    /// The schema's name.
    pub(super) schema: String,
    /// Whether there are tables, with rows or without.
    pub(super) has_tables: bool,
    /// Tables, views and the like, routines and types, by name.
    names: BTreeSet<String>,
}

impl Holdings {
    /// Reads them, but for what belongs to an extension or to a table.
    ///
    /// # Errors
    /// When the search path leads nowhere.
    pub(super) async fn read(client: &impl GenericClient) -> anyhow::Result<Self> {
        let row = client.query_one("SELECT current_schema()::text", &[]).await;
        let Some(schema) = row.map_err(explain)?.get::<_, Option<String>>(0) else {
            bail!("the search path names no schema that is there");
        };
        let rows = client
            .query(
                "SELECT relname::text, relkind IN ('r', 'p') FROM pg_class AS c
                 WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                   AND NOT relispartition
                   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                   AND (d.deptype IN ('e', 'i') OR c.relkind = 'S' AND d.deptype = 'a'))
                 UNION ALL
                 SELECT proname::text, false FROM pg_proc AS p
                 WHERE pronamespace = current_schema()::regnamespace
                   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
                 UNION ALL
                 SELECT typname::text, false FROM pg_type AS t
                 WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
                   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e')",
                &[],
            )
            .await
            .map_err(explain)?;
        Ok(Self {
            schema,
            has_tables: rows.iter().any(|row| row.get(1)),
            names: rows.iter().map(|row| row.get(0)).collect(),
        })
    }

    /// Whether there is nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Refuses to lose what is neither Doorward's nor among `kept`, the names that a backup brings back.
    ///
    /// # Errors
    /// Where there is something of the kind.
    pub(super) fn refuse_others(&self, kept: &BTreeSet<String>) -> anyhow::Result<()> {
        let ours = |name: &str| migrate::makes(name) || import::is_staging(name);
        let others: Vec<_> = self
            .names
            .iter()
            .filter(|name| !ours(name) && !kept.contains(*name))
            .map(String::as_str)
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let more = match others.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named: Vec<_> = others.into_iter().take(NAMED).collect();
        bail!(
            "the schema {} of this database holds {}{more}, which this release doesn't make and the backup doesn't bring back. \
             Nothing has changed: restore into another database, or with --replace, which drops that too",
            self.schema,
            named.join(", ")
        )
    }
}
