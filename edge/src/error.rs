//! How a request fails: refused with a code, for want of a dependency, or by a defect of ours.
//!
//! A handler returns a [`Failure`]; the router turns it into the one error format and logs it once.

use std::borrow::Cow;
use std::time::Duration;

use doorward_core::entropy::EntropyError;
use doorward_core::error::{FieldError, Problem};
use http::StatusCode;

use crate::host::SqlError;

/// The stable codes of the HTTP contract. Closed, so that [`Code::status`] is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A field is missing, of the wrong type or not acceptable; the details say which.
    ValidationFailed,
    /// The body isn't JSON.
    MalformedJson,
    /// The body isn't declared as JSON.
    UnsupportedMediaType,
    /// The body is over [`crate::extract::MAX_BODY`].
    BodyTooLarge,
    /// No such path.
    NotFound,
    /// The path doesn't know this method.
    MethodNotAllowed,
    /// Too many of these calls.
    RateLimited,
    /// A dependency is down or slow.
    Unavailable,
    /// A defect.
    Internal,
    /// Signed in, but not allowed.
    Forbidden,
    /// A browser sent this from another origin.
    OriginRefused,
    /// No valid access token, or its session is over.
    Unauthenticated,
    /// The address has an account.
    EmailTaken,
    /// Address or password is wrong; never says which.
    InvalidCredentials,
    /// The password was right, the account is inactive.
    AccountInactive,
    /// The password was right, the account is suspended.
    AccountSuspended,
    /// The password was right, the address isn't verified yet, and this deployment asks for it.
    EmailNotVerified,
    /// Not a refresh token of ours, or one of a session that is gone.
    RefreshInvalid,
    /// A refresh token that was used before; its session has been ended.
    RefreshReused,
    /// The session's time is up.
    SessionExpired,
    /// The session was ended.
    SessionRevoked,
    /// A one-time token that isn't ours, was used, or isn't the latest.
    TokenInvalid,
    /// A one-time token whose time is up.
    TokenExpired,
    /// A one-time token of a user who is gone.
    UserNotFound,
    /// The password that was asked for again is wrong.
    WrongPassword,
    /// The last active admin of the deployment or of a firm.
    LastAdmin,
    /// There is no such firm, as far as the asker may see.
    FirmNotFound,
    /// Another firm has this slug.
    SlugTaken,
    /// No office session of this person.
    OfficeSessionNotFound,
    /// One of the two has something else at that time.
    SlotTaken,
    /// Not from where an office session stands, or not at this time.
    InvalidTransition,
    /// As many office sessions as one person may have asked for wait for an answer.
    TooManyOpen,
}

impl Code {
    /// Every one of them, in the order of their declaration.
    pub const ALL: [Self; 32] = [
        Self::ValidationFailed,
        Self::MalformedJson,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
        Self::Forbidden,
        Self::OriginRefused,
        Self::Unauthenticated,
        Self::EmailTaken,
        Self::InvalidCredentials,
        Self::AccountInactive,
        Self::AccountSuspended,
        Self::EmailNotVerified,
        Self::RefreshInvalid,
        Self::RefreshReused,
        Self::SessionExpired,
        Self::SessionRevoked,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::UserNotFound,
        Self::WrongPassword,
        Self::LastAdmin,
        Self::FirmNotFound,
        Self::SlugTaken,
        Self::OfficeSessionNotFound,
        Self::SlotTaken,
        Self::InvalidTransition,
        Self::TooManyOpen,
    ];

    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::ValidationFailed | Self::MalformedJson | Self::TokenInvalid | Self::WrongPassword => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthenticated
            | Self::InvalidCredentials
            | Self::RefreshInvalid
            | Self::RefreshReused
            | Self::SessionExpired
            | Self::SessionRevoked => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::OriginRefused
            | Self::AccountInactive
            | Self::AccountSuspended
            | Self::EmailNotVerified => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UserNotFound | Self::FirmNotFound | Self::OfficeSessionNotFound => {
                StatusCode::NOT_FOUND
            }
            Self::TokenExpired => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::EmailTaken
            | Self::LastAdmin
            | Self::SlugTaken
            | Self::SlotTaken
            | Self::InvalidTransition
            | Self::TooManyOpen => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code as clients see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::MalformedJson => "MALFORMED_JSON",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::Forbidden => "FORBIDDEN",
            Self::OriginRefused => "ORIGIN_REFUSED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::AccountInactive => "ACCOUNT_INACTIVE",
            Self::AccountSuspended => "ACCOUNT_SUSPENDED",
            Self::EmailNotVerified => "EMAIL_NOT_VERIFIED",
            Self::RefreshInvalid => "REFRESH_INVALID",
            Self::RefreshReused => "REFRESH_REUSED",
            Self::SessionExpired => "SESSION_EXPIRED",
            Self::SessionRevoked => "SESSION_REVOKED",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::UserNotFound => "USER_NOT_FOUND",
            Self::WrongPassword => "WRONG_PASSWORD",
            Self::LastAdmin => "LAST_ADMIN",
            Self::FirmNotFound => "FIRM_NOT_FOUND",
            Self::SlugTaken => "SLUG_TAKEN",
            Self::OfficeSessionNotFound => "OFFICE_SESSION_NOT_FOUND",
            Self::SlotTaken => "SLOT_TAKEN",
            Self::InvalidTransition => "INVALID_TRANSITION",
            Self::TooManyOpen => "TOO_MANY_OPEN",
        }
    }

    /// A sentence for a person.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::ValidationFailed => "Some fields need another look.",
            Self::MalformedJson => "The body isn't valid JSON.",
            Self::UnsupportedMediaType => "Send the body as application/json.",
            Self::BodyTooLarge => "The body is larger than 64 KiB.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "This address doesn't take that method.",
            Self::RateLimited => "Too many attempts. Wait a moment, then try again.",
            Self::Unavailable => "The service can't answer right now. Try again in a moment.",
            Self::Internal => "Something went wrong on our side.",
            Self::Forbidden => "You may not do that.",
            Self::OriginRefused => "This request came from another site and was refused.",
            Self::Unauthenticated => "Sign in first.",
            Self::EmailTaken => "There is an account with this e-mail address already.",
            Self::InvalidCredentials => "The e-mail address or the password is wrong.",
            Self::AccountInactive => "This account is inactive.",
            Self::AccountSuspended => "This account is suspended.",
            Self::EmailNotVerified => "Confirm your e-mail address first.",
            Self::RefreshInvalid => "The session can't be continued. Sign in again.",
            Self::RefreshReused => "This session was ended because an old token was used. Sign in again.",
            Self::SessionExpired => "The session has expired. Sign in again.",
            Self::SessionRevoked => "The session was ended. Sign in again.",
            Self::TokenInvalid => "This link doesn't work. Ask for a new one.",
            Self::TokenExpired => "This link has expired. Ask for a new one.",
            Self::UserNotFound => "There is no such account any more.",
            Self::WrongPassword => "The password is wrong.",
            Self::LastAdmin => "Somebody has to stay admin.",
            Self::FirmNotFound => "There is no such firm.",
            Self::SlugTaken => "Another firm has this slug already.",
            Self::OfficeSessionNotFound => "There is no such office session.",
            Self::SlotTaken => "This time is taken. Choose another one.",
            Self::InvalidTransition => "That can't be done with this office session now.",
            Self::TooManyOpen => "Too many of your requests wait for an answer. Call one off, or wait.",
        }
    }
}

/// What a request needed and could not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The database.
    Postgres,
    /// The host's randomness.
    Entropy,
    /// Memory for a password hash.
    Memory,
    /// A usable configuration.
    Configuration,
    /// The system that people come from.
    Legacy,
}

/// A refusal with all that its reply needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The code, and with it the status.
    pub code: Code,
    /// Validation only: every failing field.
    pub fields: Vec<FieldError>,
    /// For `Retry-After`.
    pub retry_after: Option<Duration>,
    /// For `Allow`.
    pub allow: Option<&'static str>,
    /// Whether the browser should forget its session cookies.
    pub clear_cookies: bool,
}

/// How a handler fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The client's doing: answered with its code, not logged as an error.
    Rejected(Box<Rejection>),
    /// 503; the text is for the log.
    Unavailable(Dependency, Cow<'static, str>),
    /// 500, a defect; the text is for the log.
    Internal(Cow<'static, str>),
}

impl Failure {
    /// 400 `VALIDATION_FAILED` for one field.
    pub fn field(path: &'static str, problem: &impl Problem) -> Self {
        Self::fields(vec![FieldError::new(path, problem)])
    }

    /// 400 `VALIDATION_FAILED` for several fields.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self::Rejected(Box::new(Rejection {
            fields,
            ..Rejection::from(Code::ValidationFailed)
        }))
    }

    /// 429 `RATE_LIMITED`.
    pub fn limited(retry_after: Duration) -> Self {
        Self::Rejected(Box::new(Rejection {
            retry_after: Some(retry_after),
            ..Rejection::from(Code::RateLimited)
        }))
    }

    /// A refusal that also clears the session cookies.
    pub fn signed_out(code: Code) -> Self {
        Self::Rejected(Box::new(Rejection {
            clear_cookies: true,
            ..Rejection::from(code)
        }))
    }

    /// A row that doesn't have the shape that its statement promises.
    pub fn bad_row(what: &'static str) -> Self {
        Self::Internal(Cow::Owned(format!("a row can't be understood: {what}")))
    }
}

impl From<Code> for Rejection {
    fn from(code: Code) -> Self {
        Self {
            code,
            fields: Vec::new(),
            retry_after: None,
            allow: None,
            clear_cookies: false,
        }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Rejected(Box::new(code.into()))
    }
}

impl From<EntropyError> for Failure {
    fn from(e: EntropyError) -> Self {
        Self::Unavailable(Dependency::Entropy, e.to_string().into())
    }
}

impl From<SqlError> for Failure {
    fn from(e: SqlError) -> Self {
        match e {
            SqlError::Timeout => Self::Unavailable(Dependency::Postgres, "deadline passed".into()),
            SqlError::Unreachable(text) | SqlError::Protocol(text) => {
                Self::Unavailable(Dependency::Postgres, text.into())
            }
            // Postgres' message can hold values, so only its code is told.
            SqlError::Database(e) if is_passing(&e.code) => {
                Self::Unavailable(Dependency::Postgres, format!("SQLSTATE {}", e.code).into())
            }
            SqlError::Database(e) => {
                let constraint = e.constraint.unwrap_or_default();
                Self::Internal(format!("SQLSTATE {} {constraint}", e.code).into())
            }
        }
    }
}

/// SQLSTATEs that mean "not now" rather than "wrong" (PostgreSQL manual, appendix A): connection trouble, too little of
/// something, an operator's or a timeout's cancellation, a conflict between transactions, a read-only standby.
fn is_passing(sqlstate: &str) -> bool {
    matches!(sqlstate.get(..2), Some("08" | "40" | "53" | "57" | "58")) || matches!(sqlstate, "25006" | "55P03")
}
