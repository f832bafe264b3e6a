//! Cutting the stream of bytes into messages, with a cap on their length.

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};

use super::PgError;

/// The tag and the length in front of every message.
const HEADER: usize = 5;

/// Bytes that came in and aren't a whole message yet.
pub(super) struct Inbox {
    bytes: BytesMut,
    max_message: usize,
}

impl Inbox {
    pub(super) fn new(max_message: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            max_message,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message with its length in bytes, once it is there as a whole.
    ///
    /// # Errors
    /// When its header says more than the cap, so that a server can't make us hoard; and when it can't be read.
    pub(super) fn next(&mut self) -> Result<Option<(Message, usize)>, PgError> {
        let Some(header) = Header::parse(&self.bytes).map_err(protocol)? else {
            return Ok(None);
        };
        let length = usize::try_from(header.len()).map_err(|_| PgError::Protocol("a negative length".to_owned()))?;
        if length > self.max_message {
            return Err(PgError::Protocol(format!(
                "a message of {length} bytes is over the limit"
            )));
        }
        if self.bytes.len() < length.saturating_add(HEADER - 4) {
            return Ok(None);
        }
        let message = Message::parse(&mut self.bytes).map_err(protocol)?;
        Ok(message.map(|message| (message, length)))
    }
}

/// What the bytes' reader had to say, as our error.
pub(super) fn protocol(error: impl std::fmt::Display) -> PgError {
    PgError::Protocol(error.to_string())
}

/// The name of a message, for the text of an error.
pub(super) fn name(message: &Message) -> &'static str {
    match message {
        Message::AuthenticationOk => "AuthenticationOk",
        Message::AuthenticationCleartextPassword => "AuthenticationCleartextPassword",
        Message::AuthenticationMd5Password(_) => "AuthenticationMD5Password",
        Message::AuthenticationSasl(_) => "AuthenticationSASL",
        Message::AuthenticationSaslContinue(_) => "AuthenticationSASLContinue",
        Message::AuthenticationSaslFinal(_) => "AuthenticationSASLFinal",
        Message::AuthenticationGss | Message::AuthenticationGssContinue(_) => "AuthenticationGSS",
        Message::AuthenticationKerberosV5 => "AuthenticationKerberosV5",
        Message::AuthenticationScmCredential => "AuthenticationSCMCredential",
        Message::AuthenticationSspi => "AuthenticationSSPI",
        Message::BackendKeyData(_) => "BackendKeyData",
        Message::BindComplete => "BindComplete",
        Message::CloseComplete => "CloseComplete",
        Message::CommandComplete(_) => "CommandComplete",
        Message::CopyData(_) => "CopyData",
        Message::CopyDone => "CopyDone",
        Message::CopyInResponse(_) => "CopyInResponse",
        Message::CopyOutResponse(_) => "CopyOutResponse",
        Message::DataRow(_) => "DataRow",
        Message::EmptyQueryResponse => "EmptyQueryResponse",
        Message::ErrorResponse(_) => "ErrorResponse",
        Message::NoData => "NoData",
        Message::NoticeResponse(_) => "NoticeResponse",
        Message::NotificationResponse(_) => "NotificationResponse",
        Message::ParameterDescription(_) => "ParameterDescription",
        Message::ParameterStatus(_) => "ParameterStatus",
        Message::ParseComplete => "ParseComplete",
        Message::PortalSuspended => "PortalSuspended",
        Message::ReadyForQuery(_) => "ReadyForQuery",
        Message::RowDescription(_) => "RowDescription",
        _ => "an unknown message",
    }
}
