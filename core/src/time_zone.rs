//! Names of time zones.

use alloc::string::String;

/// The areas that IANA's database has places in.
const AREAS: [&str; 11] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Etc",
    "Europe",
    "Indian",
    "Pacific",
];

/// A time zone's name as IANA's database writes it (RFC 6557): `UTC`, or an area and a place such as `Europe/Berlin`.
/// Whether there is such a place is for the database to say, which has the rules.
///
/// Postgres would also take an abbreviation (`CEST`, without a summer time) and a rule (`ABC+5`): those are no names here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeZone(String);

validated_text!(TimeZone);

problems! {
    /// Why a text names no time zone.
    pub enum TimeZoneError {
        /// Nothing was given.
        Required => "required", "Choose a time zone.";
        /// No such name.
        Invalid => "invalid_time_zone", "Choose a time zone by its IANA name, such as Europe/Berlin.";
    }
}

impl TimeZone {
    /// Reads a name. Letters' case counts.
    ///
    /// # Errors
    /// See [`TimeZoneError`].
    pub fn parse(text: &str) -> Result<Self, TimeZoneError> {
        if text.is_empty() {
            return Err(TimeZoneError::Required);
        }
        let is_name = match text.split_once('/') {
            None => text == "UTC",
            Some(("Etc", place)) => is_etc(place),
            Some((area, places)) => AREAS.contains(&area) && places.split('/').all(is_place),
        };
        if is_name && text.len() <= 64 {
            Ok(Self(text.into()))
        } else {
            Err(TimeZoneError::Invalid)
        }
    }
}

/// Without digits, so that Postgres can't read a rule in it.
fn is_place(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase()) && text.bytes().all(plain)
}

/// `UTC`, `GMT`, and `GMT` with whole hours.
fn is_etc(place: &str) -> bool {
    if matches!(place, "UTC" | "GMT") {
        return true;
    }
    let hours = place.strip_prefix("GMT+").or_else(|| place.strip_prefix("GMT-"));
    hours.is_some_and(|hours| {
        hours.bytes().all(|byte| byte.is_ascii_digit())
            && !hours.starts_with('0')
            && hours.parse::<u8>().is_ok_and(|hours| hours <= 14)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_iana_names() {
        for text in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "America/Port-au-Prince",
            "Etc/UTC",
            "Etc/GMT+12",
            "Etc/GMT-14",
        ] {
            assert_eq!(TimeZone::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "utc",
            "CET",
            "CEST",
            "EST5EDT",
            "ABC+5",
            "+02:00",
            "Berlin",
            "europe/berlin",
            "Europe/",
            "Europe//Berlin",
            "Europe/berlin",
            "Europe/Berlin ",
            "Europe/Berlin3",
            "Mars/Olympus",
            "Etc/GMT+15",
            "Etc/GMT+0x",
            "../../etc/passwd",
            "Europe/../Asia/Tokyo",
        ] {
            assert_eq!(TimeZone::parse(text), Err(TimeZoneError::Invalid), "{text}");
        }
        assert_eq!(TimeZone::parse(""), Err(TimeZoneError::Required));
    }
}
