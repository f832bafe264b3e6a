//! Randomness as an argument.

use core::fmt;

/// Where random bytes come from: the host's cryptographically secure generator, or a seeded one in a test.
pub trait Entropy {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// When the host has no randomness to give. Nothing may be made from a partly filled buffer.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The host could not give random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host could not give random bytes")
    }
}

impl core::error::Error for EntropyError {}

/// `N` random bytes.
///
/// # Errors
/// See [`Entropy::fill`].
pub fn random<const N: usize>(entropy: &impl Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
