//! Access tokens: JWTs (RFC 7519) in the profile of RFC 9068, signed with Ed25519.
//!
//! `jwt-compact` parses the token and checks its signature. Everything else that RFC 8725 asks for is checked here: type,
//! critical headers, issuer, audience and time. The algorithm is the key's, whatever the header says.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jwt_compact::{AlgorithmExt, Claims, Header, UntrustedToken, ValidationError};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::eddsa::EdDsa;
use super::keys::Keys;
use crate::id::{FirmId, RequestId, SessionId, UserId};
use crate::role::Role;
use crate::tier::Tier;
use crate::time::Time;

/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 4096;

/// The `typ` header of an access token (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// `sub`: whose it is.
    pub subject: UserId,
    /// `sid`: the session that it came from.
    pub session: SessionId,
    /// `role`.
    pub role: Role,
    /// `tier`.
    pub tier: Tier,
    /// `firm`: left out for a user without one.
    pub firm: Option<FirmId>,
    /// `iat`: when it was made, in whole seconds.
    pub issued_at: Time,
    /// `exp`: from when on it is refused, in whole seconds.
    pub expires_at: Time,
    /// `jti`: the request that made it.
    pub id: RequestId,
}

/// Who makes access tokens for whom, and how long they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicy {
    /// `iss`: the address of this service.
    pub issuer: String,
    /// `aud`: the services that the token is for.
    pub audience: String,
    /// How long a token lives.
    pub lifetime: Duration,
    /// How far the clocks of those who check may be apart.
    pub leeway: Duration,
}

impl AccessPolicy {
    /// When a token that is made now ends.
    pub fn expires_at(&self, now: Time) -> Time {
        now.saturating_add(self.lifetime)
    }
}

/// Why no token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueError {
    /// It couldn't be written as JSON. A defect.
    Encoding,
    /// It would be longer than [`verify`] takes: issuer, audience or `kid` are too long.
    TooLong,
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "the access token can't be encoded",
            Self::TooLong => "the access token would be too long: shorten issuer, audience or kid",
        })
    }
}

impl core::error::Error for IssueError {}

/// Why a token is refused. For the log; whoever sent it is only told that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessError {
    /// Not a JWT in compact form, or longer than 4 KiB.
    Malformed,
    /// No key of ours has its `kid`, or it has none.
    UnknownKey,
    /// The signature isn't the key's.
    Signature,
    /// The header names another algorithm than the key's.
    Algorithm,
    /// `typ` isn't that of an access token: it is some other JWT.
    Type,
    /// Made by somebody else.
    Issuer,
    /// Made for somebody else.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time hasn't come.
    NotYetValid,
    /// It has headers that must be understood, and are not (RFC 7515, section 4.1.11).
    Critical,
    /// A claim is missing or isn't what it should be.
    Claims,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a JWT",
            Self::UnknownKey => "no such key",
            Self::Signature => "wrong signature",
            Self::Algorithm => "wrong algorithm",
            Self::Type => "not an access token",
            Self::Issuer => "another issuer",
            Self::Audience => "another audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::Critical => "critical headers",
            Self::Claims => "claims missing or malformed",
        })
    }
}

impl core::error::Error for AccessError {}

/// The claims as they are written.
#[derive(Serialize)]
struct Written<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    sid: SessionId,
    role: &'a Role,
    tier: Tier,
    #[serde(skip_serializing_if = "Option::is_none")]
    firm: Option<FirmId>,
    // jwt-compact writes these two itself from chrono's types; left empty there, they can be written here without those.
    iat: i64,
    exp: i64,
    jti: RequestId,
}

/// The claims as they are read, without the times, which jwt-compact reads.
#[derive(Deserialize)]
struct Read {
    iss: String,
    aud: Audience,
    sub: UserId,
    sid: SessionId,
    role: String,
    tier: String,
    #[serde(default)]
    firm: Option<FirmId>,
    jti: RequestId,
}

/// One audience or several (RFC 7519, section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn includes(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

/// What else a header says that matters.
#[derive(Clone, Deserialize)]
struct MoreHeaders {
    /// Whether there is a `crit`, whatever is in it.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Makes an access token: a JWS in compact form (RFC 7515, section 7.1), signed with the active key.
///
/// # Errors
/// See [`IssueError`].
pub fn issue(keys: &Keys, policy: &AccessPolicy, claims: &AccessClaims) -> Result<String, IssueError> {
    let (kid, key) = keys.signer();
    let header = Header::empty().with_key_id(kid).with_token_type(TYPE);
    let written = Written {
        iss: &policy.issuer,
        aud: &policy.audience,
        sub: claims.subject,
        sid: claims.session,
        role: &claims.role,
        tier: claims.tier,
        firm: claims.firm,
        iat: claims.issued_at.as_seconds(),
        exp: claims.expires_at.as_seconds(),
        jti: claims.id,
    };
    let token = EdDsa
        .token(&header, &Claims::new(written), key)
        .map_err(|_| IssueError::Encoding)?;
    if token.len() <= MAX_BYTES {
        Ok(token)
    } else {
        Err(IssueError::TooLong)
    }
}

/// Checks an access token and reads it.
///
/// # Errors
/// See [`AccessError`].
pub fn verify(keys: &Keys, policy: &AccessPolicy, token: &str, now: Time) -> Result<AccessClaims, AccessError> {
    if token.len() > MAX_BYTES {
        return Err(AccessError::Malformed);
    }
    let untrusted = UntrustedToken::<MoreHeaders>::try_from(token).map_err(|_| AccessError::Malformed)?;
    let header = untrusted.header();
    if header.other_fields.crit {
        return Err(AccessError::Critical);
    }
    if !header.token_type.as_deref().is_some_and(is_access_token_type) {
        return Err(AccessError::Type);
    }
    let key = header
        .key_id
        .as_deref()
        .and_then(|kid| keys.verifier(kid))
        .ok_or(AccessError::UnknownKey)?;
    let token = EdDsa
        .validator::<Read>(key)
        .validate(&untrusted)
        .map_err(|error| match error {
            ValidationError::AlgorithmMismatch { .. } => AccessError::Algorithm,
            ValidationError::MalformedClaims(_) => AccessError::Claims,
            _ => AccessError::Signature,
        })?;
    let claims = token.claims();
    let read = &claims.custom;
    if read.iss != policy.issuer {
        return Err(AccessError::Issuer);
    }
    if !read.aud.includes(&policy.audience) {
        return Err(AccessError::Audience);
    }
    let issued_at = Time::from_seconds(claims.issued_at.ok_or(AccessError::Claims)?.timestamp());
    let expires_at = Time::from_seconds(claims.expiration.ok_or(AccessError::Claims)?.timestamp());
    if now >= expires_at.saturating_add(policy.leeway) {
        return Err(AccessError::Expired);
    }
    if claims
        .not_before
        .is_some_and(|nbf| now.saturating_add(policy.leeway) < Time::from_seconds(nbf.timestamp()))
    {
        return Err(AccessError::NotYetValid);
    }
    Ok(AccessClaims {
        subject: read.sub,
        session: read.sid,
        role: Role::parse(&read.role).map_err(|_| AccessError::Claims)?,
        tier: Tier::parse(&read.tier).ok_or(AccessError::Claims)?,
        firm: read.firm,
        issued_at,
        expires_at,
        id: read.jti,
    })
}

/// `at+jwt`, in whatever case, with or without the `application/` that RFC 7515, section 4.1.9, lets one leave out.
fn is_access_token_type(typ: &str) -> bool {
    let prefix = "application/";
    let short = match typ.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest,
        _ => typ,
    };
    short.eq_ignore_ascii_case(TYPE)
}
