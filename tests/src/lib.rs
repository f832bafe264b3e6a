//! The black-box suite of Doorward: raw HTTP against each host, and nothing of the core or the edge.
//!
//! A case is a plain function over a [`stage::Stage`] (one host, reached by HTTP, with the database and the cache to
//! look into). It is registered once in its module and run against every host, under a name such as
//! `workers::auth::login::wrong_password_is_401`. A case makes its own people, runs in any order and beside any other,
//! and needs nothing in the artifact that an ordinary client doesn't have.
//!
//! Two test binaries run them: `suite` (everything in parallel over one stack) and `outage` (cases that need the stack
//! to themselves).

pub mod actor;
pub mod cases;
pub mod data;
pub mod http;
pub mod jwt;
pub mod mailbox;
pub mod openapi;
pub mod people;
pub mod provider;
pub mod registry;
pub mod shape;
pub mod stack;
pub mod stage;
pub mod stub;
pub mod timing;
