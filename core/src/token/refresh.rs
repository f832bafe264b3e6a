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
    // A session ends with its account, so as long as it would have lasted, the account is the reason to tell.
    if now < row.expires_at {
        match row.user_status {
            Status::Active => {}
            Status::Inactive => return Refresh::Refused(RefreshRefusal::Inactive),
            Status::Suspended => return Refresh::Refused(RefreshRefusal::Suspended),
        }
    }
    if row.revoked_at.is_some() {
        return Refresh::Refused(RefreshRefusal::Revoked);
    }
    if now >= row.expires_at {
        return Refresh::Refused(RefreshRefusal::Expired);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::keys::tests::{KEY_SET, keys};
    use alloc::format;

    /// Made by another implementation (Node's `crypto.createHmac`): session of sevens, generation 5, salt of nines.
    const GOLDEN: &str =
        "v1.AAAAAQcHBwcHBwcHBwcHBwcHBwcAAAAFCQkJCQkJCQkJCQkJCQkJCQLwNjxERtJQ0_4SuxGpHL548lhyOpbAo0U-CTPgDp7u";
    const GRACE: Duration = Duration::from_secs(30);
    const ROTATED_AT: i64 = 1_795_197_600_000;

    fn golden() -> RefreshToken {
        RefreshToken {
            session: SessionId::from_bytes([7; 16]),
            generation: 5,
            salt: Secret::new([9; 16]),
        }
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(ROTATED_AT + millis)
    }

    /// The session as it is once [`golden`] was rotated.
    fn row() -> SessionRow {
        SessionRow {
            token_hash: golden().successor().unwrap().seal(&keys()).hashed(),
            generation: 6,
            rotated_at: at(0),
            expires_at: at(86_400_000),
            revoked_at: None,
            user_status: Status::Active,
        }
    }

    fn refusal(presented: &RefreshToken, row: &SessionRow, now: Time) -> Option<RefreshRefusal> {
        match decide(
            presented,
            &presented.seal(&keys()).hashed(),
            false,
            Some(row),
            &keys(),
            now,
            GRACE,
        ) {
            Refresh::Refused(refusal) => Some(refusal),
            Refresh::Current(_) => None,
            Refresh::Rotated => panic!("nothing was rotated"),
        }
    }

    #[test]
    fn writes_and_reads_what_another_implementation_does() {
        let sealed = golden().seal(&keys());
        assert_eq!(sealed.expose(), GOLDEN);
        assert_eq!(
            sealed.hashed().as_str(),
            "a25de0cdc88fc25ac56c7473848972f1fee4053fd4eba3d7a29c70c5bf6414f8"
        );
        let opened = RefreshToken::open(&keys(), GOLDEN).unwrap();
        assert_eq!((opened.session, opened.generation), (golden().session, 5));
        assert_eq!(opened.seal(&keys()).expose(), GOLDEN);
    }

    #[test]
    fn is_not_shown() {
        assert_eq!(
            format!("{:?}", golden()),
            "RefreshToken(07070707-0707-0707-0707-070707070707, generation 5, [redacted])"
        );
    }

    #[test]
    fn any_other_text_is_forged() {
        let last = &GOLDEN[..GOLDEN.len() - 1];
        for text in [
            "",
            "v1.",
            "v1.AAAA",
            &GOLDEN[3..],
            &format!("{GOLDEN}="),
            &format!("{GOLDEN}A"),
            &format!(" {GOLDEN}"),
            last,
            &format!("V1.{}", &GOLDEN[3..]),
            &format!("v1.{}", "A".repeat(96)),
            &format!("v1.{}", "A".repeat(99_999)),
            &GOLDEN.replace('_', "/"),
            &GOLDEN.replace("AAAAAQ", "AAAAAg"),
        ] {
            assert!(RefreshToken::open(&keys(), text).is_err(), "{text}");
        }
    }

    #[test]
    fn generations_end_where_the_column_does() {
        let last = RefreshToken {
            generation: LAST_GENERATION,
            ..golden()
        };
        assert!(last.successor().is_none());
        assert!(RefreshToken::open(&keys(), last.seal(&keys()).expose()).is_ok());
        let beyond = RefreshToken {
            generation: LAST_GENERATION + 1,
            ..golden()
        };
        assert!(RefreshToken::open(&keys(), beyond.seal(&keys()).expose()).is_err());
        assert_eq!(LAST_GENERATION, 2_147_483_647);
    }

    #[test]
    fn who_rotates_hands_out_the_successor() {
        let hash = golden().seal(&keys()).hashed();
        let decided = decide(&golden(), &hash, true, Some(&row()), &keys(), at(0), GRACE);
        assert!(matches!(decided, Refresh::Rotated), "{decided:?}");
    }

    #[test]
    fn who_comes_second_is_given_the_same_token() {
        let hash = golden().seal(&keys()).hashed();
        for millis in [-1000, 0, 30_000] {
            match decide(&golden(), &hash, false, Some(&row()), &keys(), at(millis), GRACE) {
                Refresh::Current(token) => assert_eq!(token.hashed(), row().token_hash),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn after_the_grace_the_old_token_is_reuse() {
        assert_eq!(refusal(&golden(), &row(), at(30_001)), Some(RefreshRefusal::Reused));
        let hash = golden().seal(&keys()).hashed();
        let decided = decide(&golden(), &hash, false, Some(&row()), &keys(), at(0), Duration::ZERO);
        assert!(
            matches!(decided, Refresh::Refused(RefreshRefusal::Reused)),
            "{decided:?}"
        );
    }

    #[test]
    fn two_generations_behind_is_reuse_at_once() {
        let older = RefreshToken {
            generation: 4,
            ..golden()
        };
        assert_eq!(refusal(&older, &row(), at(0)), Some(RefreshRefusal::Reused));
    }

    #[test]
    fn what_was_never_current_is_invalid() {
        // Newer than the row; current by its number but not by its hash; current in every way, though nothing was rotated.
        let newer = RefreshToken {
            generation: 7,
            ..golden()
        };
        assert_eq!(refusal(&newer, &row(), at(0)), Some(RefreshRefusal::Invalid));
        let other_salt = RefreshToken {
            generation: 6,
            salt: Secret::new([1; 16]),
            ..golden()
        };
        assert_eq!(refusal(&other_salt, &row(), at(0)), Some(RefreshRefusal::Invalid));
        let current = golden().successor().unwrap();
        assert_eq!(refusal(&current, &row(), at(0)), Some(RefreshRefusal::Invalid));
        let hash = golden().seal(&keys()).hashed();
        let decided = decide(&golden(), &hash, false, None, &keys(), at(0), GRACE);
        assert!(
            matches!(decided, Refresh::Refused(RefreshRefusal::Invalid)),
            "{decided:?}"
        );
    }

    #[test]
    fn a_row_with_anothers_salt_gives_nothing_away() {
        let other_salt = RefreshToken {
            salt: Secret::new([1; 16]),
            ..golden()
        };
        assert_eq!(refusal(&other_salt, &row(), at(0)), Some(RefreshRefusal::Reused));
    }

    #[test]
    fn the_sessions_end_comes_before_the_account_and_the_token() {
        let revoked = SessionRow {
            revoked_at: Some(at(0)),
            user_status: Status::Suspended,
            ..row()
        };
        assert_eq!(
            refusal(&golden(), &revoked, at(86_400_000)),
            Some(RefreshRefusal::Revoked)
        );
        // But an account that is closed closes its sessions, and says so for as long as they would have lasted.
        assert_eq!(
            refusal(&golden(), &revoked, at(86_399_999)),
            Some(RefreshRefusal::Suspended)
        );
        let reopened = SessionRow {
            user_status: Status::Active,
            ..revoked
        };
        assert_eq!(refusal(&golden(), &reopened, at(1)), Some(RefreshRefusal::Revoked));
        let suspended = SessionRow {
            user_status: Status::Suspended,
            ..row()
        };
        assert_eq!(
            refusal(&golden(), &suspended, at(86_399_999)),
            Some(RefreshRefusal::Suspended)
        );
        assert_eq!(
            refusal(&golden(), &suspended, at(86_400_000)),
            Some(RefreshRefusal::Expired)
        );
        let inactive = SessionRow {
            user_status: Status::Inactive,
            ..row()
        };
        assert_eq!(refusal(&golden(), &inactive, at(0)), Some(RefreshRefusal::Inactive));
    }

    #[test]
    fn the_grace_survives_a_rotation_of_the_keys() {
        let rotated = Keys::parse(&Keys::rotate(KEY_SET, [5; 32], [6; 32]).unwrap()).unwrap();
        let presented = RefreshToken::open(&rotated, GOLDEN).unwrap();
        let hash = HashedToken::of(GOLDEN);
        // The rival had the old key, the new one, or was somebody who isn't us.
        let by_old = row();
        let by_new = SessionRow {
            token_hash: golden().successor().unwrap().seal(&rotated).hashed(),
            ..row()
        };
        assert_ne!(by_old.token_hash, by_new.token_hash);
        for row in [by_old, by_new] {
            match decide(&presented, &hash, false, Some(&row), &rotated, at(1), GRACE) {
                Refresh::Current(token) => assert_eq!(token.hashed(), row.token_hash),
                other => panic!("{other:?}"),
            }
        }
        let by_none = SessionRow {
            token_hash: HashedToken::of("else"),
            ..row()
        };
        assert_eq!(refusal(&golden(), &by_none, at(1)), Some(RefreshRefusal::Reused));
    }
}
