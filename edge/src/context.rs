//! One request: what came in, and the ports with their deadlines and counters.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::RequestId;
use doorward_core::time::Time;
use http::{HeaderMap, Request, Uri, header};

use crate::background::flight;
use crate::config::Config;
use crate::cookie::Cookies;
use crate::error::Failure;
use crate::host::Kv as _;
use crate::host::{Command, Host, KvError, Level, Reply as KvReply, Rows, SqlError, Statement};
use crate::instance::Instance;
use crate::json;
use crate::mail::deliver;
use crate::mail::locale::Locale;
use crate::outbound::{patience, within};

/// How long Redis is left alone after it failed.
const KV_REST: Duration = Duration::from_secs(2);
/// The most that is kept of a user agent, in characters.
const USER_AGENT_CHARS: usize = 256;

/// One request and what it may use.
#[derive(Debug)]
pub struct Context<H: Host> {
    /// The ports.
    pub host: H,
    /// What the instance holds.
    pub instance: Rc<Instance>,
    /// The one reading of the clock.
    pub now: Time,
    /// `x-request-id`.
    pub id: RequestId,
    /// The request's URI, as the host gives it.
    pub uri: Uri,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's body; longer than [`crate::extract::MAX_BODY`] when it was too long.
    pub body: Bytes,
    /// Who sends it.
    pub client: Client,
    meter: Meter,
    /// Whether the failure that this request ends with is in the log already.
    is_logged: Cell<bool>,
}

/// Where a request comes from, as far as the host can tell.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The address; none where nobody trustworthy says it.
    pub address: Option<String>,
    /// The user agent, cut to 256 characters.
    pub user_agent: Option<String>,
}

/// Flights and times, for `Server-Timing`.
#[derive(Debug, Default)]
struct Meter {
    started: u64,
    sql: Flights,
    kv: Flights,
}

#[derive(Debug, Default)]
struct Flights {
    count: Cell<u32>,
    micros: Cell<u64>,
}

impl Flights {
    fn add(&self, micros: u64) {
        self.count.set(self.count.get() + 1);
        self.micros.set(self.micros.get() + micros);
    }
}

impl<H: Host> Context<H> {
    /// What a request may use, of an instance over a host.
    pub fn new(
        host: H,
        instance: Rc<Instance>,
        id: RequestId,
        address: Option<String>,
        request: Request<Bytes>,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let address = address.or_else(|| {
            let name = instance.config.client_address_header.as_deref()?;
            forwarded_address(&parts.headers, name)
        });
        let user_agent = parts.headers.get(header::USER_AGENT).map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_CHARS)
                .collect()
        });
        let meter = Meter {
            started: host.ticks(),
            ..Meter::default()
        };
        Self {
            now: host.now(),
            id,
            uri: parts.uri,
            headers: parts.headers,
            body,
            client: Client { address, user_agent },
            meter,
            is_logged: Cell::new(false),
            host,
            instance,
        }
    }

    /// What the deployment decides.
    pub fn config(&self) -> &Config {
        &self.instance.config
    }

    /// The cookies that came along.
    pub fn cookies(&self) -> Cookies<'_> {
        Cookies::new(&self.headers, self.is_secure())
    }

    /// Whether the person's browser speaks https to us, also where a proxy ends it.
    pub fn is_secure(&self) -> bool {
        match &self.config().public_url {
            Some(url) => url.starts_with("https://"),
            None => self.uri.scheme_str() == Some("https"),
        }
    }

    /// Whether the client keeps its tokens itself (`x-doorward-mode: token`).
    pub fn is_token_mode(&self) -> bool {
        self.headers
            .get("x-doorward-mode")
            .is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"token"))
    }

    /// The language that the person's browser asks for. Goes into the outbox with each mail; what the person has chosen
    /// in the preferences comes before it when the mail is written.
    pub fn locale(&self) -> Locale {
        let headers = self.headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let values: Vec<_> = headers.filter_map(|value| value.to_str().ok()).collect();
        Locale::from_accept_language(&values.join(","))
    }

    /// Lets mail leave the outbox once the reply is out. To be called after every batch that may have put one there, for
    /// known and unknown addresses alike, so that the time tells nothing.
    pub fn deliver_later(&self) {
        let work = deliver::after_reply(self.host.clone(), Rc::clone(&self.instance));
        self.host.defer(work);
    }

    /// One flight to the database, and one transaction. Answers as many [`Rows`] as there are statements.
    ///
    /// # Errors
    /// As [`crate::host::Sql::batch`], and [`SqlError::Timeout`] when the flight takes too long.
    pub async fn sql(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError> {
        let started = self.host.ticks();
        let answer = flight(&self.host, &self.instance, statements).await;
        self.meter.sql.add(self.host.ticks().saturating_sub(started));
        if let Err(e) = &answer {
            let names: Vec<_> = statements.iter().map(|statement| statement.name).collect();
            self.log_sql(e, &names.join(" "));
        }
        answer
    }

    /// One flight with one statement.
    ///
    /// # Errors
    /// As [`Context::sql`].
    pub async fn sql_one(&self, statement: Statement<'_>) -> Result<Rows, SqlError> {
        let rows = self.sql(&[statement]).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// One flight to Redis, or at once an error while it rests after a failure.
    ///
    /// # Errors
    /// As [`crate::host::Kv::pipeline`]; the caller goes on without.
    pub async fn kv(&self, commands: &[Command<'_>]) -> Result<Vec<KvReply>, KvError> {
        if self.kv_rests() {
            return Err(KvError::Unreachable("resting after a failure".to_owned()));
        }
        let started = self.host.ticks();
        let answer = within(
            patience(&self.host, self.config().kv_timeout),
            self.host.kv().pipeline(commands),
        )
        .await;
        self.meter.kv.add(self.host.ticks().saturating_sub(started));
        if let Err(e) = &answer {
            let until = self.now.saturating_add(KV_REST);
            self.instance.kv_rests_until.set(until.as_millis());
            self.log(Level::Warn, "degraded", &format!("redis: {e:?}"));
        }
        answer
    }

    /// Whether Redis is left alone for now, because it failed a moment ago.
    pub(crate) fn kv_rests(&self) -> bool {
        self.now.as_millis() < self.instance.kv_rests_until.get()
    }

    /// Writes a structured line to the host's log: one JSON object with the request's id.
    pub fn log(&self, level: Level, event: &str, text: &str) {
        let line = serde_json::json!({
            "level": level.to_string(),
            "event": event,
            "requestId": self.id.to_string(),
            "text": text,
        });
        self.host.log(level, &json::text(&line));
    }

    /// Says that the failure that follows is in the log already, in words that nobody further up knows.
    pub(crate) fn mark_logged(&self) {
        self.is_logged.set(true);
    }

    /// The one place where a failure that is ours is logged, unless that of a flight was where it happened.
    pub(crate) fn log_failure(&self, failure: &Failure) {
        match failure {
            _ if self.is_logged.get() => {}
            Failure::Rejected(_) => {}
            Failure::Unavailable(dependency, text) => {
                self.log(Level::Error, "unavailable", &format!("{dependency:?}: {text}"));
            }
            Failure::Internal(text) => self.log(Level::Error, "internal", text),
        }
    }

    /// The `Server-Timing` header (W3C): flights as descriptions, milliseconds as durations.
    pub(crate) fn server_timing(&self) -> String {
        let mut text = String::new();
        for (name, flights) in [("sql", &self.meter.sql), ("kv", &self.meter.kv)] {
            let _ = write!(
                text,
                "{name};desc=\"{}\";dur={}, ",
                flights.count.get(),
                millis(flights.micros.get())
            );
        }
        let total = self.host.ticks().saturating_sub(self.meter.started);
        let _ = write!(text, "total;dur={}", millis(total));
        text
    }

    fn log_sql(&self, e: &SqlError, names: &str) {
        let text = match e {
            // A constraint that was violated on purpose is the caller's to judge; the message can hold values.
            SqlError::Database(e) if e.constraint.is_some() => return,
            SqlError::Database(e) => &format!("SQLSTATE {}", e.code),
            SqlError::Timeout => "deadline passed",
            SqlError::Unreachable(text) | SqlError::Protocol(text) => text,
        };
        self.log(Level::Error, "sql", &format!("{names}: {text}"));
        self.mark_logged();
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{}", micros / 1000, micros / 100 % 10)
}

/// The rightmost entry of a forwarding header: the one that our own proxy wrote. A port is cut off.
fn forwarded_address(headers: &HeaderMap, name: &str) -> Option<String> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let entry = last.rsplit(',').next()?.trim();
    let address = match entry.parse::<std::net::SocketAddr>() {
        Ok(socket) => socket.ip(),
        Err(_) => entry.parse().ok()?,
    };
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_entry_of_our_own_proxy_counts() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6".parse().unwrap());
        headers.append("x-forwarded-for", "7.7.7.7, 203.0.113.9".parse().unwrap());
        assert_eq!(
            forwarded_address(&headers, "x-forwarded-for").as_deref(),
            Some("203.0.113.9")
        );
        headers.append("x-forwarded-for", "[2001:db8::1]:443".parse().unwrap());
        assert_eq!(
            forwarded_address(&headers, "x-forwarded-for").as_deref(),
            Some("2001:db8::1")
        );
        headers.append("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(forwarded_address(&headers, "x-forwarded-for"), None);
        assert_eq!(forwarded_address(&headers, "x-real-ip"), None);
    }
}
