//! Signing in: the startup message and the answers to what the server asks.

use std::fmt;

use bytes::BytesMut;
use doorward_core::unicode::Unicode;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::SCRAM_SHA_256;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use zeroize::Zeroizing;

use super::PgError;
use super::collect::unexpected;
use super::frame::protocol;
use super::saslprep::saslprep;
use super::scram::{ClientFinal, ClientFirst, ScramKeys};
use super::server_error::ServerError;

/// What the server is known to ask for, so that startup and the first batch can share one write.
///
/// A wrong assumption is [`PgError::WrongAssumption`]: nothing was run, connect again with [`Assume::Nothing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Assume {
    /// Wait for what it asks.
    #[default]
    Nothing,
    /// It asks for nothing.
    Trust,
    /// It asks for the password in clear text. The password goes out before the server has asked.
    Cleartext,
}

#[derive(Clone)]
struct Password {
    given: Zeroizing<String>,
    /// As SCRAM takes it.
    prepared: Zeroizing<String>,
}

/// Who signs in to which database.
#[derive(Clone)]
pub struct Login {
    user: String,
    database: String,
    password: Option<Password>,
    application_name: String,
    parameters: Vec<(String, String)>,
    assume: Assume,
    /// Whether the password may go out as it is.
    shows_password: bool,
    scram_keys: ScramKeys,
}

impl Login {
    /// Without a password.
    pub fn new(user: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            database: database.into(),
            password: None,
            application_name: "doorward".to_owned(),
            parameters: Vec::new(),
            assume: Assume::Nothing,
            shows_password: true,
            scram_keys: ScramKeys::default(),
        }
    }

    /// The password to give when the server asks. `unicode` is for SASLprep, where SCRAM is what it asks for.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>, unicode: Unicode) -> Self {
        let given = Zeroizing::new(password.into());
        let prepared = saslprep(&given, unicode);
        self.password = Some(Password { given, prepared });
        self
    }

    /// The `application_name` that `pg_stat_activity` shows.
    #[must_use]
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// One more parameter of the startup message: `options`, or a setting by its name. Poolers refuse many of them.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// What the server is known to ask for.
    #[must_use]
    pub fn assume(mut self, assume: Assume) -> Self {
        self.assume = assume;
        self
    }

    /// Never gives the password in clear text, whoever asks: for a connection on which others may listen or answer.
    #[must_use]
    pub fn hide_password(mut self) -> Self {
        self.shows_password = false;
        self
    }

    /// Keys of SCRAM to share with other logins of the same password. Clones of one login share theirs already.
    #[must_use]
    pub fn scram_keys(mut self, keys: &ScramKeys) -> Self {
        self.scram_keys = keys.clone();
        self
    }

    /// Whether the password may go out in clear text.
    pub fn shows_password(&self) -> bool {
        self.shows_password
    }

    /// What the server is taken to ask for.
    pub(super) fn assumed(&self) -> Assume {
        self.assume
    }

    /// Appends the startup message, and the password where it is assumed to be asked for.
    pub(super) fn write_startup(&self, out: &mut BytesMut) -> Result<(), PgError> {
        let own = [
            ("user", self.user.as_str()),
            ("database", &self.database),
            ("application_name", &self.application_name),
            ("client_encoding", "UTF8"),
        ];
        let more = self
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        frontend::startup_message(own.into_iter().chain(more), out).map_err(protocol)?;
        if self.assume == Assume::Cleartext {
            self.write_password(out)?;
        }
        Ok(())
    }

    fn write_password(&self, out: &mut BytesMut) -> Result<(), PgError> {
        if !self.shows_password {
            let text = "the server asks for the password in clear text, and the connection isn't encrypted";
            return Err(PgError::Protocol(text.to_owned()));
        }
        frontend::password_message(self.secret()?.given.as_bytes(), out).map_err(protocol)
    }

    fn secret(&self) -> Result<&Password, PgError> {
        let none = || PgError::Protocol("the server asks for a password and none is configured".to_owned());
        self.password.as_ref().ok_or_else(none)
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("database", &self.database)
            .field("assume", &self.assume)
            .finish_non_exhaustive()
    }
}

/// How far the sign-in has come.
pub(super) enum Auth {
    /// The startup message went out; what does the server ask?
    Started,
    /// A password went out, in clear text or hashed by MD5.
    Password,
    /// The client's first message of SCRAM went out.
    ScramFirst(ClientFirst),
    /// The client's final message of SCRAM went out.
    ScramFinal(Box<ClientFinal>),
    /// The server has proved that it knows the password too.
    ScramVerified,
    /// AuthenticationOk came; the server's parameters and ReadyForQuery follow.
    Ok,
}

impl Auth {
    /// Whether the first batch may share a write with what went out last: when nothing that the server has still to
    /// prove stands between.
    pub(super) fn may_send_batch(&self) -> bool {
        matches!(self, Self::Password | Self::Ok)
    }

    /// Takes a message of the sign-in; what is to be answered is appended to `out`.
    ///
    /// # Errors
    /// When the server refuses, breaks the protocol, or asks for what was not assumed or isn't supported.
    pub(super) fn take(self, message: &Message, login: &Login, out: &mut BytesMut) -> Result<Self, PgError> {
        if let Message::ErrorResponse(body) = message {
            return Err(PgError::Server(Box::new(ServerError::read(body.fields())?)));
        }
        match (self, message) {
            (Self::Started, request) => Self::start(request, login, out),
            (Self::Password | Self::ScramVerified, Message::AuthenticationOk)
            | (Self::Ok, Message::BackendKeyData(_)) => Ok(Self::Ok),
            (Self::ScramFirst(first), Message::AuthenticationSaslContinue(body)) => {
                let (answer, last) = first.answer(body.data(), &login.secret()?.prepared, &login.scram_keys)?;
                frontend::sasl_response(answer.as_bytes(), out).map_err(protocol)?;
                Ok(Self::ScramFinal(Box::new(last)))
            }
            (Self::ScramFinal(last), Message::AuthenticationSaslFinal(body)) => {
                last.check(body.data(), &login.scram_keys)?;
                Ok(Self::ScramVerified)
            }
            (_, other) => Err(unexpected(other)),
        }
    }

    fn start(request: &Message, login: &Login, out: &mut BytesMut) -> Result<Self, PgError> {
        match (login.assume, request) {
            (Assume::Nothing | Assume::Trust, Message::AuthenticationOk) => Ok(Self::Ok),
            // The password went out with the startup message.
            (Assume::Cleartext, Message::AuthenticationCleartextPassword) => Ok(Self::Password),
            (Assume::Nothing, Message::AuthenticationCleartextPassword) => {
                login.write_password(out)?;
                Ok(Self::Password)
            }
            (Assume::Nothing, Message::AuthenticationMd5Password(body)) => {
                let hash = md5_hash(login.user.as_bytes(), login.secret()?.given.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), out).map_err(protocol)?;
                Ok(Self::Password)
            }
            (Assume::Nothing, Message::AuthenticationSasl(body)) => {
                if !body
                    .mechanisms()
                    .any(|mechanism| Ok(mechanism == SCRAM_SHA_256))
                    .map_err(protocol)?
                {
                    return Err(PgError::Protocol("the server offers no SCRAM-SHA-256".to_owned()));
                }
                login.secret()?;
                let first = ClientFirst::new()?;
                frontend::sasl_initial_response(SCRAM_SHA_256, first.message().as_bytes(), out).map_err(protocol)?;
                Ok(Self::ScramFirst(first))
            }
            (
                Assume::Trust | Assume::Cleartext,
                Message::AuthenticationOk
                | Message::AuthenticationCleartextPassword
                | Message::AuthenticationMd5Password(_)
                | Message::AuthenticationSasl(_),
            ) => Err(PgError::WrongAssumption),
            (_, other) => Err(unexpected(other)),
        }
    }
}
