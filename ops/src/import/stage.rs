//! Judged records on their way to the staging tables, as chunks of COPY lines. Bounded: a chunk is handed on when it is
//! full, and the next one waits until there is room for it.

use doorward_core::time::Time;

use super::clean::{self, Refusal, Rules};
use super::copy::Line;
use super::tokens;
use super::value::{Field, Record};

/// When a chunk is full, in bytes. Each is one transaction.
const FULL: usize = 2 << 20;

/// A staging table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Users,
    Identities,
    Tokens,
}

impl Table {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Users, Self::Identities, Self::Tokens];

    /// Its part of the name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Identities => "identities",
            Self::Tokens => "tokens",
        }
    }

    /// Its columns, in the order of a line.
    pub(super) const fn columns(self) -> &'static str {
        match self {
            Self::Users => {
                "pos bigint, refused text, notes text, given text, key text, id uuid, email text, name text, \
                 password_hash text, role text, status text, is_verified boolean, verified_at timestamptz, phone text, \
                 avatar_url text, department text, position text, created_at timestamptz, updated_at timestamptz, \
                 last_login_at timestamptz"
            }
            Self::Identities => "pos bigint, user_key text, id uuid, provider text, provider_id text, issuer text",
            Self::Tokens => {
                "pos bigint, origin text, refused text, user_key text, type text, hash text, created_at timestamptz, \
                 expires_at timestamptz"
            }
        }
    }
}

/// Lines for the staging tables, and how many records of the origin are read once they are there.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) parts: Vec<(Table, String)>,
    pub(super) position: u64,
}

/// What kind of token an input holds, and what it is called in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenKind {
    pub(super) kind: &'static str,
    pub(super) origin: &'static str,
}

/// E-mail verifications.
pub(super) const VERIFICATION: TokenKind = TokenKind {
    kind: "email_verification",
    origin: "verification_tokens",
};
/// Password resets.
pub(super) const RESET: TokenKind = TokenKind {
    kind: "password_reset",
    origin: "password_reset_tokens",
};

/// Judges records and gathers their lines.
#[derive(Debug)]
pub(super) struct Stager {
    rules: Rules,
    now: Time,
    /// How many records were staged before, by a run that was interrupted.
    skip: u64,
    position: u64,
    lines: [String; 3],
}

impl Stager {
    /// Starts at the front; the first `skip` records are passed over.
    pub(super) fn new(rules: Rules, now: Time, skip: u64) -> Self {
        Self {
            rules,
            now,
            skip,
            position: 0,
            lines: Default::default(),
        }
    }

    /// Whether the next record is there already. It then counts as read.
    pub(super) fn is_staged(&mut self) -> bool {
        let staged = self.position < self.skip;
        if staged {
            self.position += 1;
        }
        staged
    }

    /// Takes a record that stands at `pos` in its input. Answers the chunk that is full with it.
    pub(super) fn put(&mut self, pos: u64, record: &Record, kind: Option<TokenKind>) -> Option<Chunk> {
        self.position += 1;
        match kind {
            None => self.user(pos, record),
            Some(kind) => self.token(pos, record, kind),
        }
        self.full()
    }

    fn full(&mut self) -> Option<Chunk> {
        (self.lines.iter().map(String::len).sum::<usize>() >= FULL).then(|| self.chunk())
    }

    /// The chunk as it is.
    pub(super) fn chunk(&mut self) -> Chunk {
        let lines = Table::ALL.into_iter().zip(self.lines.iter_mut().map(std::mem::take));
        let parts = lines.filter(|(_, lines)| !lines.is_empty()).collect();
        Chunk {
            parts,
            position: self.position,
        }
    }

    fn user(&mut self, pos: u64, record: &Record) {
        let [lines, ..] = &mut self.lines;
        let user = match clean::user(record, &self.rules) {
            Ok(user) => user,
            Err(refusal) => {
                let id = Some(record.get(Field::Id).shown()).filter(|id| !id.is_empty());
                let mut line = Line::new(lines);
                line.plain(Some(pos)).text(Some(&words(refusal))).text(None);
                line.text(given(record).as_deref()).text(id.as_deref());
                (0..15).for_each(|_| {
                    line.text(None);
                });
                return line.end();
            }
        };
        let notes = user.notes.text();
        let given = notes.as_ref().and_then(|_| given(record));
        Line::new(lines)
            .plain(Some(pos))
            .text(None)
            .text(notes.as_deref())
            .text(given.as_deref())
            .text(Some(&user.key.text))
            .plain(Some(user.key.id))
            .text(Some(user.email.as_str()))
            .text(Some(&user.name))
            .text(user.password_hash.as_deref())
            .text(Some(&user.role))
            .plain(Some(user.status))
            .plain(Some(user.is_verified))
            .plain(user.verified_at)
            .plain(user.phone.as_ref())
            .text(user.avatar_url.as_deref())
            .text(user.department.as_deref())
            .text(user.position.as_deref())
            .plain(user.created_at)
            .plain(user.updated_at)
            .plain(user.last_login_at)
            .end();
    }

    fn token(&mut self, pos: u64, record: &Record, kind: TokenKind) {
        let [.., lines] = &mut self.lines;
        let mut line = Line::new(lines);
        line.plain(Some(pos)).text(Some(kind.origin));
        match tokens::token(record, &self.rules, self.now) {
            Ok(token) => line
                .text(None)
                .text(Some(&token.user))
                .text(Some(kind.kind))
                .text(Some(token.hash.as_str()))
                .plain(token.created_at)
                .plain(Some(token.expires_at)),
            Err(refusal) => line
                .text(Some(&words(refusal)))
                .text(Some(&record.get(Field::UserId).shown()))
                .text(None)
                .text(None)
                .text(None)
                .text(None),
        };
        line.end();
    }

    /// Takes another way by which a user is known elsewhere. Answers the chunk that is full with it.
    pub(super) fn identity(
        &mut self,
        user: &str,
        provider: &str,
        account: &str,
        issuer: Option<&str>,
    ) -> Option<Chunk> {
        let id = super::ids::hashed(&["identity", provider, issuer.unwrap_or_default(), account]);
        let [_, lines, _] = &mut self.lines;
        Line::new(lines)
            .plain(Some(0))
            .text(Some(user))
            .plain(Some(doorward_core::id::AccountId::from_bytes(id)))
            .text(Some(provider))
            .text(Some(account))
            .text(issuer)
            .end();
        self.full()
    }
}

/// What the source has as the address, for the report.
fn given(record: &Record) -> Option<String> {
    let shown = record.get(Field::Email).shown();
    (!shown.is_empty()).then_some(shown)
}

fn words((field, code): Refusal) -> String {
    format!("{field}:{code}")
}
