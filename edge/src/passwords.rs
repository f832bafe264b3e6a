//! Passwords at the edge: hashed in the instance's one buffer, and asked for again before a change that matters.

use std::time::Duration;

use doorward_core::entropy::random;
use doorward_core::event::{EventKind, Outcome};
use doorward_core::password::{self, Attempt, HashError, Password, PasswordProblem, PhcHash, Verdict};
use doorward_core::token::access::AccessClaims;

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::host::{Fetch as _, Host, Level};
use crate::limits::Bucket;
use crate::outbound::{patience, within};
use crate::reply::Reply;
use crate::store::account::{Owner, owner};
use crate::store::events;
use crate::store::users::Credentials;

/// How long the list of breached passwords may take.
const BREACHED_TIMEOUT: Duration = Duration::from_secs(1);

impl<H: Host> Context<H> {
    /// Whether a new password is on a list of breached ones, where the deployment asks such a service. A service that
    /// doesn't answer lets every password through, and the log says so.
    ///
    /// # Errors
    /// 400 `VALIDATION_FAILED` for the field at `path`.
    pub(crate) async fn refuse_breached(&self, path: &'static str, password: &Password) -> Result<(), Failure> {
        let Some(service) = &self.config().breached else {
            return Ok(());
        };
        let Some((request, question)) = service.ask(password.as_bytes()) else {
            return Ok(());
        };
        let answer = match within(patience(&self.host, BREACHED_TIMEOUT), self.host.fetch().fetch(request)).await {
            Ok(response) => question.answer(&response),
            Err(_) => None,
        };
        match answer {
            Some(true) => Err(Failure::field(path, &PasswordProblem::Breached)),
            Some(false) => Ok(()),
            None => {
                self.log(Level::Warn, "degraded", "the list of breached passwords didn't answer");
                Ok(())
            }
        }
    }

    /// Today's hash of a new password.
    pub(crate) fn hash_password(&self, password: &Password) -> Result<PhcHash, Failure> {
        let salt = random(&self.host)?;
        password::hash(password, salt, &mut self.instance.hashing.borrow_mut()).map_err(not_hashed)
    }

    /// Today's hash in place of an older one, now that the password is known.
    pub(crate) fn rehash_password(&self, verdict: Verdict, attempt: &Attempt) -> Result<Option<PhcHash>, Failure> {
        if !matches!(verdict, Verdict::Right { rehash: true }) {
            return Ok(None);
        }
        self.hash_attempt(attempt).map(Some)
    }

    /// Today's hash of what was typed, now that it is known to be right.
    pub(crate) fn hash_attempt(&self, attempt: &Attempt) -> Result<PhcHash, Failure> {
        let salt = random(&self.host)?;
        password::hash_attempt(attempt, salt, &mut self.instance.hashing.borrow_mut()).map_err(not_hashed)
    }

    /// The same work whether there is a user, a password, both or neither.
    pub(crate) fn verify_password(&self, credentials: Option<&Credentials>, attempt: &Attempt) -> Verdict {
        let stored = credentials.and_then(|credentials| credentials.password_hash.as_deref());
        password::verify(stored, attempt, &mut self.instance.hashing.borrow_mut())
    }

    /// The owner of a session that lives in the database's eyes, after the password was given again. `limits`: the buckets
    /// of [`Context::password_limits`] and whatever else the call goes through.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`, 400 `WRONG_PASSWORD`, 429.
    pub(crate) async fn owner(
        &self,
        claims: &AccessClaims,
        attempt: &Attempt,
        limits: &[Bucket],
    ) -> Result<Owner, Failure> {
        self.limit(limits).await?;
        let rows = self.sql_one(owner(claims.session, claims.subject, self.now)).await?;
        let owner = Owner::first(&rows)?.ok_or(Code::Unauthenticated)?;
        match self.verify_password(Some(&owner.credentials), attempt) {
            Verdict::Right { .. } => Ok(owner),
            Verdict::Wrong => {
                let refused = events::record(
                    Some(claims.subject),
                    EventKind::PasswordRefused,
                    Outcome::Failure,
                    self.step()?,
                );
                self.sql_one(refused).await?;
                Err(Code::WrongPassword.into())
            }
            Verdict::Unable => Err(Failure::Unavailable(
                Dependency::Memory,
                "no memory for a password hash".into(),
            )),
        }
    }

    /// The failure of a write that found the session over or the password changed since [`Context::owner`] was asked.
    ///
    /// # Errors
    /// Always: 401 `UNAUTHENTICATED` or 400 `WRONG_PASSWORD`.
    pub(crate) async fn not_the_owner(&self, claims: &AccessClaims) -> Result<Reply, Failure> {
        let rows = self.sql_one(owner(claims.session, claims.subject, self.now)).await?;
        let lives = Owner::first(&rows)?.is_some();
        Err(if lives {
            Code::WrongPassword
        } else {
            Code::Unauthenticated
        }
        .into())
    }
}

fn not_hashed(e: HashError) -> Failure {
    match e {
        HashError::OutOfMemory => Failure::Unavailable(Dependency::Memory, e.to_string().into()),
        HashError::Refused => Failure::Internal(e.to_string().into()),
    }
}
