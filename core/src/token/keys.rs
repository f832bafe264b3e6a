//! The key set: a JWK Set (RFC 7517) with the keys that sign access tokens and those that authenticate opaque ones.
//!
//! - `OKP` keys on Ed25519 (RFC 8037, section 2) sign access tokens. The first one that has its private half `d` signs;
//!   all of them verify. Their public halves are published.
//! - `oct` keys (RFC 7518, section 6.4) authenticate refresh and one-time tokens by HMAC-SHA256. The first one makes new
//!   tokens; all of them check. Their `kid` is a number, which stands in the token.
//!
//! A key with the member `"staged": true`, which is ours, makes nothing yet, wherever it stands: it is published and checks, so
//! that every instance knows it before one uses it.

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
    other_macs: Vec<MacKey>,
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
    /// There are staged keys already.
    Staged,
    /// There are no staged keys.
    NothingStaged,
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
            Self::Staged => f.write_str("the key set has staged keys, which have to be promoted first"),
            Self::NothingStaged => f.write_str("the key set has no staged keys"),
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
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    staged: bool,
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
        // Where the active one stands.
        let mut active = None;
        for (at, jwk) in set.keys.iter().enumerate() {
            let refuse = |problem| KeysError::Key(at, problem);
            match jwk.kty.as_str() {
                "OKP" => {
                    let (kid, secret, public) = jwk.signature_key().map_err(refuse)?;
                    if verifiers.iter().any(|(other, _)| *other == kid) {
                        return Err(refuse(KeyProblem::Duplicate));
                    }
                    if signer.is_none() && !jwk.staged {
                        signer = secret.map(|secret| (kid.clone(), secret));
                    }
                    verifiers.push((kid, public));
                }
                "oct" => {
                    let key = jwk.mac_key().map_err(refuse)?;
                    if macs.iter().any(|other| other.id == key.id) {
                        return Err(refuse(KeyProblem::Duplicate));
                    }
                    if active.is_none() && !jwk.staged {
                        active = Some(macs.len());
                    }
                    macs.push(key);
                }
                _ => return Err(refuse(KeyProblem::Unsupported)),
            }
        }
        let signer = signer.ok_or(KeysError::NoSigningKey)?;
        let active = active.ok_or(KeysError::NoMacKey)?;
        let active_mac = macs.remove(active);
        let jwks = JwkSet {
            keys: verifiers.iter().map(|(kid, public)| Jwk::public(kid, public)).collect(),
        };
        let jwks = serde_json::to_string(&jwks).map_err(|_| KeysError::NotAKeySet)?;
        Ok(Self {
            signer,
            verifiers,
            active_mac,
            other_macs: macs,
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

    /// Adds new keys to a key set, as JSON text. The new ones come first and are active at once; the old ones stay for
    /// checking, the signing keys among them without their private halves. Where several instances run, those that still
    /// have the old set refuse what the others make with the new one: see [`Keys::stage`].
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn rotate(json: &str, seed: [u8; 32], mac: [u8; 32]) -> Result<String, KeysError> {
        let mut set = read(json)?;
        let new = new_keys(&set, seed, mac)?;
        retire(&mut set);
        set.keys.splice(0..0, new);
        written(&set)
    }

    /// Adds new keys to a key set, as JSON text, that are published and check, and make nothing before they are promoted.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn stage(json: &str, seed: [u8; 32], mac: [u8; 32]) -> Result<String, KeysError> {
        let mut set = read(json)?;
        if set.keys.iter().any(|jwk| jwk.staged) {
            return Err(KeysError::Staged);
        }
        for mut jwk in new_keys(&set, seed, mac)? {
            jwk.staged = true;
            set.keys.push(jwk);
        }
        written(&set)
    }

    /// Makes the staged keys of a key set the active ones, as JSON text; the others stay for checking, as when it is rotated.
    ///
    /// # Errors
    /// See [`KeysError`].
    pub fn promote(json: &str) -> Result<String, KeysError> {
        let mut set = read(json)?;
        Self::from_set(&set)?;
        retire(&mut set);
        // Stable, so that neither order changes.
        set.keys.sort_by_key(|jwk| !jwk.staged);
        let mut staged = set.keys.iter_mut().take_while(|jwk| jwk.staged).peekable();
        if staged.peek().is_none() {
            return Err(KeysError::NothingStaged);
        }
        staged.for_each(|jwk| jwk.staged = false);
        written(&set)
    }

    /// The public halves as a JWK Set, for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The `kid`s of the signing keys, the active one first; then the numbers of the others, the active one first. Staged ones
    /// are among those that aren't active.
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
        core::iter::once(&self.active_mac).chain(&self.other_macs)
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
        self.mac_key(id)
            .map(|key| key.authenticate([label.as_bytes(), &[0], message]))
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
    fn new(id: u32, key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        if let Some(start) = block.get_mut(..key.len()) {
            start.copy_from_slice(key);
        } else {
            // Longer than a block: its hash is the key (RFC 2104, section 2).
            let digest: [u8; 32] = Sha256::digest(key).into();
            block.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
        }
        let key = Self {
            id,
            block: Secret::new(block),
        };
        block.zeroize();
        key
    }

    fn authenticate(&self, parts: [&[u8]; 3]) -> [u8; MAC_BYTES] {
        let mut hmac = <Hmac<Sha256> as Mac>::new(self.block.expose().into());
        for part in parts {
            hmac.update(part);
        }
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
            staged: false,
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
        Ok(MacKey::new(id, value.expose()))
    }
}

/// The thumbprint of a public key (RFC 7638, section 3; RFC 8037, section 2).
fn thumbprint(key: &PublicKey) -> String {
    let x = Base64UrlUnpadded::encode_string(key.as_ref());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    Base64UrlUnpadded::encode_string(&Sha256::digest(canonical.as_bytes()))
}

fn read(json: &str) -> Result<JwkSet, KeysError> {
    serde_json::from_slice(json.as_bytes()).map_err(|_| KeysError::NotAKeySet)
}

fn write(set: &JwkSet) -> Result<String, KeysError> {
    serde_json::to_string(set).map_err(|_| KeysError::NotAKeySet)
}

/// A set as JSON text, if it is one that can be read again.
fn written(set: &JwkSet) -> Result<String, KeysError> {
    Keys::from_set(set)?;
    write(set)
}

/// A signing key and one of the other kind for a set, under a number that it hasn't.
fn new_keys(set: &JwkSet, seed: [u8; 32], mac: [u8; 32]) -> Result<[Jwk; 2], KeysError> {
    let old = Keys::from_set(set)?;
    let highest = old.mac_ids().max().unwrap_or(0);
    let free = || (1..=u32::MAX).find(|id| old.mac_key(*id).is_none());
    let id = highest.checked_add(1).or_else(free).unwrap_or(0);
    Ok([Jwk::new_signature_key(seed)?, Jwk::new_mac_key(mac, id)?])
}

/// Takes the private halves of all signing keys but the staged ones, which have still to sign.
fn retire(set: &mut JwkSet) {
    for jwk in set.keys.iter_mut().filter(|jwk| !jwk.staged) {
        jwk.d.zeroize();
        jwk.d = None;
    }
}

fn decode_32(text: Option<&str>) -> Result<Secret<[u8; 32]>, KeyProblem> {
    let mut bytes = [0; 32];
    // Longer input doesn't fit and is an error; shorter is checked.
    let length = Base64UrlUnpadded::decode(text.ok_or(KeyProblem::Value)?, &mut bytes).map(<[u8]>::len);
    let secret = Secret::new(bytes);
    bytes.zeroize();
    if length == Ok(32) {
        Ok(secret)
    } else {
        Err(KeyProblem::Value)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The key pair of RFC 8037, appendix A.1, and a key of 32 twos with the number 1.
    pub(in crate::token) const KEY_SET: &str = r#"{"keys":[
        {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
        {"kty":"oct","k":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","kid":"1"}]}"#;

    pub(in crate::token) fn keys() -> Keys {
        Keys::parse(KEY_SET).unwrap()
    }

    fn changed(at: usize, member: &str, value: Value) -> Result<Keys, KeysError> {
        let mut set: Value = serde_json::from_str(KEY_SET).unwrap();
        set["keys"][at][member] = value;
        Keys::parse(&set.to_string())
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
            .collect()
    }

    #[test]
    fn signs_as_rfc_8032_does() {
        // Section 7.1, tests 1 to 3: seed, public key, message, signature.
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let jwk = Jwk::new_signature_key(hex(seed).try_into().unwrap()).unwrap();
            let (_, secret, key) = jwk.signature_key().unwrap();
            assert_eq!(key.as_ref(), hex(public));
            let signed = secret.unwrap().sign(hex(message), None);
            assert_eq!(signed.as_ref(), hex(signature));
            assert!(key.verify(hex(message), &signed).is_ok());
            assert!(key.verify(b"else", &signed).is_err());
        }
    }

    #[test]
    fn signs_as_rfc_8037_does() {
        // Appendix A.4.
        let signed = keys()
            .signer()
            .1
            .sign("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", None);
        assert_eq!(
            Base64UrlUnpadded::encode_string(signed.as_ref()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn names_a_key_as_rfc_8037_does() {
        // Appendix A.3, by the rule of RFC 7638.
        let keys = keys();
        let (kid, key) = &keys.verifiers[0];
        assert_eq!(thumbprint(key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(&thumbprint(key), kid);
    }

    #[test]
    fn authenticates_as_rfc_4231_does() {
        // Test cases 1, 2, 6 (a key longer than a block) and 7; cut in three anywhere.
        for (key, message, code) in [
            (
                &[0x0b; 20][..],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            let (head, tail) = message.as_bytes().split_at(3);
            assert_eq!(
                MacKey::new(0, key).authenticate([head, &[], tail]).as_slice(),
                hex(code),
                "{message}"
            );
        }
    }

    #[test]
    fn labels_keep_kinds_apart() {
        let keys = keys();
        let code = keys.mac(1, "a", b"b").unwrap();
        assert!(keys.mac_is_right(1, "a", b"b", &code));
        assert!(!keys.mac_is_right(1, "ab", b"", &code));
        assert!(!keys.mac_is_right(1, "", b"ab", &code));
        assert!(!keys.mac_is_right(2, "a", b"b", &code));
        assert!(!keys.mac_is_right(1, "a", b"b", &code[..31]));
        assert!(!keys.mac_is_right(1, "a", b"b", &[]));
    }

    #[test]
    fn publishes_public_halves_only() {
        let published: Value = serde_json::from_str(keys().jwks()).unwrap();
        assert_eq!(
            published,
            json!({"keys": [{
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            }]})
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_key() {
        let refused = |at, member, value| changed(at, member, value).err();
        let problem = |at, problem| Some(KeysError::Key(at, problem));
        assert_eq!(refused(0, "kty", json!("RSA")), problem(0, KeyProblem::Unsupported));
        assert_eq!(refused(0, "crv", json!("X25519")), problem(0, KeyProblem::Unsupported));
        assert_eq!(refused(0, "use", json!("enc")), problem(0, KeyProblem::Unsupported));
        assert_eq!(refused(0, "alg", json!("HS256")), problem(0, KeyProblem::Unsupported));
        assert_eq!(refused(0, "kid", Value::Null), problem(0, KeyProblem::KeyId));
        assert_eq!(refused(0, "x", Value::Null), problem(0, KeyProblem::Value));
        assert_eq!(refused(0, "d", json!("AA")), problem(0, KeyProblem::Value));
        assert_eq!(
            refused(0, "x", json!("AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI")),
            problem(0, KeyProblem::Mismatch)
        );
        assert_eq!(refused(0, "d", Value::Null), Some(KeysError::NoSigningKey));
        assert_eq!(refused(1, "kid", json!("one")), problem(1, KeyProblem::KeyId));
        assert_eq!(refused(1, "kid", json!("+1")), problem(1, KeyProblem::KeyId));
        assert_eq!(refused(1, "kid", json!("")), problem(1, KeyProblem::KeyId));
        assert_eq!(refused(1, "kid", json!("4294967296")), problem(1, KeyProblem::KeyId));
        assert_eq!(refused(1, "alg", json!("HS512")), problem(1, KeyProblem::Unsupported));
        // 31 bytes.
        assert_eq!(
            refused(1, "k", json!("AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg")),
            problem(1, KeyProblem::Value)
        );
        assert_eq!(refused(1, "x5c", json!([])), None);
        assert_eq!(Keys::parse("").err(), Some(KeysError::NotAKeySet));
        assert_eq!(Keys::parse(r#"{"keys":[]}"#).err(), Some(KeysError::NoSigningKey));
        let twice = KEY_SET.replace(
            "]}",
            r#",{"kty":"oct","k":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM","kid":"1"}]}"#,
        );
        assert_eq!(Keys::parse(&twice).err(), problem(2, KeyProblem::Duplicate));
    }

    #[test]
    fn errors_and_debug_tell_no_secret() {
        let set = keys();
        assert_eq!(
            format!("{set:?}"),
            r#"Keys((["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"], [1]))"#
        );
        let error = changed(0, "d", json!("hunter2")).unwrap_err().to_string();
        assert_eq!(
            error,
            "key 0 of the key set lacks a value, or has one that is damaged or of the wrong length"
        );
    }

    #[test]
    fn makes_and_rotates_key_sets() {
        let first = Keys::generate([1; 32], [2; 32]).unwrap();
        let before = Keys::parse(&first).unwrap();
        let second = Keys::rotate(&first, [3; 32], [4; 32]).unwrap();
        let after = Keys::parse(&second).unwrap();
        assert_eq!(after.ids().1, [2, 1]);
        assert_eq!(after.ids().0.len(), 2);
        assert_eq!(after.ids().0[1], before.ids().0[0]);
        assert_ne!(after.signer().0, before.signer().0);
        assert!(after.verifier(before.signer().0).is_some());
        let code = before.mac(1, "a", b"b").unwrap();
        assert!(after.mac_is_right(1, "a", b"b", &code));
        assert_ne!(after.mac(2, "a", b"b").unwrap(), code);
        let set: Value = serde_json::from_str(&second).unwrap();
        let private: Vec<bool> = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.get("d").is_some())
            .collect();
        assert_eq!(private, [true, false, false, false]);
        assert_eq!(
            Keys::rotate(&first, [1; 32], [4; 32]),
            Err(KeysError::Key(2, KeyProblem::Duplicate))
        );
        assert_eq!(Keys::generate([0; 32], [2; 32]), Err(KeysError::NotRandom));
        assert_eq!(Keys::generate([1; 32], [0; 32]), Err(KeysError::NotRandom));
    }

    #[test]
    fn staged_keys_check_and_make_nothing_until_they_are_promoted() {
        let first = Keys::generate([1; 32], [2; 32]).unwrap();
        let before = Keys::parse(&first).unwrap();
        let second = Keys::stage(&first, [3; 32], [4; 32]).unwrap();
        let staged = Keys::parse(&second).unwrap();
        let third = Keys::promote(&second).unwrap();
        let after = Keys::parse(&third).unwrap();

        // What one instance makes the other checks, at each of the two deployments.
        let old = before.signer().0;
        let new = after.signer().0;
        assert_eq!((staged.signer().0, staged.active_mac_id()), (old, 1));
        assert_eq!(after.active_mac_id(), 2);
        assert_ne!(old, new);
        for keys in [&staged, &after] {
            assert!(keys.verifier(old).is_some() && keys.verifier(new).is_some());
            for id in [1, 2] {
                assert_eq!(keys.mac(id, "a", b"b"), after.mac(id, "a", b"b"));
            }
            assert!(keys.jwks().contains(old) && keys.jwks().contains(new));
            assert!(!keys.jwks().contains("staged"));
        }
        assert_eq!(staged.ids(), (Vec::from([old, new]), Vec::from([1, 2])));
        assert_eq!(after.ids(), (Vec::from([new, old]), Vec::from([2, 1])));
        let set: Value = serde_json::from_str(&third).unwrap();
        let members = |name: &str| {
            set["keys"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|key| key.get(name).is_some())
                .count()
        };
        assert_eq!((members("d"), members("staged")), (1, 0));

        assert_eq!(Keys::stage(&second, [5; 32], [6; 32]), Err(KeysError::Staged));
        assert_eq!(Keys::promote(&first), Err(KeysError::NothingStaged));
        // In a hurry: what is staged stays so, and can be promoted later.
        let hurried = Keys::rotate(&second, [5; 32], [6; 32]).unwrap();
        assert_eq!(Keys::parse(&hurried).unwrap().ids().1, [3, 1, 2]);
        assert_eq!(
            Keys::parse(&Keys::promote(&hurried).unwrap()).unwrap().ids().1,
            [2, 3, 1]
        );
    }

    #[test]
    fn a_set_of_staged_keys_alone_is_none() {
        assert_eq!(changed(0, "staged", json!(true)).err(), Some(KeysError::NoSigningKey));
        assert_eq!(changed(1, "staged", json!(true)).err(), Some(KeysError::NoMacKey));
        assert!(changed(1, "staged", json!(false)).is_ok());
    }
}
