//! Mail caught in development: takes it as Resend does (its API reference, "Send Email"), keeps the latest in memory and
//! shows it. Whoever can reach the gateway can read it, so it is there only when it is asked for.

mod mailbox;
mod message;
mod page;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
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
        .layer(middleware::from_fn(known_host))
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

/// Lets nobody read under a name that a stranger may own. A site can let its name lead to this machine, and its script in a
/// browser here then reads what it calls its own (DNS rebinding); an address, `localhost` and a name without dots are nobody's.
async fn known_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("."));
    if *request.method() == Method::POST || host.is_none_or(is_known) {
        return next.run(request).await;
    }
    let message = "The mail caught here is read at localhost or at an address".to_owned();
    Refusal(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", message).answer()
}

/// Whether a `Host` (RFC 9110, section 7.2) is no domain name of the public DNS.
fn is_known(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name.parse::<IpAddr>().is_ok() || !name.contains('.') || name.to_ascii_lowercase().ends_with(".localhost")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_stranger_owns_are_known() {
        for known in [
            "localhost:8786",
            "127.0.0.1:8786",
            "[::1]:8786",
            "192.168.1.7",
            "gateway:8786",
            "a.LOCALHOST",
            "",
        ] {
            assert!(is_known(known), "{known}");
        }
        for other in [
            "evil.example:8786",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.",
            "127.0.0.1x",
        ] {
            assert!(!is_known(other), "{other}");
        }
    }
}
