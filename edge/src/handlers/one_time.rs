//! What the calls around one-time tokens have in common.

use doorward_core::email::Email;
use doorward_core::id::{EventId, MailId, TokenId, UserId};
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose, may_be_imported};
use http::StatusCode;
use serde_json::json;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::{Host, Statement};
use crate::reply::Reply;
use crate::store::tokens::{NewToken, Step, imported, imported_token, mailbox, mailbox_user};

impl<H: Host> Context<H> {
    /// A token for a user, not written yet. Only its hash is stored; the mail derives it again.
    pub(crate) fn new_token(&self, user: UserId, purpose: Purpose) -> Result<NewToken, Failure> {
        let id = TokenId::generate(self.now, &self.host)?;
        let hash = OneTimeToken { user, token: id }
            .seal(&self.config().keys, purpose)
            .hashed();
        Ok(NewToken {
            id,
            hash,
            expires_at: self.now.saturating_add(purpose.lifetime()),
            mail: MailId::generate(self.now, &self.host)?,
            locale: self.locale().as_str(),
        })
    }

    /// Who does what is being done, for the audit trail.
    pub(crate) fn step(&self) -> Result<Step<'_>, Failure> {
        Ok(Step {
            event: EventId::generate(self.now, &self.host)?,
            client: &self.client,
            now: self.now,
        })
    }

    /// A token that isn't ours, but may be one of another system that an import brought along: one more flight finds it
    /// by its hash. Whether it is good is still for the statement to say that consumes it.
    ///
    /// # Errors
    /// 400 `TOKEN_INVALID`.
    pub(crate) async fn imported_token(
        &self,
        purpose: Purpose,
        text: &str,
        hash: &HashedToken,
    ) -> Result<OneTimeToken, Failure> {
        if !may_be_imported(text) {
            return Err(Code::TokenInvalid.into());
        }
        let rows = self.sql_one(imported(purpose, hash)).await?;
        imported_token(&rows)?.ok_or_else(|| Code::TokenInvalid.into())
    }

    /// Mails a fresh token to an address, if a user has it. The same two flights and the same answer if not: the second
    /// one then writes for a user that doesn't exist.
    pub(crate) async fn mail_token(
        &self,
        email: &Email,
        purpose: Purpose,
        issue: impl for<'a> Fn(UserId, &'a NewToken, Step<'a>) -> Statement<'a>,
    ) -> Result<Reply, Failure> {
        let rows = self.sql_one(mailbox(email)).await?;
        let user = match mailbox_user(&rows)? {
            Some(user) => user,
            None => UserId::generate(self.now, &self.host)?,
        };
        let token = self.new_token(user, purpose)?;
        self.sql_one(issue(user, &token, self.step()?)).await?;
        self.deliver_later();
        Ok(accepted())
    }
}

/// 202, in words that are true whether or not anybody was found.
pub(crate) fn accepted() -> Reply {
    let message = "If the address can be used, a mail is on its way to it.";
    Reply::json(StatusCode::ACCEPTED, &json!({ "message": message }))
}
