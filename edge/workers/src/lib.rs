//! Doorward on Cloudflare Workers: turns a fetch event into a request for the handlers, and their reply back; and a cron
//! trigger into a tick of the maintenance.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::rc::Rc;

use doorward_edge::instance::Instance;
use doorward_edge::maintenance;
use futures_util::FutureExt as _;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, console_error, event, web_sys, worker_sys};

mod convert;
mod fetch;
mod files;
mod host;
mod socket;
mod stream;

use host::{Event, Randomness, WorkersHost};

/// The runtime calls this with each request.
///
/// What needs nothing from elsewhere is answered at once: a promise, and a turn of the runtime's queue to keep it, cost as much
/// as what most such requests take here. `#[event(fetch)]` always makes one.
///
/// # Errors
/// None that a request could cause.
#[wasm_bindgen]
pub fn fetch(request: web_sys::Request, env: Env, context: worker_sys::Context) -> Result<JsValue, JsValue> {
    let mut answer = Box::pin(async move {
        let response = answer(request, env, Context::new(context)).await?;
        Ok(JsValue::from(response))
    });
    match answer.as_mut().now_or_never() {
        Some(answer) => answer,
        None => Ok(future_to_promise(answer).into()),
    }
}

async fn answer(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
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
