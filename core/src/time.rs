//! Points in time, in milliseconds, and their two texts: RFC 3339 and what Postgres prints.

use core::fmt;
use core::time::Duration;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_PER_DAY: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z.
const FIRST_PRINTABLE: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_PRINTABLE: i64 = 253_402_300_799_999;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(i64);

/// The text is no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeError;

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date and time with an offset from UTC")
    }
}

impl core::error::Error for TimeError {}

impl Time {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z (the `NumericDate` of RFC 7519, section 2).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads RFC 3339 (`2026-11-20T18:00:00.123Z`) and what Postgres prints for a `timestamptz` with the datestyle ISO
    /// (`2026-11-20 18:00:00.123456+00`, also `+05:30`). The offset must be there; digits beyond the millisecond are cut off.
    ///
    /// # Errors
    /// [`TimeError`] for anything else, `infinity` and years outside 0 to 9999 included.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        parse(text.as_bytes()).map(Self).ok_or(TimeError)
    }

    /// This much later.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// ISO 8601 with milliseconds and `Z`: `2026-11-20T18:00:00.123Z`. What lies outside the years 0 to 9999 is clamped.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.clamp(FIRST_PRINTABLE, LAST_PRINTABLE);
        let (year, month, day) = date_of(shown.div_euclid(MILLIS_PER_DAY));
        let in_day = shown.rem_euclid(MILLIS_PER_DAY);
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
        // In one piece: the formatter takes longer over each piece than all of this takes.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, width, number) in [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, hour),
            (14, 2, minute),
            (17, 2, second),
            (20, 3, milli),
        ] {
            let mut rest = number;
            for place in text.iter_mut().skip(at).take(width).rev() {
                *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        }
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date and time as RFC 3339 writes it")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(TimeVisitor).map_err(D::Error::custom)
    }
}

/// The day's number, counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in years that begin in March, so that the leap day is the last of its year.
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + days_before_month + (day - 1) - 719_468
}

/// The inverse of [`day_number`]: year, month, day.
const fn date_of(day_number: i64) -> (i64, i64, i64) {
    let days = day_number + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    // Every 4th, all but every 100th, and the very last day of an era of 400 years is a leap day.
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if march_month < 10 {
        (year, march_month + 3, day)
    } else {
        (year + 1, march_month - 9, day)
    }
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn parse(text: &[u8]) -> Option<i64> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(after(rest, b"-")?, 2)?;
    let (day, rest) = number(after(rest, b"-")?, 2)?;
    let (hour, rest) = number(after(rest, b"Tt ")?, 2)?;
    let (minute, rest) = number(after(rest, b":")?, 2)?;
    let (second, rest) = number(after(rest, b":")?, 2)?;
    let (milli, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    // A leap second (RFC 3339, section 5.7) counts as the first of the next minute.
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    let seconds = day_number(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    valid.then_some(seconds * 1000 + milli)
}

/// Exactly `digits` decimal digits.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    let value = head.iter().try_fold(0, |value: i64, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })?;
    Some((value, rest))
}

/// What follows one of these bytes.
fn after<'a>(text: &'a [u8], one_of: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first()?;
    one_of.contains(first).then_some(rest)
}

/// The milliseconds of an optional `.123456`.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = after(text, b".") else {
        return Some((0, text));
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, rest) = rest.split_at_checked(digits).filter(|_| digits > 0)?;
    let milli = [100, 10, 1]
        .iter()
        .zip(head)
        .map(|(weight, byte)| weight * i64::from(byte - b'0'))
        .sum();
    Some((milli, rest))
}

/// `Z`, or `+HH`, `+HH:MM`, `+HH:MM:SS` (Postgres prints seconds for historical offsets): seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text {
        b"Z" | b"z" => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, mut rest) = number(text.get(1..)?, 2)?;
    let mut parts = [0, 0];
    for part in &mut parts {
        if rest.is_empty() {
            break;
        }
        (*part, rest) = number(after(rest, b":")?, 2)?;
    }
    let [minutes, seconds] = parts;
    let valid = rest.is_empty() && hours <= 23 && minutes <= 59 && seconds <= 59;
    valid.then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn same(text: &str, millis: i64) {
        assert_eq!(Time::parse(text), Ok(Time::from_millis(millis)), "{text}");
    }

    #[test]
    fn reads_rfc_3339_and_postgres() {
        same("1970-01-01T00:00:00Z", 0);
        // `date -u -d 2026-11-20T18:00:00 +%s` says 1795197600.
        same("2026-11-20T18:00:00.123Z", 1_795_197_600_123);
        same("2026-11-20t18:00:00z", 1_795_197_600_000);
        same("2026-11-20 18:00:00.123456+00", 1_795_197_600_123);
        same("2026-11-20 23:30:00.1+05:30", 1_795_197_600_100);
        same("2026-11-20 10:00:00-08", 1_795_197_600_000);
        same("2026-11-20 18:00:00.999999+00", 1_795_197_600_999);
        same("1969-12-31 23:59:59.5+00", -500);
        same("2024-02-29T00:00:00Z", 1_709_164_800_000);
        same("2000-02-29T00:00:00Z", 951_782_400_000);
        same("2016-12-31T23:59:60Z", 1_483_228_800_000);
        // The same wall time in UTC is -2717668562 (again by `date`); 7:52:58 are 28378 seconds.
        same("1883-11-18 12:03:58-07:52:58", (-2_717_668_562 + 28_378) * 1000);
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "2026-11-20",
            "2026-11-20T18:00:00",
            "2026-11-20 18:00:00",
            "2026-11-20T18:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T18:60:00Z",
            "2026-11-20T18:00:61Z",
            "2026-11-20T18:00:00.Z",
            "2026-11-20T18:00:00ZZ",
            "2026-11-20T18:00:00+5",
            "2026-11-20T18:00:00+05:3",
            "2026-11-20T18:00:00+24",
            "12026-11-20T18:00:00Z",
            "2026-11-20 18:00:00+00 BC",
            "+026-11-20T18:00:00Z",
            "2026-11-20T18:00:00+00:00:00:00",
        ] {
            assert_eq!(Time::parse(text), Err(TimeError), "{text}");
        }
    }

    #[test]
    fn prints_iso_8601_and_clamps() {
        assert_eq!(
            Time::from_millis(1_795_197_600_123).to_string(),
            "2026-11-20T18:00:00.123Z"
        );
        assert_eq!(Time::from_millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Time::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Time::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn arithmetic_saturates() {
        let now = Time::from_millis(1000);
        assert_eq!(now.saturating_add(Duration::MAX), Time::from_millis(i64::MAX));
        assert_eq!(now.saturating_sub(Duration::from_secs(2)), Time::from_millis(-1000));
        assert_eq!(now.since(Time::from_millis(400)), Duration::from_millis(600));
        assert_eq!(now.since(Time::from_millis(1001)), Duration::ZERO);
        assert_eq!(Time::from_millis(-1).as_seconds(), -1);
        assert_eq!(Time::from_seconds(i64::MAX).as_millis(), i64::MAX);
    }

    #[test]
    fn survives_json() {
        let time = Time::from_millis(1_795_197_600_123);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, r#""2026-11-20T18:00:00.123Z""#);
        assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), time);
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }
}
