//! `doorward gateway`: HTTP in front of what a laptop or a private network has.
//!
//! `POST /sql` speaks Neon's SQL-over-HTTP protocol over a Postgres; `POST /`, `/pipeline` and `/multi-exec` speak
//! Upstash's REST protocol over a Redis or Valkey; with `--dev-mail`, `POST /emails` takes mail as Resend does and
//! `/mailbox` shows it. Nothing is kept here but connections (and that mail): two gateways may stand side by side.

mod bearer;
mod body;
mod health;
mod mail;
mod options;
mod redis;
mod reply;
mod sql;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::serve::ListenerExt as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::output::Report;
use bearer::Bearer;
pub(crate) use options::Options;

/// The largest body in bytes, but for `/sql`.
const BODY_LIMIT: usize = 1 << 20;
/// How long requests under way have when the process is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until the process is told to end (SIGTERM, Ctrl-C), then finishes what is under way.
///
/// # Errors
/// When an option can't be used or the address is taken.
pub(crate) async fn run(options: &Options, database_url: &str) -> anyhow::Result<Report> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        eprintln!("gateway: {address} can be reached from other machines, and nothing on it is encrypted");
    }
    let app = router(options, database_url)?;
    eprintln!("gateway: listening on http://{address}");

    // Each answer is one small write: without this it could wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (tell, told) = oneshot::channel();
    let serve = axum::serve(listener, app).with_graceful_shutdown(async {
        told_to_end().await;
        let _ = tell.send(());
    });
    tokio::select! {
        served = serve => served?,
        () = overdue(told) => eprintln!("gateway: ended with requests under way"),
    }
    Ok(Report {
        text: String::new(),
        json: json!({ "listened": address.to_string() }),
    })
}

fn router(options: &Options, database_url: &str) -> anyhow::Result<Router> {
    let bearer = Arc::new(Bearer::new(&options.token));
    let mut app = Router::new()
        .route(
            "/healthz",
            get(async || reply::json(StatusCode::OK, &json!({ "status": "ok" }))),
        )
        .merge(sql::router(database_url, options.sql_connections)?)
        .merge(redis::router(&options.redis_url, Arc::clone(&bearer))?);
    if options.dev_mail {
        return Ok(app.merge(mail::router(bearer)));
    }
    // Said here, or they would be taken for commands.
    for path in ["/emails", "/mailbox", "/mailbox/{*rest}"] {
        app = app.route(path, any(async || StatusCode::NOT_FOUND));
    }
    Ok(app)
}

/// Waits, once the process was told to end, until that has taken too long or it is told again.
async fn overdue(told: oneshot::Receiver<()>) {
    if told.await.is_err() {
        return std::future::pending().await;
    }
    tokio::select! {
        () = tokio::time::sleep(GRACE) => {}
        () = told_to_end() => {}
    }
}

async fn told_to_end() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
