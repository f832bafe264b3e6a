//! When a mentor can be met: hours of the week, on the clock of one time zone.

use alloc::vec::Vec;
use core::fmt;

use crate::time_zone::TimeZone;

/// The most hours of the week that a mentor may name.
pub const MAX_SLOTS: usize = 50;
/// Midnight at the end of a day.
const DAY: u16 = 24 * 60;

problems! {
    /// Why hours can't be taken as they are.
    pub enum AvailabilityError {
        /// The day is no number from 1 (Monday) to 7 (Sunday).
        Weekday => "invalid_weekday", "Use 1 for Monday to 7 for Sunday.";
        /// The time is no `HH:MM`.
        Time => "invalid_time", "Use a time such as 09:30.";
        /// It ends before it begins.
        Order => "ends_before_start", "The end has to be after the start.";
        /// It overlaps with another one of the same day.
        Overlap => "overlap", "These hours overlap with others of the same day.";
        /// Its time zone isn't that of the others.
        OtherZone => "other_time_zone", "Use one time zone for all hours.";
        /// There are more than 50.
        TooMany => "too_many", "Use at most 50 entries.";
    }
}

/// A time of the day in minutes since midnight, on the local clock: 0 to 1440, where 1440 is the midnight at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

impl ClockTime {
    /// Reads `HH:MM`, `24:00` included.
    ///
    /// # Errors
    /// [`AvailabilityError::Time`].
    pub fn parse(text: &str) -> Result<Self, AvailabilityError> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let read = || {
            let [h1, h0, b':', m1, m0] = *text.as_bytes() else {
                return None;
            };
            let (hour, minute) = (digit(h1)? * 10 + digit(h0)?, digit(m1)? * 10 + digit(m0)?);
            let time = hour * 60 + minute;
            (minute < 60 && time <= DAY).then_some(Self(time))
        };
        read().ok_or(AvailabilityError::Time)
    }

    /// Minutes since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

/// `HH:MM`.
impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours of one day of every week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    weekday: u8,
    start: ClockTime,
    end: ClockTime,
}

impl Slot {
    /// From a day of the week by ISO 8601 (1 is Monday, 7 is Sunday), a start and an end.
    ///
    /// # Errors
    /// [`AvailabilityError::Weekday`] and [`AvailabilityError::Order`].
    pub fn new(weekday: i64, start: ClockTime, end: ClockTime) -> Result<Self, AvailabilityError> {
        let weekday = u8::try_from(weekday)
            .ok()
            .filter(|day| (1..=7).contains(day))
            .ok_or(AvailabilityError::Weekday)?;
        if start >= end {
            return Err(AvailabilityError::Order);
        }
        Ok(Self { weekday, start, end })
    }

    /// 1 for Monday to 7 for Sunday.
    pub const fn weekday(&self) -> u8 {
        self.weekday
    }

    /// When it begins.
    pub const fn start(&self) -> ClockTime {
        self.start
    }

    /// When it ends, the minute itself left out.
    pub const fn end(&self) -> ClockTime {
        self.end
    }

    fn overlaps(self, other: Self) -> bool {
        self.weekday == other.weekday && self.start < other.end && other.start < self.end
    }
}

/// All of a mentor's hours: at most 50, none over another, in one time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Availability {
    slots: Vec<Slot>,
    zone: Option<TimeZone>,
}

impl Availability {
    /// Adds hours. They may follow each other without a break.
    ///
    /// # Errors
    /// [`AvailabilityError::Overlap`], [`AvailabilityError::OtherZone`] and [`AvailabilityError::TooMany`].
    pub fn add(&mut self, slot: Slot, zone: &TimeZone) -> Result<(), AvailabilityError> {
        if self.slots.len() >= MAX_SLOTS {
            return Err(AvailabilityError::TooMany);
        }
        if self.zone.get_or_insert_with(|| zone.clone()) != zone {
            return Err(AvailabilityError::OtherZone);
        }
        if self.slots.iter().any(|other| other.overlaps(slot)) {
            return Err(AvailabilityError::Overlap);
        }
        self.slots.push(slot);
        Ok(())
    }

    /// The hours in the order in which they were added.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Their time zone; none where there are no hours.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn slot(weekday: i64, start: &str, end: &str) -> Result<Slot, AvailabilityError> {
        Slot::new(weekday, ClockTime::parse(start)?, ClockTime::parse(end)?)
    }

    #[test]
    fn reads_times() {
        for (text, minutes) in [("00:00", 0), ("09:30", 570), ("23:59", 1439), ("24:00", 1440)] {
            let time = ClockTime::parse(text).unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        for text in [
            "",
            "9:30",
            "09:60",
            "24:01",
            "25:00",
            "09.30",
            "09:30:00",
            "-1:00",
            "٠٩:٣٠",
            " 09:30",
        ] {
            assert_eq!(ClockTime::parse(text), Err(AvailabilityError::Time), "{text}");
        }
    }

    #[test]
    fn a_slot_has_a_day_and_an_order() {
        assert!(slot(1, "00:00", "24:00").is_ok());
        for day in [0, 8, -1, 256, 257, i64::MAX] {
            assert_eq!(slot(day, "09:00", "10:00"), Err(AvailabilityError::Weekday), "{day}");
        }
        for (start, end) in [("09:00", "09:00"), ("10:00", "09:00"), ("24:00", "24:00")] {
            assert_eq!(slot(1, start, end), Err(AvailabilityError::Order));
        }
    }

    #[test]
    fn hours_dont_overlap_and_have_one_zone() {
        let berlin = || TimeZone::parse("Europe/Berlin").unwrap();
        let mut all = Availability::default();
        for (day, start, end) in [(1, "09:00", "10:00"), (1, "10:00", "11:00"), (2, "09:30", "10:30")] {
            assert_eq!(all.add(slot(day, start, end).unwrap(), &berlin()), Ok(()));
        }
        for (start, end) in [
            ("09:59", "10:01"),
            ("00:00", "24:00"),
            ("09:15", "09:30"),
            ("08:00", "09:01"),
        ] {
            assert_eq!(
                all.add(slot(1, start, end).unwrap(), &berlin()),
                Err(AvailabilityError::Overlap)
            );
        }
        let utc = TimeZone::parse("UTC").unwrap();
        assert_eq!(
            all.add(slot(3, "09:00", "10:00").unwrap(), &utc),
            Err(AvailabilityError::OtherZone)
        );
        assert_eq!((all.slots().len(), all.zone()), (3, Some(&berlin())));
    }

    #[test]
    fn fifty_and_no_more() {
        let mut all = Availability::default();
        let utc = || TimeZone::parse("UTC").unwrap();
        for at in 0..50_u16 {
            let day = i64::from(at % 7) + 1;
            let slot = Slot::new(day, ClockTime(at * 10), ClockTime(at * 10 + 10)).unwrap();
            assert_eq!(all.add(slot, &utc()), Ok(()));
        }
        assert_eq!(
            all.add(slot(1, "23:00", "24:00").unwrap(), &utc()),
            Err(AvailabilityError::TooMany)
        );
    }
}
