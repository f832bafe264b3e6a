//! A database that answers what the test has put down, in that order, and keeps what it was asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::task::Poll;

use doorward_edge::host::{Rows, Sql, SqlError, Statement};

/// What a flight comes to.
pub(crate) enum SqlOutcome {
    /// To these statements, these answers.
    Rows(Vec<(&'static str, Rows)>),
    /// Whatever the statements: these answers, perhaps too few or too many.
    Answers(Vec<Rows>),
    /// The same, at the third time that it is asked whether they are there.
    Late(Vec<Rows>),
    /// Whatever the statements: this error.
    Fails(SqlError),
    /// Whatever the statements: nothing, for ever.
    Hangs,
}

/// A flight: each statement's name and parameters.
#[derive(Debug, Clone)]
pub(crate) struct Batch(pub(crate) Vec<(&'static str, Vec<Option<String>>)>);

impl Batch {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    /// Every value that is not NULL.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|(_, params)| params)
            .flatten()
            .map(String::as_str)
    }

    /// Whether one of the values is this.
    pub(crate) fn has(&self, value: &str) -> bool {
        self.values().any(|other| other == value)
    }
}

#[derive(Default)]
pub(crate) struct FakeSql {
    script: RefCell<VecDeque<SqlOutcome>>,
    flights: RefCell<Vec<Batch>>,
}

impl FakeSql {
    pub(crate) fn next(&self, outcome: SqlOutcome) {
        self.script.borrow_mut().push_back(outcome);
    }

    /// The flights so far, of which this forgets.
    pub(crate) fn take(&self) -> Vec<Batch> {
        self.flights.take()
    }

    /// Forgets the outcomes that nobody has asked for yet.
    pub(crate) fn forget(&self) {
        self.script.borrow_mut().clear();
    }

    /// How many outcomes nobody has asked for yet.
    pub(crate) fn left(&self) -> usize {
        self.script.borrow().len()
    }
}

impl Sql for FakeSql {
    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError> {
        statements.iter().for_each(check);
        let batch = Batch(
            statements
                .iter()
                .map(|statement| {
                    let params = statement.params.iter();
                    let params = params.map(|param| param.as_deref().map(str::to_owned)).collect();
                    (statement.name, params)
                })
                .collect(),
        );
        let names = batch.names();
        self.flights.borrow_mut().push(batch);
        let outcome = self.script.borrow_mut().pop_front();
        match outcome.unwrap_or_else(|| panic!("nobody expected a flight with {names:?}")) {
            SqlOutcome::Rows(answers) => {
                let expected: Vec<_> = answers.iter().map(|(name, _)| *name).collect();
                assert_eq!(names, expected);
                Ok(answers.into_iter().map(|(_, rows)| rows).collect())
            }
            SqlOutcome::Answers(rows) => Ok(rows),
            SqlOutcome::Late(rows) => {
                yield_once().await;
                yield_once().await;
                Ok(rows)
            }
            SqlOutcome::Fails(error) => Err(error),
            SqlOutcome::Hangs => pending().await,
        }
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|_| {
        if std::mem::replace(&mut yielded, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Every parameter is used, every one that is used is there, and each is cast.
fn check(statement: &Statement<'_>) {
    let Statement { name, text, params } = statement;
    let mut used: Vec<usize> = Vec::new();
    for rest in text.split('$').skip(1) {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        assert!(rest[digits..].starts_with("::"), "{name}: a parameter without a cast");
        used.push(rest[..digits].parse().unwrap());
    }
    used.sort_unstable();
    used.dedup();
    let given: Vec<usize> = (1..=params.len()).collect();
    assert_eq!(used, given, "{name}");
}
