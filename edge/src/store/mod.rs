//! The SQL, one aggregate a file: the statements as functions from values, and the decoding of their rows.
//!
//! Every value is a parameter in text format with a cast in the SQL. A state transition is one guarded statement, so
//! that Postgres decides a race.

use std::borrow::Cow;
use std::fmt::Display;

use doorward_core::authority::Scope;
use doorward_core::time::Time;

use crate::error::Failure;
use crate::host::{Rows, Statement};

pub(crate) mod account;
pub(crate) mod acts;
pub(crate) mod changes;
pub(crate) mod events;
pub(crate) mod firms;
pub(crate) mod invitations;
pub(crate) mod office_sessions;
pub(crate) mod outbox;
pub(crate) mod profiles;
pub(crate) mod readiness;
pub(crate) mod registrations;
pub(crate) mod roles;
pub(crate) mod rollout;
pub(crate) mod sessions;
pub(crate) mod sweep;
pub(crate) mod tokens;
pub(crate) mod users;

/// A parameter.
pub(crate) type Param<'a> = Option<Cow<'a, str>>;

fn statement<'a>(name: &'static str, text: &'static str, params: Vec<Param<'a>>) -> Statement<'a> {
    Statement { name, text, params }
}

#[expect(clippy::unnecessary_wraps, reason = "a parameter may be NULL, these are not")]
fn text(value: &str) -> Param<'_> {
    Some(Cow::Borrowed(value))
}

fn maybe(value: Option<&str>) -> Param<'_> {
    value.map(Cow::Borrowed)
}

#[expect(clippy::unnecessary_wraps, reason = "a parameter may be NULL, these are not")]
fn shown(value: impl Display) -> Param<'static> {
    Some(Cow::Owned(value.to_string()))
}

/// Reads a row's values in the order of the columns.
#[derive(Debug)]
struct Reader<'a> {
    values: std::slice::Iter<'a, Option<String>>,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Over the first row, if there is one.
    fn first(rows: &'a Rows, what: &'static str) -> Option<Self> {
        rows.rows.first().map(|row| Self {
            values: row.iter(),
            what,
        })
    }

    /// Over every row.
    fn all(rows: &'a Rows, what: &'static str) -> impl Iterator<Item = Self> {
        rows.rows.iter().map(move |row| Self {
            values: row.iter(),
            what,
        })
    }

    fn optional(&mut self) -> Result<Option<&'a str>, Failure> {
        self.values.next().map(Option::as_deref).ok_or_else(|| self.bad())
    }

    fn text(&mut self) -> Result<&'a str, Failure> {
        self.optional()?.ok_or_else(|| self.bad())
    }

    fn owned(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.optional()?.map(str::to_owned))
    }

    fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Failure> {
        parse(self.text()?).ok_or_else(|| self.bad())
    }

    /// A value that may be NULL, but not of another kind.
    fn optionally<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Failure> {
        self.optional()?
            .map(|text| parse(text).ok_or_else(|| self.bad()))
            .transpose()
    }

    fn flag(&mut self) -> Result<bool, Failure> {
        self.parsed(|text| match text {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        })
    }

    /// Milliseconds since 1970, as [`millis`] selects them.
    fn time(&mut self) -> Result<Time, Failure> {
        self.parsed(|text| text.parse().ok().map(Time::from_millis))
    }

    fn optional_time(&mut self) -> Result<Option<Time>, Failure> {
        self.optionally(|text| text.parse().ok().map(Time::from_millis))
    }

    /// Whether the next value is there: an outer join that found nothing leaves NULLs.
    fn is_present(&self) -> bool {
        self.values.as_slice().first().is_some_and(Option::is_some)
    }

    fn bad(&self) -> Failure {
        Failure::bad_row(self.what)
    }
}

/// SQL that selects a timestamp as whole milliseconds since 1970, whatever the server's DateStyle and TimeZone are.
macro_rules! millis {
    ($column:literal) => {
        concat!("floor(extract(epoch FROM ", $column, ") * 1000)::bigint")
    };
}

/// SQL that selects what [`users::User`] is decoded from, out of the relation of that name.
macro_rules! user_columns {
    ($from:literal) => {
        concat!(
            $from,
            ".id, ",
            $from,
            ".email, ",
            $from,
            ".name, ",
            $from,
            ".role, ",
            $from,
            ".status, ",
            $from,
            ".tier, ",
            $from,
            ".is_verified, ",
            $from,
            ".firm_id, ",
            $from,
            ".phone, ",
            $from,
            ".avatar_url, ",
            $from,
            ".department, ",
            $from,
            ".position, ",
            $from,
            ".preferences, ",
            "floor(extract(epoch FROM ",
            $from,
            ".last_login_at) * 1000)::bigint, ",
            "floor(extract(epoch FROM ",
            $from,
            ".created_at) * 1000)::bigint, ",
            "floor(extract(epoch FROM ",
            $from,
            ".updated_at) * 1000)::bigint, ",
            "(SELECT array_to_string(roles.permissions, ' ') FROM roles WHERE roles.name = ",
            $from,
            ".role)"
        )
    };
}

/// SQL that is true of a firm's id within a scope, of which [`scope`] makes the two parameters. It folds to one
/// comparison once they are known, so that an index can serve it.
macro_rules! within {
    ($firm:literal, $all:literal, $own:literal) => {
        concat!(
            "(",
            $all,
            "::text::boolean OR ",
            $firm,
            " = ",
            $own,
            "::text::uuid OR (",
            $own,
            "::text IS NULL AND ",
            $firm,
            " IS NULL))"
        )
    };
}

/// The parameters of [`within`]: whether it is everything, and else the firm, or NULL for those without one.
fn scope(scope: Scope) -> [Param<'static>; 2] {
    let firm = match scope {
        Scope::Firm(firm) => shown(firm),
        Scope::Deployment | Scope::Firmless => None,
    };
    [shown(scope == Scope::Deployment), firm]
}

use {millis, user_columns, within};
