//! The two session cookies (RFC 6265bis): their names, their attributes, and how they are read and cleared.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

impl SessionCookie {
    /// The name; over https with the prefix that pins it to this host, to `/` and to https.
    pub const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Access, true) => "__Host-doorward_access",
            (Self::Access, false) => "doorward_access",
            (Self::Refresh, true) => "__Host-doorward_refresh",
            (Self::Refresh, false) => "doorward_refresh",
        }
    }

    /// A `Set-Cookie` value that keeps `value` for `max_age`.
    pub fn set(self, secure: bool, value: &str, max_age: Duration) -> Option<HeaderValue> {
        let name = self.name(secure);
        let secure = if secure { "; Secure" } else { "" };
        let seconds = max_age.as_secs();
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        })
    }

    /// A `Set-Cookie` value that makes the browser forget it.
    pub fn clear(self, secure: bool) -> Option<HeaderValue> {
        self.set(secure, "", Duration::ZERO)
    }
}

/// The cookies of a request.
#[derive(Debug, Clone, Copy)]
pub struct Cookies<'a> {
    headers: &'a HeaderMap,
    secure: bool,
}

impl<'a> Cookies<'a> {
    pub(crate) const fn new(headers: &'a HeaderMap, secure: bool) -> Self {
        Self { headers, secure }
    }

    /// The value of one of the session cookies. Of several with one name the first counts, as browsers send the most
    /// specific one first; over https only the prefixed name is looked at.
    pub fn get(&self, cookie: SessionCookie) -> Option<&'a str> {
        named(self.headers, cookie.name(self.secure))
    }
}

/// The value of the first cookie of that name that has one.
pub(crate) fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == wanted && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_those_of_the_contract() {
        let set = SessionCookie::Refresh
            .set(true, "v1.x", Duration::from_mins(1))
            .unwrap();
        assert_eq!(
            set,
            "__Host-doorward_refresh=v1.x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let clear = SessionCookie::Access.clear(false).unwrap();
        assert_eq!(clear, "doorward_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_exact_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            "a=b; xdoorward_access=no;doorward_access=yes; doorward_access=later"
                .parse()
                .unwrap(),
        );
        headers.append(header::COOKIE, "__Host-doorward_access=secure".parse().unwrap());
        assert_eq!(Cookies::new(&headers, false).get(SessionCookie::Access), Some("yes"));
        assert_eq!(Cookies::new(&headers, true).get(SessionCookie::Access), Some("secure"));
        assert_eq!(Cookies::new(&headers, false).get(SessionCookie::Refresh), None);
    }
}
