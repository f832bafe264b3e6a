//! Signatures that were found good, so that a token that comes again costs a hash and no multiplication on the curve.
//!
//! Only what a pure function said is remembered, so nothing that is decided changes: key, signature and message together
//! are one entry, and everything else about a token is looked at each time.

use alloc::vec::Vec;
use core::cell::RefCell;

use ed25519_compact::{PublicKey, Signature};
use sha2::{Digest, Sha256};

/// Entries, of 32 bytes each.
const ENTRIES: usize = 1024;

/// The good signatures of an instance: each digest at the place that its first bytes name, in the stead of whichever was
/// there. A look takes as long however many there are.
#[derive(Debug, Default)]
pub struct Proven(RefCell<Vec<[u8; 32]>>);

impl Proven {
    /// None yet.
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Whether the signature is the key's over this message.
    pub(super) fn verify(&self, key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
        // The key and the signature have fixed lengths, so no two inputs run into each other.
        let digest: [u8; 32] = Sha256::new()
            .chain_update(key.as_ref())
            .chain_update(signature.as_ref())
            .chain_update(message)
            .finalize()
            .into();
        let [first, second, ..] = digest;
        let place = usize::from(u16::from_be_bytes([first, second])) % ENTRIES;
        let mut known = self.0.borrow_mut();
        if known.get(place) == Some(&digest) {
            return true;
        }
        let good = key.verify(message, signature).is_ok();
        if good {
            // Zeros are no digest that anybody could find a message for.
            known.resize(ENTRIES, [0; 32]);
            if let Some(place) = known.get_mut(place) {
                *place = digest;
            }
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_compact::{KeyPair, Seed};

    impl Proven {
        fn entries(&self) -> usize {
            self.0.borrow().iter().filter(|digest| **digest != [0; 32]).count()
        }
    }

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
        assert!(!proven.verify(&one.pk, &damaged, b"message"));
        assert_eq!(proven.entries(), 0);
        for _ in 0..3 {
            assert!(proven.verify(&one.pk, &signature, b"message"));
            assert!(!proven.verify(&one.pk, &signature, b"message!"));
            assert!(!proven.verify(&other.pk, &signature, b"message"));
            assert!(!proven.verify(&one.pk, &damaged, b"message"));
            assert_eq!(proven.entries(), 1);
        }
    }

    #[test]
    fn there_are_never_more_than_there_is_room_for() {
        let pair = KeyPair::from_seed(Seed::new([1; 32]));
        let proven = Proven::new();
        let verify = |number: usize| {
            let message = number.to_be_bytes();
            assert!(proven.verify(&pair.pk, &pair.sk.sign(message, None), &message));
        };
        (0..2 * ENTRIES).for_each(verify);
        assert!(proven.0.borrow().len() == ENTRIES && proven.entries() > ENTRIES / 2);
        // Some have given way, and are found good again.
        (0..2 * ENTRIES).for_each(verify);
    }
}
