//! Doorward's pure decisions: validation, password hashing, tokens, sessions and limits.
//!
//! No clock, no randomness, no I/O: `now` and random bytes are arguments, so every decision can be tested with virtual
//! time and replayed.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;

#[macro_use]
mod macros;

pub mod email;
pub mod entropy;
pub mod error;
pub mod event;
pub mod firm;
pub mod id;
pub mod limit;
pub mod name;
pub mod net;
pub mod password;
pub mod phone;
pub mod role;
pub mod secret;
pub mod session;
pub mod text;
pub mod tier;
pub mod time;
pub mod token;
pub mod user;
