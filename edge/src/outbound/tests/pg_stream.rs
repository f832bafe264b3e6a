//! A connection's traffic: how many writes, both directions at once, and what it does about a transaction left open.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::join;

use super::super::pg_stream::{PgStream, RunError};
use super::peer::{Server, done, run};
use crate::wire::pg::tests::server::{auth_ok, error, greeting, one_row, ready};
use crate::wire::pg::{Assume, Batch, Limits, Login, PgError};

/// Counts its writes.
struct Counting {
    stream: DuplexStream,
    writes: usize,
}

impl AsyncRead for Counting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn login() -> Login {
    Login::new("app", "door")
}

fn batch(statements: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for text in statements {
        batch.push::<&str>(text, &[]).unwrap();
    }
    batch
}

#[test]
fn a_batch_is_one_write_however_many_statements() {
    run(async {
        let (ours, theirs) = duplex(1 << 20);
        let mut server = Server(theirs);
        let mut stream = Counting {
            stream: ours,
            writes: 0,
        };
        let mut connection = PgStream::new(&mut stream, login().assume(Assume::Trust), Limits::default());
        let many = batch(&["SELECT"; 100]);
        let answer = [vec![one_row("x"); 100].concat(), ready(b'I')].concat();
        let serve = async {
            server.let_in().await;
            for _ in 0..2 {
                server.batch().await;
                server.say(&answer).await;
            }
        };
        let client = async {
            assert_eq!(connection.run(&many).await.unwrap().len(), 100);
            assert_eq!(connection.run(&many).await.unwrap().len(), 100);
        };
        join!(serve, client);
        drop(connection);
        assert_eq!(stream.writes, 2, "the first with the startup message in it");
    });
}

#[test]
fn a_server_that_answers_while_we_still_write_is_read() {
    run(async {
        // Both directions hold far less than a batch or its reply, and the server doesn't read on until it is read.
        let (ours, mut theirs) = duplex(64);
        let mut connection = PgStream::new(ours, login().assume(Assume::Trust), Limits::default());
        let serve = async {
            theirs.write_all(&[auth_ok(), greeting()].concat()).await.unwrap();
            for _ in 0..50 {
                theirs.write_all(&one_row(&"x".repeat(1000))).await.unwrap();
            }
            let mut received = Vec::new();
            while !received.ends_with(b"S\0\0\0\x04") {
                theirs.read_buf(&mut received).await.unwrap();
            }
            theirs.write_all(&ready(b'I')).await.unwrap();
        };
        let text = format!("SELECT '{}'", "y".repeat(1000));
        let long = batch(&[text.as_str(); 50]);
        let ((), result) = join!(serve, connection.run(&long));
        assert_eq!(result.unwrap().len(), 50);
    });
}

#[test]
fn a_transaction_left_open_is_rolled_back() {
    run(async {
        let (ours, theirs) = duplex(1 << 16);
        let mut server = Server(theirs);
        let mut connection = PgStream::new(ours, login(), Limits::default());
        let failure = error(&[(b'S', "ERROR"), (b'C', "22012"), (b'M', "division by zero")]);
        let serve = async {
            server.let_in().await;
            assert_eq!(server.batch().await, "PBDEPBDEPBDES");
            server.say(&[done("BEGIN"), failure, ready(b'E')].concat()).await;
            assert_eq!(server.batch().await, "PBDES");
            server.say(&[done("ROLLBACK"), ready(b'I')].concat()).await;
        };
        let client = async {
            let result = connection.run(&batch(&["BEGIN", "SELECT 1/0", "COMMIT"])).await;
            assert!(matches!(result, Err(RunError::Batch(error)) if error.code == "22012"));
            assert!(connection.is_usable());
        };
        join!(serve, client);
    });
}

#[test]
fn a_closed_stream_is_an_error() {
    run(async {
        let (ours, theirs) = duplex(1 << 16);
        let mut connection = PgStream::new(ours, login(), Limits::default());
        let mut server = Server(theirs);
        let serve = async {
            server.let_in().await;
            server.batch().await;
            drop(server);
        };
        let select = batch(&["SELECT"]);
        let ((), result) = join!(serve, connection.run(&select));
        assert!(matches!(result, Err(RunError::Session(PgError::Cut))), "{result:?}");
        assert!(!connection.is_usable());
        let again = connection.run(&select).await;
        assert!(matches!(again, Err(RunError::Session(PgError::Unusable))), "{again:?}");
    });
}
