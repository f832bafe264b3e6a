//! Doorward on Cloudflare Workers: turns a fetch event into a request for the handlers, and their reply back; and a cron
//! trigger into a tick of the maintenance.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::OnceCell;
use std::rc::Rc;

use doorward_edge::config::{Config, ConfigError};
use doorward_edge::instance::Instance;
use doorward_edge::maintenance;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, console_error, event, web_sys};

mod convert;
mod fetch;
mod host;
mod socket;

use host::{Event, WorkersHost};

thread_local! {
    /// What this isolate keeps: values only, never anything of a request.
    static INSTANCE: OnceCell<Rc<Instance>> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let response = match lend(&env, Event::Fetch(context)) {
        Ok((instance, host)) => {
            let address = request.headers().get("cf-connecting-ip").ok().flatten();
            match convert::request(&request).await {
                Ok(request) => doorward_edge::handle(host, instance, address, request).await,
                Err(refusal) => refusal,
            }
        }
        Err(problem) => {
            console_error!("{problem}");
            doorward_edge::unconfigured()
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
    let instance = instance(env).map_err(|e| e.to_string())?;
    let host = WorkersHost::new(env, event, &instance.config)?;
    Ok((instance, host))
}

/// The isolate's instance, made by its first request.
fn instance(env: &Env) -> Result<Rc<Instance>, ConfigError> {
    INSTANCE.with(|cell| match cell.get() {
        Some(instance) => Ok(Rc::clone(instance)),
        None => {
            let config = Config::read(|name| host::variable(env, name))?;
            Ok(Rc::clone(cell.get_or_init(|| Rc::new(Instance::new(config)))))
        }
    })
}
