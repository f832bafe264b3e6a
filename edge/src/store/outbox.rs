//! The outbox of mail: leased by whoever delivers, settled afterwards.
//!
//! A lease is a row's `leased_until`. Two deliveries at once skip each other's rows, and a lease that its holder doesn't
//! settle (a crash, a cut connection) runs out by itself. The number of attempts tells leases of one row apart.

use std::time::Duration;

use doorward_core::id::{MailId, TokenId, UserId};
use doorward_core::time::Time;
use doorward_core::token::HashedToken;
use serde::Serialize;

use super::{Reader, millis, shown, statement};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// A mail that is ours to send until the lease ends.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) id: MailId,
    pub(crate) recipient: String,
    pub(crate) template: String,
    pub(crate) locale: String,
    /// JSON.
    pub(crate) params: String,
    /// This attempt included.
    pub(crate) attempts: u32,
    pub(crate) token: Token,
}

/// What there is of the token that a mail's link carries.
#[derive(Debug)]
pub(crate) enum Token {
    /// The mail has none.
    None,
    /// It is gone: a later one took its place.
    Gone,
    /// It is there.
    There {
        id: TokenId,
        user: UserId,
        hash: HashedToken,
        expires_at: Time,
        used: bool,
    },
}

/// Takes up to `limit` mails that are due, the longest waiting ones or the newest ones first.
pub(crate) fn lease(now: Time, lease: Duration, limit: u32, newest_first: bool) -> Statement<'static> {
    macro_rules! lease {
        ($order:literal) => {
            concat!(
                "WITH due AS MATERIALIZED (
                    SELECT id FROM mail_outbox
                    WHERE status = 'pending' AND next_attempt_at <= $1::text::timestamptz
                      AND (leased_until IS NULL OR leased_until <= $1::text::timestamptz)
                    ORDER BY next_attempt_at ",
                $order,
                " LIMIT $3::text::integer
                    FOR UPDATE SKIP LOCKED
                 ), leased AS (
                    UPDATE mail_outbox AS m SET leased_until = $2::text::timestamptz, attempts = m.attempts + 1
                    FROM due WHERE m.id = due.id
                    RETURNING m.*
                 )
                 SELECT m.id, m.recipient, m.template, m.locale, m.params, m.attempts, m.token_id, coalesce(t.id, i.id),
                        coalesce(t.user_id, i.firm_id), coalesce(t.token_hash, i.token_hash), ",
                millis!("coalesce(t.expires_at, i.expires_at)"),
                ", coalesce(t.used_at, i.used_at) IS NOT NULL
                 FROM leased AS m
                 LEFT JOIN tokens AS t ON t.id = m.token_id AND t.user_id = m.user_id
                 LEFT JOIN invitations AS i ON i.id = m.token_id AND m.template = 'invitation'
                 ORDER BY m.next_attempt_at ",
                $order
            )
        };
    }
    let sql = if newest_first { lease!("DESC") } else { lease!("ASC") };
    let until = now.saturating_add(lease);
    statement("outbox.lease", sql, vec![shown(now), shown(until), shown(limit)])
}

impl Leased {
    /// The answer to [`lease`].
    pub(crate) fn all(rows: &Rows) -> Result<Vec<Self>, Failure> {
        Reader::all(rows, "mail").map(Self::decode).collect()
    }

    fn decode(mut row: Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            id: row.parsed(MailId::parse)?,
            recipient: row.text()?.to_owned(),
            template: row.text()?.to_owned(),
            locale: row.text()?.to_owned(),
            params: row.text()?.to_owned(),
            attempts: row.parsed(|text| text.parse().ok())?,
            token: match (row.optional()?, row.is_present()) {
                (None, _) => Token::None,
                (Some(_), false) => Token::Gone,
                (Some(_), true) => Token::There {
                    id: row.parsed(TokenId::parse)?,
                    user: row.parsed(UserId::parse)?,
                    hash: row.parsed(HashedToken::parse)?,
                    expires_at: row.time()?,
                    used: row.flag()?,
                },
            },
        })
    }
}

/// What becomes of a leased mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The provider has it.
    Sent,
    /// Another attempt, not before then.
    Deferred { until: Time, why: String },
    /// It wasn't tried, so this was no attempt.
    Released,
    /// No attempt will help: an operator has to look.
    Failed { why: String },
    /// Its token works no more, so nobody misses it.
    Obsolete { why: &'static str },
}

#[derive(Serialize)]
struct Settled<'a> {
    id: String,
    lease: u32,
    status: &'static str,
    tried: bool,
    next: Option<Time>,
    error: Option<&'a str>,
}

/// Settles leased mails, by id and the attempts that the lease gave. That a mail was sent is noted in any case; everything
/// else only while the lease is still the latest.
pub(crate) fn settle(settled: &[(MailId, u32, Settlement)], now: Time) -> Statement<'static> {
    let settled: Vec<Settled<'_>> = settled
        .iter()
        .map(|(id, lease, settlement)| {
            let (status, next, error) = match settlement {
                Settlement::Sent => ("sent", None, None),
                Settlement::Deferred { until, why } => ("pending", Some(*until), Some(why.as_str())),
                Settlement::Released => ("pending", None, None),
                Settlement::Failed { why } => ("failed", None, Some(why.as_str())),
                Settlement::Obsolete { why } => ("obsolete", None, Some(*why)),
            };
            Settled {
                id: id.to_string(),
                lease: *lease,
                status,
                tried: *settlement != Settlement::Released,
                next,
                error,
            }
        })
        .collect();
    let json = serde_json::to_string(&settled).unwrap_or_default();
    statement(
        "outbox.settle",
        "UPDATE mail_outbox AS m
         SET status = s.status, leased_until = NULL, next_attempt_at = coalesce(s.next, m.next_attempt_at),
             attempts = CASE WHEN s.tried THEN m.attempts ELSE m.attempts - 1 END,
             last_error = CASE WHEN s.tried THEN s.error ELSE m.last_error END,
             sent_at = CASE WHEN s.status = 'sent' THEN $2::text::timestamptz END
         FROM jsonb_to_recordset($1::text::jsonb)
              AS s (id uuid, lease integer, status text, tried boolean, next timestamptz, error text)
         WHERE m.id = s.id AND m.status = 'pending' AND (s.status = 'sent' OR m.attempts = s.lease)",
        vec![Some(json.into()), shown(now)],
    )
}
