//! From the outbox to the provider: lease what is due, write it, hand it over, note what became of it.
//!
//! Nothing is lost and nothing goes out twice. A row stays until the provider has taken its mail; two deliveries at once
//! lease different rows; and a mail that went out without being noted goes to the provider again under the same key,
//! which it recognises.

use std::rc::Rc;
use std::time::Duration;

use doorward_core::id::MailId;
use doorward_core::time::Time;
use doorward_core::token::one_time::OneTimeToken;
use serde::Serialize;

use super::locale::Locale;
use super::templates::{self, Sender, Template, Ticket, Written};
use crate::background::{flight_one, log};
use crate::error::Failure;
use crate::host::{Fetch as _, FetchError, Host, Level};
use crate::instance::Instance;
use crate::outbound::{patience, within};
use crate::store::outbox::{self, Leased, Settlement, Token};
use crate::wire::mail_http::{self, Answer, Mail, MailHttp};

/// How long leased mail is ours. Longer than any [`Pass`] takes.
const LEASE: Duration = Duration::from_mins(1);
/// How long the provider may take for one mail.
const SENDING: Duration = Duration::from_secs(10);
/// The wait behind the first attempt is twice this; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_hours(6);
/// After so many attempts, which take 32 hours, a mail has failed. That is longer than the provider remembers a key (24
/// hours), so that a mail whose text has changed between two attempts gets through in the end.
const ATTEMPTS: u32 = 14;

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
struct Pass {
    limit: u32,
    newest_first: bool,
    /// No mail is begun after this time.
    time: Duration,
}

/// What a request put there goes first. Short: Workers allow 30 seconds after the reply.
const AFTER_REPLY: Pass = Pass {
    limit: 4,
    newest_first: true,
    time: Duration::from_secs(12),
};
const TICK: Pass = Pass {
    limit: 16,
    newest_first: false,
    time: Duration::from_secs(40),
};
/// How many passes a tick makes while there is more.
const PASSES: u32 = 4;

/// How many mails went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivered {
    /// Taken by the provider.
    pub sent: u32,
    /// Left for another time.
    pub deferred: u32,
    /// Given up; an operator has to look.
    pub failed: u32,
    /// Not sent, because the token in it works no more.
    pub obsolete: u32,
}

impl Delivered {
    fn count(&mut self, settlement: &Settlement) {
        let counter = match settlement {
            Settlement::Sent => &mut self.sent,
            Settlement::Deferred { .. } | Settlement::Released => &mut self.deferred,
            Settlement::Failed { .. } => &mut self.failed,
            Settlement::Obsolete { .. } => &mut self.obsolete,
        };
        *counter += 1;
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.deferred += other.deferred;
        self.failed += other.failed;
        self.obsolete += other.obsolete;
    }
}

/// Delivers what a request has just put into the outbox. Nothing is lost where it fails: the row stays.
pub(crate) async fn after_reply<H: Host>(host: H, instance: Rc<Instance>) {
    // What failed is logged, and the next tick tries again.
    let _ = pass(&host, &instance, AFTER_REPLY).await;
}

/// Delivers what is due, the longest waiting first, up to 64 mails.
///
/// # Errors
/// When the database is down. What was sent by then is either noted, or sent again under the same key.
pub async fn due<H: Host>(host: &H, instance: &Instance) -> Result<Delivered, Failure> {
    let mut all = Delivered::default();
    for _ in 0..PASSES {
        let (delivered, more) = pass(host, instance, TICK).await?;
        all.add(delivered);
        if !more {
            break;
        }
    }
    Ok(all)
}

/// One lease and what comes of it, and whether it is worth coming back at once.
async fn pass<H: Host>(host: &H, instance: &Instance, pass: Pass) -> Result<(Delivered, bool), Failure> {
    let config = &instance.config;
    let (Some(provider), Some(site)) = (&config.mail, &config.public_url) else {
        if !instance.mail_is_off.replace(true) {
            let text = "mail stays in the outbox until MAIL_URL and PUBLIC_URL are configured";
            log(host, Level::Warn, "mail.off", text);
        }
        return Ok((Delivered::default(), false));
    };
    let sender = Sender {
        product: &config.product_name,
        site,
    };
    let started = host.ticks();
    let lease = outbox::lease(host.now(), LEASE, pass.limit, pass.newest_first);
    let leased = Leased::all(&flight_one(host, instance, lease).await?)?;
    if leased.is_empty() {
        return Ok((Delivered::default(), false));
    }

    let mut delivered = Delivered::default();
    let mut settled: Vec<(MailId, u32, Settlement)> = Vec::with_capacity(leased.len());
    let mut goes_on = true;
    for mail in &leased {
        let in_time = host.ticks().saturating_sub(started) < micros(pass.time);
        let settlement = if goes_on && in_time {
            let (settlement, open) = one(host, instance, provider, sender, mail).await;
            goes_on = open;
            settlement
        } else {
            Settlement::Released
        };
        note(host, mail, &settlement);
        delivered.count(&settlement);
        settled.push((mail.id, mail.attempts, settlement));
    }
    flight_one(host, instance, outbox::settle(&settled, host.now())).await?;
    let more = goes_on && u32::try_from(leased.len()) == Ok(pass.limit);
    Ok((delivered, more))
}

/// Delivers one mail. Also answers whether the provider is worth asking for the next one.
async fn one<H: Host>(
    host: &H,
    instance: &Instance,
    provider: &MailHttp,
    sender: Sender<'_>,
    mail: &Leased,
) -> (Settlement, bool) {
    let request = written(instance, sender, mail, host.now()).and_then(|written| {
        let mail_of = Mail {
            to: &mail.recipient,
            subject: &written.subject,
            html: &written.html,
            text: &written.text,
        };
        let request = provider.request(&mail_of, &mail.id.to_string());
        request.map_err(|why| Settlement::Failed { why })
    });
    let request = match request {
        Ok(request) => request,
        Err(settlement) => return (settlement, true),
    };
    let answer = within(patience(host, SENDING), host.fetch().fetch(request)).await;
    let now = host.now();
    match answer.as_ref().map(mail_http::decode) {
        Ok(Answer::Accepted) => (Settlement::Sent, true),
        Ok(Answer::Refused(trouble)) => {
            let why = trouble.to_string();
            (Settlement::Failed { why }, true)
        }
        Ok(Answer::NotNow(trouble)) => (again(mail.attempts, now, None, trouble.to_string()), true),
        Ok(Answer::NoneNow { trouble, rest }) => (again(mail.attempts, now, rest, trouble.to_string()), false),
        Err(FetchError::Timeout) => (again(mail.attempts, now, None, "no answer in time".to_owned()), false),
        // The host's own words can hold the provider's address, never what was sent.
        Err(FetchError::Unreachable(why)) => {
            let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
            (again(mail.attempts, now, None, format!("unreachable: {why}")), false)
        }
    }
}

/// The mail as it goes out, or what becomes of it where it can't.
fn written(instance: &Instance, sender: Sender<'_>, mail: &Leased, now: Time) -> Result<Written, Settlement> {
    let failed = |why: &str| Settlement::Failed { why: why.to_owned() };
    let template = Template::parse(&mail.template).ok_or_else(|| failed("no such template"))?;
    let plain = match (template.purpose(), &mail.token) {
        (None, _) => None,
        (Some(_), Token::None) => return Err(failed("it has no token")),
        (Some(_), Token::Gone) => return Err(obsolete("a later token took its place")),
        (Some(_), Token::There { used: true, .. }) => return Err(obsolete("its token was used")),
        (Some(_), Token::There { expires_at, .. }) if *expires_at <= now => return Err(obsolete("its token expired")),
        (
            Some(purpose),
            Token::There {
                id,
                user,
                hash,
                expires_at,
                ..
            },
        ) => {
            let token = OneTimeToken {
                user: *user,
                token: *id,
            };
            let plain = token.seal_again(&instance.config.keys, purpose, hash);
            // Made with a key that this instance doesn't have: it was deployed before the key, or the key was taken away.
            let why = || again(mail.attempts, now, None, "no key of ours made its token".to_owned());
            Some((plain.ok_or_else(why)?, *expires_at))
        }
    };
    let ticket = plain.as_ref().map(|(plain, until)| Ticket {
        token: plain.expose(),
        until: *until,
    });
    let locale = Locale::parse(&mail.locale).unwrap_or_default();
    Ok(templates::write(template, locale, sender, &mail.params, ticket))
}

fn obsolete(why: &'static str) -> Settlement {
    Settlement::Obsolete { why }
}

/// Another attempt later, or the end of it.
fn again(attempts: u32, now: Time, rest: Option<Duration>, why: String) -> Settlement {
    if attempts >= ATTEMPTS {
        return Settlement::Failed { why };
    }
    let wait = wait(attempts).max(rest.unwrap_or_default().min(LONGEST_WAIT));
    Settlement::Deferred {
        until: now.saturating_add(wait),
        why,
    }
}

/// How long to wait after so many attempts: a minute after the first, twice as long after each, at most 6 hours.
fn wait(attempts: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempts.min(20)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

/// Says in the log what an operator should know, without an address.
fn note<H: Host>(host: &H, mail: &Leased, settlement: &Settlement) {
    let (level, event, why) = match settlement {
        Settlement::Sent | Settlement::Released | Settlement::Obsolete { .. } => return,
        Settlement::Deferred { why, .. } => (Level::Warn, "mail.deferred", why),
        Settlement::Failed { why } => (Level::Error, "mail.failed", why),
    };
    let text = format!("{} {} attempt {}: {why}", mail.id, mail.template, mail.attempts);
    log(host, level, event, &text);
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
