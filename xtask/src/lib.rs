//! Repository automation: the tools, the services and the hosts that `cargo xtask` and the black-box suite start.
//!
//! The suite needs three things of this library:
//!
//! - [`stack::Stack`]: PostgreSQL, Valkey, the gateway and any number of hosts, on free ports, migrated, with a
//!   directory of their own. Dropping it ends all of it.
//! - [`services::postgres::Postgres`] and [`services::valkey::Valkey`], the stack's `postgres` and `valkey`: `kill`
//!   (SIGKILL, nothing is flushed), `stop`, and `start` again on the same port and data.
//! - [`hosts::HostOptions`]: which host, and what its environment overrides.
//!
//! Whatever is started belongs to the process that started it: a [`process::Service`] ends on drop, and even when its
//! owner is killed, because a guard holds a pipe to the owner and ends the service when the pipe closes.

pub mod artifacts;
pub mod bench_peers;
pub mod budget;
pub mod examples;
pub mod hosts;
mod lean;
pub mod paths;
pub mod previous;
pub mod probe;
pub mod process;
pub mod progress;
pub mod run;
pub mod secrets;
pub mod services;
pub mod stack;
pub mod tools;
