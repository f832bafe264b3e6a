//! The system that people come from: what it is asked, and what its answers mean. Three kinds are understood: a service
//! with the `/auth` calls of this one, a Better Auth server (its reference, "Email & Password"), and Amazon Cognito's
//! `InitiateAuth` (its API reference, flow `USER_PASSWORD_AUTH`).

use std::fmt;
use std::time::Duration;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use bytes::Bytes;
use doorward_core::email::Email;
use doorward_core::secret::Secret;
use hmac::{Hmac, Mac as _};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::endpoint::{self, EndpointError};
use crate::json;

/// Passed on to the old system, beside the cookies that aren't ours.
const PASSED_ON: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::ORIGIN,
    header::USER_AGENT,
];
/// Passed back from it.
const PASSED_BACK: [HeaderName; 7] = [
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::LOCATION,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The calls that the old system has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A new account.
    Register,
    /// A sign-in.
    Login,
    /// Its end.
    Logout,
    /// A new access token.
    Refresh,
    /// The proof of an address.
    VerifyEmail,
    /// Another mail for that.
    ResendVerification,
    /// A mail for a new password.
    ForgotPassword,
    /// The new password.
    ResetPassword,
}

impl Call {
    /// The last segment of its path in the short family, which names it in the log as well.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "signup",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Refresh => "refresh",
            Self::VerifyEmail => "verify-email",
            Self::ResendVerification => "resend-verification",
            Self::ForgotPassword => "forgot-password",
            Self::ResetPassword => "reset-password",
        }
    }
}

/// Where the old system is, and what it speaks. `Debug` shows no secret.
#[derive(Debug)]
pub struct Legacy {
    base: String,
    kind: Kind,
    /// How long it may take.
    pub timeout: Duration,
}

#[derive(Debug)]
enum Kind {
    Http,
    BetterAuth,
    Cognito {
        client: String,
        secret: Option<Secret<String>>,
    },
}

/// Why a `LEGACY_AUTH` can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyError {
    /// The URL isn't one.
    Endpoint(EndpointError),
    /// A Cognito without `?client_id=`.
    Client,
}

impl fmt::Display for LegacyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(e) => e.fmt(f),
            Self::Client => f.write_str("Cognito's URL needs ?client_id= with the id of the app client"),
        }
    }
}

/// Somebody whom the old system let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The address there, if it says one. It may be another than the one that was asked about: an e-mail address can be
    /// somebody's user name, too.
    pub email: Option<String>,
    /// The name there, if it says one.
    pub name: Option<String>,
    /// Whether it has seen that address verified.
    pub is_verified: bool,
    /// The id there, if it says one.
    pub id: Option<String>,
}

/// What the old system said to an address and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// They are right.
    Accepted(Person),
    /// They aren't, or more would be needed than the password (a second factor, a verified address).
    Refused,
    /// It is down, or has had enough.
    Down(String),
}

impl Legacy {
    /// Reads `LEGACY_AUTH`: `https://old.example.com` (a service with `/auth/login` and its like),
    /// `better-auth:https://old.example.com/api/auth`, or
    /// `cognito:https://cognito-idp.eu-central-1.amazonaws.com/?client_id=...`; `client_secret` is for the last.
    ///
    /// # Errors
    /// See [`LegacyError`].
    pub fn parse(text: &str, client_secret: Option<String>, timeout: Duration) -> Result<Self, LegacyError> {
        let (kind, base) = if let Some(base) = text.strip_prefix("better-auth:") {
            (Kind::BetterAuth, base)
        } else if let Some(url) = text.strip_prefix("cognito:") {
            let (base, client) = url.split_once("?client_id=").ok_or(LegacyError::Client)?;
            let client = Some(client.to_owned()).filter(|client| !client.is_empty());
            let kind = Kind::Cognito {
                client: client.ok_or(LegacyError::Client)?,
                secret: client_secret.map(Secret::new),
            };
            (kind, base)
        } else {
            (Kind::Http, text)
        };
        let base = base.trim_end_matches('/').to_owned();
        endpoint::url(&base).map_err(LegacyError::Endpoint)?;
        Ok(Self { base, kind, timeout })
    }

    /// What the log and the audit trail call it.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Http => "http",
            Kind::BetterAuth => "better-auth",
            Kind::Cognito { .. } => "cognito",
        }
    }

    /// Asks whether an address and a password are right.
    pub fn sign_in(&self, email: &Email, password: &str) -> Option<Request<Bytes>> {
        let email = email.as_str();
        match &self.kind {
            Kind::Http => {
                let mut request = self.post("/auth/login", &json!({ "email": email, "password": password }))?;
                let mode = HeaderName::from_static("x-doorward-mode");
                request.headers_mut().insert(mode, HeaderValue::from_static("token"));
                Some(request)
            }
            Kind::BetterAuth => self.post("/sign-in/email", &json!({ "email": email, "password": password })),
            Kind::Cognito { client, secret } => {
                let mut parameters = json!({ "USERNAME": email, "PASSWORD": password });
                if let Some(secret) = secret {
                    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
                    mac.update(email.as_bytes());
                    mac.update(client.as_bytes());
                    let hash = Base64::encode_string(&mac.finalize().into_bytes());
                    parameters
                        .as_object_mut()?
                        .insert("SECRET_HASH".to_owned(), hash.into());
                }
                let flow = "USER_PASSWORD_AUTH";
                let body = json!({ "AuthFlow": flow, "ClientId": client, "AuthParameters": parameters });
                let mut request = self.post("/", &body)?;
                let target = HeaderValue::from_static("AWSCognitoIdentityProviderService.InitiateAuth");
                request.headers_mut().insert(AMZ_TARGET, target);
                let media_type = HeaderValue::from_static("application/x-amz-json-1.1");
                request.headers_mut().insert(header::CONTENT_TYPE, media_type);
                Some(request)
            }
        }
    }

    /// What the answer to [`Legacy::sign_in`] means.
    pub fn read(&self, response: &Response<Bytes>) -> Answer {
        let status = response.status();
        if endpoint::is_down(status) {
            return Answer::Down(format!("HTTP status {}", status.as_u16()));
        }
        if status != StatusCode::OK {
            return Answer::Refused;
        }
        let person = match self.kind {
            Kind::Http | Kind::BetterAuth => by_user(response.body()),
            Kind::Cognito { .. } => by_id_token(response.body()),
        };
        person.map_or(Answer::Refused, Answer::Accepted)
    }

    /// A request of ours as the old system takes it, with its body as it came where it speaks the same; none where it
    /// has no such call.
    pub fn pass_on(
        &self,
        call: Call,
        method: &Method,
        headers: &HeaderMap,
        address: Option<&str>,
        body: &Bytes,
    ) -> Option<Request<Bytes>> {
        let mut request = match &self.kind {
            Kind::Http => {
                let mut request = Request::new(body.clone());
                method.clone_into(request.method_mut());
                *request.uri_mut() = format!("{}/auth/{}", self.base, call.name()).parse().ok()?;
                request
            }
            Kind::BetterAuth => self.better_auth(call, body)?,
            Kind::Cognito { .. } => {
                let credentials: Credentials = serde_json::from_slice(body).ok()?;
                let email = Email::parse(&credentials.email).ok()?;
                return if call == Call::Login {
                    self.sign_in(&email, &credentials.password)
                } else {
                    None
                };
            }
        };
        let passed = request.headers_mut();
        for name in PASSED_ON {
            for value in headers.get_all(&name) {
                let value = if name == header::COOKIE {
                    foreign(value)
                } else {
                    Some(value.clone())
                };
                if let (Some(value), false) = (value, passed.contains_key(&name)) {
                    passed.insert(name.clone(), value);
                }
            }
        }
        if let Some(address) = address.and_then(|address| HeaderValue::from_str(address).ok()) {
            passed.insert(FORWARDED_FOR, address);
        }
        Some(request)
    }

    /// Better Auth's own paths and names.
    fn better_auth(&self, call: Call, body: &Bytes) -> Option<Request<Bytes>> {
        let given = json::parse(body).unwrap_or(Value::Null);
        let field = |name: &str| given.get(name).cloned().unwrap_or(Value::Null);
        let (path, body) = match call {
            Call::Register => {
                let body = json!({ "email": field("email"), "name": field("name"), "password": field("password") });
                ("/sign-up/email", body)
            }
            Call::Login => {
                let remember = field("rememberMe").as_bool().unwrap_or(false);
                let body = json!({ "email": field("email"), "password": field("password"), "rememberMe": remember });
                ("/sign-in/email", body)
            }
            Call::Logout => ("/sign-out", json!({})),
            Call::ResendVerification => ("/send-verification-email", json!({ "email": field("email") })),
            Call::ForgotPassword => ("/request-password-reset", json!({ "email": field("email") })),
            Call::ResetPassword => {
                let body = json!({ "token": field("token"), "newPassword": field("password") });
                ("/reset-password", body)
            }
            Call::Refresh => return self.get("/get-session"),
            Call::VerifyEmail => {
                let token = field("token");
                let token = token.as_str().filter(|token| token.bytes().all(is_unreserved))?;
                return self.get(&format!("/verify-email?token={token}"));
            }
        };
        self.post(path, &body)
    }

    fn post(&self, path: &str, body: &Value) -> Option<Request<Bytes>> {
        let uri = format!("{}{path}", self.base).parse().ok()?;
        Some(endpoint::post(&uri, None, json::text(body).into_bytes()))
    }

    fn get(&self, path: &str) -> Option<Request<Bytes>> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = format!("{}{path}", self.base).parse().ok()?;
        Some(request)
    }
}

/// The headers of the old system's answer that go on to the client.
pub fn passed_back(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| PASSED_BACK.contains(name))
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

/// `{"user": {...}}`, as this service and Better Auth both answer. A second factor that is still due has no user.
fn by_user(body: &[u8]) -> Option<Person> {
    let body = json::parse(body)?;
    let user = body.get("user")?.as_object()?;
    let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
    let verified = user.get("isVerified").or_else(|| user.get("emailVerified"));
    Some(Person {
        email: text("email"),
        name: text("name"),
        is_verified: verified.is_some_and(is_true),
        id: text("id").or_else(|| user.get("id").filter(|id| id.is_number()).map(json::text)),
    })
}

fn is_true(value: &Value) -> bool {
    value == true || value == "true"
}

/// The claims of Cognito's id token. It came straight from Cognito, so its signature needn't be looked at (OpenID Connect
/// Core 1.0, 3.1.3.7).
fn by_id_token(body: &[u8]) -> Option<Person> {
    let body = json::parse(body)?;
    let token = body.get("AuthenticationResult")?.get("IdToken")?.as_str()?;
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1)?).ok()?;
    let claims = json::parse(&claims)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let both = match (text("given_name"), text("family_name")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (one, other) => one.or(other).map(str::to_owned),
    };
    let email = text("email").map(str::to_owned);
    Some(Person {
        // Of an address that it doesn't name it can't have said that it is verified.
        is_verified: email.is_some() && claims.get("email_verified").is_some_and(is_true),
        email,
        name: text("name").map(str::to_owned).or(both),
        id: text("sub").map(str::to_owned),
    })
}

/// A `Cookie` header without our own cookies, which are nobody else's business.
fn foreign(value: &HeaderValue) -> Option<HeaderValue> {
    let cookies: Vec<_> = value.to_str().ok()?.split("; ").filter(|pair| !is_ours(pair)).collect();
    if cookies.is_empty() {
        return None;
    }
    HeaderValue::from_str(&cookies.join("; ")).ok()
}

fn is_ours(pair: &str) -> bool {
    let name = pair.trim_start();
    name.strip_prefix("__Host-").unwrap_or(name).starts_with("doorward_")
}

/// RFC 3986, 2.3, and the `=` of base64.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=')
}

#[cfg(test)]
mod tests;
