//! One connection as a state machine: sign in, then batch after batch.

use std::mem;

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::backend::Message;

use super::PgError;
use super::batch::Batch;
use super::collect::{Collector, Reply, unexpected};
use super::frame::Inbox;
use super::login::{Assume, Auth, Login};
use super::result::StatementResult;
use super::server_error::ServerError;

/// How much a server may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest message, in bytes. Default 16 MiB.
    pub message: usize,
    /// The largest reply to one batch, in bytes of memory. Default 32 MiB.
    pub reply: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 16 << 20,
            reply: 32 << 20,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write these bytes, all of them. Reading goes on meanwhile if they don't fit the stream at once.
    Write(Bytes),
    /// Read, and [`Session::feed`] what came; [`Session::closed`] if the stream ended.
    Read,
    /// The batch is over: what each statement answered, or the error that ended it and undid it.
    Done(Result<Vec<StatementResult>, Box<ServerError>>),
}

/// The transaction that a session is in, as its last ReadyForQuery said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// In none.
    None,
    /// Behind a BEGIN whose COMMIT hasn't come.
    Open,
    /// Behind a BEGIN, after an error: a ROLLBACK must come next.
    Failed,
}

/// One connection. See the module's text for how to drive it.
pub struct Session {
    login: Login,
    limits: Limits,
    inbox: Inbox,
    outbox: BytesMut,
    state: State,
    transaction: Transaction,
}

enum State {
    /// Nothing was sent yet.
    Fresh,
    /// Signing in; `unsent` is the first batch if it didn't go out with the startup message.
    SigningIn {
        auth: Auth,
        unsent: Option<Batch>,
        collector: Collector,
    },
    /// Ready for a batch.
    Idle,
    /// A batch went out.
    Busy(Collector),
    /// Of no more use.
    Broken,
}

impl Session {
    /// A connection on which nothing was sent yet.
    pub fn new(login: Login, limits: Limits) -> Self {
        let inbox = Inbox::new(limits.message);
        let transaction = Transaction::None;
        Self {
            login,
            limits,
            inbox,
            outbox: BytesMut::new(),
            state: State::Fresh,
            transaction,
        }
    }

    /// Takes the batch to run next. Its bytes come out of [`Session::step`].
    ///
    /// # Errors
    /// [`PgError::Unusable`] while another batch is under way and after any error; [`PgError::Protocol`] if the login
    /// can't be said in the protocol.
    pub fn submit(&mut self, batch: &Batch) -> Result<(), PgError> {
        let collector = Collector::new(batch.len(), self.limits.reply);
        match mem::replace(&mut self.state, State::Broken) {
            State::Fresh => {
                self.login.write_startup(&mut self.outbox)?;
                let mut unsent = Some(batch.clone());
                if self.login.assumed() != Assume::Nothing {
                    batch.write(&mut self.outbox);
                    unsent = None;
                }
                self.state = State::SigningIn {
                    auth: Auth::Started,
                    unsent,
                    collector,
                };
                Ok(())
            }
            State::Idle => {
                batch.write(&mut self.outbox);
                self.state = State::Busy(collector);
                Ok(())
            }
            State::SigningIn { .. } | State::Busy(_) | State::Broken => Err(PgError::Unusable),
        }
    }

    /// What to do next.
    ///
    /// # Errors
    /// Then the connection is of no more use, and whether the batch took effect is not known unless the error is
    /// [`PgError::Server`] or [`PgError::WrongAssumption`] (it did not).
    pub fn step(&mut self) -> Result<Step, PgError> {
        let step = self.advance();
        if step.is_err() {
            self.state = State::Broken;
        }
        step
    }

    /// Takes bytes that came from the server.
    ///
    /// # Errors
    /// [`PgError::Unusable`] after any other error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), PgError> {
        if matches!(self.state, State::Broken) {
            return Err(PgError::Unusable);
        }
        self.inbox.feed(bytes);
        Ok(())
    }

    /// Told that the stream ended: the connection is of no more use.
    pub fn closed(&mut self) -> PgError {
        self.state = State::Broken;
        PgError::Cut
    }

    /// The transaction that the session is in.
    pub fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// Whether [`Session::submit`] would take a batch.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Fresh | State::Idle)
    }

    fn advance(&mut self) -> Result<Step, PgError> {
        loop {
            if !self.outbox.is_empty() {
                return Ok(Step::Write(self.outbox.split().freeze()));
            }
            let Some((message, length)) = self.inbox.next()? else {
                return Ok(Step::Read);
            };
            if let Some(reply) = self.take(&message, length)? {
                return Ok(Step::Done(reply));
            }
        }
    }

    /// Takes one message; the reply when it is complete.
    fn take(&mut self, message: &Message, length: usize) -> Result<Option<Reply>, PgError> {
        // The manual: these three can come at any time ("Asynchronous Operations").
        if let Message::NoticeResponse(_) | Message::ParameterStatus(_) | Message::NotificationResponse(_) = message {
            return Ok(None);
        }
        match mem::replace(&mut self.state, State::Broken) {
            State::SigningIn {
                auth: Auth::Ok,
                unsent: None,
                collector,
            } if ready(message).is_some() => {
                self.state = State::Busy(collector);
                Ok(None)
            }
            State::SigningIn {
                auth,
                mut unsent,
                collector,
            } => {
                let auth = auth.take(message, &self.login, &mut self.outbox)?;
                if auth.may_send_batch()
                    && let Some(batch) = unsent.take()
                {
                    batch.write(&mut self.outbox);
                }
                self.state = State::SigningIn {
                    auth,
                    unsent,
                    collector,
                };
                Ok(None)
            }
            State::Busy(mut collector) => {
                if let Some(status) = ready(message) {
                    self.transaction = transaction(status)?;
                    let reply = collector.finish()?;
                    self.state = State::Idle;
                    return Ok(Some(reply));
                }
                collector.take(message, length)?;
                if let Some(error) = collector.fatal() {
                    return Err(PgError::Server(error));
                }
                self.state = State::Busy(collector);
                Ok(None)
            }
            State::Idle => match message {
                Message::ErrorResponse(body) => Err(PgError::Server(Box::new(ServerError::read(body.fields())?))),
                _ => Err(unexpected(message)),
            },
            State::Fresh | State::Broken => Err(unexpected(message)),
        }
    }
}

/// ReadyForQuery's status.
fn ready(message: &Message) -> Option<u8> {
    match message {
        Message::ReadyForQuery(body) => Some(body.status()),
        _ => None,
    }
}

fn transaction(status: u8) -> Result<Transaction, PgError> {
    match status {
        b'I' => Ok(Transaction::None),
        b'T' => Ok(Transaction::Open),
        b'E' => Ok(Transaction::Failed),
        _ => Err(PgError::Protocol("an unknown transaction status".to_owned())),
    }
}
