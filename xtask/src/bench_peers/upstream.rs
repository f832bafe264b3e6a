//! How a peer reaches Postgres and the gateway: directly or through PgBouncer, at once or later.

use std::path::Path;

use anyhow::Result;

use crate::hosts::Backends;
use crate::run;
use crate::services::delay::DelayProxy;
use crate::services::pgbouncer::PgBouncer;
use crate::services::postgres;

use super::{Peer, Place, Route};

/// Who signs in to which database of 127.0.0.1.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    pub(super) port: u16,
}

impl Login {
    /// As a connection string.
    pub(super) fn url(&self) -> String {
        let Self {
            user,
            password,
            database,
            port,
        } = self;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
    }
}

/// What lies between a peer and the services. Lives as long as the peer.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) login: Login,
    pub(super) backends: Backends,
    pub(super) pool: Option<PgBouncer>,
    // Only held.
    _delays: Vec<DelayProxy>,
}

impl Upstream {
    /// Starts what the place asks for and the peer needs. `dir` is the peer's own.
    ///
    /// The delay is in front of PostgreSQL, and with PgBouncer between the two: as with Hyperdrive, signing in is near and a
    /// flight of statements is one round trip to a database that is far. The gateway stands beside the database, so its
    /// delay is in front of it.
    pub(super) fn start(peer: Peer, place: &Place<'_>, database: &str, dir: &Path) -> Result<Self> {
        let postgres = &place.stack.postgres;
        let mut backends = place.stack.backends();
        let mut port = postgres.port();
        let mut delays = Vec::new();
        if let Some(delay) = place.delay {
            let proxies = [
                DelayProxy::start(port, delay)?,
                DelayProxy::start(place.stack.gateway.port(), delay)?,
            ];
            port = proxies[0].port();
            backends.gateway_url = format!("http://127.0.0.1:{}", proxies[1].port());
            delays.extend(proxies);
        }
        let pool = match place.route {
            Route::PgBouncer if peer.has_sockets() => {
                let log = run::log(&format!("bench-{}-pgbouncer", peer.name()));
                Some(PgBouncer::launch(&dir.join("pgbouncer"), postgres, port, &log)?)
            }
            _ => None,
        };
        // What the gateway is given, it only takes the login from.
        backends.database_url = postgres.url_of(database);
        let login = Login {
            user: postgres::NAME.to_owned(),
            password: postgres.password().to_owned(),
            database: database.to_owned(),
            port: pool.as_ref().map_or(port, PgBouncer::port),
        };
        Ok(Self {
            login,
            backends,
            pool,
            _delays: delays,
        })
    }
}
