//! Signatures that were found good, so that a token that comes again costs a hash and no multiplication on the curve.
//!
//! Only what a pure function said is remembered, so nothing that is decided changes: key, signature and message together
//! are one entry, and everything else about a token is looked at each time.

use alloc::collections::VecDeque;
use core::cell::RefCell;

use ed25519_compact::{PublicKey, Signature};
use sha2::{Digest, Sha256};

/// Entries; the oldest gives way. 32 bytes each.
const ENTRIES: usize = 256;

/// The good signatures of an instance.
#[derive(Debug, Default)]
pub struct Proven(RefCell<VecDeque<[u8; 32]>>);

impl Proven {
    /// None yet.
    pub const fn new() -> Self {
        Self(RefCell::new(VecDeque::new()))
    }

    /// Whether the signature is the key's over this message.
    pub(super) fn verify(&self, key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
        // The key and the signature have fixed lengths, so no two inputs run into each other.
        let digest = Sha256::new()
            .chain_update(key.as_ref())
            .chain_update(signature.as_ref())
            .chain_update(message)
            .finalize()
            .into();
        let mut known = self.0.borrow_mut();
        if known.contains(&digest) {
            return true;
        }
        let good = key.verify(message, signature).is_ok();
        if good {
            if known.len() >= ENTRIES {
                known.pop_front();
            }
            known.push_back(digest);
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_compact::{KeyPair, Seed};

    #[test]
    fn only_good_signatures_are_remembered_and_only_whole() {
        let (one, other) = (
            KeyPair::from_seed(Seed::new([1; 32])),
            KeyPair::from_seed(Seed::new([2; 32])),
        );
        let proven = Proven::new();
        let signature = one.sk.sign(b"message", None);
        let mut damaged = *signature;
        damaged[40] ^= 1;
        let damaged = Signature::new(damaged);
        for _ in 0..3 {
            assert!(proven.verify(&one.pk, &signature, b"message"));
            assert!(!proven.verify(&one.pk, &signature, b"message!"));
            assert!(!proven.verify(&other.pk, &signature, b"message"));
            assert!(!proven.verify(&one.pk, &damaged, b"message"));
            assert_eq!(proven.0.borrow().len(), 1);
        }
    }

    #[test]
    fn the_oldest_gives_way() {
        let pair = KeyPair::from_seed(Seed::new([1; 32]));
        let proven = Proven::new();
        for number in 0..=ENTRIES {
            let message = number.to_be_bytes();
            let signature = pair.sk.sign(message, None);
            assert!(proven.verify(&pair.pk, &signature, &message));
        }
        assert_eq!(proven.0.borrow().len(), ENTRIES);
        let first = pair.sk.sign(0_usize.to_be_bytes(), None);
        let before = proven.0.borrow().clone();
        assert!(proven.verify(&pair.pk, &first, &0_usize.to_be_bytes()));
        assert_ne!(*proven.0.borrow(), before, "it had been forgotten");
    }
}
