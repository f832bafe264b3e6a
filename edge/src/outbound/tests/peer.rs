//! Postgres servers played from a script, and the `Connect` that leads to them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::pg_sql::Connect;
use crate::wire::pg::tests::server::{auth_ok, greeting, message, one_row, parsed_and_bound, ready};

/// Hands out the streams it was given, and counts.
#[derive(Default)]
pub(super) struct Streams {
    queue: RefCell<VecDeque<Result<DuplexStream, String>>>,
    pub(super) asked: Cell<usize>,
}

impl Streams {
    /// One more server; the test holds its end.
    pub(super) fn server(&self) -> Server {
        let (ours, theirs) = duplex(64 * 1024);
        self.queue.borrow_mut().push_back(Ok(ours));
        Server(theirs)
    }

    /// One more connection that fails.
    pub(super) fn refusal(&self) {
        self.queue.borrow_mut().push_back(Err("refused".to_owned()));
    }
}

impl Connect for &Streams {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, String> {
        self.asked.set(self.asked.get() + 1);
        self.queue
            .borrow_mut()
            .pop_front()
            .unwrap_or_else(|| Err("no server is left".to_owned()))
    }
}

/// The server's end of a connection.
pub(super) struct Server(pub(super) DuplexStream);

impl Server {
    /// Reads a startup message and lets the client in.
    pub(super) async fn let_in(&mut self) {
        self.startup().await;
        self.say(&[auth_ok(), greeting()].concat()).await;
    }

    pub(super) async fn startup(&mut self) {
        let length = self.0.read_u32().await.unwrap();
        self.0
            .read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4])
            .await
            .unwrap();
    }

    /// Reads messages up to and with a Sync; their tags.
    pub(super) async fn batch(&mut self) -> String {
        let mut tags = String::new();
        while !tags.ends_with('S') {
            tags.push(char::from(self.0.read_u8().await.unwrap()));
            let length = self.0.read_u32().await.unwrap();
            self.0
                .read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4])
                .await
                .unwrap();
        }
        tags
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Serves one batch of one statement behind the prelude: a row with that value.
    pub(super) async fn serve(&mut self, value: &str) {
        assert_eq!(self.batch().await, "PBDEPBDES");
        self.say(&reply(value)).await;
    }
}

/// The reply to a batch of one statement behind the prelude.
pub(super) fn reply(value: &str) -> Vec<u8> {
    [one_row("prelude"), one_row(value), ready(b'I')].concat()
}

/// The reply to a batch of one statement without columns.
pub(super) fn done(tag: &str) -> Vec<u8> {
    [
        parsed_and_bound(),
        message(b'n', b""),
        crate::wire::pg::tests::server::complete(tag),
    ]
    .concat()
}

/// Runs a test on one thread; a test that hangs fails after ten seconds.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_secs(10), test)
            .await
            .expect("the test hangs");
    });
}
