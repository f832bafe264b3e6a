//! Rate limits: the Generic Cell Rate Algorithm (ATM Forum TM 4.1, section 4.4.2; ITU-T I.371, annex A), in its form as
//! virtual scheduling.
//!
//! All that is stored for a key is one number, the *theoretical arrival time* (TAT): when the next request would arrive if
//! requests came at exactly the sustained rate. Each request that is let through moves it on by one emission interval; a
//! request is refused when the TAT has run ahead of the clock by more than the burst allows.

use core::time::Duration;

use crate::time::Time;

/// A limit: `burst` requests at once, restored evenly over `period`.
///
/// In any stretch of time `w`, at most `burst + w / (period / burst)` requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many requests may come at once. 0 lets none through.
    pub burst: u32,
    /// The time in which `burst` requests are restored, in whole milliseconds.
    pub period: Duration,
}

impl Rule {
    /// The time in which one request is restored, in milliseconds, rounded up so that rounding never gives more.
    pub fn interval_ms(&self) -> i64 {
        let period = i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX);
        let burst = i64::from(self.burst.max(1));
        period / burst + i64::from(period % burst != 0)
    }

    /// By how much the theoretical arrival time may be ahead of the clock for a request to be let through, in milliseconds.
    pub fn tolerance_ms(&self) -> i64 {
        self.interval_ms()
            .saturating_mul(i64::from(self.burst).saturating_sub(1))
    }
}

/// Decides on a request that arrives now.
///
/// `arrival_ms` is the stored theoretical arrival time, in milliseconds since 1970; `None` for a key that isn't stored.
/// Answers the theoretical arrival time to store, which is also when the key can be forgotten.
///
/// # Errors
/// How long to wait for the next request that will be let through. Nothing is to be stored then.
pub fn advance(arrival_ms: Option<i64>, now: Time, rule: &Rule) -> Result<i64, Duration> {
    if rule.burst == 0 {
        return Err(rule.period);
    }
    let interval = rule.interval_ms();
    let now = now.as_millis();
    let next = arrival_ms.unwrap_or(now).max(now).saturating_add(interval);
    let earliest = next.saturating_sub(interval.saturating_mul(i64::from(rule.burst)));
    if now >= earliest {
        Ok(next)
    } else {
        Err(Duration::from_millis(
            u64::try_from(earliest.saturating_sub(now)).unwrap_or(0),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        burst: 3,
        period: Duration::from_secs(3),
    };

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn the_tolerance_is_where_the_burst_ends() {
        for now in [0, 999, 1000] {
            for arrival in [0, 1999, 2000, 2001, 2999, 3000, 3001] {
                let is_taken = advance(Some(arrival), at(now), &RULE).is_ok();
                assert_eq!(is_taken, arrival <= now + RULE.tolerance_ms(), "{arrival} at {now}");
            }
        }
    }

    #[test]
    fn lets_a_burst_through_and_then_the_sustained_rate() {
        let first = advance(None, at(0), &RULE).unwrap();
        assert_eq!(first, 1000);
        let second = advance(Some(first), at(0), &RULE).unwrap();
        let third = advance(Some(second), at(0), &RULE).unwrap();
        assert_eq!(third, 3000);
        assert_eq!(advance(Some(third), at(0), &RULE), Err(Duration::from_secs(1)));
        assert_eq!(advance(Some(third), at(999), &RULE), Err(Duration::from_millis(1)));
        assert_eq!(advance(Some(third), at(1000), &RULE), Ok(4000));
    }

    #[test]
    fn forgets_what_is_long_ago() {
        assert_eq!(advance(Some(3000), at(60_000), &RULE), Ok(61_000));
    }

    #[test]
    fn stays_sane_at_the_edges() {
        let none = Rule {
            burst: 0,
            period: Duration::from_secs(9),
        };
        assert_eq!(advance(None, at(0), &none), Err(Duration::from_secs(9)));
        let uneven = Rule {
            burst: 3,
            period: Duration::from_secs(1),
        };
        assert_eq!(uneven.interval_ms(), 334);
        let huge = Rule {
            burst: u32::MAX,
            period: Duration::MAX,
        };
        assert!(advance(Some(i64::MAX), at(i64::MIN), &huge).is_err());
        assert!(advance(None, at(i64::MAX), &huge).is_ok());
    }
}
