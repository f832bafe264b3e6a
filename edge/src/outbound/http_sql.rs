//! `Sql` over HTTP: Neon's protocol on a host's `Fetch`.

use std::iter;
use std::rc::Rc;
use std::time::Duration;

use crate::host::{Fetch, FetchError, Rows, Sql, SqlError, Statement};
use crate::wire::prelude::prelude;
use crate::wire::sql_http::{self, SqlHttp};

/// Sends each batch to the proxy as one request.
#[derive(Debug, Clone)]
pub struct HttpSql<F> {
    fetch: F,
    proxy: Rc<SqlHttp>,
    statement_timeout: Duration,
}

impl<F: Fetch> HttpSql<F> {
    /// Each statement is cancelled after `statement_timeout`.
    pub fn new(fetch: F, proxy: Rc<SqlHttp>, statement_timeout: Duration) -> Self {
        Self {
            fetch,
            proxy,
            statement_timeout,
        }
    }
}

impl<F: Fetch> Sql for HttpSql<F> {
    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let prelude = prelude(self.statement_timeout);
        let request = self.proxy.request(iter::once(&prelude).chain(statements))?;
        let response = self.fetch.fetch(request).await.map_err(|error| match error {
            FetchError::Unreachable(why) => SqlError::Unreachable(why),
            FetchError::Timeout => SqlError::Timeout,
        })?;
        let results = sql_http::decode(&response, statements.len() + 1)?;
        Ok(results.into_iter().skip(1).collect())
    }
}
