//! Who is signed in: starting a session, answering with one, and recognising one.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use doorward_core::entropy::random;
use doorward_core::id::{RequestId, SessionId, UserId};
use doorward_core::time::Time;
use doorward_core::token::PlainToken;
use doorward_core::token::access::{self, AccessClaims, AccessError};
use doorward_core::token::refresh::RefreshToken;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::context::Context;
use crate::cookie::SessionCookie;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::reply::Reply;
use crate::store::sessions::{NewSession, alive};
use crate::store::users::User;

/// How many sessions an instance remembers between two reads of the database.
const CACHED_SESSIONS: usize = 2_000;

/// What the database said of a session a moment ago. Whatever is found here is younger than the bound within which a
/// revocation has to take effect, so it needs no invalidation from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct SessionCache(HashMap<SessionId, Cached>);

#[derive(Debug)]
struct Cached {
    /// None: the session was over.
    user: Option<Rc<User>>,
    until: Time,
}

impl SessionCache {
    fn get(&self, session: SessionId, now: Time) -> Option<&Cached> {
        self.0.get(&session).filter(|cached| now < cached.until)
    }

    fn put(&mut self, session: SessionId, user: Option<Rc<User>>, now: Time, bound: Duration) {
        if bound.is_zero() {
            return;
        }
        if self.0.len() >= CACHED_SESSIONS {
            self.0.retain(|_, cached| now < cached.until);
        }
        if self.0.len() >= CACHED_SESSIONS {
            self.0.clear();
        }
        self.0.insert(
            session,
            Cached {
                user,
                until: now.saturating_add(bound),
            },
        );
    }

    fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    fn forget_user(&mut self, user: UserId) {
        self.0
            .retain(|_, cached| cached.user.as_ref().is_none_or(|cached| cached.id != user));
    }
}

/// The session answer of the contract.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionAnswer<'a> {
    user: &'a User,
    access_token: &'a str,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::bearer))]
    token_type: &'static str,
    /// Seconds.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::count))]
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl<H: Host> Context<H> {
    /// A session with its first refresh token, not written yet.
    pub(crate) fn new_session(&self, remember: bool) -> Result<NewSession, Failure> {
        let id = SessionId::generate(self.now, &self.host)?;
        let token = RefreshToken::first(id, random(&self.host)?).seal(&self.config().keys);
        let hash = token.hashed();
        let lifetimes = self.config().session;
        let lifetime = if remember {
            lifetimes.remembered
        } else {
            lifetimes.brief
        };
        Ok(NewSession {
            id,
            token,
            hash,
            expires_at: self.now.saturating_add(lifetime),
        })
    }

    /// The session answer: tokens in cookies, or in the body for a client that keeps them itself.
    pub(crate) fn signed_in(
        &self,
        status: StatusCode,
        user: User,
        session: SessionId,
        refresh: &PlainToken,
        session_ends: Time,
    ) -> Result<Reply, Failure> {
        let policy = &self.config().access;
        let expires_at = self.now.saturating_add(policy.lifetime).min(session_ends);
        let claims = AccessClaims {
            subject: user.id,
            session,
            role: user.role.clone(),
            tier: user.tier,
            firm: user.firm_id,
            issued_at: self.now,
            expires_at,
            id: RequestId::generate(self.now, &self.host)?,
        };
        let access = access::issue(&self.config().keys, policy, &claims)
            .map_err(|e| Failure::Internal(format!("an access token can't be made: {e}").into()))?;
        let token_mode = self.is_token_mode();
        let mut reply = Reply::json(
            status,
            &SessionAnswer {
                user: &user,
                access_token: &access,
                token_type: "Bearer",
                expires_in: expires_at.since(self.now).as_secs(),
                refresh_token: token_mode.then(|| refresh.expose()),
            },
        );
        if !token_mode {
            let secure = self.is_secure();
            let cookies = [
                SessionCookie::Access.set(secure, &access, expires_at.since(self.now)),
                SessionCookie::Refresh.set(secure, refresh.expose(), session_ends.since(self.now)),
            ];
            for cookie in cookies.into_iter().flatten() {
                reply = reply.with(header::SET_COOKIE, cookie);
            }
        }
        self.remember(session, Some(Rc::new(user)));
        Ok(reply)
    }

    /// Makes the browser forget both tokens.
    pub(crate) fn clear_cookies(&self, mut reply: Reply) -> Reply {
        let secure = self.is_secure();
        for cookie in [SessionCookie::Access, SessionCookie::Refresh] {
            if let Some(value) = cookie.clear(secure) {
                reply = reply.with(header::SET_COOKIE, value);
            }
        }
        reply
    }

    /// The claims of the access token that came along, from the Authorization header or the cookie.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`.
    pub(crate) fn access_claims(&self) -> Result<AccessClaims, Failure> {
        let token = self.access_token().ok_or(Code::Unauthenticated)?;
        let config = self.config();
        access::verify(&config.keys, &config.access, &self.instance.proven, token, self.now)
            .map_err(|_| Code::Unauthenticated.into())
    }

    /// The user who sends this request, as the database said within the revocation bound: no flight when this instance
    /// read it a moment ago, one otherwise.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED` without a valid access token, or when its session is over or its user not active.
    pub(crate) async fn current_user(&self) -> Result<Rc<User>, Failure> {
        let claims = self.access_claims()?;
        let known = self
            .instance
            .sessions
            .borrow()
            .get(claims.session, self.now)
            .map(|cached| cached.user.clone());
        let user = if let Some(user) = known {
            user
        } else {
            let rows = self.sql_one(alive(claims.session, claims.subject, self.now)).await?;
            let user = User::first(&rows)?.map(Rc::new);
            self.remember(claims.session, user.clone());
            user
        };
        user.filter(|user| user.id == claims.subject)
            .ok_or_else(|| Code::Unauthenticated.into())
    }

    /// The refresh token that came along as a cookie, if it is one of ours.
    pub(crate) fn refresh_cookie(&self) -> Option<RefreshToken> {
        let text = self.cookies().get(SessionCookie::Refresh)?;
        RefreshToken::open(&self.config().keys, text).ok()
    }

    /// Notes what the database just said of a session.
    pub(crate) fn remember(&self, session: SessionId, user: Option<Rc<User>>) {
        self.instance
            .sessions
            .borrow_mut()
            .put(session, user, self.now, self.config().revocation_bound);
    }

    /// Asks the database again the next time.
    pub(crate) fn forget(&self, session: SessionId) {
        self.instance.sessions.borrow_mut().forget(session);
    }

    /// Asks the database again the next time about every session of a user.
    pub(crate) fn forget_user(&self, user: UserId) {
        self.instance.sessions.borrow_mut().forget_user(user);
    }

    /// Whether an `Authorization` header holds an access token that was signed here, be its time over or not.
    pub(crate) fn bears_token_of_ours(&self) -> bool {
        let config = self.config();
        let mut tokens = self.headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
        tokens.any(|token| {
            let verified = access::verify(&config.keys, &config.access, &self.instance.proven, token, self.now);
            matches!(verified, Ok(_) | Err(AccessError::Expired | AccessError::NotYetValid))
        })
    }

    /// `Authorization: Bearer` (RFC 6750, 2.1) counts before the cookie: who sends it means it. Another scheme is for
    /// somebody else, such as a proxy in front.
    fn access_token(&self) -> Option<&str> {
        match self.headers.get(header::AUTHORIZATION).and_then(bearer) {
            Some(token) => Some(token),
            None => self.cookies().get(SessionCookie::Access),
        }
    }
}

/// The token of `Authorization: Bearer`.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
