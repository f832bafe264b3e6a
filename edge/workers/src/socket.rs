//! Byte streams to Postgres: Hyperdrive's where the binding is there, a plain socket to `DATABASE_URL` otherwise.

use std::rc::Rc;

use doorward_edge::outbound::pg_sql::Connect;
use worker::{Hyperdrive, Socket};

/// Where the stream comes from.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// Its pool is on the other side; never asked for TLS.
    Hyperdrive(Rc<Hyperdrive>),
    /// Host and port.
    Direct(Rc<str>, u16),
}

impl Connect for Database {
    type Stream = Socket;

    async fn connect(&self) -> Result<Socket, String> {
        let socket = match self {
            Self::Hyperdrive(hyperdrive) => hyperdrive.connect(),
            Self::Direct(host, port) => Socket::builder().connect(host.to_string(), *port),
        };
        socket.map_err(|e| e.to_string())
    }
}
