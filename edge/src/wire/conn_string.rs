//! Connection strings: `postgres://user:password@host:port/database?name=value` (PostgreSQL manual, "Connection URIs").

use std::fmt;
use std::net::IpAddr;

use doorward_core::unicode::Unicode;

use super::pg::Login;

/// The port when the string has none.
const DEFAULT_PORT: u16 = 5432;

/// A parsed connection string, percent-decoded. It names one host and a user; Unix sockets aren't supported.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnString {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    database: String,
    parameters: Vec<(String, String)>,
}

impl ConnString {
    /// Reads a string that starts with `postgres://` or `postgresql://`.
    ///
    /// The host is `localhost` unless given, the port 5432, the database the user's name.
    ///
    /// # Errors
    /// See [`ConnStringError`].
    pub fn parse(text: &str) -> Result<Self, ConnStringError> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.ok_or(ConnStringError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (decode(user)?, Some(decode(password)?)),
            None => (decode(credentials)?, None),
        };
        if user.is_empty() {
            return Err(ConnStringError::User);
        }
        let (host, port) = address_of(address)?;
        let database = match decode(path)? {
            path if path.is_empty() => user.clone(),
            path => path,
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').ok_or(ConnStringError::Parameter)?;
            Ok((decode(name)?, decode(value)?))
        });
        let parameters = parameters.collect::<Result<_, _>>()?;
        Ok(Self {
            user,
            password,
            host,
            port,
            database,
            parameters,
        })
    }

    /// The user to sign in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, if there is one.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// A name or an address; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The first parameter of that name, such as `sslmode`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The `sslmode` where it asks for an encrypted connection. `prefer`, libpq's default, and those below it take one that
    /// isn't (PostgreSQL manual, "SSL Support").
    pub fn encryption(&self) -> Option<&str> {
        let modes = ["require", "verify-ca", "verify-full"];
        self.parameter("sslmode").filter(|mode| modes.contains(mode))
    }

    /// Signs in as [`ConnString::login`] does, over a connection that isn't encrypted. Beyond this machine others may listen
    /// or answer, so the password never goes out in clear text there.
    ///
    /// # Errors
    /// [`ConnStringError::Encryption`] for a string that asks for an encrypted connection.
    pub fn login_unencrypted(&self, unicode: Unicode) -> Result<Login, ConnStringError> {
        if self.encryption().is_some() {
            return Err(ConnStringError::Encryption);
        }
        let address = self.host.parse::<IpAddr>();
        let is_here = self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
        let login = self.login(unicode);
        Ok(if is_here { login } else { login.hide_password() })
    }

    /// Signs in as the string says, with its `application_name` and `options`; other parameters are for the transport.
    /// `unicode` is for [`Login::password`].
    pub fn login(&self, unicode: Unicode) -> Login {
        let mut login = Login::new(&self.user, &self.database);
        if let Some(password) = &self.password {
            login = login.password(password, unicode);
        }
        if let Some(name) = self.parameter("application_name") {
            login = login.application_name(name);
        }
        if let Some(options) = self.parameter("options") {
            login = login.parameter("options", options);
        }
        login
    }
}

/// Without the password.
impl fmt::Debug for ConnString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnString")
            .field("user", &self.user)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// `host`, `host:port`, `[::1]:port`, or nothing.
fn address_of(text: &str) -> Result<(String, u16), ConnStringError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(ConnStringError::Host)?;
            if host.is_empty() || !(port.is_empty() || port.starts_with(':')) {
                return Err(ConnStringError::Host);
            }
            (host, port.strip_prefix(':').unwrap_or_default())
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let host = decode(host)?;
    if host.contains([',', '/']) || port.contains(',') {
        return Err(ConnStringError::Host);
    }
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = match (port, digits) {
        ("", _) => DEFAULT_PORT,
        (port, true) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(ConnStringError::Port)?,
        _ => return Err(ConnStringError::Port),
    };
    Ok((host, port))
}

/// Percent-decoding (RFC 3986, section 2.1). A plus sign stays one.
fn decode(text: &str) -> Result<String, ConnStringError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(ConnStringError::Encoding);
        };
        let byte = u8::try_from(high * 16 + low).map_err(|_| ConnStringError::Encoding)?;
        if byte == 0 {
            return Err(ConnStringError::Encoding);
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| ConnStringError::Encoding)
}

/// What is wrong with a connection string. The text of it never holds a part of the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnStringError {
    /// It starts with neither `postgres://` nor `postgresql://`.
    Scheme,
    /// It names no user.
    User,
    /// The host can't be read, is a socket's path, or there are several.
    Host,
    /// The port isn't a number from 1 to 65535.
    Port,
    /// A parameter without `=`.
    Parameter,
    /// A broken percent-encoding, or one of what isn't UTF-8.
    Encoding,
    /// It asks for an encrypted connection, and there is none.
    Encryption,
}

impl fmt::Display for ConnStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the connection string doesn't start with postgres://",
            Self::User => "the connection string names no user",
            Self::Host => "the connection string's host can't be used: one name or address is wanted",
            Self::Port => "the connection string's port isn't a number from 1 to 65535",
            Self::Parameter => "a parameter of the connection string has no value",
            Self::Encoding => "the connection string's percent-encoding is broken",
            Self::Encryption => {
                "the connection string's sslmode asks for an encrypted connection, which a Worker has through Hyperdrive only"
            }
        })
    }
}

impl std::error::Error for ConnStringError {}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::unicode::TABLES;

    fn parse(text: &str) -> ConnString {
        ConnString::parse(text).unwrap()
    }

    #[test]
    fn every_part_is_read() {
        let string = parse("postgres://app:secret@db.example.com:6432/door?sslmode=require&application_name=edge");
        assert_eq!((string.user(), string.password()), ("app", Some("secret")));
        assert_eq!(
            (string.host(), string.port(), string.database()),
            ("db.example.com", 6432, "door")
        );
        assert_eq!(string.parameter("sslmode"), Some("require"));
        assert_eq!(string.parameter("application_name"), Some("edge"));
        assert_eq!(string.parameter("options"), None);
    }

    #[test]
    fn what_is_missing_has_a_default() {
        let string = parse("postgresql://app@");
        assert_eq!(
            (string.password(), string.host(), string.port()),
            (None, "localhost", 5432)
        );
        assert_eq!(string.database(), "app");
        assert_eq!(parse("postgres://app@h/").database(), "app");
        assert_eq!(parse("postgres://app:@h/d").password(), Some(""));
    }

    #[test]
    fn what_asks_for_encryption_gets_no_other_connection() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let string = parse(&format!("postgres://app@localhost/d?application_name=x&sslmode={mode}"));
            assert_eq!(string.encryption(), Some(mode));
            assert_eq!(
                string.login_unencrypted(TABLES).err(),
                Some(ConnStringError::Encryption)
            );
        }
        for query in ["", "?sslmode=prefer", "?sslmode=disable", "?sslmode=allow"] {
            let string = parse(&format!("postgres://app@h/d{query}"));
            assert_eq!(string.encryption(), None, "{query}");
            assert!(string.login_unencrypted(TABLES).is_ok(), "{query}");
        }
    }

    #[test]
    fn a_clear_password_stays_on_this_machine() {
        for (host, shows) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("[::1]:6432", true),
            ("", true),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
            ("db", false),
        ] {
            let string = parse(&format!("postgres://app:secret@{host}/d"));
            let login = string.login_unencrypted(TABLES).unwrap();
            assert_eq!(login.shows_password(), shows, "{host}");
            assert!(string.login(TABLES).shows_password(), "through Hyperdrive");
        }
    }

    #[test]
    fn percent_encoding_is_undone_in_every_part() {
        let string = parse("postgres://a%40b:p%3A%2F%3F%23%25+%C3%A9@h/d%20b?options=-c%20search_path%3Da%2Cb");
        assert_eq!((string.user(), string.password()), ("a@b", Some("p:/?#%+é")));
        assert_eq!(string.database(), "d b");
        assert_eq!(string.parameter("options"), Some("-c search_path=a,b"));
    }

    #[test]
    fn a_password_may_hold_a_bare_at_sign_or_colon() {
        assert_eq!(parse("postgres://app:a@b:c@h/d").password(), Some("a@b:c"));
    }

    #[test]
    fn an_ipv6_host_comes_without_brackets() {
        let string = parse("postgres://app@[2001:db8::1]:6432/d");
        assert_eq!((string.host(), string.port()), ("2001:db8::1", 6432));
        assert_eq!(parse("postgres://app@[::1]/d").port(), 5432);
    }

    #[test]
    fn what_cant_be_used_is_refused() {
        for (text, error) in [
            ("mysql://app@h/d", ConnStringError::Scheme),
            ("app@h/d", ConnStringError::Scheme),
            ("postgres://h/d", ConnStringError::User),
            ("postgres://:secret@h/d", ConnStringError::User),
            ("postgres://app@[::1/d", ConnStringError::Host),
            ("postgres://app@[]/d", ConnStringError::Host),
            ("postgres://app@[::1]6432/d", ConnStringError::Host),
            ("postgres://app@h1,h2/d", ConnStringError::Host),
            ("postgres://app@h1:1,h2:2/d", ConnStringError::Host),
            ("postgres://app@%2Fvar%2Frun/d", ConnStringError::Host),
            ("postgres://app@h:0/d", ConnStringError::Port),
            ("postgres://app@h:65536/d", ConnStringError::Port),
            ("postgres://app@h:+1/d", ConnStringError::Port),
            ("postgres://app@h/d?sslmode", ConnStringError::Parameter),
            ("postgres://app:%zz@h/d", ConnStringError::Encoding),
            ("postgres://app:%4@h/d", ConnStringError::Encoding),
            ("postgres://app:%ff@h/d", ConnStringError::Encoding),
            ("postgres://app:%00@h/d", ConnStringError::Encoding),
        ] {
            assert_eq!(ConnString::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_and_errors_hold_no_password() {
        let string = parse("postgres://app:hunter2@h/d?password=hunter2");
        assert!(!format!("{string:?} {:?}", string.login(TABLES)).contains("hunter2"));
        let error = ConnString::parse("postgres://app:hunter2%zz@h/d").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
