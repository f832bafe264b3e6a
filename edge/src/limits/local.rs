//! What an instance counts by itself.

use std::collections::HashMap;
use std::time::Duration;

use doorward_core::limit::advance;
use doorward_core::time::Time;

use super::Bucket;

/// How many buckets an instance remembers while Redis is down.
const LOCAL_BUCKETS: usize = 10_000;

/// What an instance counts by itself: for when Redis is down, a bucket's theoretical arrival time in milliseconds since 1970; and
/// until when a sign-in is doubted.
#[derive(Debug, Default)]
pub(crate) struct LocalLimits(HashMap<String, i64>);

impl LocalLimits {
    pub(super) fn count(&mut self, buckets: &[Bucket], now: Time) -> Result<(), Duration> {
        let mut arrivals = Vec::with_capacity(buckets.len());
        let mut wait = None;
        for bucket in buckets {
            match advance(self.0.get(&bucket.key).copied(), now, &bucket.rule) {
                Ok(arrival) => arrivals.push(arrival),
                Err(duration) => wait = wait.max(Some(duration)),
            }
        }
        if let Some(wait) = wait {
            return Err(wait);
        }
        let keys = buckets.iter().map(|bucket| bucket.key.clone());
        self.put(keys.zip(arrivals), now);
        Ok(())
    }

    /// Whether a key is there, and its time not over.
    pub(super) fn holds(&self, key: &str, now: Time) -> bool {
        self.0.get(key).is_some_and(|until| *until > now.as_millis())
    }

    pub(super) fn put(&mut self, entries: impl IntoIterator<Item = (String, i64)>, now: Time) {
        if self.0.len() >= LOCAL_BUCKETS {
            self.0.retain(|_, arrival| *arrival > now.as_millis());
        }
        if self.0.len() >= LOCAL_BUCKETS {
            // More live buckets than there is room for: forgetting them all is the lesser evil beside growing.
            self.0.clear();
        }
        self.0.extend(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MINUTE;
    use doorward_core::limit::Rule;

    fn bucket(key: &str, burst: u32) -> Bucket {
        Bucket {
            key: key.to_owned(),
            rule: Rule { burst, period: MINUTE },
        }
    }

    #[test]
    fn a_refused_call_counts_in_no_bucket() {
        let mut limits = LocalLimits::default();
        let now = Time::from_millis(1_000_000);
        let both = [bucket("wide", 3), bucket("narrow", 1)];
        assert_eq!(limits.count(&both, now), Ok(()));
        assert!(limits.count(&both, now).is_err());
        assert!(limits.count(&both, now).is_err());
        // The wide one was only counted once, so two are left.
        assert_eq!(limits.count(&[bucket("wide", 3)], now), Ok(()));
        assert_eq!(limits.count(&[bucket("wide", 3)], now), Ok(()));
        assert!(limits.count(&[bucket("wide", 3)], now).is_err());
    }

    #[test]
    fn the_wait_is_the_longest_of_all() {
        let mut limits = LocalLimits::default();
        let now = Time::from_millis(0);
        let both = [bucket("fast", 60), bucket("slow", 1)];
        assert_eq!(limits.count(&both, now), Ok(()));
        assert_eq!(limits.count(&both, now), Err(MINUTE));
    }

    #[test]
    fn memory_is_bounded() {
        let mut limits = LocalLimits::default();
        for i in 0..3 * LOCAL_BUCKETS {
            let _ = limits.count(&[bucket(&i.to_string(), 1)], Time::from_millis(0));
            assert!(limits.0.len() <= LOCAL_BUCKETS);
        }
    }
}
