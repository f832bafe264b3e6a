//! Upstash's REST protocol (its manual, "REST API") over a Redis or Valkey.
//!
//! `POST /` one command as a JSON array, `POST /pipeline` an array of them, `POST /multi-exec` the same in one
//! transaction, and `/COMMAND/argument/...` for what fits a path. Each command answers `{"result"}` or `{"error"}`; with
//! `Upstash-Encoding: base64` texts are in base64, so that any bytes come through.

mod command;
mod link;
mod value;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::bearer::Bearer;
use super::{BODY_LIMIT, body, reply};
use command::{Command, ParseError};
use link::{Link, Outage};
use value::Encoding;

#[derive(Clone)]
struct Rest {
    link: Link,
    bearer: Arc<Bearer>,
}

/// The routes. They don't reach for the Redis before a request does.
///
/// # Errors
/// When `url` is no Redis URL.
pub(crate) fn router(url: &str, bearer: Arc<Bearer>) -> anyhow::Result<Router> {
    let rest = Rest {
        link: Link::new(url)?,
        bearer,
    };
    Ok(Router::new()
        .route("/", post(single))
        .route("/pipeline", post(pipeline))
        .route("/multi-exec", post(transaction))
        .fallback(by_path)
        .with_state(rest))
}

/// Why a request isn't answered with results.
enum Refusal {
    Unauthorized,
    TooLarge,
    Parse(ParseError),
    Command(String),
    Outage(Outage),
    NotFound,
}

impl Refusal {
    fn answer(self) -> Response {
        let (status, text) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("ERR the body is over {BODY_LIMIT} bytes"),
            ),
            Self::Parse(error) => (StatusCode::BAD_REQUEST, format!("ERR {error}")),
            Self::Command(text) => (StatusCode::BAD_REQUEST, text),
            Self::Outage(outage) => (outage.status(), format!("ERR {outage}")),
            Self::NotFound => (StatusCode::NOT_FOUND, "ERR no such endpoint".to_owned()),
        };
        reply::json(status, &json!({ "error": text }))
    }
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<Outage> for Refusal {
    fn from(outage: Outage) -> Self {
        Self::Outage(outage)
    }
}

impl Rest {
    /// The body, for a caller who has shown the secret; nobody else's is read.
    async fn admit(&self, headers: &HeaderMap, body: Body) -> Result<bytes::Bytes, Refusal> {
        if !self.bearer.admits(headers) {
            return Err(Refusal::Unauthorized);
        }
        body::read(body, BODY_LIMIT).await.map_err(|_| Refusal::TooLarge)
    }

    async fn one(&self, command: Command, encoding: Encoding) -> Result<Value, Refusal> {
        let command = command.permitted().map_err(Refusal::Command)?;
        let answers = self.link.pipeline(vec![command]).await?;
        let answer = answers.into_iter().next().unwrap_or(redis::Value::Nil);
        encoding.result(answer).map_err(Refusal::Command)
    }
}

async fn single(State(rest): State<Rest>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let body = rest.admit(&headers, body).await?;
        rest.one(Command::parse(&body)?, Encoding::of(&headers)).await
    };
    answered(answer.await.map(|result| json!({ "result": result })))
}

async fn pipeline(State(rest): State<Rest>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let body = rest.admit(&headers, body).await?;
        let encoding = Encoding::of(&headers);
        let mut errors = Vec::new();
        let mut commands = Vec::new();
        for command in Command::parse_many(&body)? {
            match command.permitted() {
                Ok(command) => {
                    errors.push(None);
                    commands.push(command);
                }
                Err(text) => errors.push(Some(text)),
            }
        }
        let mut answers = rest.link.pipeline(commands).await?.into_iter();
        let entries = errors.into_iter().map(|error| match error {
            Some(text) => json!({ "error": text }),
            None => encoding.entry(answers.next().unwrap_or(redis::Value::Nil)),
        });
        Ok(Value::Array(entries.collect()))
    };
    answered(answer.await)
}

async fn transaction(State(rest): State<Rest>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let body = rest.admit(&headers, body).await?;
        let encoding = Encoding::of(&headers);
        let commands = Command::parse_many(&body)?
            .into_iter()
            .map(Command::permitted)
            .collect::<Result<Vec<_>, _>>();
        let answers = rest
            .link
            .transaction(commands.map_err(Refusal::Command)?)
            .await?
            .map_err(Refusal::Command)?;
        Ok(Value::Array(
            answers.into_iter().map(|answer| encoding.entry(answer)).collect(),
        ))
    };
    answered(answer.await)
}

/// `GET` or `POST /COMMAND/argument/...`; the query's names and values and a body are further arguments.
async fn by_path(State(rest): State<Rest>, RawQuery(query): RawQuery, uri: Uri, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = async {
        if parts.method != Method::GET && parts.method != Method::POST {
            return Err(Refusal::NotFound);
        }
        let body = rest.admit(&parts.headers, body).await?;
        let command = Command::from_path(uri.path(), query.as_deref().unwrap_or_default(), &body)?;
        rest.one(command, Encoding::of(&parts.headers)).await
    };
    answered(answer.await.map(|result| json!({ "result": result })))
}

fn answered(answer: Result<Value, Refusal>) -> Response {
    match answer {
        Ok(document) => reply::json(StatusCode::OK, &document),
        Err(refusal) => refusal.answer(),
    }
}
