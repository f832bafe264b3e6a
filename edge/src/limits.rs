//! How often a call may be made: by address, by account, and by both together.
//!
//! The counters are in Redis, moved by one script that either counts a call in every bucket or in none. While Redis is
//! down the same arithmetic runs on counters of this instance: weaker, but there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use doorward_core::email::Email;
use doorward_core::id::{SessionId, UserId};
use doorward_core::limit::{Rule, advance};
use doorward_core::net::rate_key;
use doorward_core::time::Time;
use sha2::{Digest as _, Sha256};

use crate::config::Limits;
use crate::context::Context;
use crate::error::Failure;
use crate::host::{Host, Level, Reply as KvReply};

/// The generic cell rate algorithm over several keys at once, on Redis' own clock. `KEYS` are the buckets; `ARGV` holds
/// burst and period (milliseconds) for each. Answers 0 and counts, or the milliseconds to wait and counts nothing.
const SCRIPT: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local arrivals, wait = {}, 0
for i, key in ipairs(KEYS) do
  local burst, period = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local arrival = math.max(tonumber(redis.call('GET', key) or 0), now) + math.ceil(period / burst)
  wait = math.max(wait, arrival - now - period)
  arrivals[i] = arrival
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', string.format('%.0f', arrivals[i] - now))
end
return 0
";

/// How many buckets an instance remembers while Redis is down.
const LOCAL_BUCKETS: usize = 10_000;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// One counter that a call goes through.
#[derive(Debug)]
pub(crate) struct Bucket {
    key: String,
    rule: Rule,
}

/// Counters for when Redis is down: a bucket's theoretical arrival time in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct LocalLimits(HashMap<String, i64>);

/// What bounds a bucket: only a rule on an address is widened much for development, where everybody shares one.
#[derive(Debug, Clone, Copy)]
enum By {
    Address,
    Account,
}

impl<H: Host> Context<H> {
    /// The buckets of a sign-in. The one for the account alone is wide, so that a stranger can't lock anybody out; the
    /// one for address and account together is what stops guessing from one place.
    pub(crate) fn login_limits(&self, email: &Email) -> Vec<Bucket> {
        let account = account_key(email);
        let mut buckets = vec![self.bucket("login:account", By::Account, &account, 100, HOUR)];
        if let Some(address) = self.address_key() {
            buckets.push(self.bucket("login:address", By::Address, &address, 60, 10 * MINUTE));
            buckets.push(self.bucket(
                "login:both",
                By::Account,
                &format!("{address}:{account}"),
                20,
                10 * MINUTE,
            ));
        }
        buckets
    }

    /// The buckets of a registration.
    pub(crate) fn register_limits(&self, email: &Email) -> Vec<Bucket> {
        let account = account_key(email);
        let mut buckets = vec![self.bucket("register:account", By::Account, &account, 10, HOUR)];
        if let Some(address) = self.address_key() {
            buckets.push(self.bucket("register:address", By::Address, &address, 30, HOUR));
        }
        buckets
    }

    /// The buckets of a call that sends mail: by the mailbox too, so that nobody's is flooded.
    pub(crate) fn mail_limits(&self, call: &str, email: &Email) -> Vec<Bucket> {
        let mut buckets = vec![self.bucket(&format!("{call}:mailbox"), By::Account, &account_key(email), 5, HOUR)];
        if let Some(address) = self.address_key() {
            buckets.push(self.bucket(&format!("{call}:address"), By::Address, &address, 30, HOUR));
        }
        buckets
    }

    /// The buckets of a call that takes a one-time token: by its user where it is real, by the address in any case.
    pub(crate) fn token_limits(&self, call: &str, user: Option<UserId>) -> Vec<Bucket> {
        let user = user.map_or_else(|| "nobody".to_owned(), |user| user.to_string());
        match (self.address_key(), user.as_str()) {
            (Some(address), "nobody") => {
                vec![self.bucket(&format!("{call}:address"), By::Address, &address, 60, 10 * MINUTE)]
            }
            (Some(address), _) => vec![
                self.bucket(&format!("{call}:address"), By::Address, &address, 60, 10 * MINUTE),
                self.bucket(&format!("{call}:user"), By::Account, &user, 20, HOUR),
            ],
            (None, _) => vec![self.bucket(&format!("{call}:user"), By::Account, &user, 20, HOUR)],
        }
    }

    /// The bucket of the calls that ask a signed-in user for the password again.
    pub(crate) fn password_limits(&self, user: UserId) -> Vec<Bucket> {
        vec![self.bucket("password:user", By::Account, &user.to_string(), 20, HOUR)]
    }

    /// The bucket of a session's refreshes.
    pub(crate) fn refresh_limits(&self, session: SessionId) -> Vec<Bucket> {
        vec![self.bucket("refresh:session", By::Account, &session.to_string(), 60, MINUTE)]
    }

    /// Counts the call in every bucket, or refuses it and counts it in none.
    ///
    /// # Errors
    /// 429 with the time until the call would be taken.
    pub(crate) async fn limit(&self, buckets: &[Bucket]) -> Result<(), Failure> {
        if self.config().limits == Limits::Off {
            return Ok(());
        }
        let wait = match self.kv(&[script_command(buckets)]).await.as_deref() {
            Ok([KvReply::Integer(0)]) => return Ok(()),
            Ok([KvReply::Integer(millis)]) => Duration::from_millis(u64::try_from(*millis).unwrap_or(1000)),
            Ok(other) => {
                self.log(
                    Level::Warn,
                    "degraded",
                    &format!("the limits' script answered {other:?}"),
                );
                self.limit_here(buckets)?;
                return Ok(());
            }
            Err(_) => return self.limit_here(buckets),
        };
        Err(Failure::limited(wait))
    }

    fn limit_here(&self, buckets: &[Bucket]) -> Result<(), Failure> {
        self.instance
            .limits
            .borrow_mut()
            .count(buckets, self.now)
            .map_err(Failure::limited)
    }

    fn address_key(&self) -> Option<String> {
        self.client.address.as_deref().map(rate_key)
    }

    fn bucket(&self, name: &str, by: By, key: &str, burst: u32, period: Duration) -> Bucket {
        let factor = match (self.config().limits, by) {
            (Limits::Loose, By::Address) => 100,
            (Limits::Loose, By::Account) => 3,
            _ => 1,
        };
        Bucket {
            key: format!("doorward:limit:{name}:{key}"),
            rule: Rule {
                burst: burst * factor,
                period,
            },
        }
    }
}

impl LocalLimits {
    fn count(&mut self, buckets: &[Bucket], now: Time) -> Result<(), Duration> {
        let mut arrivals = Vec::with_capacity(buckets.len());
        let mut wait = None;
        for bucket in buckets {
            match advance(self.0.get(&bucket.key).copied(), now, &bucket.rule) {
                Ok(arrival) => arrivals.push(arrival),
                Err(duration) => wait = wait.max(Some(duration)),
            }
        }
        if let Some(wait) = wait {
            return Err(wait);
        }
        if self.0.len() >= LOCAL_BUCKETS {
            self.0.retain(|_, arrival| *arrival > now.as_millis());
        }
        if self.0.len() >= LOCAL_BUCKETS {
            // More live buckets than there is room for: forgetting them all is the lesser evil beside growing.
            self.0.clear();
        }
        self.0
            .extend(buckets.iter().map(|bucket| bucket.key.clone()).zip(arrivals));
        Ok(())
    }
}

fn script_command(buckets: &[Bucket]) -> Vec<Cow<'_, str>> {
    let mut command = vec![
        Cow::from("EVAL"),
        Cow::from(SCRIPT),
        Cow::from(buckets.len().to_string()),
    ];
    command.extend(buckets.iter().map(|bucket| Cow::from(bucket.key.as_str())));
    for Bucket { rule, .. } in buckets {
        command.push(Cow::from(rule.burst.to_string()));
        command.push(Cow::from(rule.period.as_millis().to_string()));
    }
    command
}

/// The address as a fixed-length key that says nothing to whoever reads Redis' keys.
fn account_key(email: &Email) -> String {
    let digest = Sha256::digest(email.as_str());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(key: &str, burst: u32) -> Bucket {
        Bucket {
            key: key.to_owned(),
            rule: Rule { burst, period: MINUTE },
        }
    }

    #[test]
    fn a_refused_call_counts_in_no_bucket() {
        let mut limits = LocalLimits::default();
        let now = Time::from_millis(1_000_000);
        let both = [bucket("wide", 3), bucket("narrow", 1)];
        assert_eq!(limits.count(&both, now), Ok(()));
        assert!(limits.count(&both, now).is_err());
        assert!(limits.count(&both, now).is_err());
        // The wide one was only counted once, so two are left.
        assert_eq!(limits.count(&[bucket("wide", 3)], now), Ok(()));
        assert_eq!(limits.count(&[bucket("wide", 3)], now), Ok(()));
        assert!(limits.count(&[bucket("wide", 3)], now).is_err());
    }

    #[test]
    fn the_wait_is_the_longest_of_all() {
        let mut limits = LocalLimits::default();
        let now = Time::from_millis(0);
        let both = [bucket("fast", 60), bucket("slow", 1)];
        assert_eq!(limits.count(&both, now), Ok(()));
        assert_eq!(limits.count(&both, now), Err(MINUTE));
    }

    #[test]
    fn memory_is_bounded() {
        let mut limits = LocalLimits::default();
        for i in 0..3 * LOCAL_BUCKETS {
            let _ = limits.count(&[bucket(&i.to_string(), 1)], Time::from_millis(0));
            assert!(limits.0.len() <= LOCAL_BUCKETS);
        }
    }
}
