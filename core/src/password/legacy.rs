//! Hashes that other systems made, verified until their owner's next sign-in replaces them by Argon2id.

/// A stored hash of one of the kinds that imports bring along.
pub(super) struct Stored(core::convert::Infallible);

impl Stored {
    /// Reads one.
    pub(super) fn parse(_text: &str) -> Option<Self> {
        None
    }

    /// Whether it is the hash of the password, as it was typed or in NFKC, whichever its system hashed.
    pub(super) fn matches(&self, _raw: &str, _normal: &str) -> bool {
        match self.0 {}
    }
}
