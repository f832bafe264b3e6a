//! A cache that answers as a Redis with room for everybody would, unless the test has put something else down.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::pending;

use doorward_edge::host::{Command, Kv, KvError, Reply};

/// What a flight comes to.
pub(crate) enum KvOutcome {
    /// These replies.
    Replies(Vec<Reply>),
    /// This error.
    Fails(KvError),
    /// Nothing, for ever.
    Hangs,
}

#[derive(Default)]
pub(crate) struct FakeKv {
    script: RefCell<VecDeque<KvOutcome>>,
    flights: RefCell<Vec<Vec<Vec<String>>>>,
    is_down: Cell<bool>,
}

impl FakeKv {
    /// The next flight comes to this.
    pub(crate) fn next(&self, outcome: KvOutcome) {
        self.script.borrow_mut().push_back(outcome);
    }

    /// From now on no flight arrives, or every one does.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.set(is_down);
    }

    /// The flights so far, of which this forgets: each its commands, each command its words.
    pub(crate) fn take(&self) -> Vec<Vec<Vec<String>>> {
        self.flights.take()
    }
}

impl Kv for FakeKv {
    async fn pipeline(&self, commands: &[Command<'_>]) -> Result<Vec<Reply>, KvError> {
        let words = |command: &Command<'_>| command.iter().map(ToString::to_string).collect();
        self.flights.borrow_mut().push(commands.iter().map(words).collect());
        if self.is_down.get() {
            return Err(KvError::Unreachable("connection refused".to_owned()));
        }
        let outcome = self.script.borrow_mut().pop_front();
        match outcome {
            None => Ok(commands.iter().map(usual).collect()),
            Some(KvOutcome::Replies(replies)) => Ok(replies),
            Some(KvOutcome::Fails(error)) => Err(error),
            Some(KvOutcome::Hangs) => pending().await,
        }
    }
}

fn usual(command: &Command<'_>) -> Reply {
    match command[0].as_ref() {
        "EVAL" => Reply::Integer(0),
        "DEL" => Reply::Integer(1),
        "PING" => Reply::Text("PONG".to_owned()),
        "SET" => Reply::Text("OK".to_owned()),
        other => panic!("nobody expected {other}"),
    }
}
