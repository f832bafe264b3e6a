//! Office sessions: a mentee asks a mentor for a time, they agree on it, it takes place or it doesn't.

use core::time::Duration;

use crate::time::Time;

/// The shortest one.
pub const SHORTEST: Duration = Duration::from_mins(15);
/// The longest one.
pub const LONGEST: Duration = Duration::from_hours(4);
/// How long one is unless somebody says.
pub const USUAL: Duration = Duration::from_mins(30);

words! {
    /// Where an office session stands.
    pub enum OfficeSessionStatus {
        /// One side has named a time, and waits for the other to confirm it.
        Requested => "requested",
        /// Both agree.
        Confirmed => "confirmed",
        /// It won't take place.
        Cancelled => "cancelled",
        /// It took place.
        Completed => "completed",
    }
}

words! {
    /// Who of the two.
    pub enum Side {
        /// Who offers.
        Mentor => "mentor",
        /// Who asks.
        Mentee => "mentee",
    }
}

words! {
    /// What can be done with one.
    pub enum OfficeSessionAct {
        /// Agreeing to the time that the other side has named.
        Confirm => "confirm",
        /// Naming another time.
        Move => "move",
        /// Calling it off.
        Cancel => "cancel",
        /// Saying that it took place.
        Complete => "complete",
    }
}

/// Why something can't be done with an office session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActRefused {
    /// It is for the other side to do.
    NotYours,
    /// Not from where it stands, or not at this time.
    NotNow,
}

/// What a decision about an office session needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub status: OfficeSessionStatus,
    /// Who named its time.
    pub proposed_by: Side,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
}

impl Standing {
    /// Where it stands after an act of one side.
    ///
    /// | act | from | by | when |
    /// |---|---|---|---|
    /// | confirm | requested | the side that didn't name the time | before it ends |
    /// | move | requested, confirmed | either; it is requested again, by that side | |
    /// | cancel | requested, confirmed | either | |
    /// | complete | confirmed | the mentor | once it has begun |
    ///
    /// # Errors
    /// See [`ActRefused`].
    pub fn after(&self, act: OfficeSessionAct, by: Side, now: Time) -> Result<Self, ActRefused> {
        use OfficeSessionAct as Act;
        use OfficeSessionStatus as Status;

        let is_open = matches!(self.status, Status::Requested | Status::Confirmed);
        let (is_theirs, is_time, status) = match act {
            Act::Confirm => (
                by != self.proposed_by,
                self.status == Status::Requested && now < self.ends_at,
                Status::Confirmed,
            ),
            Act::Move => (true, is_open, Status::Requested),
            Act::Cancel => (true, is_open, Status::Cancelled),
            Act::Complete => (
                by == Side::Mentor,
                self.status == Status::Confirmed && now >= self.starts_at,
                Status::Completed,
            ),
        };
        if !is_theirs {
            return Err(ActRefused::NotYours);
        }
        if !is_time {
            return Err(ActRefused::NotNow);
        }
        let proposed_by = if act == Act::Move { by } else { self.proposed_by };
        Ok(Self {
            status,
            proposed_by,
            ..*self
        })
    }
}

problems! {
    /// Why a time can't be asked for.
    pub enum PeriodError {
        /// It has begun already.
        Past => "in_the_past", "Choose a time in the future.";
        /// It is more than a year away.
        TooFar => "too_far", "Choose a time within a year.";
        /// Less than 15 minutes or more than 4 hours.
        Length => "invalid_length", "Choose 15 minutes to 4 hours.";
        /// It is no whole minute.
        Seconds => "not_a_minute", "Choose a whole minute.";
        /// The mentor isn't there at that time.
        Unavailable => "not_available", "The mentor isn't available at that time.";
        /// It is no point in time.
        Invalid => "invalid_time", "Use a date and a time with their offset from UTC, such as 2026-11-20T18:00:00Z.";
    }
}

/// From when to when: whole minutes, 15 minutes to 4 hours, within the next year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    starts_at: Time,
    ends_at: Time,
}

impl Period {
    /// From a start and an end.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn new(starts_at: Time, ends_at: Time, now: Time) -> Result<Self, PeriodError> {
        const MINUTE: i64 = 60_000;
        const YEAR: Duration = Duration::from_hours(366 * 24);
        if starts_at <= now {
            return Err(PeriodError::Past);
        }
        if starts_at.since(now) > YEAR {
            return Err(PeriodError::TooFar);
        }
        if starts_at.as_millis() % MINUTE != 0 || ends_at.as_millis() % MINUTE != 0 {
            return Err(PeriodError::Seconds);
        }
        if !(SHORTEST..=LONGEST).contains(&ends_at.since(starts_at)) {
            return Err(PeriodError::Length);
        }
        Ok(Self { starts_at, ends_at })
    }

    /// When it begins.
    pub const fn starts_at(&self) -> Time {
        self.starts_at
    }

    /// When it ends.
    pub const fn ends_at(&self) -> Time {
        self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OfficeSessionAct as Act;
    use OfficeSessionStatus as Status;

    const BEFORE: Time = Time::from_seconds(0);
    const DURING: Time = Time::from_seconds(1_000);
    const AFTER: Time = Time::from_seconds(2_000);

    fn standing(status: Status, proposed_by: Side) -> Standing {
        Standing {
            status,
            proposed_by,
            starts_at: DURING,
            ends_at: AFTER,
        }
    }

    /// Every status with every act of every side at every time, each written down by hand: `+` goes, `f` is for the other
    /// side, `-` isn't possible now.
    #[test]
    fn the_whole_table() {
        let times = [BEFORE, DURING, AFTER];
        // The mentee has named the time. For each act: by the mentor before, during, after; by the mentee the same.
        let table = [
            (Status::Requested, Act::Confirm, ["++-", "fff"], Status::Confirmed),
            (Status::Requested, Act::Move, ["+++", "+++"], Status::Requested),
            (Status::Requested, Act::Cancel, ["+++", "+++"], Status::Cancelled),
            (Status::Requested, Act::Complete, ["---", "fff"], Status::Completed),
            (Status::Confirmed, Act::Confirm, ["---", "fff"], Status::Confirmed),
            (Status::Confirmed, Act::Move, ["+++", "+++"], Status::Requested),
            (Status::Confirmed, Act::Cancel, ["+++", "+++"], Status::Cancelled),
            (Status::Confirmed, Act::Complete, ["-++", "fff"], Status::Completed),
            (Status::Cancelled, Act::Confirm, ["---", "fff"], Status::Confirmed),
            (Status::Cancelled, Act::Move, ["---", "---"], Status::Requested),
            (Status::Cancelled, Act::Cancel, ["---", "---"], Status::Cancelled),
            (Status::Cancelled, Act::Complete, ["---", "fff"], Status::Completed),
            (Status::Completed, Act::Confirm, ["---", "fff"], Status::Confirmed),
            (Status::Completed, Act::Move, ["---", "---"], Status::Requested),
            (Status::Completed, Act::Cancel, ["---", "---"], Status::Cancelled),
            (Status::Completed, Act::Complete, ["---", "fff"], Status::Completed),
        ];
        assert_eq!(table.len(), Status::ALL.len() * Act::ALL.len());
        for (status, act, sides, then) in table {
            for (by, marks) in [Side::Mentor, Side::Mentee].into_iter().zip(sides) {
                for (now, mark) in times.into_iter().zip(marks.chars()) {
                    let outcome = standing(status, Side::Mentee).after(act, by, now);
                    let expected = match mark {
                        '+' => Ok(then),
                        'f' => Err(ActRefused::NotYours),
                        _ => Err(ActRefused::NotNow),
                    };
                    assert_eq!(outcome.map(|after| after.status), expected, "{status} {act} {by} {now}");
                }
            }
        }
    }

    #[test]
    fn who_moves_it_waits_for_the_other() {
        let confirmed = standing(Status::Confirmed, Side::Mentee);
        let moved = confirmed.after(Act::Move, Side::Mentor, BEFORE).unwrap();
        assert_eq!((moved.status, moved.proposed_by), (Status::Requested, Side::Mentor));
        assert_eq!(
            moved.after(Act::Confirm, Side::Mentor, BEFORE),
            Err(ActRefused::NotYours)
        );
        let agreed = moved.after(Act::Confirm, Side::Mentee, BEFORE).unwrap();
        assert_eq!((agreed.status, agreed.proposed_by), (Status::Confirmed, Side::Mentor));
    }

    #[test]
    fn a_period_is_in_the_future_and_has_a_length() {
        let now = Time::from_seconds(30);
        let at = |minutes: i64| Time::from_seconds(minutes * 60);
        let new =
            |from: Time, to: Time| Period::new(from, to, now).map(|period| (period.starts_at(), period.ends_at()));
        assert_eq!(new(at(1), at(16)), Ok((at(1), at(16))));
        assert_eq!(new(at(1), at(241)), Ok((at(1), at(241))));
        assert_eq!(new(at(0), at(30)), Err(PeriodError::Past));
        assert_eq!(new(now, at(30)), Err(PeriodError::Past));
        assert_eq!(new(at(1), at(15)), Err(PeriodError::Length));
        assert_eq!(new(at(1), at(242)), Err(PeriodError::Length));
        assert_eq!(new(at(30), at(1)), Err(PeriodError::Length));
        assert_eq!(new(Time::from_seconds(61), at(30)), Err(PeriodError::Seconds));
        assert_eq!(new(at(1), Time::from_millis(1_800_001)), Err(PeriodError::Seconds));
        assert_eq!(new(at(400 * 24 * 60), at(400 * 24 * 60 + 30)), Err(PeriodError::TooFar));
        assert_eq!(
            new(Time::from_millis(i64::MIN), Time::from_millis(i64::MAX)),
            Err(PeriodError::Past)
        );
    }
}
