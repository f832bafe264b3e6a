//! The secret that callers show.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Knows the one right `Authorization: Bearer` (RFC 6750), by its hash.
pub(crate) struct Bearer([u8; 32]);

impl Bearer {
    /// Takes `token` as the right one.
    pub(crate) fn new(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether the headers carry it. Hashes are compared, in constant time: neither the length of what was sent nor
    /// how much of it is right shows in the time that it takes.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some((scheme, token)) = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        let digest: [u8; 32] = Sha256::digest(token.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") && bool::from(digest.ct_eq(&self.0))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_the_whole_secret_is_admitted() {
        let bearer = Bearer::new("sixteen-letters!");
        assert!(bearer.admits(&with("Bearer sixteen-letters!")));
        assert!(bearer.admits(&with("bearer sixteen-letters!")));
        for wrong in [
            "Bearer sixteen-letters",
            "Bearer sixteen-letters!!",
            "Bearer ",
            "sixteen-letters!",
            "Basic sixteen-letters!",
        ] {
            assert!(!bearer.admits(&with(wrong)), "{wrong}");
        }
        assert!(!bearer.admits(&HeaderMap::new()));
    }
}
