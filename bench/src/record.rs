//! What is kept of a run: rows of numbers, one number a round, and what couldn't be measured with its reason. This is
//! the raw JSON beside the report, and all that the report is made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stats;

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Section {
    /// Every operation at every number of clients, each of whom waits for its answer
    Closed,
    /// A fixed rate of arrivals, whatever the answers take
    Open,
    /// The same with a delay on each way to database and cache
    Delay,
    /// Flights of each operation, as the host counts them
    Flights,
    /// Memory of the host with many sign-ins at once
    Memory,
    /// The first answer of a fresh process
    Cold,
    /// What is downloaded to an edge location
    Sizes,
    /// Each operation with more and more users
    Growth,
    /// The password hash by itself
    Hash,
}

/// What a row is about. A part that says nothing there is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) section: Section,
    /// Who was measured: a peer's name.
    pub(crate) subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<usize>,
    /// Open load: which rate, such as `own` (70 % of what it can) or `shared` (the same for all).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<u32>,
}

impl Key {
    pub(crate) fn new(section: Section, subject: &str) -> Self {
        let subject = subject.to_owned();
        Self {
            section,
            subject,
            op: None,
            route: None,
            clients: None,
            rate: None,
            users: None,
        }
    }

    /// Whether it has every part that `pattern` has.
    pub(crate) fn fits(&self, pattern: &Self) -> bool {
        fn is<T: PartialEq>(part: Option<&T>, wanted: Option<&T>) -> bool {
            wanted.is_none() || part == wanted
        }
        (self.section, &self.subject) == (pattern.section, &pattern.subject)
            && is(self.op.as_ref(), pattern.op.as_ref())
            && is(self.route.as_ref(), pattern.route.as_ref())
            && is(self.clients.as_ref(), pattern.clients.as_ref())
            && is(self.rate.as_ref(), pattern.rate.as_ref())
            && is(self.users.as_ref(), pattern.users.as_ref())
    }
}

/// The numbers of one round, by their names. Names end in their unit: `_ms`, `_mb` (2^20 bytes), `_bytes`; `rps` is
/// requests a second.
pub(crate) type Sample = BTreeMap<String, f64>;

/// A sample of these numbers.
pub(crate) fn sample<const N: usize>(numbers: [(&str, f64); N]) -> Sample {
    numbers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Why there are no numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Problem {
    /// It couldn't be started here.
    NotRun(String),
    /// It ran and answered wrongly: nothing of that counts.
    Failed(String),
}

/// One row: who, what, and the numbers of each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) key: Key,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rounds: Vec<Sample>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<Problem>,
}

impl Row {
    /// A row of numbers.
    pub(crate) fn of(key: Key, rounds: Vec<Sample>) -> Self {
        let problem = None;
        Self { key, rounds, problem }
    }

    /// A row without numbers.
    pub(crate) fn without(key: Key, problem: Problem) -> Self {
        let (rounds, problem) = (Vec::new(), Some(problem));
        Self { key, rounds, problem }
    }

    /// The number `name` of each round.
    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        self.rounds
            .iter()
            .filter_map(|sample| sample.get(name).copied())
            .collect()
    }

    /// The median of the rounds.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        stats::median(&self.values(name))
    }
}

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The machine, the versions, the settings: in the order in which a person reads them.
    pub(crate) conditions: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
}

impl Record {
    /// The first row that fits; or, where somebody couldn't be started at all, the row that says so.
    pub(crate) fn find(&self, pattern: &Key) -> Option<&Row> {
        let absent = Key {
            op: None,
            clients: None,
            rate: None,
            ..pattern.clone()
        };
        let of_all = |row: &&Row| row.problem.is_some() && row.key.op.is_none() && row.key.fits(&absent);
        let found = self.rows.iter().find(|row| row.key.fits(pattern));
        found.or_else(|| self.rows.iter().find(of_all))
    }

    /// What went wrong, as opposed to what couldn't be run.
    pub(crate) fn failures(&self) -> usize {
        let failed = |row: &&Row| matches!(row.problem, Some(Problem::Failed(_)));
        self.rows.iter().filter(failed).count()
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("understanding {}", file.display()))
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut key = Key::new(Section::Closed, "Worker");
        (key.op, key.clients) = (Some("login".to_owned()), Some(8));
        let mut record = Record {
            conditions: vec![("cores".to_owned(), "2".to_owned())],
            rows: vec![Row::of(
                key.clone(),
                vec![sample([("rps", 20.0)]), sample([("rps", 22.0)])],
            )],
        };
        record
            .rows
            .push(Row::without(key, Problem::NotRun("no PgBouncer".to_owned())));
        let text = serde_json::to_string(&record).unwrap();
        assert!(
            text.contains(r#""problem":{"not_run":"no PgBouncer"}"#) && !text.contains("null"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert_eq!(record.rows[0].median("rps"), Some(21.0));
        assert_eq!(record.rows[1].median("rps"), None);
        assert_eq!(record.failures(), 0);
    }
}
