//! The conformance suites of the ports, against real servers: one suite for `Sql` and one for `Kv`, run with every
//! adapter of the port, and the ways in which a connection can go wrong. And what is built on them and can be seen in the
//! tables only: the outbox of mail and the maintenance, profiles and office sessions, and arrivals from another system.
//!
//! Run by `cargo xtask test`, which starts PostgreSQL, Valkey and the gateway and says where they are.

#![expect(
    clippy::disallowed_methods,
    reason = "the suites measure how long a real server takes to say no"
)]

mod account;
mod adapter;
mod authority;
mod environment;
mod http;
mod kv;
mod mail;
mod mentorship;
mod outage;
mod peer;
mod rollout;
mod sign_in;
mod sql;
mod stage;

use std::future::Future;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use adapter::{Adapter, Kind, SQL_ADAPTERS};
use environment::Environment;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let environment = if arguments.list {
        Environment::nowhere()
    } else {
        Environment::read()
    };
    let environment = match environment {
        Ok(environment) => environment,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if !arguments.list {
        environment::run(environment.prepare());
    }
    let conclusion = libtest_mimic::run(&arguments, trials(&environment));
    if !arguments.list {
        environment::run(environment.clear());
    }
    conclusion.exit_code()
}

fn trials(environment: &Environment) -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in SQL_ADAPTERS {
        let adapter = Adapter::new(*kind, environment);
        for (name, case) in sql::CASES.iter().chain(sign_in::CASES).chain(outage::SQL) {
            let adapter = adapter.clone();
            trials.push(trial(&format!("sql::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
    }
    // Behind the port all adapters are alike, so one of each transport is enough for what is built on it.
    for kind in [Kind::Scram, Kind::Http] {
        let adapter = Adapter::new(kind, environment);
        for (name, case) in mail::CASES {
            let adapter = adapter.clone();
            trials.push(trial(&format!("mail::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
        for (name, case) in account::CASES {
            let adapter = adapter.clone();
            trials.push(trial(&format!("account::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
        for (name, case) in authority::CASES {
            let adapter = adapter.clone();
            trials.push(trial(&format!("authority::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
        for (name, case) in mentorship::CASES {
            let adapter = adapter.clone();
            trials.push(trial(&format!("mentorship::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
        for (name, case) in rollout::CASES {
            let adapter = adapter.clone();
            trials.push(trial(&format!("rollout::{kind}::{name}"), move || async move {
                case(&adapter).await;
            }));
        }
    }
    for (name, case) in kv::CASES.iter().chain(outage::KV) {
        let environment = environment.clone();
        trials.push(trial(&format!("kv::rest::{name}"), move || async move {
            case(&environment).await;
        }));
    }
    trials
}

/// A panic is a failure.
fn trial<F: Future<Output = ()>>(name: &str, case: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        environment::run(case());
        Ok(())
    })
}
