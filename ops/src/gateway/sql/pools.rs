//! Connections kept for the next request, by who signed in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, QueueMode};
use doorward_core::unicode::TABLES;
use doorward_edge::wire::conn_string::ConnString;
use doorward_edge::wire::pg::ScramKeys;
use sha2::{Digest as _, Sha256};

use super::connection::{Connector, Place};
use super::failure::Failure;
use crate::gateway::health::Health;

/// How many logins have a pool at a time.
const POOLS: usize = 64;
/// How long a request waits for a connection when all are busy.
const WAIT: Duration = Duration::from_secs(10);
/// How long a connection is kept unused, and how long at all: a password that was changed, or a role that was locked,
/// counts from then on.
const IDLE: Duration = Duration::from_mins(1);
const AGE: Duration = Duration::from_mins(10);
const TIDY: Duration = Duration::from_secs(15);

/// SHA-256 of a login: no password is kept in the map, and only the right one finds its connections.
type Key = [u8; 32];

/// The pools.
pub(crate) struct Pools {
    /// Whether the Postgres can be used, for the log.
    pub(crate) health: Health,
    place: Place,
    connections: usize,
    by_login: Mutex<HashMap<Key, Entry>>,
}

struct Entry {
    pool: Pool<Connector>,
    used: Instant,
}

impl Pools {
    /// For the Postgres at `place`, with at most `connections` for each login.
    pub(crate) fn new(place: Place, connections: usize) -> Self {
        Self {
            health: Health::of("Postgres"),
            place,
            connections,
            by_login: Mutex::default(),
        }
    }

    /// A connection for that login: a kept one, or a new one that Postgres has let in.
    ///
    /// # Errors
    /// When Postgres refuses, can't be reached, or all connections stay busy.
    pub(crate) async fn get(&self, login: &ConnString) -> Result<Object<Connector>, Failure> {
        Ok(self.pool(login)?.get().await?)
    }

    fn pool(&self, login: &ConnString) -> Result<Pool<Connector>, Failure> {
        let key = key(login);
        let mut pools = self.lock();
        if let Some(entry) = pools.get_mut(&key) {
            entry.used = Instant::now();
            return Ok(entry.pool.clone());
        }
        if pools.len() >= POOLS {
            // First those without a connection: guesses at a password never push out who is signed in.
            let least = pools
                .iter()
                .min_by_key(|(_, entry)| (entry.pool.status().size > 0, entry.used))
                .map(|(key, _)| *key);
            least.and_then(|key| pools.remove(&key));
        }
        // Without a password an empty one: if Postgres asks for it, the refusal is in its own words.
        let password = login.password().unwrap_or_default();
        let pool = Pool::builder(Connector {
            place: self.place.clone(),
            login: login
                .login(TABLES)
                .password(password, TABLES)
                .scram_keys(&ScramKeys::default()),
        })
        .max_size(self.connections)
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Failure::Unreachable(error.to_string()))?;
        pools.insert(
            key,
            Entry {
                pool: pool.clone(),
                used: Instant::now(),
            },
        );
        Ok(pool)
    }

    /// Closes what is idle or old, now and then, for as long as the pools live.
    pub(crate) async fn tidy(pools: Weak<Self>) {
        loop {
            tokio::time::sleep(TIDY).await;
            let Some(pools) = pools.upgrade() else { return };
            pools.lock().retain(|_, entry| {
                entry
                    .pool
                    .retain(|_, metrics| metrics.last_used() < IDLE && metrics.age() < AGE);
                entry.pool.status().size > 0 || entry.used.elapsed() < IDLE
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.by_login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(login: &ConnString) -> Key {
    let parts = [
        Some(login.user()),
        login.password(),
        Some(login.database()),
        login.parameter("application_name"),
        login.parameter("options"),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        // The length goes first, so that no two logins read the same.
        let bytes = part.unwrap_or_default().as_bytes();
        hash.update([u8::from(part.is_some())]);
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_logins_apart_and_not_hosts() {
        let key = |text: &str| key(&ConnString::parse(text).unwrap());
        let own = key("postgres://app:secret@h/door");
        assert_eq!(own, key("postgres://app:secret@elsewhere:1/door?sslmode=require"));
        for other in [
            "postgres://app:secre@h/tdoor",
            "postgres://app@h/door",
            "postgres://app:@h/door",
            "postgres://app:Secret@h/door",
            "postgres://app:secret@h/door?options=-c%20role%3Dx",
        ] {
            assert_ne!(own, key(other), "{other}");
        }
    }
}
