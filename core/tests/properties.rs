//! What holds for every value, tried on many.

#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_core::email::Email;
use doorward_core::firm::Slug;
use doorward_core::id::{RequestId, SessionId, TokenId, UserId};
use doorward_core::limit::{Rule, advance};
use doorward_core::name::PersonName;
use doorward_core::net::rate_key;
use doorward_core::password::{MAX_CHARS, MIN_CHARS, Password, PasswordProblem};
use doorward_core::phone::Phone;
use doorward_core::role::Role;
use doorward_core::text::ShortText;
use doorward_core::tier::Tier;
use doorward_core::time::Time;
use doorward_core::token::access::{self, AccessClaims, AccessPolicy, Proven};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::{Refresh, RefreshToken, SessionRow, decide};
use doorward_core::token::{HashedToken, Keys};
use doorward_core::unicode::TABLES;
use doorward_core::user::Status;
use proptest::prelude::*;

/// 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z.
const PRINTABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

fn keys() -> Keys {
    Keys::parse(&Keys::generate([1; 32], [2; 32]).unwrap()).unwrap()
}

fn policy() -> AccessPolicy {
    AccessPolicy {
        issuer: "https://id.example".into(),
        audience: "https://api.example".into(),
        lifetime: Duration::from_mins(10),
        leeway: Duration::ZERO,
    }
}

proptest! {
    // Failures are told, not filed away: the wasm runs have no directory to write to.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn time_survives_its_text(millis in PRINTABLE) {
        let time = Time::from_millis(millis);
        let text = time.to_string();
        prop_assert_eq!(text.len(), 24);
        prop_assert_eq!(Time::parse(&text), Ok(time));
        let postgres = text.replace('T', " ").replace('Z', "000+00");
        prop_assert_eq!(Time::parse(&postgres), Ok(time));
    }

    #[test]
    fn times_sort_as_their_texts(a in PRINTABLE, b in PRINTABLE) {
        let (a, b) = (Time::from_millis(a), Time::from_millis(b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn an_offset_moves_the_time(millis in PRINTABLE, east in any::<bool>(), hours in 0..24_i64, minutes in 0..60_i64) {
        let text = Time::from_millis(millis).to_string();
        let sign = if east { '+' } else { '-' };
        let moved = Time::parse(&text.replace('Z', &format!("{sign}{hours:02}:{minutes:02}"))).unwrap();
        let offset = (hours * 60 + minutes) * 60_000;
        prop_assert_eq!(moved.as_millis(), if east { millis - offset } else { millis + offset });
    }

    #[test]
    fn parsers_take_whatever_comes(text in any::<String>(), noise in "\\PC{0,40}") {
        for text in [&text, &noise] {
            let _ = Time::parse(text);
            let _ = Email::parse(text);
            let _ = PersonName::parse(text);
            let _ = Phone::parse(text);
            let _ = Slug::parse(text);
            let _ = Role::parse(text);
            let _ = ShortText::<20>::parse(text);
            let _ = UserId::parse(text);
            let _ = Keys::parse(text);
            let _ = HashedToken::parse(text);
            prop_assert!(!rate_key(text).is_empty());
        }
    }

    #[test]
    fn what_looks_like_a_time_is_one_or_not(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}(:[0-9]{2})?)") {
        if let Ok(time) = Time::parse(&text) {
            prop_assert_eq!(Time::parse(&time.to_string()), Ok(time));
        }
    }

    #[test]
    fn a_parsed_text_parses_to_itself(
        email in " {0,2}[A-Za-z0-9.+'-]{1,12}@[A-Za-z0-9.-]{1,12}\\.[A-Za-z]{2,4} {0,2}",
        name in "\\PC{0,20}",
        phone in "[+]?[0-9 ().-]{5,20}",
    ) {
        if let Ok(email) = Email::parse(&email) {
            prop_assert_eq!(email.as_str(), email.as_str().to_ascii_lowercase());
            prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
        }
        if let Ok(name) = PersonName::parse(&name) {
            prop_assert_eq!(PersonName::parse(name.as_str()), Ok(name));
        }
        if let Ok(phone) = Phone::parse(&phone) {
            prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone));
        }
    }

    #[test]
    fn case_and_white_space_make_no_other_address(email in "[a-z0-9]{1,8}(\\.[a-z0-9]{1,8})?@[a-z0-9]{1,8}\\.[a-z]{2,3}") {
        let parsed = Email::parse(&email).unwrap();
        prop_assert_eq!(Email::parse(&format!("\t{} \n", email.to_uppercase())), Ok(parsed));
    }

    #[test]
    fn ids_survive_their_text_and_sort_by_time(bytes in any::<[u8; 16]>(), earlier in 0..1_i64 << 47, later in 1..1_i64 << 40, seed in any::<[u8; 2]>()) {
        let id = UserId::from_bytes(bytes);
        prop_assert_eq!(UserId::parse(&id.to_string()), Some(id));
        prop_assert_eq!(UserId::parse(&id.to_string().to_uppercase()), Some(id));
        let first = UserId::generate(Time::from_millis(earlier), &Fixed(seed[0])).unwrap();
        let second = UserId::generate(Time::from_millis(earlier + later), &Fixed(seed[1])).unwrap();
        prop_assert!(first < second);
        prop_assert!(first.to_string() < second.to_string());
        prop_assert_eq!(first.as_bytes()[6] >> 4, 7);
        prop_assert_eq!(first.as_bytes()[8] >> 6, 0b10);
    }

    #[test]
    fn a_password_has_a_length_exactly_within_its_limits(raw in "[а-я !?]{0,140}") {
        let chars = raw.chars().count();
        let problems = Password::new(&raw, &[], TABLES).err().unwrap_or_default();
        prop_assert_eq!(problems.contains(&PasswordProblem::TooShort), chars < MIN_CHARS);
        prop_assert_eq!(problems.contains(&PasswordProblem::TooLong), chars > MAX_CHARS);
        // The list of common ones is mistaken about one in 65,536; nothing else may be wrong.
        prop_assert!(!problems.contains(&PasswordProblem::LikeYou));
    }

    #[test]
    fn a_refresh_token_survives_its_text(session in any::<[u8; 16]>(), salt in any::<[u8; 16]>(), generations in 0..50_u32) {
        let keys = keys();
        let mut token = RefreshToken::first(SessionId::from_bytes(session), salt);
        for _ in 0..generations {
            token = token.successor().unwrap();
        }
        let text = token.seal(&keys);
        let opened = RefreshToken::open(&keys, text.expose()).unwrap();
        prop_assert_eq!(opened.session, token.session);
        prop_assert_eq!(opened.generation, generations);
        prop_assert_eq!(opened.seal(&keys).hashed(), text.hashed());
        // The successor is the same, whoever derives it from the same token, and no other token's.
        let next = opened.successor().unwrap().seal(&keys);
        prop_assert_eq!(next.hashed(), token.successor().unwrap().seal(&keys).hashed());
        prop_assert_ne!(next.hashed(), text.hashed());
    }

    #[test]
    fn a_refresh_token_with_any_byte_changed_is_forged(session in any::<[u8; 16]>(), salt in any::<[u8; 16]>(), at in 0..99_usize, byte in 0..128_u8) {
        let keys = keys();
        let text = RefreshToken::first(SessionId::from_bytes(session), salt).seal(&keys).expose().to_string();
        let mut changed = text.clone().into_bytes();
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != text);
        prop_assert!(RefreshToken::open(&keys, &changed).is_err());
    }

    #[test]
    fn a_one_time_token_with_any_byte_changed_is_forged(user in any::<[u8; 16]>(), token in any::<[u8; 16]>(), at in 0..91_usize, byte in 0..128_u8) {
        let keys = keys();
        let token = OneTimeToken { user: UserId::from_bytes(user), token: TokenId::from_bytes(token) };
        let text = token.seal(&keys, Purpose::PasswordReset).expose().to_string();
        prop_assert_eq!(OneTimeToken::open(&keys, Purpose::PasswordReset, &text), Ok(token));
        let mut changed = text.clone().into_bytes();
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != text);
        prop_assert!(OneTimeToken::open(&keys, Purpose::PasswordReset, &changed).is_err());
    }

    #[test]
    fn limits_let_no_more_through_than_they_say(
        burst in 1..20_u32,
        period_ms in 1..10_000_u64,
        gaps in prop::collection::vec(0..600_i64, 1..200),
    ) {
        let rule = Rule { burst, period: Duration::from_millis(period_ms) };
        let (mut now, mut arrival, mut through) = (0_i64, None, Vec::new());
        for gap in gaps {
            now += gap;
            match advance(arrival, Time::from_millis(now), &rule) {
                Ok(next) => {
                    arrival = Some(next);
                    through.push(now);
                }
                Err(wait) => {
                    prop_assert!(!wait.is_zero());
                    // Who comes back when told to is let through.
                    let then = now + i64::try_from(wait.as_millis()).unwrap();
                    prop_assert!(advance(arrival, Time::from_millis(then), &rule).is_ok());
                    prop_assert!(advance(arrival, Time::from_millis(then - 1), &rule).is_err());
                }
            }
        }
        for (at, first) in through.iter().enumerate() {
            for (count, last) in through[at..].iter().enumerate() {
                let allowed = i64::from(burst) + (last - first) / rule.interval_ms();
                prop_assert!(i64::try_from(count).unwrap() < allowed, "{} in {} ms", count + 1, last - first);
            }
        }
    }

    #[test]
    fn who_keeps_to_the_rate_is_always_let_through(burst in 1..20_u32, period_ms in 1..10_000_u64, count in 1..100_i64) {
        let rule = Rule { burst, period: Duration::from_millis(period_ms) };
        let mut arrival = None;
        for request in 0..count {
            arrival = Some(advance(arrival, Time::from_millis(request * rule.interval_ms()), &rule).unwrap());
        }
    }

    #[test]
    fn an_address_of_one_64_is_one_client(network in any::<u64>(), a in any::<u64>(), b in any::<u64>()) {
        let address = |host: u64| std::net::Ipv6Addr::from((u128::from(network) << 64) | u128::from(host));
        prop_assume!(network != 0);
        prop_assert_eq!(rate_key(&address(a).to_string()), rate_key(&address(b).to_string()));
    }
}

proptest! {
    // Signatures take their time.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_access_token_survives_its_text(ids in any::<[[u8; 16]; 3]>(), issued in 0..4_000_000_000_i64, role in "[a-z][a-z0-9_-]{0,31}") {
        let keys = keys();
        let issued_at = Time::from_seconds(issued);
        let claims = AccessClaims {
            subject: UserId::from_bytes(ids[0]),
            session: SessionId::from_bytes(ids[1]),
            role: Role::parse(&role).unwrap(),
            tier: Tier::Member,
            firm: None,
            issued_at,
            expires_at: policy().expires_at(issued_at),
            id: RequestId::from_bytes(ids[2]),
        };
        let token = access::issue(&keys, &policy(), &claims).unwrap();
        let proven = Proven::new();
        prop_assert_eq!(access::verify(&keys, &policy(), &proven, &token, issued_at), Ok(claims.clone()));
        prop_assert_eq!(access::verify(&keys, &policy(), &proven, &token, issued_at), Ok(claims));
    }

    #[test]
    fn an_access_token_with_any_byte_changed_is_refused(at in any::<prop::sample::Index>(), byte in 0..128_u8) {
        let keys = keys();
        let now = Time::from_seconds(1_795_197_600);
        let claims = AccessClaims {
            subject: UserId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            role: Role::member(),
            tier: Tier::Free,
            firm: None,
            issued_at: now,
            expires_at: policy().expires_at(now),
            id: RequestId::from_bytes([3; 16]),
        };
        let token = access::issue(&keys, &policy(), &claims).unwrap();
        let mut changed = token.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != token);
        // Also where the good one is remembered.
        let proven = Proven::new();
        prop_assert!(access::verify(&keys, &policy(), &proven, &token, now).is_ok());
        prop_assert!(access::verify(&keys, &policy(), &proven, &changed, now).is_err());
    }

    /// Tabs that refresh as they like, replies that get lost, a thief who tries what he has: one session, and the rule of
    /// the database (one guarded update) played through.
    #[test]
    fn a_session_has_one_current_token_whatever_happens(
        grace_ms in 0..2000_u64,
        steps in prop::collection::vec((0..8_usize, 0..1500_i64, any::<bool>()), 1..60),
    ) {
        let keys = keys();
        let grace = Duration::from_millis(grace_ms);
        let first = RefreshToken::first(SessionId::from_bytes([7; 16]), [9; 16]);
        let mut now = 0_i64;
        let mut row = SessionRow {
            token_hash: first.seal(&keys).hashed(),
            generation: 0,
            rotated_at: Time::from_millis(0),
            expires_at: Time::from_millis(i64::MAX),
            revoked_at: None,
            user_status: Status::Active,
        };
        let mut held = vec![first.seal(&keys).expose().to_string()];
        for (which, wait, lost) in steps {
            now += wait;
            let time = Time::from_millis(now);
            let text = held[which % held.len()].clone();
            let token = RefreshToken::open(&keys, &text).unwrap();
            let hash = HashedToken::of(&text);
            let successor = token.successor().unwrap().seal(&keys);
            let rotated = row.token_hash == hash && row.revoked_at.is_none();
            if rotated {
                row.token_hash = successor.hashed();
                row.generation += 1;
                row.rotated_at = time;
            }
            match decide(&token, &hash, rotated, Some(&row), &keys, time, grace) {
                Refresh::Rotated => {
                    prop_assert!(rotated);
                    if !lost {
                        held.push(successor.expose().to_string());
                    }
                }
                Refresh::Current(current) => {
                    prop_assert!(!rotated && row.revoked_at.is_none());
                    prop_assert_eq!(token.generation + 1, row.generation);
                    prop_assert!(time.since(row.rotated_at) <= grace && grace_ms > 0);
                    // What is handed out is what the database holds.
                    prop_assert_eq!(current.hashed(), row.token_hash.clone());
                    held.push(current.expose().to_string());
                }
                Refresh::Refused(refusal) => {
                    prop_assert!(!rotated);
                    if refusal == doorward_core::token::refresh::RefreshRefusal::Reused {
                        prop_assert!(token.generation < row.generation);
                        row.revoked_at = Some(time);
                    } else {
                        prop_assert!(row.revoked_at.is_some(), "{refusal:?}");
                    }
                }
            }
        }
        // Every token that was ever handed out is of this one chain.
        let distinct: BTreeSet<&String> = held.iter().collect();
        prop_assert!(distinct.len() <= usize::try_from(row.generation).unwrap() + 1);
    }
}

struct Fixed(u8);

impl doorward_core::entropy::Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), doorward_core::entropy::EntropyError> {
        buffer.fill(self.0);
        Ok(())
    }
}
