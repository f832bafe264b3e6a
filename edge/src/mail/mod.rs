//! Mail: what is said in which language, and how it leaves the outbox.

pub mod deliver;
pub mod locale;
