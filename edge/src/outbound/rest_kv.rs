//! `Kv` over HTTP: Upstash's REST protocol on a host's `Fetch`.

use std::rc::Rc;

use crate::host::{Command, Fetch, FetchError, Kv, KvError, Reply};
use crate::wire::redis_rest::{self, RedisRest};

/// Sends each pipeline as one request.
#[derive(Debug, Clone)]
pub struct RestKv<F> {
    fetch: F,
    service: Rc<RedisRest>,
}

impl<F: Fetch> RestKv<F> {
    /// Over the host's `fetch`.
    pub fn new(fetch: F, service: Rc<RedisRest>) -> Self {
        Self { fetch, service }
    }
}

impl<F: Fetch> Kv for RestKv<F> {
    async fn pipeline(&self, commands: &[Command<'_>]) -> Result<Vec<Reply>, KvError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.service.request(commands)?;
        let response = self.fetch.fetch(request).await.map_err(|error| match error {
            FetchError::Unreachable(why) => KvError::Unreachable(why),
            FetchError::Timeout => KvError::Timeout,
        })?;
        redis_rest::decode(&response, commands.len())
    }
}
