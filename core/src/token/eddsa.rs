//! Ed25519 for jwt-compact, signing deterministically as RFC 8032 describes.
//!
//! jwt-compact's own adapter mixes noise into every signature and asks the host for it, which this crate can't have; this
//! one is the same library underneath without that.

use alloc::borrow::Cow;
use core::num::NonZeroUsize;

use ed25519_compact::{PublicKey, SecretKey, Signature};
use jwt_compact::{Algorithm, AlgorithmSignature};

use super::proven::Proven;

/// The algorithm `EdDSA` (RFC 8037, section 3.1) on the curve Ed25519, with what it remembers of verifying.
pub(super) struct EdDsa<'a>(pub(super) &'a Proven);

/// An Ed25519 signature.
pub(super) struct EdDsaSignature(Signature);

impl AlgorithmSignature for EdDsaSignature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(Signature::BYTES);

    fn try_from_slice(bytes: &[u8]) -> anyhow::Result<Self> {
        Signature::from_slice(bytes)
            .map(Self)
            .map_err(|_| anyhow::Error::msg("not 64 bytes"))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.0.as_ref())
    }
}

impl Algorithm for EdDsa<'_> {
    type SigningKey = SecretKey;
    type VerifyingKey = PublicKey;
    type Signature = EdDsaSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("EdDSA")
    }

    fn sign(&self, key: &SecretKey, message: &[u8]) -> EdDsaSignature {
        EdDsaSignature(key.sign(message, None))
    }

    fn verify_signature(&self, signature: &EdDsaSignature, key: &PublicKey, message: &[u8]) -> bool {
        self.0.verify(key, &signature.0, message)
    }
}
