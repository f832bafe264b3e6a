//! The goals of the project, each with where it stands in this run.

use std::fmt::Write as _;

use super::{Number, median, number};
use crate::record::Section::{self, Closed, Delay, Hash, Memory, Sizes};
use crate::record::{Record, Row};

const WORKER: &str = "Doorward, workerd";
const COMPONENT: &str = "Doorward, Wasmtime";
const BETTER_AUTH: &str = "Better Auth, workerd";
const V8: Number = (Hash, "ours in V8", "", "cpu_ms");
const WASMTIME: Number = (Hash, "ours in Wasmtime", "", "cpu_ms");
const IN_C: Number = (Hash, "libargon2 (C)", "", "cpu_ms");
const HELLO: Number = (Closed, "hello worker", "hello", "host_cpu_ms");

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}
use Limit::{AtLeast, AtMost};

/// How a goal's number is made of the record's.
#[derive(Clone, Copy)]
enum Measure {
    Itself(Number),
    Ratio(Number, Number),
    Difference(Number, Number),
    /// So many of them take a second.
    PerSecond(Number),
    Kilobytes(Number),
    /// How many times longer the operation takes that grew most, from the fewest users to the most.
    Growth(&'static str),
}
use Measure::{Difference, Growth, Itself, Kilobytes, PerSecond, Ratio};

#[rustfmt::skip]
const GOALS: [(&str, Limit, Measure); 18] = [
    ("the hash in V8 ÷ libargon2", AtMost(1.0), Ratio(V8, IN_C)),
    ("the hash in Wasmtime ÷ libargon2", AtMost(1.0), Ratio(WASMTIME, IN_C)),
    ("a sign-in's CPU in workerd ÷ the hash's in V8", AtMost(1.15), Ratio((Closed, WORKER, "login", "host_cpu_ms"), V8)),
    ("sign-ins a second ÷ Better Auth's, workerd", AtLeast(3.5), Ratio((Closed, WORKER, "login", "rps"), (Closed, BETTER_AUTH, "login", "rps"))),
    ("me's CPU ÷ the hello worker's", AtMost(1.3), Ratio((Closed, WORKER, "me, cookie", "host_cpu_ms"), HELLO)),
    ("me's CPU ÷ get-session's, workerd", AtMost(0.2), Ratio((Closed, WORKER, "me, cookie", "host_cpu_ms"), (Closed, BETTER_AUTH, "me, cookie", "host_cpu_ms"))),
    ("refresh's CPU ÷ the hello worker's", AtMost(3.0), Ratio((Closed, WORKER, "refresh", "host_cpu_ms"), HELLO)),
    ("refreshes a second and a core of workerd", AtLeast(400.0), PerSecond((Closed, WORKER, "refresh", "host_cpu_ms"))),
    ("refreshes a second and a core of Wasmtime", AtLeast(400.0), PerSecond((Closed, COMPONENT, "refresh", "host_cpu_ms"))),
    ("with 20 ms round trips: a sign-in over its hash, workerd, ms", AtMost(60.0), Difference((Delay, WORKER, "login", "p50_ms"), V8)),
    ("with 20 ms round trips: a sign-in over its hash, Wasmtime, ms", AtMost(60.0), Difference((Delay, COMPONENT, "login", "p50_ms"), WASMTIME)),
    ("with 20 ms round trips: a refresh, workerd, ms", AtMost(40.0), Itself((Delay, WORKER, "refresh", "p50_ms"))),
    ("with 20 ms round trips: a refresh, Wasmtime, ms", AtMost(40.0), Itself((Delay, COMPONENT, "refresh", "p50_ms"))),
    ("memory over the idle host with 64 sign-ins at once, workerd, MB", AtMost(96.0), Itself((Memory, WORKER, "", "over_mb"))),
    ("memory over the idle host with 64 sign-ins at once, Wasmtime, MB", AtMost(96.0), Itself((Memory, COMPONENT, "", "over_mb"))),
    ("the Worker, gzipped, kB", AtMost(400.0), Kilobytes((Sizes, WORKER, "", "gzip_bytes"))),
    ("growth from the fewest users to the most, workerd", AtMost(1.3), Growth(WORKER)),
    ("growth from the fewest users to the most, Wasmtime", AtMost(1.3), Growth(COMPONENT)),
];

/// The lines of the table: goal, limit, measured, whether it is met.
pub(super) fn rows(record: &Record) -> String {
    let mut text = String::new();
    for (what, limit, measure) in GOALS {
        let value = measured(record, measure);
        let (limit, met) = match limit {
            AtMost(most) => (format!("≤ {}", number(most)), value.map(|value| value <= most)),
            AtLeast(least) => (format!("≥ {}", number(least)), value.map(|value| value >= least)),
        };
        let value = value.map_or_else(|| "not measured".to_owned(), number);
        let verdict = met.map_or("", |met| if met { "met" } else { "**not met**" });
        writeln!(text, "| {what} | {limit} | {value} | {verdict} |").ok();
    }
    text
}

fn measured(record: &Record, measure: Measure) -> Option<f64> {
    Some(match measure {
        Itself(number) => median(record, number)?,
        Ratio(one, other) => median(record, one)? / median(record, other)?,
        Difference(whole, part) => median(record, whole)? - median(record, part)?,
        PerSecond(number) => 1000.0 / median(record, number)?,
        Kilobytes(number) => median(record, number)? / 1000.0,
        Growth(subject) => {
            let ratios = growths(record)
                .into_iter()
                .filter(|(row, _)| row.key.subject == subject);
            ratios.map(|(_, ratio)| ratio).max_by(f64::total_cmp)?
        }
    })
}

/// Each row with the most users, and how many times longer it took than with the fewest.
pub(super) fn growths(record: &Record) -> Vec<(&Row, f64)> {
    let rows = || record.rows.iter().filter(|row| row.key.section == Section::Growth);
    let users = || rows().filter_map(|row| row.key.users);
    let (least, most) = (users().min(), users().max());
    let ratio = |row: &Row| {
        let same = |other: &&Row| {
            other.key.users == least && (&other.key.subject, &other.key.op) == (&row.key.subject, &row.key.op)
        };
        Some(row.median("p50_ms")? / rows().find(same)?.median("p50_ms")?)
    };
    let largest = rows().filter(|row| row.key.users == most && most > least);
    largest.filter_map(|row| Some((row, ratio(row)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Key, sample};

    #[test]
    fn growth_is_that_of_the_operation_that_grew_most() {
        let row = |op: &str, users, p50| {
            let (op, users) = (Some(op.to_owned()), Some(users));
            let key = Key {
                op,
                users,
                ..Key::new(Section::Growth, WORKER)
            };
            Row::of(key, vec![sample([("p50_ms", p50)])])
        };
        let rows = vec![
            row("login", 10, 4.0),
            row("me", 10, 1.0),
            row("login", 100, 5.0),
            row("me", 100, 2.0),
        ];
        let mut record = Record {
            rows,
            ..Record::default()
        };
        assert_eq!(measured(&record, Growth(WORKER)), Some(2.0));
        assert_eq!(measured(&record, Growth(COMPONENT)), None);
        record.rows.truncate(2);
        assert_eq!(measured(&record, Growth(WORKER)), None);
    }

    #[test]
    fn a_goal_says_whether_it_is_met() {
        let mut record = Record::default();
        assert!(rows(&record).contains("kB | ≤ 400 | not measured |  |"));
        for (bytes, line) in [
            (399_000.0, "| ≤ 400 | 399 | met |"),
            (401_000.0, "| ≤ 400 | 401 | **not met** |"),
        ] {
            record.rows = vec![Row::of(Key::new(Sizes, WORKER), vec![sample([("gzip_bytes", bytes)])])];
            assert!(rows(&record).contains(line));
        }
    }
}
