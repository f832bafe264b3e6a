//! How often a call may be made: by address, by account, and by both together.
//!
//! The counters are in Redis, moved by one script that either counts a call in every bucket or in none. While Redis is
//! down the same arithmetic runs on counters of this instance: weaker, but there.

mod local;
mod sign_in;

use std::borrow::Cow;
use std::time::Duration;

use doorward_core::email::Email;
use doorward_core::id::{TokenId, UserId};
use doorward_core::limit::Rule;
use doorward_core::net::rate_key;
use doorward_core::token::HashedToken;

use crate::config::Limits;
use crate::context::Context;
use crate::error::Failure;
use crate::host::{Command, Host, Level, Reply as KvReply};
pub(crate) use local::LocalLimits;

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

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// One counter that a call goes through.
#[derive(Debug)]
pub(crate) struct Bucket {
    key: String,
    rule: Rule,
}

/// What bounds a bucket: only a rule on an address is widened much for development, where everybody shares one.
#[derive(Debug, Clone, Copy)]
enum By {
    Address,
    Account,
}

impl<H: Host> Context<H> {
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
