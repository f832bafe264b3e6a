//! One signed-in connection to the Postgres, and how the pool makes and checks them.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use doorward_edge::outbound::pg_stream::{PgStream, RunError};
use doorward_edge::wire::pg::{Batch, Limits, Login, PgError, StatementResult};
use socket2::{SockRef, Socket};
use tokio::net::TcpStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const LIMITS: Limits = Limits {
    message: 64 << 20,
    reply: 128 << 20,
};

/// Commands that leave nothing behind in the session (the first words of their command tags).
const TRACELESS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "SHOW",
    "EXPLAIN",
    "",
];

/// Where the Postgres is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// A name or an address.
    pub(crate) host: String,
    /// The TCP port.
    pub(crate) port: u16,
}

/// Makes connections for one login.
#[derive(Debug)]
pub(crate) struct Connector {
    /// Where to.
    pub(crate) place: Place,
    /// As whom.
    pub(crate) login: Login,
}

/// A connection, signed in.
pub(crate) struct Connection {
    stream: PgStream<TcpStream>,
    /// The same socket, to look whether the server has closed it.
    probe: Socket,
    /// Whether a statement may have changed the session, so that the next caller would see it.
    touched: bool,
}

impl Connection {
    /// Sends the batch and waits for its reply. Dropped half way, the connection is not used again.
    ///
    /// # Errors
    /// See [`RunError`].
    pub(crate) async fn run(&mut self, batch: &Batch) -> Result<Vec<StatementResult>, RunError> {
        let reply = self.stream.run(batch).await;
        let traceless =
            |result: &StatementResult| TRACELESS.contains(&result.tag.split(' ').next().unwrap_or_default());
        // After an error it isn't known what ran before it; it was rolled back, settings included.
        self.touched |= reply.as_ref().is_ok_and(|results| !results.iter().all(traceless));
        reply
    }

    /// Signs in if that wasn't done, and has Postgres end a statement whose caller has gone: it looks for that on its own
    /// from version 14 on, where the system lets it.
    async fn prepare(&mut self) -> Result<(), RunError> {
        match self
            .stream
            .run(&one("SET client_connection_check_interval = '1s'")?)
            .await
        {
            Ok(_) | Err(RunError::Batch(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the server has closed the connection or said something unasked, which it does before it closes.
    fn is_closed(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        !matches!(self.probe.peek(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = RunError;

    async fn create(&self) -> Result<Connection, RunError> {
        let connect = TcpStream::connect((self.place.host.as_str(), self.place.port));
        let socket = tokio::time::timeout(CONNECT_TIMEOUT, connect)
            .await
            .map_err(|_| RunError::Stream(io::ErrorKind::TimedOut.into()))?
            .map_err(RunError::Stream)?;
        socket.set_nodelay(true).map_err(RunError::Stream)?;
        let probe = SockRef::from(&socket).try_clone().map_err(RunError::Stream)?;
        let stream = PgStream::new(socket, self.login.clone(), LIMITS);
        let mut connection = Connection {
            stream,
            probe,
            touched: false,
        };
        connection.prepare().await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<RunError> {
        if !connection.stream.is_usable() || connection.is_closed() {
            return Err(RecycleError::message("closed, or left half way"));
        }
        if connection.touched {
            connection.stream.run(&one("DISCARD ALL")?).await?;
            connection.prepare().await?;
            connection.touched = false;
        }
        Ok(())
    }
}

/// A batch of one statement without parameters.
fn one(statement: &str) -> Result<Batch, RunError> {
    let mut batch = Batch::new();
    batch.push::<&str>(statement, &[]).map_err(PgError::from)?;
    Ok(batch)
}
