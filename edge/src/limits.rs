//! How often a call may be made: by address, by account, and by both together.
//!
//! The counters are in Redis, moved by one script that either counts a call in every bucket or in none. While Redis is
//! down the same arithmetic runs on counters of this instance: weaker, but there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use doorward_core::email::Email;
use doorward_core::id::{TokenId, UserId};
use doorward_core::limit::{Rule, advance};
use doorward_core::net::rate_key;
use doorward_core::time::Time;
use doorward_core::token::HashedToken;

use crate::config::Limits;
use crate::context::Context;
use crate::error::Failure;
use crate::host::{Command, Host, Kv as _, Level, Reply as KvReply};
use crate::outbound::{patience, within};

/// The generic cell rate algorithm over several keys at once, on Redis' own clock; and, for a sign-in, a delay that
/// doubles with each attempt that wasn't followed by a success.
///
/// `KEYS`: the buckets, then for a sign-in the attempts' key and the key that marks the address as one from which the
/// account has signed in before, which spares it the first bucket. `ARGV`: the number of buckets; burst and period
/// (milliseconds) of each; attempts that are free, and the longest delay (milliseconds), without which attempts aren't
/// counted. Answers 0 and counts the call everywhere, or the milliseconds to wait and counts it nowhere.
const SCRIPT: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local n = tonumber(ARGV[1])
local attempts, known = ARGV[2 * n + 2] and KEYS[n + 1], KEYS[n + 2]
local first = 1
if known and redis.call('EXISTS', known) == 1 then first = 2 end
local arrivals, wait = {}, 0
for i = first, n do
  local burst, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local arrival = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + math.ceil(period / burst)
  wait = math.max(wait, arrival - now - period)
  arrivals[i] = arrival
end
if attempts then
  local free, longest = tonumber(ARGV[2 * n + 2]), tonumber(ARGV[2 * n + 3])
  local count = tonumber(redis.call('HGET', attempts, 'count') or 0)
  if count >= free then
    local delay = math.min(1000 * 2 ^ math.min(count - free, 20), longest)
    wait = math.max(wait, tonumber(redis.call('HGET', attempts, 'last') or 0) + delay - now)
  end
end
if wait > 0 then return math.ceil(wait) end
for i = first, n do
  redis.call('SET', KEYS[i], string.format('%.0f', arrivals[i]), 'PX', string.format('%.0f', arrivals[i] - now))
end
if attempts then
  redis.call('HINCRBY', attempts, 'count', 1)
  redis.call('HSET', attempts, 'last', string.format('%.0f', now))
  redis.call('PEXPIRE', attempts, 3600000)
end
return 0
";

/// Attempts to sign in before the delay starts to grow.
const FREE_ATTEMPTS: u32 = 10;
/// How far it grows for one address and account. Nobody else's address is held up by it.
const LONGEST_DELAY: Duration = Duration::from_mins(15);
/// How far it grows where no trustworthy address tells a stranger from the owner.
const LONGEST_SHARED_DELAY: Duration = Duration::from_secs(30);
/// How long an address counts as one from which an account has signed in, in seconds.
const KNOWN_FOR: u32 = 90 * 24 * 3600;

/// How long a sign-in that came to nothing is remembered.
const DOUBTED_FOR: Duration = Duration::from_mins(10);

/// How many buckets an instance remembers while Redis is down.
const LOCAL_BUCKETS: usize = 10_000;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// One counter that a call goes through.
#[derive(Debug)]
pub(crate) struct Bucket {
    key: String,
    rule: Rule,
}

/// What an instance counts by itself: for when Redis is down, a bucket's theoretical arrival time in milliseconds since 1970; and
/// until when a sign-in is doubted.
#[derive(Debug, Default)]
pub(crate) struct LocalLimits(HashMap<String, i64>);

/// What a sign-in is counted by: keys of the account and of the address, where there is one that can be trusted.
#[derive(Debug)]
struct SigningIn {
    account: String,
    address: Option<String>,
}

impl SigningIn {
    /// The address and the account together; without an address, the account.
    fn both(&self) -> String {
        match &self.address {
            Some(address) => format!("{address}:{}", self.account),
            None => self.account.clone(),
        }
    }

    /// What is doubted after a failure: whoever comes from the address; without one, whoever asks for the account.
    fn doubt(&self) -> String {
        format!("doubt:{}", self.address.as_ref().unwrap_or(&self.account))
    }

    /// The keys of the attempts and of the known address.
    fn keys(&self) -> [String; 2] {
        let both = self.both();
        [format!("doorward:attempts:{both}"), format!("doorward:known:{both}")]
    }
}

/// What bounds a bucket: only a rule on an address is widened much for development, where everybody shares one.
#[derive(Debug, Clone, Copy)]
enum By {
    Address,
    Account,
}

impl<H: Host> Context<H> {
    /// Counts an attempt to sign in, or refuses it.
    ///
    /// The bucket for the account alone is wide, and an address from which the account has signed in before isn't held
    /// up by it, so that a stranger can't lock anybody out; what stops guessing from one place is the bucket and the
    /// growing delay for address and account together.
    ///
    /// # Errors
    /// 429 with the time until the attempt would be taken.
    pub(crate) async fn limit_login(&self, email: &Email) -> Result<(), Failure> {
        let who = self.signing_in(email);
        let mut buckets = self.login_buckets(&who);
        if who.address.is_some() {
            buckets.push(self.login_both(&who));
        }
        let keys = who.keys();
        let longest = if self.client.address.is_some() {
            LONGEST_DELAY
        } else {
            LONGEST_SHARED_DELAY
        };
        let mut command = script_command(&buckets, keys.iter().map(String::as_str));
        command.push(Cow::from((FREE_ATTEMPTS * self.factor(By::Account)).to_string()));
        command.push(Cow::from(longest.as_millis().to_string()));
        let limited = self.run_limit(command, &buckets).await;
        if limited.is_err() {
            self.doubt(email);
        }
        limited
    }

    /// Whether a sign-in may be looked up while its limit is still asked for, which spares it a way to Redis: as long as nobody
    /// from this address failed in this instance of late. So whoever guesses costs the database one query more, and people who
    /// know their passwords wait for it less long.
    pub(crate) fn is_undoubted(&self, email: &Email) -> bool {
        let key = self.signing_in(email).doubt();
        !self.kv_rests() && !self.instance.limits.borrow().holds(&key, self.now)
    }

    /// Remembers that a sign-in came to nothing.
    pub(crate) fn doubt(&self, email: &Email) {
        let key = self.signing_in(email).doubt();
        self.instance
            .limits
            .borrow_mut()
            .put([(key, self.now.saturating_add(DOUBTED_FOR).as_millis())], self.now);
    }

    /// Counts an attempt to sign in that another system answers, or refuses it. How fast one may guess at one account from one
    /// place is that system's to say; it isn't told here whether a refusal there was a wrong guess.
    ///
    /// # Errors
    /// 429 with the time until the attempt would be taken.
    pub(crate) async fn limit_login_elsewhere(&self, email: &Email) -> Result<(), Failure> {
        let who = self.signing_in(email);
        let buckets = self.login_buckets(&who);
        let keys = who.keys();
        self.run_limit(script_command(&buckets, keys.iter().map(String::as_str)), &buckets)
            .await
    }

    /// Forgets the attempts of this address for the account after a success, and remembers that the address is one of the
    /// account's. After the reply: neither is worth a flight before it.
    pub(crate) fn login_succeeded(&self, email: &Email) {
        if self.config().limits == Limits::Off || self.kv_rests() {
            return;
        }
        let host = self.host.clone();
        let timeout = self.config().kv_timeout;
        let who = self.signing_in(email);
        let [attempts, known] = who.keys();
        let both = who.address.is_some().then(|| self.login_both(&who));
        let has_address = self.client.address.is_some();
        self.host.defer(async move {
            let mut forget: Command<'_> = vec!["DEL".into(), attempts.into()];
            forget.extend(both.map(|bucket| bucket.key.into()));
            let mut commands = vec![forget];
            if has_address {
                commands.push(vec![
                    "SET".into(),
                    known.into(),
                    "1".into(),
                    "EX".into(),
                    KNOWN_FOR.to_string().into(),
                ]);
            }
            // Without Redis there is nothing to forget.
            let _ = within(patience(&host, timeout), host.kv().pipeline(&commands)).await;
        });
    }

    fn signing_in(&self, email: &Email) -> SigningIn {
        SigningIn {
            account: account_key(email),
            address: self.address_key(),
        }
    }

    /// The wide buckets of a sign-in, that of the account first.
    fn login_buckets(&self, who: &SigningIn) -> Vec<Bucket> {
        let mut buckets = vec![self.bucket("login:account", By::Account, &who.account, 100, HOUR)];
        if let Some(address) = &who.address {
            buckets.push(self.bucket("login:address", By::Address, address, 60, 10 * MINUTE));
        }
        buckets
    }

    /// The bucket for an address and an account together. Only attempts that fail fill it.
    fn login_both(&self, who: &SigningIn) -> Bucket {
        self.bucket("login:both", By::Account, &who.both(), 20, 10 * MINUTE)
    }

    /// The buckets of a registration. As with a sign-in, the one for the account alone is wide, so that a stranger can't keep
    /// anybody from registering; and whoever holds a genuine `invitation` is held up by no stranger at all.
    pub(crate) fn register_limits(&self, email: &Email, invitation: Option<TokenId>) -> Vec<Bucket> {
        let account = account_key(email);
        let address = self.address_key();
        let mut buckets = match (invitation, &address) {
            (Some(token), _) => {
                vec![self.bucket("register:invitation", By::Account, &token.to_string(), 10, HOUR)]
            }
            (None, Some(address)) => vec![
                self.bucket("register:account", By::Account, &account, 100, HOUR),
                self.bucket("register:both", By::Account, &format!("{address}:{account}"), 10, HOUR),
            ],
            (None, None) => vec![self.bucket("register:account", By::Account, &account, 10, HOUR)],
        };
        buckets.extend(address.map(|address| self.bucket("register:address", By::Address, &address, 30, HOUR)));
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

    /// The buckets of a call that takes a one-time token: by the address in any case, by the token's user where the token
    /// is real. Where nobody says the address, tokens that aren't ours share one bucket.
    pub(crate) fn token_limits(&self, call: &str, user: Option<UserId>) -> Vec<Bucket> {
        let by_user = |key: &str| self.bucket(&format!("{call}:user"), By::Account, key, 20, HOUR);
        let by_address = |key: &str| self.bucket(&format!("{call}:address"), By::Address, key, 60, 10 * MINUTE);
        let mut buckets: Vec<Bucket> = self.address_key().iter().map(|key| by_address(key)).collect();
        buckets.extend(user.map(|user| by_user(&user.to_string())));
        if buckets.is_empty() {
            buckets.push(by_address("unknown"));
        }
        buckets
    }

    /// The bucket of the calls that ask a signed-in user for the password again.
    pub(crate) fn password_limits(&self, user: UserId) -> Vec<Bucket> {
        vec![self.bucket("password:user", By::Account, &user.to_string(), 20, HOUR)]
    }

    /// How often one session may be refreshed; none where nothing is limited. Counted in the session's row, which a refresh
    /// writes anyway.
    pub(crate) fn refresh_rule(&self) -> Option<Rule> {
        (self.config().limits != Limits::Off).then(|| self.rule(By::Account, 60, MINUTE))
    }

    /// Counts the call in every bucket, or refuses it and counts it in none.
    ///
    /// # Errors
    /// 429 with the time until the call would be taken.
    pub(crate) async fn limit(&self, buckets: &[Bucket]) -> Result<(), Failure> {
        self.run_limit(script_command(buckets, []), buckets).await
    }

    async fn run_limit(&self, command: Command<'_>, buckets: &[Bucket]) -> Result<(), Failure> {
        if self.config().limits == Limits::Off {
            return Ok(());
        }
        match self.kv(&[command]).await.as_deref() {
            Ok([KvReply::Integer(0)]) => Ok(()),
            Ok([KvReply::Integer(millis)]) => Err(Failure::limited(Duration::from_millis(
                u64::try_from(*millis).unwrap_or(1000),
            ))),
            Ok(other) => {
                self.log(
                    Level::Warn,
                    "degraded",
                    &format!("the limits' script answered {other:?}"),
                );
                self.limit_here(buckets)
            }
            Err(_) => self.limit_here(buckets),
        }
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
        Bucket {
            key: format!("doorward:limit:{name}:{key}"),
            rule: self.rule(by, burst, period),
        }
    }

    fn rule(&self, by: By, burst: u32, period: Duration) -> Rule {
        Rule {
            burst: burst * self.factor(by),
            period,
        }
    }

    /// How much wider than documented.
    fn factor(&self, by: By) -> u32 {
        match (self.config().limits, by) {
            (Limits::Loose, By::Address) => 100,
            (Limits::Loose, By::Account) => 3,
            _ => 1,
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
        let keys = buckets.iter().map(|bucket| bucket.key.clone());
        self.put(keys.zip(arrivals), now);
        Ok(())
    }

    /// Whether a key is there, and its time not over.
    fn holds(&self, key: &str, now: Time) -> bool {
        self.0.get(key).is_some_and(|until| *until > now.as_millis())
    }

    fn put(&mut self, entries: impl IntoIterator<Item = (String, i64)>, now: Time) {
        if self.0.len() >= LOCAL_BUCKETS {
            self.0.retain(|_, arrival| *arrival > now.as_millis());
        }
        if self.0.len() >= LOCAL_BUCKETS {
            // More live buckets than there is room for: forgetting them all is the lesser evil beside growing.
            self.0.clear();
        }
        self.0.extend(entries);
    }
}

fn script_command<'a>(buckets: &'a [Bucket], more_keys: impl IntoIterator<Item = &'a str>) -> Command<'a> {
    let mut keys: Vec<Cow<'a, str>> = buckets.iter().map(|bucket| bucket.key.as_str().into()).collect();
    keys.extend(more_keys.into_iter().map(Cow::from));
    let mut command: Command<'a> = vec!["EVAL".into(), SCRIPT.into(), keys.len().to_string().into()];
    command.extend(keys);
    command.push(buckets.len().to_string().into());
    for Bucket { rule, .. } in buckets {
        command.push(rule.burst.to_string().into());
        command.push(rule.period.as_millis().to_string().into());
    }
    command
}

/// The address as a fixed-length key that says nothing to whoever reads Redis' keys.
fn account_key(email: &Email) -> String {
    let mut key = HashedToken::of(email.as_str()).as_str().to_owned();
    key.truncate(32);
    key
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
