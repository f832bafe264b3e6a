//! Mail: what is said in which language, and how it leaves the outbox.
//!
//! A mail is a row of `mail_outbox`, written in the same batch as the change that it speaks of. After the reply, and
//! again by the maintenance tick, [`deliver`] leases rows, writes each mail anew ([`templates`], in the row's
//! [`locale`]), hands it to the provider ([`crate::wire::mail_http`]) and notes what became of it.

pub mod deliver;
pub(crate) mod device;
mod languages;
pub mod locale;
pub mod templates;
