//! Every decision of the core behind one exported function, as a WebAssembly module. `tests/imports.rs` builds it and
//! checks that the module asks nothing of its host: no clock, no randomness, nothing.

use std::hint::black_box;
use std::time::Duration;

use doorward_core::email::Email;
use doorward_core::entropy::{Entropy, EntropyError};
use doorward_core::event::EventKind;
use doorward_core::firm::Slug;
use doorward_core::id::{RequestId, SessionId, TokenId, UserId};
use doorward_core::limit::{Rule, advance};
use doorward_core::name::PersonName;
use doorward_core::net::rate_key;
use doorward_core::password::{self, Attempt, Password, Workspace};
use doorward_core::phone::Phone;
use doorward_core::role::Role;
use doorward_core::session;
use doorward_core::text::ShortText;
use doorward_core::tier::Tier;
use doorward_core::time::Time;
use doorward_core::token::Keys;
use doorward_core::token::access::{self, AccessClaims, AccessPolicy};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::{RefreshToken, SessionRow, decide};
use doorward_core::unicode;
use doorward_core::user::Status;

struct Seeded;

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.fill(7);
        Ok(())
    }
}

/// Runs through all of it. Answers how far it came; 6 is the end.
#[expect(
    unsafe_code,
    reason = "an exported name is one that could clash with another module's"
)]
#[unsafe(no_mangle)]
pub extern "C" fn run(now_ms: i64) -> u32 {
    everything(Time::from_millis(now_ms)).unwrap_or(0)
}

fn everything(now: Time) -> Option<u32> {
    let email = Email::parse(black_box("Ada@Example.com")).ok()?;
    black_box((
        PersonName::parse("Ada").ok()?,
        Phone::parse("+49 30 1234567").ok()?,
        Slug::parse("acme").ok()?,
    ));
    black_box((
        ShortText::<20>::parse("Research").ok()?,
        EventKind::parse("user.registered")?,
        rate_key("::1"),
    ));
    black_box(Time::parse(&now.to_string()).ok()?);

    let mut workspace = Workspace::new();
    let password = Password::new(black_box("correct horse"), &[email.as_str()], unicode::TABLES).ok()?;
    let stored = password::hash(&password, [1; 16], &mut workspace).ok()?;
    let attempt = Attempt::new(black_box("correct horse"), unicode::TABLES);
    black_box(password::verify(Some(stored.as_str()), &attempt, &mut workspace));
    black_box(password::verify(None, &attempt, &mut workspace));
    for legacy in LEGACY {
        black_box(password::verify(Some(legacy), &attempt, &mut workspace));
    }
    let mut passed = 1;

    let keys = Keys::generate([1; 32], [2; 32]).ok()?;
    let keys = Keys::parse(&Keys::rotate(&keys, [3; 32], [4; 32]).ok()?).ok()?;
    black_box(keys.jwks());
    passed += 1;

    let policy = AccessPolicy {
        issuer: "https://id.example".into(),
        audience: "https://api.example".into(),
        lifetime: Duration::from_mins(10),
        leeway: Duration::ZERO,
    };
    let claims = AccessClaims {
        subject: UserId::generate(now, &Seeded).ok()?,
        session: SessionId::generate(now, &Seeded).ok()?,
        role: Role::member(),
        tier: Tier::Free,
        firm: None,
        issued_at: now,
        expires_at: policy.expires_at(now),
        id: RequestId::generate(now, &Seeded).ok()?,
    };
    let token = access::issue(&keys, &policy, &claims).ok()?;
    black_box(access::verify(&keys, &policy, &access::Proven::new(), &token, now).ok()?);
    passed += 1;

    let first = RefreshToken::first(claims.session, [5; 16]);
    let opened = RefreshToken::open(&keys, first.seal(&keys).expose()).ok()?;
    let row = SessionRow {
        token_hash: opened.successor()?.seal(&keys).hashed(),
        generation: 1,
        rotated_at: now,
        expires_at: session::expires_at(now, true),
        revoked_at: None,
        user_status: Status::Active,
    };
    let hash = first.seal(&keys).hashed();
    black_box(decide(
        &opened,
        &hash,
        false,
        Some(&row),
        &keys,
        now,
        Duration::from_secs(30),
    ));
    passed += 1;

    let one_time = OneTimeToken {
        user: claims.subject,
        token: TokenId::generate(now, &Seeded).ok()?,
    };
    let text = one_time.seal(&keys, Purpose::PasswordReset);
    black_box(OneTimeToken::open(&keys, Purpose::PasswordReset, text.expose()).ok()?);
    passed += 1;

    black_box(
        advance(
            None,
            now,
            &Rule {
                burst: 5,
                period: Duration::from_mins(1),
            },
        )
        .ok()?,
    );
    Some(passed + 1)
}

/// Stored hashes of the kinds that imports bring along.
const LEGACY: [&str; 2] = [
    "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcdee",
    "00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
];
