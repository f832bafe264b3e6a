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
pub use super::proven::Proven;
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
    /// `firm`: null for a user without one.
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
    let token = EdDsa(&Proven::new())
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
/// The arithmetic of a signature that `proven` knows isn't done again; everything else is.
///
/// # Errors
/// See [`AccessError`].
pub fn verify(
    keys: &Keys,
    policy: &AccessPolicy,
    proven: &Proven,
    token: &str,
    now: Time,
) -> Result<AccessClaims, AccessError> {
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
    let token = EdDsa(proven)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::keys::tests::{KEY_SET, keys};
    use alloc::format;
    use alloc::string::ToString;
    use base64ct::{Base64UrlUnpadded, Encoding};
    use jwt_compact::{Algorithm, AlgorithmSignature};
    use serde_json::{Value, json};

    /// Made by another implementation (Node's `crypto.sign`) with the key of RFC 8037, from [`claims`].
    const GOLDEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwaS5leGFtcGxlIiwic3ViIjoiMDEwMTAxMDEtMDEwMS0wMTAxLTAxMDEtMDEwMTAxMDEwMTAxIiwic2lkIjoiMDIwMjAyMDItMDIwMi0wMjAyLTAyMDItMDIwMjAyMDIwMjAyIiwicm9sZSI6Im1lbnRvciIsInRpZXIiOiJmcmVlIiwiZmlybSI6IjAzMDMwMzAzLTAzMDMtMDMwMy0wMzAzLTAzMDMwMzAzMDMwMyIsImlhdCI6MTc5NTE5NzYwMCwiZXhwIjoxNzk1MTk4MjAwLCJqdGkiOiIwNDA0MDQwNC0wNDA0LTA0MDQtMDQwNC0wNDA0MDQwNDA0MDQifQ.gyQWbeoSr69_USNJUQWPuhFfCOj5Wd2nrUnBx9H-u9SC25iOuAAgv8gqG_wABL3ts9aMXrdcnDRj1TyG9ZYTDA";
    const ISSUED: i64 = 1_795_197_600_000;

    fn policy() -> AccessPolicy {
        AccessPolicy {
            issuer: "https://id.example".to_string(),
            audience: "https://api.example".to_string(),
            lifetime: Duration::from_mins(10),
            leeway: Duration::from_secs(5),
        }
    }

    fn claims() -> AccessClaims {
        let now = Time::from_millis(ISSUED);
        AccessClaims {
            subject: UserId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            role: Role::parse("mentor").unwrap(),
            tier: Tier::Free,
            firm: Some(FirmId::from_bytes([3; 16])),
            issued_at: now,
            expires_at: policy().expires_at(now),
            id: RequestId::from_bytes([4; 16]),
        }
    }

    fn check(token: &str) -> Result<AccessClaims, AccessError> {
        verify(&keys(), &policy(), &Proven::new(), token, Time::from_millis(ISSUED))
    }

    /// Signs whatever header and claims with the right key.
    fn sign(header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = EdDsa(&Proven::new()).sign(keys().signer().1, signed.as_bytes());
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.as_bytes()))
    }

    fn part(at: usize) -> Value {
        let part = GOLDEN.split('.').nth(at).unwrap();
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    }

    fn with_header(member: &str, value: Value) -> String {
        let mut header = part(0);
        header[member] = value;
        sign(&header, &part(1))
    }

    fn with_claim(member: &str, value: Value) -> String {
        let mut claims = part(1);
        claims[member] = value;
        sign(&part(0), &claims)
    }

    #[test]
    fn writes_and_reads_what_another_implementation_does() {
        assert_eq!(issue(&keys(), &policy(), &claims()).unwrap(), GOLDEN);
        assert_eq!(check(GOLDEN), Ok(claims()));
    }

    #[test]
    fn a_user_without_a_firm_has_the_claim_null() {
        let without = AccessClaims { firm: None, ..claims() };
        let token = issue(&keys(), &policy(), &without).unwrap();
        let payload = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
        assert!(String::from_utf8(payload).unwrap().contains(r#""firm":null"#));
        assert_eq!(check(&token), Ok(without.clone()));
        assert_eq!(check(&with_claim("firm", Value::Null)), Ok(without));
    }

    #[test]
    fn lives_from_its_issue_to_its_end_and_the_leeway() {
        let at = |millis| {
            verify(
                &keys(),
                &policy(),
                &Proven::new(),
                GOLDEN,
                Time::from_millis(ISSUED + millis),
            )
            .err()
        };
        assert_eq!(at(-86_400_000), None);
        assert_eq!(at(604_999), None);
        assert_eq!(at(605_000), Some(AccessError::Expired));
        let strict = AccessPolicy {
            leeway: Duration::ZERO,
            ..policy()
        };
        assert_eq!(
            verify(
                &keys(),
                &strict,
                &Proven::new(),
                GOLDEN,
                Time::from_millis(ISSUED + 599_999)
            )
            .err(),
            None
        );
        let end = Time::from_millis(ISSUED + 600_000);
        assert_eq!(
            verify(&keys(), &strict, &Proven::new(), GOLDEN, end).err(),
            Some(AccessError::Expired)
        );
        assert_eq!(check(&with_claim("nbf", json!(ISSUED / 1000 + 5))), Ok(claims()));
        assert_eq!(
            check(&with_claim("nbf", json!(ISSUED / 1000 + 6))),
            Err(AccessError::NotYetValid)
        );
        assert_eq!(check(&with_claim("exp", json!(i64::MAX))), Err(AccessError::Claims));
        assert_eq!(check(&with_claim("exp", json!(-1))), Err(AccessError::Expired));
    }

    #[test]
    fn is_for_us_and_by_us() {
        assert_eq!(
            check(&with_claim("iss", json!("https://id.example/"))),
            Err(AccessError::Issuer)
        );
        assert_eq!(
            check(&with_claim("aud", json!("https://other.example"))),
            Err(AccessError::Audience)
        );
        assert_eq!(check(&with_claim("aud", json!([]))), Err(AccessError::Audience));
        assert_eq!(
            check(&with_claim("aud", json!(["https://other.example"]))),
            Err(AccessError::Audience)
        );
        assert_eq!(
            check(&with_claim(
                "aud",
                json!(["https://other.example", "https://api.example"])
            )),
            Ok(claims())
        );
    }

    #[test]
    fn is_an_access_token_and_no_other_jwt() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert_eq!(check(&with_header("typ", json!(typ))), Ok(claims()), "{typ}");
        }
        for typ in [
            json!("JWT"),
            json!("jwt"),
            json!("at+jwt "),
            json!("application/"),
            json!("applicationé/at+jwt"),
            Value::Null,
        ] {
            assert_eq!(check(&with_header("typ", typ.clone())), Err(AccessError::Type), "{typ}");
        }
    }

    #[test]
    fn critical_headers_are_refused_whatever_they_say() {
        for crit in [json!(["b64"]), json!(["exp"]), json!([]), Value::Null, json!("x")] {
            assert_eq!(
                check(&with_header("crit", crit.clone())),
                Err(AccessError::Critical),
                "{crit}"
            );
        }
    }

    #[test]
    fn the_key_says_what_the_algorithm_is() {
        for alg in ["none", "None", "HS256", "RS256", "ES256", "eddsa", "Ed25519", ""] {
            assert_eq!(
                check(&with_header("alg", json!(alg))),
                Err(AccessError::Algorithm),
                "{alg}"
            );
        }
        assert_eq!(check(&with_header("alg", Value::Null)), Err(AccessError::Malformed));
    }

    #[test]
    fn the_public_key_is_no_hmac_key() {
        // The classic confusion: HS256 with the published key as secret.
        let mut header = part(0);
        header["alg"] = json!("HS256");
        let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(&header), encode(&part(1)));
        let key = keys();
        let public = key.verifier(key.signer().0).unwrap();
        let mut hmac = <hmac::Hmac<sha2::Sha256> as hmac::Mac>::new_from_slice(public.as_ref()).unwrap();
        hmac::Mac::update(&mut hmac, signed.as_bytes());
        let code = hmac::Mac::finalize(hmac).into_bytes();
        let token = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&code));
        assert_eq!(check(&token), Err(AccessError::Algorithm));
    }

    #[test]
    fn only_our_keys_count() {
        assert_eq!(
            check(&with_header("kid", json!("another"))),
            Err(AccessError::UnknownKey)
        );
        assert_eq!(check(&with_header("kid", Value::Null)), Err(AccessError::UnknownKey));
        let other = Keys::parse(&Keys::generate([1; 32], [2; 32]).unwrap()).unwrap();
        assert_eq!(
            check(&issue(&other, &policy(), &claims()).unwrap()),
            Err(AccessError::UnknownKey)
        );
        // A stranger's signature under our key's name.
        let stranger = Keys::generate([1; 32], [2; 32])
            .unwrap()
            .replace(other.signer().0, keys().signer().0);
        let token = issue(&Keys::parse(&stranger).unwrap(), &policy(), &claims()).unwrap();
        assert_eq!(check(&token), Err(AccessError::Signature));
    }

    #[test]
    fn a_rotated_key_still_verifies() {
        let rotated = Keys::parse(&Keys::rotate(KEY_SET, [5; 32], [6; 32]).unwrap()).unwrap();
        let now = Time::from_millis(ISSUED);
        assert_eq!(verify(&rotated, &policy(), &Proven::new(), GOLDEN, now), Ok(claims()));
        let new = issue(&rotated, &policy(), &claims()).unwrap();
        assert_eq!(verify(&rotated, &policy(), &Proven::new(), &new, now), Ok(claims()));
        assert_eq!(
            verify(&keys(), &policy(), &Proven::new(), &new, now),
            Err(AccessError::UnknownKey)
        );
    }

    #[test]
    fn claims_that_are_missing_or_strange_are_refused() {
        for member in ["iss", "aud", "sub", "sid", "role", "tier", "iat", "exp", "jti"] {
            let mut claims = part(1);
            claims.as_object_mut().unwrap().remove(member).unwrap();
            assert_eq!(check(&sign(&part(0), &claims)), Err(AccessError::Claims), "{member}");
            assert_eq!(
                check(&with_claim(member, json!({}))),
                Err(AccessError::Claims),
                "{member}"
            );
        }
        assert_eq!(check(&with_claim("sub", json!("admin"))), Err(AccessError::Claims));
        assert_eq!(check(&with_claim("role", json!("Admin"))), Err(AccessError::Claims));
        assert_eq!(check(&with_claim("tier", json!("gold"))), Err(AccessError::Claims));
        assert_eq!(check(&with_claim("more", json!("is ignored"))), Ok(claims()));
    }

    #[test]
    fn what_is_no_jwt_is_malformed() {
        let parts: Vec<&str> = GOLDEN.split('.').collect();
        for token in [
            String::new(),
            "..".to_string(),
            "a.b.c".to_string(),
            format!("{}.{}", parts[0], parts[1]),
            format!("{GOLDEN}."),
            format!("{GOLDEN}="),
            format!(" {GOLDEN}"),
            // The last character has bits to spare: only one spelling counts.
            format!("{}B", &GOLDEN[..GOLDEN.len() - 1]),
            "é".repeat(9),
            format!("{}.{}.{}", parts[0], "A".repeat(5000), parts[2]),
        ] {
            assert_eq!(check(&token), Err(AccessError::Malformed), "{token}");
        }
        assert_eq!(
            check(&format!("{}.{}.", parts[0], parts[1])),
            Err(AccessError::Signature)
        );
        assert_eq!(
            check(&format!("{}.{}.AAAA", parts[0], parts[1])),
            Err(AccessError::Signature)
        );
    }

    #[test]
    fn what_we_would_not_read_we_do_not_write() {
        let long = AccessPolicy {
            issuer: "x".repeat(4096),
            ..policy()
        };
        assert_eq!(issue(&keys(), &long, &claims()), Err(IssueError::TooLong));
    }
}
