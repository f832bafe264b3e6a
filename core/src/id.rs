//! Identifiers: UUIDs of version 7 (RFC 9562, section 5.7), one type for each thing that has one.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entropy::{Entropy, EntropyError, random};
use crate::hex::{hex_digit, hex_digits};
use crate::time::Time;

/// The 16 bytes of a UUIDv7: 48 bits of milliseconds, 4 of version, 12 random, 2 of variant, 62 random.
fn uuid_v7(now: Time, mut random: [u8; 16]) -> [u8; 16] {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0).to_be_bytes();
    for (byte, time) in random.iter_mut().zip(millis.iter().skip(2)) {
        *byte = *time;
    }
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut random;
    *version = (*version & 0x0f) | 0x70;
    *variant = (*variant & 0x3f) | 0x80;
    random
}

/// Reads 8-4-4-4-12 hexadecimal digits of either case, of whatever version.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = text
        .bytes()
        .enumerate()
        .filter(|(at, byte)| !(matches!(at, 8 | 13 | 18 | 23) && *byte == b'-'));
    if text.len() != 36 {
        return None;
    }
    for byte in &mut bytes {
        *byte = hex_digit(digits.next()?.1)? << 4 | hex_digit(digits.next()?.1)?;
    }
    digits.next().is_none().then_some(bytes)
}

/// In one piece: the formatter takes longer over each piece than all of this takes.
fn write_uuid(bytes: [u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'-'; 36];
    let places = text.iter_mut().enumerate();
    let places = places.filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
    for ((_, place), digit) in places.zip(bytes.into_iter().flat_map(hex_digits)) {
        *place = digit;
    }
    f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new one (UUIDv7). Those made later sort after those made earlier, to the millisecond.
            ///
            /// # Errors
            /// See [`Entropy::fill`].
            pub fn generate(now: Time, entropy: &impl Entropy) -> Result<Self, EntropyError> {
                Ok(Self(uuid_v7(now, random(entropy)?)))
            }

            /// Reads a hyphenated UUID of any version, in upper or lower case.
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }

            /// From the 16 bytes in network order.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes in network order.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// Hyphenated, lower case.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                write_uuid(self.0, f)?;
                f.write_str(")")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(UuidVisitor).map(Self)
            }
        }
    )+};
}

struct UuidVisitor;

impl serde::de::Visitor<'_> for UuidVisitor {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hyphenated UUID")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; 16], E> {
        parse_uuid(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

ids! {
    /// A user.
    UserId;
    /// A session: one sign-in.
    SessionId;
    /// A firm.
    FirmId;
    /// A one-time token's row.
    TokenId;
    /// An entry of the audit trail.
    EventId;
    /// A request, and the access token (`jti`) that it made.
    RequestId;
    /// A mail in the outbox.
    MailId;
    /// How a user is known elsewhere.
    AccountId;
    /// An office session.
    OfficeSessionId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }

    #[test]
    fn has_the_layout_of_rfc_9562() {
        // Appendix A.6: 2022-02-22T19:22:22Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
        let random = [
            0, 0, 0, 0, 0, 0, 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f,
        ];
        let id = UserId(uuid_v7(Time::from_millis(0x017F_22E2_79B0), random));
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn sets_version_and_variant_whatever_is_random() {
        let now = Time::from_millis(1);
        assert_eq!(
            UserId::generate(now, &Fixed(0xff)).unwrap().to_string(),
            "00000000-0001-7fff-bfff-ffffffffffff"
        );
        assert_eq!(
            UserId::generate(now, &Fixed(0)).unwrap().to_string(),
            "00000000-0001-7000-8000-000000000000"
        );
        assert_eq!(
            UserId::generate(Time::from_millis(-5), &Fixed(0)).unwrap().as_bytes()[..6],
            [0; 6]
        );
        assert_eq!(UserId::generate(now, &Dry), Err(EntropyError));
    }

    #[test]
    fn reads_either_case_and_nothing_else() {
        let id = SessionId::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F").unwrap();
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(format!("{id:?}"), "SessionId(017f22e2-79b0-7cc3-98c4-dc0c0c07398f)");
        for text in [
            "",
            "017f22e279b07cc398c4dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
            "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
            "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
            "017f22e2-79b0-7cc3-98c4-dc0c0c0739é",
        ] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn survives_json() {
        let id = FirmId::from_bytes([7; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"07070707-0707-0707-0707-070707070707\"");
        assert_eq!(serde_json::from_str::<FirmId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<FirmId>("\"x\"").is_err());
    }
}
