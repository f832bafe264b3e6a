//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677; PostgreSQL manual, "SASL Authentication").
//!
//! Ours rather than `postgres-protocol`'s because the keys can be kept: they depend on the password, the salt and the
//! iterations only, and deriving them is nearly all of a sign-in's work, which a host without a pool has at each request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64ct::{Base64, Encoding};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::PgError;

type HmacSha256 = Hmac<Sha256>;

/// The GS2 header: no channel binding, no other identity. Its base64 is `biws`.
const GS2_HEADER: &str = "n,,";

/// How many random bytes a nonce is made of, as PostgreSQL's own client has it.
const NONCE_BYTES: usize = 18;

/// Most iterations that a server may ask for: PostgreSQL has 4096, and each costs us two hashes.
const MAX_ITERATIONS: u32 = 100_000;

/// The keys of the last server that proved itself, shared by the clones of this value.
///
/// Kept for the life of a process or an isolate, it takes the key derivation out of every sign-in but the first. It
/// holds what a password is worth; `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub struct ScramKeys(Arc<Mutex<Option<Known>>>);

impl ScramKeys {
    fn find(&self, password: &str, salt: &[u8], iterations: u32) -> Option<Keys> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .as_ref()
            .filter(|known| known.iterations == iterations && known.salt == salt && *known.password == password)
            .map(|known| known.keys.clone())
    }

    fn keep(&self, known: Known) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys")
    }
}

/// Keys, and what they were derived from.
struct Known {
    password: Zeroizing<String>,
    salt: Vec<u8>,
    iterations: u32,
    keys: Keys,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Keys {
    client: [u8; 32],
    server: [u8; 32],
}

impl Keys {
    fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, PgError> {
        let salted = Zeroizing::new(hi(password.as_bytes(), salt, iterations)?);
        let key = mac(&*salted)?;
        Ok(Self {
            client: finish(&key, b"Client Key"),
            server: finish(&key, b"Server Key"),
        })
    }
}

/// The client's first message went out.
pub(super) struct ClientFirst {
    bare: String,
    nonce: String,
}

impl ClientFirst {
    /// With a fresh nonce. The user's name stays empty: the server has it from the startup message.
    pub(super) fn new() -> Result<Self, PgError> {
        let mut nonce = [0; NONCE_BYTES];
        draw(&mut nonce)?;
        // Base64 has no comma, as RFC 5802, section 5.1, wants it.
        let nonce = Base64::encode_string(&nonce);
        Ok(Self {
            bare: format!("n=,r={nonce}"),
            nonce,
        })
    }

    /// The message.
    pub(super) fn message(&self) -> String {
        format!("{GS2_HEADER}{}", self.bare)
    }

    /// Answers the server's first message: our final one, with the proof that we know the password, which is by SASLprep.
    pub(super) fn answer(
        self,
        server_first: &[u8],
        password: &str,
        known: &ScramKeys,
    ) -> Result<(String, ClientFinal), PgError> {
        let server_first = text(server_first)?;
        let (nonce, salt, iterations) = parse_server_first(server_first)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(refuse("the nonce isn't ours"));
        }
        let (keys, learnt) = if let Some(keys) = known.find(password, &salt, iterations) {
            (keys, None)
        } else {
            let keys = Keys::derive(password, &salt, iterations)?;
            let password = Zeroizing::new(password.to_owned());
            (
                keys.clone(),
                Some(Known {
                    password,
                    salt,
                    iterations,
                    keys,
                }),
            )
        };
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.bare);
        let stored_key = Sha256::digest(keys.client);
        let signature = finish(&mac(&stored_key)?, auth_message.as_bytes());
        let mut proof = keys.client;
        proof.iter_mut().zip(signature).for_each(|(byte, mask)| *byte ^= mask);
        let message = format!("{without_proof},p={}", Base64::encode_string(&proof));
        let mut expected = mac(&keys.server)?;
        expected.update(auth_message.as_bytes());
        Ok((message, ClientFinal { expected, learnt }))
    }
}

/// The client's final message went out.
pub(super) struct ClientFinal {
    /// The server's signature, as it must be.
    expected: HmacSha256,
    learnt: Option<Known>,
}

impl ClientFinal {
    /// Checks the server's final message: that it knows the password too. Only then are new keys kept.
    pub(super) fn check(self, server_final: &[u8], known: &ScramKeys) -> Result<(), PgError> {
        let message = text(server_final)?;
        let signature = attribute(message.split(',').next(), "v=")?;
        let signature = Base64::decode_vec(signature).map_err(|_| refuse("a signature that isn't base64"))?;
        self.expected
            .verify_slice(&signature)
            .map_err(|_| refuse("the server doesn't know the password"))?;
        if let Some(learnt) = self.learnt {
            known.keep(learnt);
        }
        Ok(())
    }
}

/// `r=nonce,s=salt,i=iterations`, perhaps with extensions behind, which may be ignored.
fn parse_server_first(message: &str) -> Result<(&str, Vec<u8>, u32), PgError> {
    let mut parts = message.split(',');
    let nonce = attribute(parts.next(), "r=")?;
    let salt = attribute(parts.next(), "s=")?;
    let salt = Base64::decode_vec(salt).map_err(|_| refuse("a salt that isn't base64"))?;
    let iterations = attribute(parts.next(), "i=")?
        .parse()
        .map_err(|_| refuse("no number of iterations"))?;
    if !(1..=MAX_ITERATIONS).contains(&iterations) {
        return Err(refuse("more iterations than is reasonable"));
    }
    Ok((nonce, salt, iterations))
}

fn attribute<'a>(part: Option<&'a str>, name: &str) -> Result<&'a str, PgError> {
    part.and_then(|part| part.strip_prefix(name))
        .ok_or_else(|| refuse("an attribute is missing"))
}

fn text(message: &[u8]) -> Result<&str, PgError> {
    std::str::from_utf8(message).map_err(|_| refuse("a message that isn't UTF-8"))
}

fn refuse(why: &str) -> PgError {
    PgError::Protocol(format!("SCRAM: {why}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a nonce decides nothing that a test would replay, and a session has no host to ask for one"
)]
fn draw(nonce: &mut [u8]) -> Result<(), PgError> {
    getrandom::fill(nonce).map_err(|_| refuse("no nonce could be drawn"))
}

/// `Hi` of RFC 5802, section 2.2: PBKDF2 of one block.
fn hi(password: &[u8], salt: &[u8], iterations: u32) -> Result<[u8; 32], PgError> {
    let key = mac(password)?;
    let mut first = key.clone();
    first.update(salt);
    let mut block = finish(&first, &[0, 0, 0, 1]);
    let mut sum = block;
    for _ in 1..iterations {
        block = finish(&key, &block);
        sum.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }
    Ok(sum)
}

/// HMAC with its key already taken in: a copy of it costs two hashes a message instead of four.
fn mac(key: &[u8]) -> Result<HmacSha256, PgError> {
    HmacSha256::new_from_slice(key).map_err(|_| refuse("a key that HMAC doesn't take"))
}

fn finish(key: &HmacSha256, message: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7677, section 3.
    const PASSWORD: &str = "pencil";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn first() -> ClientFirst {
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        ClientFirst {
            bare: format!("n=user,r={nonce}"),
            nonce,
        }
    }

    fn answer(server_first: &str, password: &str, keys: &ScramKeys) -> Result<(String, ClientFinal), PgError> {
        first().answer(server_first.as_bytes(), password, keys)
    }

    #[test]
    fn the_rfcs_example_holds() {
        let keys = ScramKeys::default();
        assert_eq!(first().message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (message, last) = answer(SERVER_FIRST, PASSWORD, &keys).unwrap();
        assert_eq!(message, CLIENT_FINAL);
        last.check(SERVER_FINAL.as_bytes(), &keys).unwrap();
    }

    #[test]
    fn kept_keys_give_the_same_answer() {
        let keys = ScramKeys::default();
        let (_, last) = answer(SERVER_FIRST, PASSWORD, &keys).unwrap();
        last.check(SERVER_FINAL.as_bytes(), &keys).unwrap();
        let (message, last) = answer(SERVER_FIRST, PASSWORD, &keys.clone()).unwrap();
        assert!(last.learnt.is_none(), "nothing was derived");
        assert_eq!(message, CLIENT_FINAL);
        last.check(SERVER_FINAL.as_bytes(), &keys).unwrap();
    }

    #[test]
    fn keys_are_kept_only_from_a_server_that_proved_itself() {
        let keys = ScramKeys::default();
        for lie in [
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
            "v=",
            "v=AAAA",
            "e=other-error",
            "",
            "v=!",
        ] {
            let (_, last) = answer(SERVER_FIRST, PASSWORD, &keys).unwrap();
            assert!(
                matches!(last.check(lie.as_bytes(), &keys), Err(PgError::Protocol(_))),
                "{lie}"
            );
            let (_, last) = answer(SERVER_FIRST, PASSWORD, &keys).unwrap();
            assert!(last.learnt.is_some(), "{lie}");
        }
    }

    #[test]
    fn kept_keys_serve_their_own_password_salt_and_iterations_only() {
        let keys = ScramKeys::default();
        let (_, last) = answer(SERVER_FIRST, PASSWORD, &keys).unwrap();
        last.check(SERVER_FINAL.as_bytes(), &keys).unwrap();
        let other_salt = SERVER_FIRST.replace("W22Z", "X22Z");
        let other_count = SERVER_FIRST.replace("4096", "4097");
        for (server_first, password) in [
            (SERVER_FIRST, "pencils"),
            (&other_salt, PASSWORD),
            (&other_count, PASSWORD),
        ] {
            let (message, last) = answer(server_first, password, &keys).unwrap();
            assert!(last.learnt.is_some());
            assert_ne!(message, CLIENT_FINAL);
        }
    }

    #[test]
    fn a_first_message_that_isnt_right_is_refused() {
        let refused = |message: &str| {
            let answer = answer(message, PASSWORD, &ScramKeys::default());
            assert!(matches!(answer, Err(PgError::Protocol(_))), "{message}");
        };
        refused("");
        refused("e=unknown-user");
        refused("m=ext,r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=4096");
        refused(&SERVER_FIRST.replace("r=rOpr", "r=rOps"));
        refused("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        refused(&SERVER_FIRST.replace("gQ==", "gQ="));
        for count in ["0", "-1", "100001", "99999999999", "", "x"] {
            refused(&SERVER_FIRST.replace("4096", count));
        }
        assert!(answer(&format!("{SERVER_FIRST},x=extension"), PASSWORD, &ScramKeys::default()).is_ok());
        assert!(first().answer(b"r=\xff", PASSWORD, &ScramKeys::default()).is_err());
    }

    #[test]
    fn nonces_differ_and_no_debug_shows_keys() {
        let (one, two) = (ClientFirst::new().unwrap(), ClientFirst::new().unwrap());
        assert_ne!(one.nonce, two.nonce);
        assert!(one.nonce.len() >= 24);
        assert_eq!(one.message(), format!("n,,n=,r={}", one.nonce));
        assert_eq!(format!("{:?}", ScramKeys::default()), "ScramKeys");
    }
}
