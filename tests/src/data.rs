//! Looks into the database and the cache, past the service: what is stored, and what must not be.
//!
//! It moves time as well: a session grows old here by a change to its row, so that no case has to wait for a day.

use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use redis::ConnectionLike;

/// A connection of the case's own to the database.
pub struct Database {
    client: Client,
}

/// What the row of a session says.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// UUID.
    pub id: String,
    /// 64 hexadecimal characters.
    pub token_hash: String,
    /// How often it was rotated.
    pub generation: i32,
    /// Whether it was ended.
    pub revoked: bool,
    /// Why.
    pub reason: Option<String>,
    /// From its making to its absolute end, in seconds.
    pub lifetime: f64,
    /// Its absolute end, as Postgres prints it.
    pub expires_at: String,
}

impl Database {
    /// Connects.
    ///
    /// # Panics
    /// When the database doesn't answer.
    pub fn connect(url: &str) -> Self {
        Self {
            client: Client::connect(url, NoTls).expect("the suite reaches the database"),
        }
    }

    /// Has every commit written before it is answered, as in production: a server that is killed may then lose nothing
    /// that a client was told.
    pub fn keep_what_is_committed(&mut self) {
        let name: String = self.query("SELECT quote_ident(current_database())", &[])[0].get(0);
        self.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = on"), &[]);
    }

    /// The transactions that Postgres has counted in the suite's database, once every backend has reported, which an
    /// idle one does within ten seconds; without those that start a connection. Read from another database, so that
    /// reading doesn't count.
    pub fn transactions(url: &str) -> i64 {
        let (server, database) = url.rsplit_once('/').expect("a database in the URL");
        let database = database.split('?').next().unwrap_or_default();
        let mut elsewhere = Self::connect(&format!("{server}/postgres"));
        let mut read = || -> i64 {
            let sql = "SELECT xact_commit + xact_rollback - sessions FROM pg_stat_database WHERE datname = $1";
            elsewhere.query(sql, &[&database])[0].get(0)
        };
        let (mut last, mut since) = (read(), Instant::now());
        while since.elapsed() < Duration::from_secs(11) {
            std::thread::sleep(Duration::from_millis(500));
            let now = read();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    /// A user's sessions, oldest first.
    pub fn sessions(&mut self, user: &str) -> Vec<SessionRow> {
        let rows = self.query(
            "SELECT id::text, token_hash, generation, revoked_at IS NOT NULL, reason,
                    extract(epoch FROM expires_at - created_at)::float8, expires_at::text
             FROM sessions WHERE user_id = $1::text::uuid ORDER BY created_at, id",
            &[&user],
        );
        rows.iter()
            .map(|row| SessionRow {
                id: row.get(0),
                token_hash: row.get(1),
                generation: row.get(2),
                revoked: row.get(3),
                reason: row.get(4),
                lifetime: row.get(5),
                expires_at: row.get(6),
            })
            .collect()
    }

    /// The ids of a user's sessions that live.
    pub fn living_sessions(&mut self, user: &str) -> Vec<String> {
        self.sessions(user)
            .into_iter()
            .filter(|session| !session.revoked)
            .map(|session| session.id)
            .collect()
    }

    /// The one session that a user is expected to have.
    ///
    /// # Panics
    /// When there are more or none.
    pub fn only_session(&mut self, user: &str) -> SessionRow {
        let mut sessions = self.sessions(user);
        assert_eq!(sessions.len(), 1, "expected one session: {sessions:?}");
        sessions.remove(0)
    }

    /// Lets `seconds` pass for a session: everything that it did is that much longer ago. Its absolute end comes nearer
    /// by as much.
    pub fn age_session(&mut self, session: &str, seconds: i32) {
        let changed = self
            .client
            .execute(
                "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => $2::int4),
                        created_at = created_at - make_interval(secs => $2::int4),
                        last_used_at = last_used_at - make_interval(secs => $2::int4),
                        expires_at = expires_at - make_interval(secs => $2::int4)
                 WHERE id = $1::text::uuid",
                &[&session, &seconds],
            )
            .expect("the session's row takes other times");
        assert_eq!(changed, 1, "no session {session}");
    }

    /// Sets a user's status, as an admin will be able to.
    pub fn set_status(&mut self, user: &str, status: &str) {
        let changed = self.execute(
            "UPDATE users SET status = $2 WHERE id = $1::text::uuid",
            &[&user, &status],
        );
        assert_eq!(changed, 1, "no user {user}");
    }

    /// The number of users whose address is this one, in whatever letters.
    pub fn users_with(&mut self, email: &str) -> i64 {
        self.query("SELECT count(*) FROM users WHERE lower(email) = lower($1)", &[&email])[0].get(0)
    }

    /// The stored password hash.
    pub fn password_hash(&mut self, user: &str) -> Option<String> {
        self.query("SELECT password_hash FROM users WHERE id = $1::text::uuid", &[&user])[0].get(0)
    }

    /// The tables in which `needle` stands in any column of any row.
    pub fn tables_containing(&mut self, needle: &str) -> Vec<String> {
        let tables = self.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[]);
        let names: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
        assert!(
            names.iter().any(|name| name == "sessions"),
            "the tables are elsewhere: {names:?}"
        );
        names
            .into_iter()
            .filter(|name| {
                let sql = format!("SELECT EXISTS (SELECT FROM {name} AS t WHERE position($1 IN t::text) > 0)");
                self.query(&sql, &[&needle])[0].get(0)
            })
            .collect()
    }

    /// The kinds of the events about a user, oldest first.
    pub fn events(&mut self, user: &str) -> Vec<String> {
        self.query(
            "SELECT kind FROM events WHERE user_id = $1::text::uuid ORDER BY created_at, id",
            &[&user],
        )
        .iter()
        .map(|row| row.get(0))
        .collect()
    }

    /// The server's processes: the postmaster, which makes new ones, and every backend that serves a client.
    pub fn process_ids(&mut self) -> Vec<String> {
        let sql = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)
                   UNION ALL
                   SELECT pid::text FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
        self.query(sql, &[]).iter().map(|row| row.get(0)).collect()
    }

    /// Makes a firm; gives back its id.
    pub fn make_firm(&mut self, slug: &str) -> String {
        self.query(
            "INSERT INTO firms (slug, name) VALUES ($1, $1) RETURNING id::text",
            &[&slug],
        )[0]
        .get(0)
    }

    /// Any query, for what one case alone wants to know.
    ///
    /// # Panics
    /// When Postgres refuses it.
    pub fn query(&mut self, sql: &str, params: &[&(dyn postgres::types::ToSql + Sync)]) -> Vec<postgres::Row> {
        self.client.query(sql, params).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Any statement; gives back the number of rows it touched.
    ///
    /// # Panics
    /// When Postgres refuses it.
    pub fn execute(&mut self, sql: &str, params: &[&(dyn postgres::types::ToSql + Sync)]) -> u64 {
        self.client
            .execute(sql, params)
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    }
}

/// A connection of the case's own to Valkey.
pub struct Cache {
    connection: redis::Connection,
}

impl Cache {
    /// Connects.
    ///
    /// # Panics
    /// When Valkey doesn't answer.
    pub fn connect(url: &str) -> Self {
        let client = redis::Client::open(url).expect("a Redis address");
        Self {
            connection: client.get_connection().expect("the suite reaches Valkey"),
        }
    }

    /// Every key.
    pub fn keys(&mut self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query(&mut self.connection).expect("KEYS")
    }

    /// The keys of which the name or the value (whatever its type) holds `needle`.
    pub fn containing(&mut self, needle: &str) -> Vec<String> {
        self.keys()
            .into_iter()
            .filter(|key| {
                if key.contains(needle) {
                    return true;
                }
                let kind: String = redis::cmd("TYPE").arg(key).query(&mut self.connection).expect("TYPE");
                let command = match kind.as_str() {
                    "hash" => redis::cmd("HGETALL").arg(key).clone(),
                    "list" => redis::cmd("LRANGE").arg(key).arg(0).arg(-1).clone(),
                    "set" => redis::cmd("SMEMBERS").arg(key).clone(),
                    "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).clone(),
                    _ => redis::cmd("GET").arg(key).clone(),
                };
                // A key may have expired since KEYS: that holds nothing.
                let value = self.connection.req_command(&command).unwrap_or(redis::Value::Nil);
                format!("{value:?}").contains(needle)
                    || bytes(&value).windows(needle.len()).any(|w| w == needle.as_bytes())
            })
            .collect()
    }

    /// The keys that never expire, of those that weren't there before.
    pub fn without_expiry(&mut self) -> Vec<String> {
        self.keys()
            .into_iter()
            .filter(|key| {
                redis::cmd("PTTL")
                    .arg(key)
                    .query::<i64>(&mut self.connection)
                    .expect("PTTL")
                    == -1
            })
            .collect()
    }

    /// A field of a hash; none where either isn't there.
    ///
    /// # Panics
    /// When the key is no hash.
    pub fn hash_field(&mut self, key: &str, field: &str) -> Option<String> {
        let mut command = redis::cmd("HGET");
        command.arg(key).arg(field).query(&mut self.connection).expect("HGET")
    }

    /// The server's process.
    ///
    /// # Panics
    /// When it doesn't say.
    pub fn process_id(&mut self) -> String {
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query(&mut self.connection)
            .expect("INFO");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"))
            .expect("process_id");
        line.trim().to_owned()
    }

    /// Forgets everything, as a restarted cache has.
    pub fn flush(&mut self) {
        redis::cmd("FLUSHALL")
            .query::<()>(&mut self.connection)
            .expect("FLUSHALL");
    }
}

/// Every string in a reply, one after another.
fn bytes(value: &redis::Value) -> Vec<u8> {
    match value {
        redis::Value::BulkString(bytes) => bytes.clone(),
        redis::Value::SimpleString(text) => text.clone().into_bytes(),
        redis::Value::Array(items) | redis::Value::Set(items) => items.iter().flat_map(bytes).collect(),
        redis::Value::Map(pairs) => pairs
            .iter()
            .flat_map(|(key, value)| [bytes(key), bytes(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}
