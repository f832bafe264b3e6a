//! Doorward's pure decisions: validation, password hashing, tokens, sessions and limits.
//!
//! No clock, no randomness, no I/O: `now` and random bytes are arguments, so every decision can be tested with virtual
//! time and replayed. `tests/imports.rs` holds it to that: as a WebAssembly module it imports nothing.
//!
//! | what | where |
//! |---|---|
//! | values that only validation makes | [`email`], [`name`], [`phone`], [`text`], [`role`], [`firm`], [`id`], [`time`], [`search`] |
//! | who may do what | [`authority`], [`permission`] |
//! | what stands in the database as a word | [`user`], [`tier`], [`event`], [`session`] |
//! | what a profile holds | [`avatar_url`], [`preferences`], [`expertise`], [`time_zone`], [`availability`] |
//! | how an office session goes | [`office_session`] |
//! | passwords: policy, Argon2id, hashes of other systems | [`password`] |
//! | access, refresh and one-time tokens, and their keys | [`token`] |
//! | rate limits, and what counts as one client | [`limit`], [`net`] |
//! | what the caller lends | [`entropy`], [`unicode`], and the time as an argument |
//!
//! A sign-up and the sign-in after it, without what stores and sends:
//!
//! ```
//! use doorward_core::email::Email;
//! use doorward_core::id::SessionId;
//! use doorward_core::password::{self, Attempt, Password, Verdict, Workspace};
//! use doorward_core::token::Keys;
//! use doorward_core::token::refresh::RefreshToken;
//! use doorward_core::unicode;
//!
//! let email = Email::parse(" Ada@Example.com")?;
//! assert_eq!(email.as_str(), "ada@example.com");
//!
//! // The memory of Argon2 is kept between uses; the salts are the host's random bytes.
//! let mut workspace = Workspace::new();
//! let password = Password::new("correct horse", &[email.as_str()], unicode::TABLES).expect("within the policy");
//! let stored = password::hash(&password, [1; 16], &mut workspace)?;
//!
//! let attempt = Attempt::new("correct horse", unicode::TABLES);
//! assert_eq!(password::verify(Some(stored.as_str()), &attempt, &mut workspace), Verdict::Right { rehash: false });
//! // An unknown address costs the same.
//! assert_eq!(password::verify(None, &attempt, &mut workspace), Verdict::Wrong);
//!
//! let keys = Keys::parse(&Keys::generate([2; 32], [3; 32])?)?;
//! let first = RefreshToken::first(SessionId::from_bytes([4; 16]), [5; 16]);
//! // The holder gets the text, the database its hash.
//! let (text, hash) = (first.seal(&keys), first.seal(&keys).hashed());
//! assert_eq!(text.hashed(), hash);
//! assert_eq!(RefreshToken::open(&keys, text.expose())?.generation, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;

#[macro_use]
mod macros;

pub mod authority;
pub mod availability;
pub mod avatar_url;
pub mod email;
pub mod entropy;
pub mod error;
pub mod event;
pub mod expertise;
pub mod firm;
mod hex;
pub mod id;
pub mod limit;
pub mod name;
pub mod net;
pub mod office_session;
pub mod password;
pub mod permission;
pub mod phone;
pub mod preferences;
pub mod role;
pub mod search;
pub mod secret;
pub mod session;
pub mod text;
pub mod tier;
pub mod time;
pub mod time_zone;
pub mod token;
pub mod unicode;
pub mod user;
