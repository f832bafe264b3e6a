//! `doorward gateway`: HTTP in front of what a laptop or a private network has.
//!
//! `POST /sql` speaks Neon's SQL-over-HTTP protocol over a Postgres; `POST /`, `/pipeline` and `/multi-exec` speak
//! Upstash's REST protocol over a Redis or Valkey; with `--dev-mail`, `POST /emails` takes mail as Resend does and
//! `/mailbox` shows it. Nothing is kept here but connections (and that mail): two gateways may stand side by side.

mod bearer;
mod body;
mod ending;
mod health;
mod mail;
mod options;
mod prompt;
mod redis;
mod reply;
mod request_id;
mod sql;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{any, get};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::output::Report;
use bearer::Bearer;
use ending::Ending;
pub(crate) use options::Options;
use prompt::PromptListener;

/// The largest body in bytes, but for `/sql`.
const BODY_LIMIT: usize = 1 << 20;
/// How long requests under way have when the process is told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until the process is told to end (SIGTERM, Ctrl-C), then finishes what is under way.
///
/// # Errors
/// When an option can't be used or the address is taken.
pub(crate) async fn run(options: &Options, database_url: &str) -> anyhow::Result<Report> {
    let is_own = options.listen.ip().to_canonical().is_loopback();
    ensure!(
        is_own || !options.dev_mail || options.expose_dev_mail,
        "{}: whoever reaches it could read the mail that --dev-mail catches, and set passwords by the links in it; listen on \
         127.0.0.1, or add --expose-dev-mail",
        options.listen
    );
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        eprintln!("gateway: {address} can be reached from other machines, and nothing on it is encrypted");
    }
    let app = router(options, database_url)?;
    let ending = Ending::new()?;
    eprintln!("gateway: listening on http://{address}");

    let listener = PromptListener(listener);
    let (tell, told) = oneshot::channel();
    let serve = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = told.await;
    });
    tokio::select! {
        served = serve => served?,
        () = overdue(ending, tell) => eprintln!("gateway: ended with requests under way"),
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
        app = app.merge(mail::router(bearer));
    } else {
        // Said here, or they would be taken for commands.
        for path in ["/emails", "/mailbox", "/mailbox/{*rest}"] {
            app = app.route(path, any(async || StatusCode::NOT_FOUND));
        }
    }
    // The last, so that it is around all of them.
    Ok(app.layer(middleware::from_fn(request_id::add)))
}

/// Waits until the process is told to end, tells the server, and then until that has taken too long or is told again.
async fn overdue(mut ending: Ending, tell: oneshot::Sender<()>) {
    ending.told().await;
    let _ = tell.send(());
    tokio::select! {
        () = tokio::time::sleep(GRACE) => {}
        () = ending.told() => {}
    }
}
