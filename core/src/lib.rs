//! Doorward's pure decisions: validation, password hashing, tokens, sessions and limits.
//!
//! No clock, no randomness, no I/O: `now` and random bytes are arguments, so every decision can be tested with virtual
//! time and replayed.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;

pub mod entropy;
pub mod time;
