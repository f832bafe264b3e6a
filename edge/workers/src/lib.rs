//! Doorward on Cloudflare Workers: turns a fetch event into a request for the handlers, and their reply back; and a cron
//! trigger into a tick of the maintenance.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::rc::Rc;

use doorward_edge::instance::Instance;
use doorward_edge::maintenance;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, console_error, event, web_sys};

mod convert;
mod fetch;
mod files;
mod host;
mod socket;
mod stream;

use host::{Event, Randomness, WorkersHost};

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let response = match lend(&env, Event::Fetch(context)) {
        Ok((instance, host)) => match convert::request(&request).await {
            Ok(request) => {
                let address = request.headers().get("cf-connecting-ip");
                let address = address.and_then(|value| value.to_str().ok()).map(str::to_owned);
                doorward_edge::handle(host, instance, address, request).await
            }
            Err(convert::Unreadable) => doorward_edge::unreadable(host::now(), &Randomness),
        },
        Err(problem) => {
            console_error!("{problem}");
            doorward_edge::unconfigured(host::now(), &Randomness)
        }
    };
    convert::response(response)
}

/// A cron trigger of `wrangler.toml`: mail that is due, and rows that are over.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, context: ScheduleContext) {
    match lend(&env, Event::Scheduled(context)) {
        // What fails is logged there, and the next minute tries again.
        Ok((instance, host)) => drop(maintenance::tick(&host, &instance).await),
        Err(problem) => console_error!("{problem}"),
    }
}

fn lend(env: &Env, event: Event) -> Result<(Rc<Instance>, WorkersHost), String> {
    let instance = Instance::shared(|name| host::variable(env, name)).map_err(|e| e.to_string())?;
    let host = WorkersHost::new(env, event, &instance.config)?;
    Ok((instance, host))
}
