//! An independent reading of access tokens (RFC 7515, 7519, 8037, 9068), and a key ring of our own.
//!
//! The hosts under test are started with keys that the suite made, as an operator would make them. So it can sign what
//! a host never would (an expired token, another audience, a `crit` header) and see it refused for that reason alone.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A compact JWS taken apart, nothing verified.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// The protected header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    signed: String,
    signature: Vec<u8>,
}

/// Takes a token apart.
///
/// # Panics
/// When it has no three parts of base64url with JSON in the first two.
pub fn decode(token: &str) -> Jwt {
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("a JWS has three parts: {token}")
    };
    let part = |text: &str| Base64UrlUnpadded::decode_vec(text).unwrap_or_else(|_| panic!("base64url: {token}"));
    let json = |text: &str| serde_json::from_slice(&part(text)).unwrap_or_else(|_| panic!("JSON: {token}"));
    Jwt {
        header: json(header),
        claims: json(claims),
        signed: format!("{header}.{claims}"),
        signature: part(signature),
    }
}

/// Verifies a token with nothing but a JWK Set, as another service would.
///
/// # Panics
/// When no key of the set has its `kid`, or the signature is wrong.
pub fn verify(token: &str, jwks: &Value) -> Jwt {
    let jwt = decode(token);
    let keys = jwks["keys"].as_array().expect("a JWK Set has keys");
    let key = keys
        .iter()
        .find(|key| key["kid"] == jwt.header["kid"])
        .expect("the token's kid is in the JWK Set");
    let x = Base64UrlUnpadded::decode_vec(key["x"].as_str().expect("x")).expect("x is base64url");
    let key = VerifyingKey::from_bytes(&x.try_into().expect("x has 32 bytes")).expect("x is a point");
    let signature = Signature::from_slice(&jwt.signature).expect("an Ed25519 signature has 64 bytes");
    key.verify_strict(jwt.signed.as_bytes(), &signature)
        .expect("the signature is right");
    jwt
}

/// An Ed25519 key that signs for the suite.
pub struct Signatory {
    key: SigningKey,
    /// The RFC 7638 thumbprint.
    pub kid: String,
}

impl Signatory {
    /// A fresh key.
    pub fn generate() -> Self {
        let key = SigningKey::from_bytes(&random());
        let x = Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes());
        // RFC 7638: the required members in the order of their names, no white space.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = Base64UrlUnpadded::encode_string(&Sha256::digest(members));
        Self { key, kid }
    }

    /// The public key's 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// As a private JWK (RFC 8037), which is what the hosts are configured with.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": Base64UrlUnpadded::encode_string(&self.public()),
            "d": Base64UrlUnpadded::encode_string(self.key.as_bytes()),
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        })
    }

    /// The usual header of an access token under this key.
    pub fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    /// Signs any header and any claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}

/// The first two parts of a compact JWS.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// HMAC-SHA256 (RFC 2104), for the attack that uses a public key as a shared secret.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |byte: u8| block.map(|b| b ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

/// What a deployment is configured with: two signing keys (an active one, and an older one that still verifies) and one
/// for MACs.
pub struct KeyRing {
    /// Signs.
    pub active: Signatory,
    /// Only verifies.
    pub older: Signatory,
    mac: [u8; 32],
}

impl KeyRing {
    /// Fresh keys.
    pub fn generate() -> Self {
        Self {
            active: Signatory::generate(),
            older: Signatory::generate(),
            mac: random(),
        }
    }

    /// The private JWK Set that `DOORWARD_KEYS` takes.
    pub fn configuration(&self) -> String {
        let mac = json!({
            "kty": "oct",
            "k": Base64UrlUnpadded::encode_string(&self.mac),
            "kid": "1",
            "alg": "HS256",
        });
        json!({"keys": [self.active.jwk(), self.older.jwk(), mac]}).to_string()
    }
}

/// Random bytes from the operating system.
///
/// # Panics
/// When it has none.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// Random lower-case hexadecimal text, `2 * N` characters.
pub fn random_hex<const N: usize>() -> String {
    hex(&random::<N>())
}

/// SHA-256 as 64 lower-case hexadecimal characters.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, and test case 6 with its key longer than a block.
    #[test]
    fn hmac_is_that_of_rfc_4231() {
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac_sha256(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn what_is_signed_verifies_and_a_changed_claim_does_not() {
        let ring = KeyRing::generate();
        let token = ring.active.sign(&ring.active.header(), &json!({"sub": "a"}));
        let jwks = json!({"keys": [ring.active.jwk()]});
        assert_eq!(verify(&token, &jwks).claims["sub"], "a");
        let signature = token.rsplit('.').next().unwrap();
        let changed = format!("{}.{signature}", unsigned(&ring.active.header(), &json!({"sub": "b"})));
        assert!(std::panic::catch_unwind(|| verify(&changed, &jwks)).is_err());
    }
}
