//! A line in the log when a service goes away, and one when it is back: not one for every request in between.

use std::sync::atomic::{AtomicBool, Ordering};

/// How a service did last.
#[derive(Debug)]
pub(crate) struct Health {
    service: &'static str,
    ill: AtomicBool,
}

impl Health {
    /// Of a service that is taken to be well.
    pub(crate) fn of(service: &'static str) -> Self {
        Self {
            service,
            ill: AtomicBool::new(false),
        }
    }

    /// It did its part.
    pub(crate) fn is_well(&self) {
        if self.ill.load(Ordering::Relaxed) && self.ill.swap(false, Ordering::Relaxed) {
            eprintln!("gateway: the {} is back", self.service);
        }
    }

    /// It didn't, for that reason.
    pub(crate) fn is_ill(&self, why: &str) {
        if !self.ill.swap(true, Ordering::Relaxed) {
            eprintln!("gateway: the {} can't be used: {why}", self.service);
        }
    }
}
