//! What a deployment decides: read from the host's environment once an instance, handed down as a value.
//!
//! `docs/OPERATIONS.md` has the table of the names for people; a name that is missing takes its default, a value that
//! can't be understood is an error that names it.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use doorward_core::role::Role;
use doorward_core::secret::Secret;
use doorward_core::token::Keys;
use doorward_core::token::access::AccessPolicy;

use crate::rollout::{Rollout, Switch};
use crate::wire::breached::Breached;
use crate::wire::conn_string::ConnString;
use crate::wire::legacy::Legacy;
use crate::wire::mail_http::{self, MailHttp};
use crate::wire::redis_rest::RedisRest;
use crate::wire::sql_http::SqlHttp;

/// Everything configurable, parsed.
#[derive(Debug)]
pub struct Config {
    /// `DOORWARD_KEYS`: a JWK Set with private keys; the first of each kind is the one in use.
    pub keys: Keys,
    /// `ISSUER`, `AUDIENCE`, `ACCESS_TOKEN_SECONDS` (600).
    pub access: AccessPolicy,
    /// `PUBLIC_URL`: the origin that people see, such as `https://id.example.com`. Decides whether cookies are Secure
    /// and where mailed links lead. Without it, the request's own URL decides.
    pub public_url: Option<String>,
    /// `REFRESH_GRACE_SECONDS` (30): how long the refresh token before the current one still answers; 0 turns it off.
    pub refresh_grace: Duration,
    /// `SESSION_SECONDS` (1 day) and `SESSION_REMEMBERED_SECONDS` (30 days), both absolute.
    pub session: SessionLifetimes,
    /// `REVOCATION_SECONDS` (5): how old the answer to "does this session still live?" may be on calls that only read.
    pub revocation_bound: Duration,
    /// `TRUSTED_ORIGINS`: other origins, separated by commas, whose pages may call with the user's cookies.
    pub trusted_origins: Vec<String>,
    /// `SELF_ROLES`: roles that people may choose for themselves when they register.
    pub self_roles: Vec<Role>,
    /// `SIGNUPS`: `open` answers 409 for a taken address, `masked` answers 202 for both.
    pub signups: Signups,
    /// `EMAIL_VERIFICATION`: `optional`, or `required` before a sign-in.
    pub verification_required: bool,
    /// `LIMITS`: `on`, `loose` (development), `off` (load tests).
    pub limits: Limits,
    /// `SERVER_TIMING`: `on` adds the flights and times of each request as a `Server-Timing` header.
    pub server_timing: bool,
    /// `SQL_TIMEOUT_MS` (5000): Postgres' own statement timeout.
    pub sql_timeout: Duration,
    /// `KV_TIMEOUT_MS` (500): how long Redis may take before the request goes on without it.
    pub kv_timeout: Duration,
    /// `DATABASE_URL`: Postgres, as a connection string. On Workers the Hyperdrive binding `DB` comes before it.
    pub database_url: Option<ConnString>,
    /// `SQL_URL` (and `SQL_TOKEN`): an HTTP SQL proxy in front of `DATABASE_URL`, for hosts without sockets.
    pub sql_proxy: Option<Rc<SqlHttp>>,
    /// `REDIS_REST_URL` and `REDIS_REST_TOKEN`: Redis over Upstash's REST protocol. Without it the limits are counted in
    /// each instance alone.
    pub redis: Option<Rc<RedisRest>>,
    /// `CLIENT_ADDRESS_HEADER`: the header in which a trusted proxy gives the client's address, on hosts that don't
    /// know it themselves. The rightmost entry counts.
    pub client_address_header: Option<String>,
    /// `MAIL_URL`, `MAIL_TOKEN` and `MAIL_FROM`: a mail provider that speaks the Resend API, its key, and the sender.
    /// Without them, or without `PUBLIC_URL`, mail stays in the outbox.
    pub mail: Option<MailHttp>,
    /// `BREACHED_URL`: a service with the range API of Pwned Passwords, such as `https://api.pwnedpasswords.com`. Without
    /// it new passwords are held against the built-in list alone.
    pub breached: Option<Breached>,
    /// `LEGACY_AUTH` (with `LEGACY_CLIENT_SECRET` and `LEGACY_TIMEOUT_MS`, 5000): the system that people come from.
    pub legacy: Option<Legacy>,
    /// `ROLLOUT` (`on`): who is answered here while both systems run; `stored` where the database says it.
    pub rollout: Switch,
    /// `PRODUCT_NAME` (Doorward): what the service is called in mail and on its pages.
    pub product_name: String,
    /// `BRAND_ACCENT`, `BRAND_ACCENT_DARK` and `BRAND_LOGO_URL`: what makes the pages a deployment's own.
    pub brand: Brand,
    /// `MAINTENANCE_TOKEN`: whoever presents it may call `POST /maintenance`. Without it there is no such call.
    pub maintenance_token: Option<Secret<String>>,
    /// `EVENTS_RETENTION_DAYS` (0): how long the audit trail is kept; 0 is for ever.
    pub events_kept: Option<Duration>,
}

/// How long sessions live, from the sign-in, whatever is refreshed.
#[derive(Debug, Clone, Copy)]
pub struct SessionLifetimes {
    /// Without "remember me".
    pub brief: Duration,
    /// With it.
    pub remembered: Duration,
}

/// How the pages look, beside their name.
#[derive(Debug, Default)]
pub struct Brand {
    /// The accent colour, as `#rrggbb`.
    pub accent: Option<String>,
    /// The same in the dark.
    pub accent_dark: Option<String>,
    /// Where a picture of the logo is: an https address, or a path of this site.
    pub logo: Option<String>,
}

impl Brand {
    /// Whether there is a style sheet of its own.
    pub fn is_coloured(&self) -> bool {
        self.accent.is_some() || self.accent_dark.is_some()
    }
}

/// What a registration with a taken address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signups {
    /// 409: friendly, and tells who has an account.
    Open,
    /// 202 for both: tells nobody.
    Masked,
}

/// How strictly calls are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// As documented.
    On,
    /// For development: wide enough for a person and a test suite, still there.
    Loose,
    /// None at all, for load tests.
    Off,
}

/// A name whose value is missing or can't be understood. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The configuration's name.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}: {}", self.name, self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the configuration through `get`, which answers the value of a name.
    ///
    /// # Errors
    /// At the first name that is missing without a default, or that can't be understood.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = Source(&get);
        let keys = source.required("DOORWARD_KEYS")?;
        let keys = Keys::parse(&keys).map_err(|e| error("DOORWARD_KEYS", e.to_string()))?;
        let public_url = source
            .get("PUBLIC_URL")
            .map(|url| origin("PUBLIC_URL", &url))
            .transpose()?;
        let issuer = source
            .get("ISSUER")
            .or_else(|| public_url.clone())
            .unwrap_or_else(|| "doorward".to_owned());
        Ok(Self {
            keys,
            access: AccessPolicy {
                issuer,
                audience: source.get("AUDIENCE").unwrap_or_else(|| "doorward".to_owned()),
                lifetime: source.seconds("ACCESS_TOKEN_SECONDS", 600, 30..=86_400)?,
                leeway: Duration::ZERO,
            },
            public_url,
            refresh_grace: source.seconds("REFRESH_GRACE_SECONDS", 30, 0..=300)?,
            session: SessionLifetimes {
                brief: source.seconds("SESSION_SECONDS", 86_400, 1..=31_536_000)?,
                remembered: source.seconds("SESSION_REMEMBERED_SECONDS", 2_592_000, 1..=31_536_000)?,
            },
            revocation_bound: source.seconds("REVOCATION_SECONDS", 5, 0..=60)?,
            trusted_origins: source
                .list("TRUSTED_ORIGINS")
                .iter()
                .map(|item| origin("TRUSTED_ORIGINS", item))
                .collect::<Result<_, _>>()?,
            self_roles: source
                .list("SELF_ROLES")
                .iter()
                .map(|item| Role::parse(item).map_err(|_| error("SELF_ROLES", format!("{item:?} is no role name"))))
                .collect::<Result<_, _>>()?,
            signups: source.choice("SIGNUPS", &[("open", Signups::Open), ("masked", Signups::Masked)])?,
            verification_required: source.choice("EMAIL_VERIFICATION", &[("optional", false), ("required", true)])?,
            limits: source.choice(
                "LIMITS",
                &[("on", Limits::On), ("loose", Limits::Loose), ("off", Limits::Off)],
            )?,
            server_timing: source.choice("SERVER_TIMING", &[("off", false), ("on", true)])?,
            sql_timeout: source.millis("SQL_TIMEOUT_MS", 5_000, 10..=60_000)?,
            kv_timeout: source.millis("KV_TIMEOUT_MS", 500, 10..=10_000)?,
            database_url: source.database_url()?,
            sql_proxy: source.sql_proxy()?,
            redis: source.redis()?,
            client_address_header: source
                .get("CLIENT_ADDRESS_HEADER")
                .map(|name| name.to_ascii_lowercase()),
            breached: source.breached()?,
            mail: source.mail()?,
            legacy: source.legacy()?,
            rollout: source.rollout()?,
            product_name: source.get("PRODUCT_NAME").unwrap_or_else(|| "Doorward".to_owned()),
            brand: Brand {
                accent: source.colour("BRAND_ACCENT")?,
                accent_dark: source.colour("BRAND_ACCENT_DARK")?,
                logo: source.logo()?,
            },
            maintenance_token: source.get("MAINTENANCE_TOKEN").map(Secret::new),
            events_kept: match source.number("EVENTS_RETENTION_DAYS", 0, 0..=36_500)? {
                0 => None,
                days => Some(Duration::from_secs(days * 86_400)),
            },
        })
    }
}

struct Source<'a, F>(&'a F);

impl<F: Fn(&str) -> Option<String>> Source<'_, F> {
    /// A value that is there and not blank.
    fn get(&self, name: &'static str) -> Option<String> {
        (self.0)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.get(name).ok_or_else(|| error(name, "is missing".to_owned()))
    }

    fn database_url(&self) -> Result<Option<ConnString>, ConfigError> {
        let parse = |url: String| ConnString::parse(&url).map_err(|e| error("DATABASE_URL", e.to_string()));
        self.get("DATABASE_URL").map(parse).transpose()
    }

    fn sql_proxy(&self) -> Result<Option<Rc<SqlHttp>>, ConfigError> {
        let Some(url) = self.get("SQL_URL") else {
            return Ok(None);
        };
        let database = self.required("DATABASE_URL")?;
        let proxy = SqlHttp::new(&url, &database, self.get("SQL_TOKEN").as_deref());
        proxy
            .map(|proxy| Some(Rc::new(proxy)))
            .map_err(|e| error("SQL_URL", e.to_string()))
    }

    fn redis(&self) -> Result<Option<Rc<RedisRest>>, ConfigError> {
        let Some(url) = self.get("REDIS_REST_URL") else {
            return Ok(None);
        };
        let redis = RedisRest::new(&url, &self.required("REDIS_REST_TOKEN")?);
        redis
            .map(|redis| Some(Rc::new(redis)))
            .map_err(|e| error("REDIS_REST_URL", e.to_string()))
    }

    fn mail(&self) -> Result<Option<MailHttp>, ConfigError> {
        let Some(url) = self.get("MAIL_URL") else {
            return Ok(None);
        };
        let from = self.required("MAIL_FROM")?;
        if !mail_http::is_sender(&from) {
            let problem = "must be an address, such as Doorward <no-reply@example.com>";
            return Err(error("MAIL_FROM", problem.to_owned()));
        }
        let provider = MailHttp::new(&url, &self.required("MAIL_TOKEN")?, &from);
        provider.map(Some).map_err(|e| error("MAIL_URL", e.to_string()))
    }

    fn legacy(&self) -> Result<Option<Legacy>, ConfigError> {
        let Some(text) = self.get("LEGACY_AUTH") else {
            return Ok(None);
        };
        let timeout = self.millis("LEGACY_TIMEOUT_MS", 5_000, 10..=60_000)?;
        let legacy = Legacy::parse(&text, self.get("LEGACY_CLIENT_SECRET"), timeout);
        legacy.map(Some).map_err(|e| error("LEGACY_AUTH", e.to_string()))
    }

    fn rollout(&self) -> Result<Switch, ConfigError> {
        let problem = |text: &str| error("ROLLOUT", text.to_owned());
        let switch = match self.get("ROLLOUT").as_deref() {
            None => Switch::Fixed(Rollout::On),
            Some("stored") => Switch::Stored,
            Some(text) => Switch::Fixed(
                Rollout::parse(text)
                    .ok_or_else(|| problem("must be off, shadow, percent:N (0 to 100), on or stored"))?,
            ),
        };
        if switch != Switch::Fixed(Rollout::On) && self.get("LEGACY_AUTH").is_none() {
            return Err(problem("has nobody to answer for the others: LEGACY_AUTH is missing"));
        }
        Ok(switch)
    }

    fn breached(&self) -> Result<Option<Breached>, ConfigError> {
        let parse = |url: String| Breached::new(&url).map_err(|e| error("BREACHED_URL", e.to_string()));
        self.get("BREACHED_URL").map(parse).transpose()
    }

    fn colour(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let is_colour = |text: &String| {
            let digits = text.strip_prefix('#').unwrap_or_default();
            digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match self.get(name) {
            Some(text) if !is_colour(&text) => Err(error(name, "must be a colour such as #2456a6".to_owned())),
            colour => Ok(colour),
        }
    }

    fn logo(&self) -> Result<Option<String>, ConfigError> {
        let is_address = |text: &String| {
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            plain && (text.starts_with("https://") || text.starts_with('/') && !text.starts_with("//"))
        };
        match self.get("BRAND_LOGO_URL") {
            Some(text) if !is_address(&text) => {
                let problem = "must be an https address, or a path of this site";
                Err(error("BRAND_LOGO_URL", problem.to_owned()))
            }
            logo => Ok(logo),
        }
    }

    fn list(&self, name: &'static str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn number(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        match value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(error(
                name,
                format!("must be a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    fn seconds(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Duration, ConfigError> {
        self.number(name, default, range).map(Duration::from_secs)
    }

    fn millis(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Duration, ConfigError> {
        self.number(name, default, range).map(Duration::from_millis)
    }

    /// One of a few words; the first is the default.
    fn choice<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let value = self.get(name);
        let found = match &value {
            None => words.first(),
            Some(value) => words.iter().find(|(word, _)| word == value),
        };
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            error(name, format!("must be one of: {}", words.join(", ")))
        })
    }
}

fn error(name: &'static str, problem: String) -> ConfigError {
    ConfigError { name, problem }
}

/// `scheme://host[:port]` in lower case, without a path.
fn origin(name: &'static str, text: &str) -> Result<String, ConfigError> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(text),
        _ => Err(error(
            name,
            "must be an origin such as https://id.example.com".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let keys = Keys::generate([1; 32], [2; 32]).unwrap();
        Config::read(|name| {
            let given = pairs
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, value)| (*value).to_owned());
            given.or_else(|| (name == "DOORWARD_KEYS").then(|| keys.clone()))
        })
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = read(&[]).unwrap();
        assert_eq!(config.access.lifetime.as_secs(), 600);
        assert_eq!(config.refresh_grace.as_secs(), 30);
        assert_eq!(config.session.brief.as_secs(), 24 * 3600);
        assert_eq!(config.session.remembered.as_secs(), 30 * 24 * 3600);
        assert_eq!(config.revocation_bound.as_secs(), 5);
        assert_eq!(config.limits, Limits::On);
        assert!(config.self_roles.is_empty());
    }

    #[test]
    fn the_issuer_is_the_public_url_unless_given() {
        assert_eq!(
            read(&[("PUBLIC_URL", "https://ID.example.com/")])
                .unwrap()
                .access
                .issuer,
            "https://id.example.com"
        );
        assert_eq!(
            read(&[("ISSUER", "x"), ("PUBLIC_URL", "https://a.b")])
                .unwrap()
                .access
                .issuer,
            "x"
        );
    }

    #[test]
    fn a_mail_provider_is_whole_or_none() {
        let whole = [
            ("MAIL_URL", "https://api.example.com"),
            ("MAIL_TOKEN", "t"),
            ("MAIL_FROM", "Doorward <a@b.c>"),
        ];
        assert!(read(&whole).unwrap().mail.is_some());
        assert!(read(&whole[1..]).unwrap().mail.is_none());
        for (at, wrong) in [(0, "api.example.com"), (1, ""), (2, "Doorward"), (2, "")] {
            let mut broken = whole;
            broken[at].1 = wrong;
            let result = read(&broken);
            assert!(result.is_err_and(|e| e.name == whole[at].0), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (name, value) in [
            ("DOORWARD_KEYS", "{}"),
            ("PUBLIC_URL", "id.example.com"),
            ("TRUSTED_ORIGINS", "https://a.example, https://b.example/path"),
            ("ACCESS_TOKEN_SECONDS", "ten"),
            ("REFRESH_GRACE_SECONDS", "-1"),
            ("SIGNUPS", "closed"),
            ("SELF_ROLES", "Mentor!"),
            ("EVENTS_RETENTION_DAYS", "a year"),
            ("ROLLOUT", "percent:101"),
            // Nobody to answer for the others.
            ("ROLLOUT", "percent:10"),
            ("LEGACY_AUTH", "old.example.com"),
            ("LEGACY_AUTH", "cognito:https://cognito-idp.example.com/"),
            ("BRAND_ACCENT", "red"),
            ("BRAND_ACCENT_DARK", "#12345g"),
            ("BRAND_LOGO_URL", "//evil.example/logo.png"),
            ("BRAND_LOGO_URL", "http://example.com/logo.png"),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().name, name);
        }
    }
}
