//! The connection to the Redis: one, shared by all requests, made anew when it breaks.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::StatusCode;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, Pipeline, RedisError, Value};

use super::value::said;
use crate::gateway::health::Health;

/// A caller is told soon that the Redis is away; these bound how soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the connection is tried when nobody uses it, so that a break is found before a request meets it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Link(ConnectionManager);

/// The Redis can't be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// No connection, or one that broke; whether the commands ran is not known.
    Unreachable,
    /// No answer in time; whether the commands ran is not known.
    Timeout,
}

impl Outage {
    /// As HTTP puts it.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the Redis behind the gateway can't be reached",
            Self::Timeout => "the Redis behind the gateway didn't answer in time",
        })
    }
}

impl Link {
    /// Prepares the connection; it is made in the background, again and again until it stands.
    ///
    /// # Errors
    /// When `url` is no Redis URL.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::open(url).context("the Redis URL can't be read; it looks like redis://host:port")?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let link = Self(ConnectionManager::new_lazy_with_config(client, config)?);
        tokio::spawn(link.clone().watch());
        Ok(link)
    }

    /// Sends the commands in one write and answers one value each, error replies included.
    ///
    /// # Errors
    /// See [`Outage`].
    pub(crate) async fn pipeline(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, Outage> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.ignore_errors();
        match pipeline.query_async(&mut self.0.clone()).await {
            Ok(Value::Array(answers)) => Ok(answers),
            Ok(_) => Err(Outage::Unreachable),
            Err(error) => Err(outage(&error)),
        }
    }

    /// The same as one transaction: all of them, with nobody else's in between, or none.
    ///
    /// # Errors
    /// See [`Outage`]; inside, the text of the error that kept the transaction from being executed.
    pub(crate) async fn transaction(&self, commands: Vec<Cmd>) -> Result<Result<Vec<Value>, String>, Outage> {
        // The whole goes out in one write on the shared connection, so nobody's command can get between.
        let mut whole = vec![redis::cmd("MULTI")];
        whole.extend(commands);
        whole.push(redis::cmd("EXEC"));
        match self.pipeline(whole).await?.pop() {
            Some(Value::Array(answers)) => Ok(Ok(answers)),
            Some(Value::ServerError(error)) => Ok(Err(said(&error))),
            _ => Err(Outage::Unreachable),
        }
    }

    /// Keeps the connection warm and says when it is lost and when it is back.
    async fn watch(self) {
        let health = Health::of("Redis");
        loop {
            match self.pipeline(vec![redis::cmd("PING")]).await {
                Ok(_) => health.is_well(),
                Err(outage) => health.is_ill(&outage.to_string()),
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    }
}

fn outage(error: &RedisError) -> Outage {
    if error.is_timeout() {
        Outage::Timeout
    } else {
        Outage::Unreachable
    }
}
