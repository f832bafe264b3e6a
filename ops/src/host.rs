//! This machine's clock and randomness, as the core asks for them.

use std::time::{SystemTime, UNIX_EPOCH};

use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::time::Time;

/// The operating system's generator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

/// The time by this machine's clock.
pub(crate) fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
