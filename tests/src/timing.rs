//! Reads the flights of a request from `Server-Timing`, which the hosts under test have switched on.
//!
//! The format: `sql;desc="2";dur=12.1, kv;desc="1";dur=0.9`; `desc` is the number of flights. A kind
//! that isn't named had none.

use crate::http::Reply;

/// Network flights of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flights {
    /// To Postgres.
    pub sql: u32,
    /// To Redis.
    pub kv: u32,
}

/// The flights that the reply declares.
///
/// # Panics
/// When the header is missing or can't be understood.
pub fn flights(reply: &Reply) -> Flights {
    let text = reply
        .header("server-timing")
        .unwrap_or_else(|| panic!("no Server-Timing\n{reply}"))
        .to_owned();
    let count = |kind: &str| {
        text.split(',')
            .map(str::trim)
            .find(|metric| metric.split(';').next() == Some(kind))
            .map_or(0, |metric| {
                let desc = metric.split(';').find_map(|part| part.trim().strip_prefix("desc="));
                let desc = desc.unwrap_or_else(|| panic!("{kind} without desc in {text}"));
                desc.trim_matches('"')
                    .parse()
                    .unwrap_or_else(|_| panic!("desc of {kind} is no number in {text}"))
            })
    };
    Flights {
        sql: count("sql"),
        kv: count("kv"),
    }
}
