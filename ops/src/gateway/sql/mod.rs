//! Neon's SQL-over-HTTP protocol (as its driver `@neondatabase/serverless` speaks it) over a Postgres.
//!
//! `POST /sql` with `Neon-Connection-String` and `{"query", "params"}`, or `{"queries": [...]}` for one transaction. User,
//! password and database are the caller's and Postgres itself checks them; host and port are the gateway's own, so a
//! caller can't point it elsewhere. Every request is one flight to Postgres, its BEGIN and COMMIT included.

mod answer;
mod array;
mod connection;
mod failure;
mod pools;
mod request;
mod value;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use doorward_edge::wire::conn_string::ConnString;

use super::{body, reply};
use answer::{Answer, Answers};
use connection::Place;
use failure::Failure;
use pools::Pools;
use request::Run;

/// The largest body in bytes.
const BODY_LIMIT: usize = 16 << 20;
/// How long a request may take altogether. Callers bound their statements themselves; this is for those who forget.
const DEADLINE: Duration = Duration::from_mins(1);

/// The route. It doesn't reach for the Postgres before a request does.
///
/// # Errors
/// When `url` is no connection string, or asks for an encrypted connection, which the gateway doesn't make.
pub(crate) fn router(url: &str, connections: usize) -> anyhow::Result<Router> {
    let string = ConnString::parse(url).map_err(|error| anyhow!("the database URL can't be used: {error}"))?;
    if let Some(mode) = string.encryption() {
        bail!("sslmode={mode}: the gateway is for a Postgres on this machine or a private network and doesn't encrypt");
    }
    let place = Place {
        host: string.host().to_owned(),
        port: string.port(),
    };
    let pools = Arc::new(Pools::new(place, connections));
    tokio::spawn(Pools::tidy(Arc::downgrade(&pools)));
    Ok(Router::new().route("/sql", post(sql)).with_state(pools))
}

async fn sql(State(pools): State<Arc<Pools>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let body = body::read(body, BODY_LIMIT).await.map_err(|_| Failure::TooLarge)?;
        let run = Run::parse(&headers, &body)?;
        tokio::time::timeout(DEADLINE, execute(&pools, &run))
            .await
            .map_err(|_| Failure::Late)?
    };
    match answer.await {
        Ok(answer) => {
            pools.health.is_well();
            answer
        }
        Err(failure) => {
            if let Some(trouble) = failure.trouble() {
                pools.health.is_ill(&trouble);
            }
            failure.answer()
        }
    }
}

async fn execute(pools: &Pools, run: &Run) -> Result<Response, Failure> {
    let batch = run.batch()?;
    let mut connection = pools.get(&run.login).await?;
    let results = connection.run(&batch).await?;
    drop(connection);
    if run.transaction.is_none() {
        let result = results
            .first()
            .ok_or_else(|| Failure::Protocol("no result".to_owned()))?;
        return Ok(reply::json(StatusCode::OK, &Answer::new(result, run, 0)));
    }
    // Without what BEGIN and COMMIT answered.
    let results = results.get(1..results.len().saturating_sub(1)).unwrap_or_default();
    let results = results
        .iter()
        .enumerate()
        .map(|(index, result)| Answer::new(result, run, index))
        .collect();
    Ok(reply::json(StatusCode::OK, &Answers { results }))
}
