//! Refresh tokens, and what to do when one is used.
//!
//! A token is `v1.` and base64url without padding of: the number of its key (4 bytes, big-endian), the session (16), the
//! generation (4, big-endian), the session's salt (16), and HMAC-SHA256 over all that (32). The salt is random, made at
//! the sign-in, and stored nowhere but in the token; so neither our key nor our database alone is enough to make one.
//!
//! The successor of a token is *derived*: the same session and salt, the next generation. Whoever holds a genuine token
//! can be given its successor again without anybody having stored it, which is how two tabs that refresh at once both end
//! with the same new token.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroize;

use super::keys::{Keys, MAC_BYTES};
use super::{Forged, HashedToken, PlainToken};
use crate::id::SessionId;
use crate::secret::Secret;
use crate::time::Time;
use crate::user::Status;

const PREFIX: &str = "v1.";
const LABEL: &str = "doorward/refresh/v1";
/// What is authenticated, in bytes.
const BODY_BYTES: usize = 4 + 16 + 4 + 16;
/// The last generation: the column is an `integer`.
const LAST_GENERATION: u32 = i32::MAX as u32;

/// A refresh token, opened: genuine, though perhaps an old one.
#[derive(Clone)]
pub struct RefreshToken {
    /// The session that it continues.
    pub session: SessionId,
    /// How often the session was refreshed before it: 0 for the one from the sign-in.
    pub generation: u32,
    salt: Secret<[u8; 16]>,
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RefreshToken({}, generation {}, [redacted])",
            self.session, self.generation
        )
    }
}

impl RefreshToken {
    /// The first token of a session, from 16 random bytes.
    pub const fn first(session: SessionId, salt: [u8; 16]) -> Self {
        Self {
            session,
            generation: 0,
            salt: Secret::new(salt),
        }
    }

    /// The token of the next generation; `None` after the last one, 2^31 - 1.
    pub fn successor(&self) -> Option<Self> {
        let generation = self.generation.checked_add(1).filter(|next| *next <= LAST_GENERATION)?;
        Some(Self {
            generation,
            ..self.clone()
        })
    }

    /// The text for its holder, made with the active key.
    pub fn seal(&self, keys: &Keys) -> PlainToken {
        // The active key is always there; without it the text would be one that nobody takes.
        self.seal_with(keys, keys.active_mac_id())
            .unwrap_or_else(|| PlainToken::new(String::new()))
    }

    fn seal_with(&self, keys: &Keys, key_id: u32) -> Option<PlainToken> {
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        let (body, code) = bytes.split_at_mut(BODY_BYTES);
        let fields = key_id.to_be_bytes().into_iter().chain(*self.session.as_bytes());
        let fields = fields.chain(self.generation.to_be_bytes()).chain(*self.salt.expose());
        body.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        code.copy_from_slice(&keys.mac(key_id, LABEL, body)?);
        let mut text = String::with_capacity(PREFIX.len() + bytes.len() * 4 / 3 + 4);
        text.push_str(PREFIX);
        let mut encoded = Base64UrlUnpadded::encode_string(&bytes);
        text.push_str(&encoded);
        encoded.zeroize();
        bytes.zeroize();
        Some(PlainToken::new(text))
    }

    /// Reads a token and checks that one of our keys made it.
    ///
    /// # Errors
    /// [`Forged`] for whatever isn't exactly a text that [`Self::seal`] made.
    pub fn open(keys: &Keys, text: &str) -> Result<Self, Forged> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Forged)?;
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        let decoded = Base64UrlUnpadded::decode(encoded, &mut bytes).map_err(|_| Forged)?;
        let (body, code) = decoded.split_at_checked(BODY_BYTES).ok_or(Forged)?;
        let (key_id, rest) = body.split_first_chunk::<4>().ok_or(Forged)?;
        let (session, rest) = rest.split_first_chunk::<16>().ok_or(Forged)?;
        let (generation, rest) = rest.split_first_chunk::<4>().ok_or(Forged)?;
        let salt = rest.first_chunk::<16>().ok_or(Forged)?;
        let generation = u32::from_be_bytes(*generation);
        if !keys.mac_is_right(u32::from_be_bytes(*key_id), LABEL, body, code) || generation > LAST_GENERATION {
            return Err(Forged);
        }
        Ok(Self {
            session: SessionId::from_bytes(*session),
            generation,
            salt: Secret::new(*salt),
        })
    }

    /// The successor's text, whichever of our keys made it, if its hash is this one.
    fn successor_with_hash(&self, keys: &Keys, hash: &HashedToken) -> Option<PlainToken> {
        let successor = self.successor()?;
        keys.mac_ids()
            .filter_map(|id| successor.seal_with(keys, id))
            .find(|token| token.hashed() == *hash)
    }
}

/// A session as the database has it, after the attempt to rotate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The hash of the one token that is current.
    pub token_hash: HashedToken,
    /// The generation of that token.
    pub generation: u32,
    /// When that token became current.
    pub rotated_at: Time,
    /// When the session ends, whatever was refreshed.
    pub expires_at: Time,
    /// When it was ended before its time.
    pub revoked_at: Option<Time>,
    /// Whether its owner's account may be used.
    pub user_status: Status,
}

/// What to answer to a refresh.
#[derive(Debug, Clone)]
pub enum Refresh {
    /// This request rotated: hand out the successor of what was presented.
    Rotated,
    /// A rival rotated a moment ago: hand out the token that is current, which is this one.
    Current(PlainToken),
    /// No.
    Refused(RefreshRefusal),
}

/// Why a refresh is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// There is no such session, or the token was never current in it.
    Invalid,
    /// The token has a successor that somebody used. One of the two holders is a thief: the session is to be revoked.
    Reused,
    /// The session's time is over.
    Expired,
    /// The session was ended before its time.
    Revoked,
    /// The account is inactive.
    Inactive,
    /// The account is suspended.
    Suspended,
}

/// Decides what a refresh is answered.
///
/// `rotated` says whether this request's own compare-and-set on (id, token hash) took effect; `row` is the session as it
/// stood then, `None` when there is none. For `grace` after a rotation, the token before the current one is answered with
/// the current one; zero turns that off.
pub fn decide(
    presented: &RefreshToken,
    presented_hash: &HashedToken,
    rotated: bool,
    row: Option<&SessionRow>,
    keys: &Keys,
    now: Time,
    grace: Duration,
) -> Refresh {
    let Some(row) = row else {
        return Refresh::Refused(RefreshRefusal::Invalid);
    };
    if rotated {
        return Refresh::Rotated;
    }
    if row.revoked_at.is_some() {
        return Refresh::Refused(RefreshRefusal::Revoked);
    }
    if now >= row.expires_at {
        return Refresh::Refused(RefreshRefusal::Expired);
    }
    match row.user_status {
        Status::Active => {}
        Status::Inactive => return Refresh::Refused(RefreshRefusal::Inactive),
        Status::Suspended => return Refresh::Refused(RefreshRefusal::Suspended),
    }
    // A token that is current, or newer than the current one, and still didn't rotate: nothing that we would hand out.
    if row.token_hash == *presented_hash || presented.generation >= row.generation {
        return Refresh::Refused(RefreshRefusal::Invalid);
    }
    let is_one_behind = presented.generation.checked_add(1) == Some(row.generation);
    if is_one_behind
        && !grace.is_zero()
        && now.since(row.rotated_at) <= grace
        && let Some(current) = presented.successor_with_hash(keys, &row.token_hash)
    {
        return Refresh::Current(current);
    }
    Refresh::Refused(RefreshRefusal::Reused)
}
