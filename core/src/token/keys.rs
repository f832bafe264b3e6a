//! The key set: a JWK Set (RFC 7517) with the keys that sign access tokens and those that authenticate opaque ones.
//!
//! - `OKP` keys on Ed25519 (RFC 8037, section 2) sign access tokens. The first one that has its private half `d` signs;
//!   all of them verify. Their public halves are published.
//! - `oct` keys (RFC 7518, section 6.4) authenticate refresh and one-time tokens by HMAC-SHA256. The first one makes new
//!   tokens; all of them check. Their `kid` is a number, which stands in the token.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_compact::{KeyPair, PublicKey, SecretKey, Seed};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::secret::{Secret, constant_time_eq};

/// The fewest bytes of an `oct` key (RFC 7518, section 3.2: as many as the hash has).
const MIN_MAC_BYTES: usize = 32;
/// The block of SHA-256, in bytes.
const BLOCK_BYTES: usize = 64;
/// The length of the authentication code, in bytes.
pub(super) const MAC_BYTES: usize = 32;

/// The keys of a deployment. Parsed once an instance.
pub struct Keys {
    signer: (String, SecretKey),
    verifiers: Vec<(String, PublicKey)>,
    active_mac: MacKey,
    older_macs: Vec<MacKey>,
    jwks: String,
}

#[derive(Clone)]
struct MacKey {
    id: u32,
    /// Padded with zeros to a block, as HMAC does first (RFC 2104, section 2).
    block: Secret<[u8; BLOCK_BYTES]>,
}

/// Why a text is no key set. Says where, never what: the text is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysError {
    /// Not JSON, or not a JWK Set.
    NotAKeySet,
    /// There is no `OKP` key with a private half.
    NoSigningKey,
    /// There is no `oct` key.
    NoMacKey,
    /// The key at this place, counted from 0, is of no use.
    Key(usize, KeyProblem),
    /// Random bytes that can't be: all zeros.
    NotRandom,
}

/// What is wrong with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    /// Its type, curve, use or algorithm isn't one of ours.
    Unsupported,
    /// It has no `kid`, or, for an `oct` key, one that is no number below 2^32.
    KeyId,
    /// Another key has the same `kid`.
    Duplicate,
    /// A value is missing, isn't base64url without padding, or is of the wrong length.
    Value,
    /// Its private and its public half don't belong together.
    Mismatch,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKeySet => f.write_str("not a JWK Set"),
            Self::NoSigningKey => f.write_str("the key set has no Ed25519 key with a private half"),
            Self::NoMacKey => f.write_str("the key set has no oct key"),
            Self::NotRandom => f.write_str("a new key needs random bytes"),
            Self::Key(at, problem) => {
                let problem = match problem {
                    KeyProblem::Unsupported => "has a type, curve, use or algorithm that is not supported",
                    KeyProblem::KeyId => "needs a kid (for an oct key: a number below 2^32)",
                    KeyProblem::Duplicate => "has the kid of another key",
                    KeyProblem::Value => "lacks a value, or has one that is damaged or of the wrong length",
                    KeyProblem::Mismatch => "has a private and a public half that don't belong together",
                };
                write!(f, "key {at} of the key set {problem}")
            }
        }
    }
}

impl core::error::Error for KeysError {}

#[derive(Serialize, Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// One JSON Web Key, with the members that are used here. Others are ignored.
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        self.d.zeroize();
        self.k.zeroize();
    }
}

impl Keys {
    /// Reads a key set from its JSON text.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn parse(json: &str) -> Result<Self, KeysError> {
        Self::from_set(&read(json)?)
    }

    fn from_set(set: &JwkSet) -> Result<Self, KeysError> {
        let mut signer = None;
        let mut verifiers: Vec<(String, PublicKey)> = Vec::new();
        let mut macs: Vec<MacKey> = Vec::new();
        for (at, jwk) in set.keys.iter().enumerate() {
            let refuse = |problem| KeysError::Key(at, problem);
            match jwk.kty.as_str() {
                "OKP" => {
                    let (kid, secret, public) = jwk.signature_key().map_err(refuse)?;
                    if verifiers.iter().any(|(other, _)| *other == kid) {
                        return Err(refuse(KeyProblem::Duplicate));
                    }
                    if signer.is_none() {
                        signer = secret.map(|secret| (kid.clone(), secret));
                    }
                    verifiers.push((kid, public));
                }
                "oct" => {
                    let key = jwk.mac_key().map_err(refuse)?;
                    if macs.iter().any(|other| other.id == key.id) {
                        return Err(refuse(KeyProblem::Duplicate));
                    }
                    macs.push(key);
                }
                _ => return Err(refuse(KeyProblem::Unsupported)),
            }
        }
        let signer = signer.ok_or(KeysError::NoSigningKey)?;
        let mut macs = macs.into_iter();
        let active_mac = macs.next().ok_or(KeysError::NoMacKey)?;
        let jwks = JwkSet {
            keys: verifiers.iter().map(|(kid, public)| Jwk::public(kid, public)).collect(),
        };
        let jwks = serde_json::to_string(&jwks).map_err(|_| KeysError::NotAKeySet)?;
        Ok(Self {
            signer,
            verifiers,
            active_mac,
            older_macs: macs.collect(),
            jwks,
        })
    }

    /// Makes the key set of a new deployment, as JSON text, from random bytes.
    ///
    /// The `kid` of the signing key is its thumbprint (RFC 7638; RFC 8037, appendix A.3); that of the other is 1.
    ///
    /// # Errors
    /// [`KeysError::NotRandom`] when either is all zeros.
    pub fn generate(seed: [u8; 32], mac: [u8; 32]) -> Result<String, KeysError> {
        write(&JwkSet {
            keys: Vec::from([Jwk::new_signature_key(seed)?, Jwk::new_mac_key(mac, 1)?]),
        })
    }

    /// Adds new keys to a key set, as JSON text. The new ones come first and are active; the old ones stay for checking,
    /// the signing keys among them without their private halves.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn rotate(json: &str, seed: [u8; 32], mac: [u8; 32]) -> Result<String, KeysError> {
        let mut set = read(json)?;
        let old = Self::from_set(&set)?;
        for jwk in &mut set.keys {
            jwk.d.zeroize();
            jwk.d = None;
        }
        let highest = old.mac_ids().max().unwrap_or(0);
        let free = || (1..=u32::MAX).find(|id| old.mac_key(*id).is_none());
        let id = highest.checked_add(1).or_else(free).unwrap_or(0);
        set.keys
            .splice(0..0, [Jwk::new_signature_key(seed)?, Jwk::new_mac_key(mac, id)?]);
        Self::from_set(&set)?;
        write(&set)
    }

    /// The public halves as a JWK Set, for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The `kid`s of the signing keys, the active one first; then the numbers of the others, the active one first.
    pub fn ids(&self) -> (Vec<&str>, Vec<u32>) {
        let (active, _) = &self.signer;
        let others = self
            .verifiers
            .iter()
            .map(|(kid, _)| kid.as_str())
            .filter(|kid| kid != active);
        (
            core::iter::once(active.as_str()).chain(others).collect(),
            self.macs().map(|key| key.id).collect(),
        )
    }

    /// The key that signs: its `kid` and private half.
    pub(super) fn signer(&self) -> (&str, &SecretKey) {
        (&self.signer.0, &self.signer.1)
    }

    /// The public key with this `kid`.
    pub(super) fn verifier(&self, kid: &str) -> Option<&PublicKey> {
        self.verifiers.iter().find(|(id, _)| id == kid).map(|(_, key)| key)
    }

    fn macs(&self) -> impl Iterator<Item = &MacKey> {
        core::iter::once(&self.active_mac).chain(&self.older_macs)
    }

    fn mac_key(&self, id: u32) -> Option<&MacKey> {
        self.macs().find(|key| key.id == id)
    }

    /// The number of the key that makes new tokens.
    pub(super) fn active_mac_id(&self) -> u32 {
        self.active_mac.id
    }

    /// The numbers of all keys that check tokens, the active one first.
    pub(super) fn mac_ids(&self) -> impl Iterator<Item = u32> {
        self.macs().map(|key| key.id)
    }

    /// HMAC-SHA256 over the label, a zero byte and the message, with the key of this number.
    ///
    /// The label says what the token is for, so that a token of one kind is never taken for one of another. It has no
    /// zero byte itself.
    pub(super) fn mac(&self, id: u32, label: &str, message: &[u8]) -> Option<[u8; MAC_BYTES]> {
        self.mac_key(id).map(|key| key.authenticate(label, message))
    }

    /// Whether the code is right, in constant time. `false` for a key that isn't there.
    pub(super) fn mac_is_right(&self, id: u32, label: &str, message: &[u8], code: &[u8]) -> bool {
        self.mac(id, label, message)
            .is_some_and(|right| constant_time_eq(&right, code))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.ids()).finish()
    }
}

impl MacKey {
    fn authenticate(&self, label: &str, message: &[u8]) -> [u8; MAC_BYTES] {
        let mut hmac = <Hmac<Sha256> as Mac>::new(self.block.expose().into());
        hmac.update(label.as_bytes());
        hmac.update(&[0]);
        hmac.update(message);
        hmac.finalize().into_bytes().into()
    }
}

impl Jwk {
    fn new(kty: &str, alg: &str, kid: String) -> Self {
        Self {
            kty: kty.into(),
            crv: None,
            x: None,
            d: None,
            k: None,
            kid: Some(kid),
            usage: Some("sig".into()),
            alg: Some(alg.into()),
        }
    }

    fn public(kid: &str, key: &PublicKey) -> Self {
        let mut jwk = Self::new("OKP", "EdDSA", kid.into());
        jwk.crv = Some("Ed25519".into());
        jwk.x = Some(Base64UrlUnpadded::encode_string(key.as_ref()));
        jwk
    }

    fn new_signature_key(seed: [u8; 32]) -> Result<Self, KeysError> {
        let pair = KeyPair::try_from_seed(Seed::new(seed)).map_err(|_| KeysError::NotRandom)?;
        let mut jwk = Self::public(&thumbprint(&pair.pk), &pair.pk);
        jwk.d = Some(Base64UrlUnpadded::encode_string(&seed));
        Ok(jwk)
    }

    fn new_mac_key(key: [u8; 32], id: u32) -> Result<Self, KeysError> {
        if key == [0; 32] {
            return Err(KeysError::NotRandom);
        }
        let mut jwk = Self::new("oct", "HS256", id.to_string());
        jwk.k = Some(Base64UrlUnpadded::encode_string(&key));
        Ok(jwk)
    }

    fn signature_key(&self) -> Result<(String, Option<SecretKey>, PublicKey), KeyProblem> {
        let known = self.crv.as_deref() == Some("Ed25519")
            && matches!(self.usage.as_deref(), None | Some("sig"))
            && matches!(self.alg.as_deref(), None | Some("EdDSA" | "Ed25519"));
        if !known {
            return Err(KeyProblem::Unsupported);
        }
        let kid = self
            .kid
            .clone()
            .filter(|kid| !kid.is_empty() && kid.len() <= 128)
            .ok_or(KeyProblem::KeyId)?;
        let public = PublicKey::new(*decode_32(self.x.as_deref())?.expose());
        let Some(secret) = self.d.as_deref() else {
            return Ok((kid, None, public));
        };
        let seed = Seed::new(*decode_32(Some(secret))?.expose());
        let pair = KeyPair::try_from_seed(seed).map_err(|_| KeyProblem::Value)?;
        if pair.pk == public {
            Ok((kid, Some(pair.sk), public))
        } else {
            Err(KeyProblem::Mismatch)
        }
    }

    fn mac_key(&self) -> Result<MacKey, KeyProblem> {
        if !matches!(self.alg.as_deref(), None | Some("HS256")) {
            return Err(KeyProblem::Unsupported);
        }
        let kid = self
            .kid
            .as_deref()
            .filter(|kid| kid.bytes().all(|byte| byte.is_ascii_digit()));
        let id = kid.and_then(|kid| kid.parse().ok()).ok_or(KeyProblem::KeyId)?;
        let value = self
            .k
            .as_deref()
            .and_then(|k| Base64UrlUnpadded::decode_vec(k).ok())
            .ok_or(KeyProblem::Value)?;
        let value = Secret::new(value);
        if value.expose().len() < MIN_MAC_BYTES {
            return Err(KeyProblem::Value);
        }
        let mut block = [0; BLOCK_BYTES];
        if let Some(start) = block.get_mut(..value.expose().len()) {
            start.copy_from_slice(value.expose());
        } else {
            // Longer than a block: its hash is the key.
            let digest: [u8; 32] = Sha256::digest(value.expose()).into();
            block.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
        }
        let key = MacKey {
            id,
            block: Secret::new(block),
        };
        block.zeroize();
        Ok(key)
    }
}

/// The thumbprint of a public key (RFC 7638, section 3; RFC 8037, section 2).
fn thumbprint(key: &PublicKey) -> String {
    let x = Base64UrlUnpadded::encode_string(key.as_ref());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    Base64UrlUnpadded::encode_string(&Sha256::digest(canonical.as_bytes()))
}

fn read(json: &str) -> Result<JwkSet, KeysError> {
    serde_json::from_str(json).map_err(|_| KeysError::NotAKeySet)
}

fn write(set: &JwkSet) -> Result<String, KeysError> {
    serde_json::to_string(set).map_err(|_| KeysError::NotAKeySet)
}

fn decode_32(text: Option<&str>) -> Result<Secret<[u8; 32]>, KeyProblem> {
    let mut bytes = [0; 32];
    // Longer input doesn't fit and is an error; shorter is checked.
    let decoded =
        Base64UrlUnpadded::decode(text.ok_or(KeyProblem::Value)?, &mut bytes).map_err(|_| KeyProblem::Value)?;
    if decoded.len() == 32 {
        Ok(Secret::new(bytes))
    } else {
        Err(KeyProblem::Value)
    }
}
