//! Mail caught in development: takes it as Resend does (its API reference, "Send Email"), keeps the latest in memory and
//! shows it. Whoever can reach the gateway can read it, so it is there only when it is asked for.

mod mailbox;
mod message;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::bearer::Bearer;
use super::{BODY_LIMIT, body, reply};
use mailbox::{Conflict, Mailbox};
use message::{Draft, Message};

/// The longest `Idempotency-Key`, in bytes.
const KEY_LIMIT: usize = 256;

#[derive(Clone)]
struct Mail {
    mailbox: Arc<Mailbox>,
    bearer: Arc<Bearer>,
}

/// The routes.
pub(crate) fn router(bearer: Arc<Bearer>) -> Router {
    Router::new()
        .route("/emails", get(list).post(send))
        .route("/mailbox", get(page_of_all))
        .route("/mailbox/style.css", get(page::style))
        .route("/mailbox/{id}", get(page_of_one))
        .route("/mailbox/{id}/html", get(html_of_one))
        .with_state(Mail {
            mailbox: Arc::default(),
            bearer,
        })
}

/// An error in Resend's form.
struct Refusal(StatusCode, &'static str, String);

impl Refusal {
    fn answer(self) -> Response {
        let Self(status, name, message) = self;
        reply::json(
            status,
            &json!({ "statusCode": status.as_u16(), "name": name, "message": message }),
        )
    }
}

async fn send(State(mail): State<Mail>, headers: HeaderMap, body: Body) -> Response {
    match take(&mail, &headers, body).await {
        Ok(id) => reply::json(StatusCode::OK, &json!({ "id": id })),
        Err(refusal) => refusal.answer(),
    }
}

async fn take(mail: &Mail, headers: &HeaderMap, body: Body) -> Result<String, Refusal> {
    let refused = |status, name, message: &str| Refusal(status, name, message.to_owned());
    if !headers.contains_key("authorization") {
        return Err(refused(
            StatusCode::UNAUTHORIZED,
            "missing_api_key",
            "Missing API key in the authorization header",
        ));
    }
    if !mail.bearer.admits(headers) {
        return Err(refused(StatusCode::FORBIDDEN, "invalid_api_key", "API key is invalid"));
    }
    let key = headers.get("idempotency-key").map(|value| value.as_bytes().to_vec());
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_LIMIT) {
        let message = "The idempotency key has 1 to 256 characters";
        return Err(refused(StatusCode::BAD_REQUEST, "invalid_idempotency_key", message));
    }
    let body = body::read(body, BODY_LIMIT).await;
    let body = body.map_err(|_| {
        refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "validation_error",
            "The message is too large",
        )
    })?;
    let draft = Draft::parse(&body)
        .map_err(|problem| Refusal(StatusCode::UNPROCESSABLE_ENTITY, problem.name(), problem.to_string()))?;
    mail.mailbox.keep(draft, key, &body).map_err(|conflict| match conflict {
        Conflict::OtherMessage => {
            let message = "This idempotency key was used for a message that was not the same";
            refused(StatusCode::CONFLICT, "invalid_idempotent_request", message)
        }
        Conflict::NoRandomness => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "application_error",
            "No id could be made for the message",
        ),
    })
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
    /// `off` stops the page from loading itself again.
    refresh: Option<String>,
}

async fn list(State(mail): State<Mail>, Query(filter): Query<Filter>) -> Response {
    let messages = mail.mailbox.list(filter.to.as_deref());
    let messages: Vec<&Message> = messages.iter().map(Arc::as_ref).collect();
    reply::json(StatusCode::OK, &json!({ "data": messages }))
}

async fn page_of_all(State(mail): State<Mail>, Query(filter): Query<Filter>) -> Response {
    let messages = mail.mailbox.list(filter.to.as_deref());
    page::all(
        &messages,
        filter.to.as_deref(),
        filter.refresh.as_deref() != Some("off"),
    )
}

async fn page_of_one(State(mail): State<Mail>, Path(id): Path<String>) -> Response {
    mail.mailbox
        .get(&id)
        .map_or_else(|| StatusCode::NOT_FOUND.into_response(), |message| page::one(&message))
}

async fn html_of_one(State(mail): State<Mail>, Path(id): Path<String>) -> Response {
    let message = mail.mailbox.get(&id);
    let html = message.as_ref().and_then(|message| message.html.as_deref());
    html.map_or_else(|| StatusCode::NOT_FOUND.into_response(), page::content)
}
