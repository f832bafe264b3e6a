//! How often one may try to sign in.

use std::borrow::Cow;
use std::time::Duration;

use doorward_core::email::Email;

use super::{Bucket, By, HOUR, MINUTE, account_key, script_command};
use crate::config::Limits;
use crate::context::Context;
use crate::error::Failure;
use crate::host::{Command, Host, Kv as _};
use crate::outbound::{patience, within};

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
        let longest = if who.address.is_some() {
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
        let has_address = who.address.is_some();
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
}
