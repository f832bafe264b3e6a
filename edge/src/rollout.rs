//! Moving in while both systems run: who is answered here, and who by the system that people come from.
//!
//! What bears a token of ours is always answered here, so that nobody who has arrived is sent back by turning the switch
//! back. Everything else goes by the address: a stable hash of it decides, and a higher percentage only adds people.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::email::Email;
use doorward_core::id::UserId;
use doorward_core::name::PersonName;
use doorward_core::password::{Attempt, Verdict};
use doorward_core::time::Time;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::RefreshToken;
use doorward_core::user::Status;
use futures_util::future::join;
use http::{HeaderMap, Method, Response, header};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::extract::MAX_BODY;
use crate::host::{Fetch as _, FetchError, Host, Level};
use crate::outbound::{patience, within};
use crate::reply::Reply;
use crate::store::rollout::{Arrival, arrive, stored};
use crate::store::users::{Credentials, credentials};
use crate::wire::legacy::{Answer, Call, Legacy, Person, passed_back};

/// How long an instance goes by what the database said of the switch.
const STORED_FOR: Duration = Duration::from_secs(5);
/// Where differences are counted in Redis: a hash with a field for each call and outcome.
const COUNTS: &str = "doorward:rollout";
/// How long the counts are kept after the last one, in seconds: 30 days.
const COUNTS_KEPT: &str = "2592000";
/// The fewest characters of an id that two systems don't give to two people by chance: counted ids are shorter, random
/// ones longer.
const TELLING_ID: usize = 16;

/// Who is answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollout {
    /// Nobody: the old system answers.
    Off,
    /// Nobody, but sign-ins are decided here as well and compared.
    Shadow,
    /// So many of a hundred addresses.
    Percent(u8),
    /// Everybody.
    On,
}

/// Where the switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// In the configuration.
    Fixed(Rollout),
    /// In the database (`doorward rollout`), so that it moves without a deployment.
    Stored,
}

impl Rollout {
    /// `off`, `shadow`, `percent:N` with N from 0 to 100, or `on`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "shadow" => Some(Self::Shadow),
            "on" => Some(Self::On),
            _ => {
                let digits = text.strip_prefix("percent:")?;
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                let percent = digits.parse().ok().filter(|percent| plain && *percent <= 100)?;
                Some(Self::Percent(percent))
            }
        }
    }

    /// Whether an address is answered here.
    fn has(self, email: &Email) -> bool {
        match self {
            Self::Off | Self::Shadow => false,
            Self::Percent(percent) => bucket(email) < percent,
            Self::On => true,
        }
    }
}

/// A number below 100 that an address keeps for ever: the first four bytes of SHA-256 over it in lower case, modulo 100.
fn bucket(email: &Email) -> u8 {
    let digest = Sha256::digest(email.as_str().as_bytes());
    let number = digest
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    u8::try_from(number % 100).unwrap_or_default()
}

/// Whom a request is about, as far as the choice of the system goes.
enum Subject {
    /// It bears a token that was made here.
    Ours,
    Address(Email),
    /// A token of somebody else's making, or none, or nothing that can be read.
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peek {
    email: Option<String>,
    token: Option<String>,
    refresh_token: Option<String>,
    invitation: Option<String>,
    password: Option<String>,
}

impl<H: Host> Context<H> {
    /// The answer of the old system, where the request is its to answer. It is told no secret of ours.
    ///
    /// # Errors
    /// 503 where it can't be asked, 413 for a body that is cut off here, 429.
    pub(crate) async fn elsewhere(&self, call: Call, method: &Method) -> Result<Option<Reply>, Failure> {
        let Some(legacy) = &self.config().legacy else {
            return Ok(None);
        };
        let rollout = self.rollout().await?;
        let peek = serde_json::from_slice(&self.body).ok();
        let subject = self.subject(call, peek.as_ref());
        let is_here = match &subject {
            Subject::Ours => true,
            Subject::Address(email) => rollout.has(email),
            // In the middle of the way, who refers to nothing of ours came from there.
            Subject::Unknown => match call {
                Call::Logout | Call::Refresh | Call::VerifyEmail | Call::ResetPassword => rollout == Rollout::On,
                _ => matches!(rollout, Rollout::On | Rollout::Percent(_)),
            },
        };
        if is_here {
            return Ok(None);
        }
        let address = self.client.address.as_deref();
        let Some(request) = legacy.pass_on(call, method, &self.headers_of_theirs(), address, &self.body) else {
            return Ok(None);
        };
        if self.body.len() > MAX_BODY {
            return Err(Code::BodyTooLarge.into());
        }
        let email = match &subject {
            Subject::Address(email) => Some(email),
            Subject::Ours | Subject::Unknown => None,
        };
        self.limit_passed_on(call, email).await?;
        let answer = within(patience(&self.host, legacy.timeout), self.host.fetch().fetch(request));
        let response = match peek {
            Some(peek) if rollout == Rollout::Shadow && call == Call::Login => {
                let (answer, here) = join(answer, self.would_sign_in(&peek)).await;
                self.compare(call, &answer, here).await;
                answer
            }
            _ => answer.await,
        };
        let response = response.map_err(|e| down(&format!("{e:?}")))?;
        if let (Call::Login, Some(email), true) = (call, email, response.status().is_success()) {
            self.login_succeeded(email);
        }
        let mut reply = Reply::raw(response.status(), response.body().clone());
        for (name, value) in passed_back(response.headers()) {
            reply = reply.with(name.clone(), value.clone());
        }
        Ok(Some(reply))
    }

    /// Somebody unknown here whom the old system lets in with this password is here from now on. None where there is no
    /// old system, it refuses as well, or it doesn't show that whoever has the address here is the same person.
    ///
    /// # Errors
    /// 503 where the old system can't be asked: nobody knows whether the password is right.
    pub(crate) async fn bring_over(&self, email: &Email, attempt: &Attempt) -> Result<Option<Credentials>, Failure> {
        let Some(legacy) = &self.config().legacy else {
            return Ok(None);
        };
        if attempt.typed().is_empty() {
            return Ok(None);
        }
        let Some(person) = self.asked(legacy, email, attempt).await? else {
            return Ok(None);
        };
        let name = person.name.as_deref().and_then(|name| PersonName::parse(name).ok());
        let name = name.map_or_else(|| email.local_part().to_owned(), |name| name.as_str().to_owned());
        let hash = self.hash_attempt(attempt)?;
        let arrival = Arrival {
            user: UserId::generate(self.now, &self.host)?,
            email,
            name: &name,
            password: &hash,
            is_verified: person.is_verified,
            source: legacy.kind(),
            id_there: person.id.as_deref(),
            telling_id: person.id.as_deref().filter(|id| is_telling(id)),
            step: self.step()?,
        };
        let rows = self.sql_one(arrive(&arrival)).await?;
        if let Some(arrived) = Credentials::first(&rows)? {
            return Ok(Some(arrived));
        }
        // Another request of the same person was quicker, and has stored what fits this password too.
        let rows = self.sql_one(credentials(email)).await?;
        let there = Credentials::first(&rows)?;
        if there.as_ref().is_some_and(|there| there.password_hash.is_none()) {
            let text =
                "the old system says of an accepted address neither that it is verified nor the id that was imported";
            self.log(Level::Warn, "rollout.unproven", text);
        }
        let verdict = self.verify_password(there.as_ref(), attempt);
        Ok(there.filter(|_| matches!(verdict, Verdict::Right { .. })))
    }

    async fn asked(&self, legacy: &Legacy, email: &Email, attempt: &Attempt) -> Result<Option<Person>, Failure> {
        let request = legacy.sign_in(email, attempt.typed());
        let request =
            request.ok_or_else(|| Failure::Internal("a question to the old system can't be written".into()))?;
        let response = within(patience(&self.host, legacy.timeout), self.host.fetch().fetch(request)).await;
        match response.map(|response| legacy.read(&response)) {
            Ok(Answer::Accepted(person)) if is_of(&person, email) => Ok(Some(person)),
            Ok(Answer::Accepted(_)) => {
                self.log(
                    Level::Warn,
                    "rollout.unproven",
                    "the old system accepted somebody of another address",
                );
                Ok(None)
            }
            Ok(Answer::Refused) => Ok(None),
            Ok(Answer::Down(text)) => Err(down(&text)),
            Err(e) => Err(down(&format!("{e:?}"))),
        }
    }

    /// Where the switch stands now.
    async fn rollout(&self) -> Result<Rollout, Failure> {
        if let Switch::Fixed(rollout) = self.config().rollout {
            return Ok(rollout);
        }
        if let Some((rollout, until)) = self.instance.rollout.get()
            && self.now < until
        {
            return Ok(rollout);
        }
        let last = self.instance.rollout.get().map(|(rollout, _)| rollout);
        let rollout = match self.sql_one(stored()).await {
            Ok(rows) => {
                let word = rows.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
                // Nobody has turned it yet, or somebody has written what it isn't: the old system goes on.
                word.and_then(Rollout::parse).unwrap_or(Rollout::Off)
            }
            Err(e) => last.ok_or_else(|| Failure::from(e))?,
        };
        let until: Time = self.now.saturating_add(STORED_FOR);
        self.instance.rollout.set(Some((rollout, until)));
        Ok(rollout)
    }

    fn subject(&self, call: Call, peek: Option<&Peek>) -> Subject {
        let keys = &self.config().keys;
        let given = |field: fn(&Peek) -> Option<&String>| peek.and_then(field).map(String::as_str);
        let refresh = || {
            let by_body = given(|peek| peek.refresh_token.as_ref());
            self.refresh_cookie().is_some() || by_body.is_some_and(|text| RefreshToken::open(keys, text).is_ok())
        };
        let one_time = |text: Option<&str>, purposes: &[Purpose]| {
            let token = text.unwrap_or_default();
            purposes
                .iter()
                .any(|purpose| OneTimeToken::open(keys, *purpose, token).is_ok())
        };
        let token = || given(|peek| peek.token.as_ref());
        let is_ours = match call {
            Call::Logout => refresh() || self.access_claims().is_ok(),
            Call::Refresh => refresh(),
            Call::VerifyEmail => one_time(token(), &[Purpose::EmailVerification, Purpose::EmailChange]),
            Call::ResetPassword => one_time(token(), &[Purpose::PasswordReset]),
            Call::Register => one_time(given(|peek| peek.invitation.as_ref()), &[Purpose::Invitation]),
            Call::Login | Call::ResendVerification | Call::ForgotPassword => false,
        };
        let email = given(|peek| peek.email.as_ref()).and_then(|email| Email::parse(email).ok());
        match email {
            _ if is_ours => Subject::Ours,
            Some(email) if !matches!(call, Call::VerifyEmail | Call::ResetPassword) => Subject::Address(email),
            _ => Subject::Unknown,
        }
    }

    /// Counts a call that is passed on in the buckets in which it would be counted here, of a sign-in in the wide ones, so that
    /// this isn't the door through which the old system is tried out. What is handled here after all is counted by its handler.
    ///
    /// # Errors
    /// 429.
    async fn limit_passed_on(&self, call: Call, email: Option<&Email>) -> Result<(), Failure> {
        let buckets = match (call, email) {
            // They go by a session of theirs: there is nothing to guess, and many people have one address.
            (Call::Logout | Call::Refresh, _) => return Ok(()),
            (Call::Login, Some(email)) => return self.limit_login_elsewhere(email).await,
            (Call::Register, Some(email)) => self.register_limits(email, None),
            (Call::ResendVerification, Some(email)) => self.mail_limits("resend", email),
            (Call::ForgotPassword, Some(email)) => self.mail_limits("forgot", email),
            (Call::VerifyEmail, _) => self.token_limits("verify", None),
            (Call::ResetPassword, _) => self.token_limits("reset", None),
            // What is no address here may be a user name there.
            (Call::Login | Call::Register | Call::ResendVerification | Call::ForgotPassword, None) => {
                self.token_limits("passed-on", None)
            }
        };
        self.limit(&buckets).await
    }

    /// The request's headers without an access token of ours, live or over: who bears it can act here as that person.
    fn headers_of_theirs(&self) -> Cow<'_, HeaderMap> {
        if !self.bears_token_of_ours() {
            return Cow::Borrowed(&self.headers);
        }
        let mut headers = self.headers.clone();
        headers.remove(header::AUTHORIZATION);
        Cow::Owned(headers)
    }

    /// The status with which a sign-in would be answered here; nothing is written.
    async fn would_sign_in(&self, peek: &Peek) -> Result<u16, Failure> {
        let (Some(email), Some(password)) = (&peek.email, &peek.password) else {
            return Ok(Code::ValidationFailed.status().as_u16());
        };
        let Ok(email) = Email::parse(email) else {
            return Ok(Code::ValidationFailed.status().as_u16());
        };
        let rows = self.sql_one(credentials(&email)).await?;
        let credentials = Credentials::first(&rows)?;
        let verdict = self.verify_password(credentials.as_ref(), &Attempt::new(password, H::UNICODE));
        Ok(match (credentials, verdict) {
            (Some(person), Verdict::Right { .. }) if person.status == Status::Active => 200,
            (Some(_), Verdict::Right { .. }) => 403,
            _ => 401,
        })
    }

    /// Counts whether both systems decided alike, and logs where they didn't. Neither holds anything of the person.
    async fn compare(&self, call: Call, there: &Result<Response<Bytes>, FetchError>, here: Result<u16, Failure>) {
        let (Ok(there), Ok(here)) = (there, here) else {
            self.log(Level::Warn, "rollout.uncompared", call.name());
            return;
        };
        let there = there.status().as_u16();
        let is_same = here == there;
        if !is_same {
            let text = format!("{}: here {here}, there {there}", call.name());
            self.log(Level::Warn, "rollout.difference", &text);
        }
        let outcome = if is_same { "same" } else { "different" };
        let field = format!("{}:{outcome}", call.name());
        // Where Redis is away, the log has the difference all the same.
        let count = vec!["HINCRBY".into(), COUNTS.into(), field.into(), "1".into()];
        let keep = vec!["EXPIRE".into(), COUNTS.into(), COUNTS_KEPT.into()];
        let _ = self.kv(&[count, keep]).await;
    }
}

/// Whether an answer is about this address; one without an address is about what was asked.
fn is_of(person: &Person, email: &Email) -> bool {
    // Beyond ASCII two mailboxes may differ by a letter's case only, or by a letter that looks like another's.
    let stated = person.email.as_deref();
    stated.is_none_or(|stated| stated.trim().eq_ignore_ascii_case(email.as_str()))
}

/// Whether an id tells one person from all others, also those of other systems that an import brought here. One that is an
/// address tells no more than the address does.
fn is_telling(id: &str) -> bool {
    id.len() >= TELLING_ID && !id.contains('@')
}

fn down(text: &str) -> Failure {
    Failure::Unavailable(Dependency::Legacy, text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_has_four_positions() {
        for (text, expected) in [
            ("off", Some(Rollout::Off)),
            ("shadow", Some(Rollout::Shadow)),
            ("percent:0", Some(Rollout::Percent(0))),
            ("percent:37", Some(Rollout::Percent(37))),
            ("percent:100", Some(Rollout::Percent(100))),
            ("on", Some(Rollout::On)),
            ("percent:101", None),
            ("percent:+5", None),
            ("percent:", None),
            ("On", None),
            ("", None),
        ] {
            assert_eq!(Rollout::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_keeps_its_place_and_a_higher_percentage_only_adds() {
        let people: Vec<_> = (0..2000)
            .map(|n| Email::parse(&format!("person{n}@example.com")).unwrap())
            .collect();
        let mut here = 0;
        for percent in [0_u8, 1, 10, 50, 99, 100] {
            let now = people
                .iter()
                .filter(|email| Rollout::Percent(percent).has(email))
                .count();
            assert!(now >= here);
            let expected = usize::from(percent) * 20;
            assert!(now.abs_diff(expected) <= 90, "{now} of 2000 at {percent}");
            here = now;
        }
        assert_eq!(here, 2000);
        let (lower, upper) = ("ann@example.com", "Ann@Example.com");
        assert_eq!(
            bucket(&Email::parse(lower).unwrap()),
            bucket(&Email::parse(upper).unwrap())
        );
        // Written down, so that no change of ours sends people to and fro: SHA-256 begins with 71d4f55f, which is 55 modulo 100.
        assert_eq!(bucket(&Email::parse("ann@example.com").unwrap()), 55);
    }
}
