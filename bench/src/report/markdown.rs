//! The tables.

use std::fmt::Write as _;

use super::{Number, goals, median, number, svg};
use crate::api::{self, Op};
use crate::record::{Key, Problem, Record, Row, Section};
use crate::scene::name;
use crate::sections::PEERS;
use crate::stats::spread;

const INTRODUCTION: &str = "\
# Results

Written by `cargo xtask bench`; the raw numbers are in [results.json](results.json). Everything ran on one machine in one
run, the load generator included, and took turns (A B C, A B C). A number is the median of the rounds; what follows `±` is
half of the way from the least to the greatest, in percent. Of what is slow a round has few requests, and a high percentile is
near to the slowest of them; their number is in the raw numbers. A ratio compares two numbers of this run. Numbers of another
machine or another run don't compare with these.

What differs in what they do: Doorward hashes with Argon2id (19 MiB, t=2, p=1), Better Auth with scrypt (N=16384, r=16).
A registration writes a mail into an outbox here, and sends none there. Better Auth's `get-session` stands for `me`: it
reads the session from the database each time, as it does unless told otherwise, where Doorward checks a signature and
looks at the session at most once in 5 s an instance. Better Auth has neither a Bearer token nor a refresh without a
plug-in. The component reaches PostgreSQL through `doorward gateway`, which keeps connections, on either route; its time
is in what lies behind the host. Hosts on workerd reach it through Hyperdrive's local stand-in: plain, each request
forks a backend; with PgBouncer (transactions) in the pool's place, as in production, none does.

Limits are off, for everybody: the load comes from one address. With them, a registration and a sign-in of Doorward's ask Redis once
more; where the way there counts, with 20 ms added to it, they have them (as loose as for development).
";

pub(super) fn report(record: &Record) -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n| condition | |\n|---|---|\n";
    for (name, value) in &record.conditions {
        writeln!(text, "| {name} | {value} |").ok();
    }
    text += "\n## Goals\n\n| goal | limit | measured | |\n|---|---|---|---|\n";
    text += &goals::rows(record);
    text += "\n## Charts\n\n";
    for (file, title) in svg::TITLES {
        writeln!(text, "![{title}](charts/{file})\n").ok();
    }
    ratios(&mut text, record);
    closed(&mut text, record, "plain");
    closed(&mut text, record, "PgBouncer");
    open(&mut text, record);
    text += "\n## With 20 ms added to every round trip to database and cache\n";
    let lines = by_clients(Section::Delay, None, &[1, 8]);
    table(
        &mut text,
        record,
        "Latency, 50th / 95th / 99th percentile, ms, by 1 and 8 clients:",
        &lines,
        latency,
    );
    growth(&mut text, record);
    hosts(&mut text, record);
    hash(&mut text, record);
    text
}

/// A line of a table: what it is called, and what fits in it but for the subject.
type Line = (String, Key);

fn line(label: String, section: Section, op: Option<Op>) -> Line {
    let op = op.map(|op| op.name().to_owned());
    (
        label,
        Key {
            op,
            ..Key::new(section, "")
        },
    )
}

fn by_clients(section: Section, route: Option<&str>, clients: &[usize]) -> Vec<Line> {
    let pairs = api::ALL
        .iter()
        .flat_map(|op| clients.iter().map(move |clients| (*op, *clients)));
    let line = |(op, clients): (Op, usize)| {
        let (label, key) = line(format!("{}, {clients}", op.name()), section, Some(op));
        let (route, clients) = (route.map(str::to_owned), Some(clients));
        (label, Key { route, clients, ..key })
    };
    pairs.map(line).collect()
}

/// A table with everybody in the columns. What isn't there is explained below.
fn table(text: &mut String, record: &Record, title: &str, lines: &[Line], cell: impl Fn(&Row) -> String) {
    let names = PEERS.map(name);
    let mut body = String::new();
    let mut reasons: Vec<String> = Vec::new();
    for (label, pattern) in lines {
        let find = |subject: &&str| {
            record.find(&Key {
                subject: (*subject).to_owned(),
                ..pattern.clone()
            })
        };
        let rows: Vec<Option<&Row>> = names.iter().map(find).collect();
        // Nobody has it, or nobody was asked.
        if !rows.iter().flatten().any(|row| row.key.op == pattern.op) {
            continue;
        }
        let written = names.iter().zip(rows).map(|(name, row)| {
            let Some(row) = row else { return "–".to_owned() };
            let (what, why) = match &row.problem {
                None => return cell(row),
                Some(Problem::NotRun(why)) => ("not run", why),
                Some(Problem::Failed(why)) => ("failed", why),
            };
            let reason = format!("{name}: {what}: {}", why.replace(['\n', '|'], " "));
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
            what.to_owned()
        });
        let written: Vec<String> = written.collect();
        writeln!(body, "| {label} | {} |", written.join(" | ")).ok();
    }
    if body.is_empty() {
        body += "| not measured |\n";
    }
    let rule = "---|".repeat(names.len());
    writeln!(text, "\n{title}\n\n| | {} |\n|---|{rule}\n{body}", names.join(" | ")).ok();
    for reason in reasons {
        writeln!(text, "{reason}\n").ok();
    }
}

/// The median with its spread.
fn with_spread(row: &Row, metric: &str) -> String {
    let Some(median) = row.median(metric) else {
        return "–".to_owned();
    };
    match spread(&row.values(metric)) {
        Some(percent) if row.rounds.len() > 1 => format!("{} ±{percent:.0} %", number(median)),
        _ => number(median),
    }
}

fn written(row: &Row, metric: &str) -> String {
    row.median(metric).map_or_else(|| "–".to_owned(), number)
}

fn latency(row: &Row) -> String {
    ["p50_ms", "p95_ms", "p99_ms"]
        .map(|metric| written(row, metric))
        .join(" / ")
}

fn closed(text: &mut String, record: &Record, route: &str) {
    let lines = |clients: &[usize]| by_clients(Section::Closed, Some(route), clients);
    let all = lines(&[1, 8, 64]);
    writeln!(text, "\n## Closed load, {route}").ok();
    table(
        text,
        record,
        "Requests a second, by 1, 8 and 64 clients:",
        &all,
        |row| with_spread(row, "rps"),
    );
    table(
        text,
        record,
        "Latency, 50th / 95th / 99th percentile, ms:",
        &all,
        latency,
    );
    let title = "Processor's time a request with 8 clients, ms: the host's + everything's behind it (– where there is no /proc):";
    let cell = |row: &Row| {
        format!(
            "{} + {}",
            with_spread(row, "host_cpu_ms"),
            written(row, "behind_cpu_ms")
        )
    };
    table(text, record, title, &lines(&[8]), cell);
}

fn open(text: &mut String, record: &Record) {
    *text += "\n## Open load\n\nRequests are due at fixed times; latency is from then. `own`: 70 % of what each can; `shared`: \
              one rate for all, 70 % of what the slowest can.\n";
    let pairs = api::ALL.iter().flat_map(|op| ["own", "shared"].map(|rate| (*op, rate)));
    let line = |(op, rate): (Op, &str)| {
        let (label, key) = line(format!("{}, {rate}", op.name()), Section::Open, Some(op));
        let rate = Some(rate.to_owned());
        (label, Key { rate, ..key })
    };
    let lines: Vec<Line> = pairs.map(line).collect();
    let cell = |row: &Row| format!("{} at {}/s", latency(row), written(row, "rate"));
    table(
        text,
        record,
        "Latency, 50th / 95th / 99th percentile, ms:",
        &lines,
        cell,
    );
}

fn growth(text: &mut String, record: &Record) {
    *text += "\n## Growth\n";
    let mut sizes: Vec<u32> = record.rows.iter().filter_map(|row| row.key.users).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let pairs = api::ALL
        .iter()
        .flat_map(|op| sizes.iter().map(move |users| (*op, *users)));
    let line = |(op, users): (Op, u32)| {
        let (label, key) = line(
            format!("{}, {} thousand users", op.name(), users / 1000),
            Section::Growth,
            Some(op),
        );
        let users = Some(users);
        (label, Key { users, ..key })
    };
    let lines: Vec<Line> = pairs.map(line).collect();
    let cell = |row: &Row| {
        let users = sizes.first().copied();
        let fewest = record
            .find(&Key {
                users,
                ..row.key.clone()
            })
            .and_then(|row| row.median("p50_ms"));
        let ratio = row
            .median("p50_ms")
            .zip(fewest)
            .map(|(more, least)| number(more / least));
        format!("{} (× {})", with_spread(row, "p50_ms"), ratio.unwrap_or_default())
    };
    let title = "Latency by 1 client, 50th percentile, ms (and in how many times that with the fewest users):";
    table(text, record, title, &lines, cell);
}

fn hosts(text: &mut String, record: &Record) {
    *text += "\n## Memory, cold start, sizes, flights\n";
    let title = "Memory of the host, MB (2^20 bytes): idle → its peak with 64 sign-ins at once:";
    let lines = [line("64 sign-ins".to_owned(), Section::Memory, Some(Op::Login))];
    let cell = |row: &Row| {
        format!(
            "{} → {} (+{})",
            written(row, "idle_mb"),
            written(row, "peak_mb"),
            written(row, "over_mb")
        )
    };
    table(text, record, title, &lines, cell);
    let lines = [line("first answer".to_owned(), Section::Cold, None)];
    let title = "From the start of the host's process to its first answer, ms:";
    table(text, record, title, &lines, |row| with_spread(row, "first_ms"));
    let lines = [line("size".to_owned(), Section::Sizes, None)];
    let kilobytes = |row: &Row, metric| {
        row.median(metric)
            .map_or_else(String::new, |bytes| number(bytes / 1000.0))
    };
    let cell = |row: &Row| format!("{} ({})", kilobytes(row, "gzip_bytes"), kilobytes(row, "raw_bytes"));
    table(
        text,
        record,
        "WebAssembly, gzipped (and as it is), kB (1000 bytes):",
        &lines,
        cell,
    );
    let lines = api::ALL.map(|op| line(op.name().to_owned(), Section::Flights, Some(op)));
    let count = |row: &Row, kind| row.median(kind).map_or_else(String::new, |count| count.to_string());
    let cell = |row: &Row| format!("{} + {}", count(row, "sql"), count(row, "kv"));
    table(text, record, "Flights to PostgreSQL + to Redis:", &lines, cell);
}

fn hash(text: &mut String, record: &Record) {
    *text += "\n## The hash\n\n| Argon2id (19 MiB, t=2, p=1), or scrypt as Better Auth has it | CPU ms a hash |\n|---|---|\n";
    for row in record.rows.iter().filter(|row| row.key.section == Section::Hash) {
        let written = match &row.problem {
            None => with_spread(row, "cpu_ms"),
            Some(Problem::NotRun(why) | Problem::Failed(why)) => format!("not run: {}", why.replace(['\n', '|'], " ")),
        };
        writeln!(text, "| {} | {written} |", row.key.subject).ok();
    }
}

/// Ours against what a team would pick instead, and against the host's own limit.
fn ratios(text: &mut String, record: &Record) {
    *text += "\n## Ratios\n\nWith 8 clients and PgBouncer. More requests a second and less of the processor are better.\n\n\
              | | requests a second ÷ Better Auth's, workerd | CPU ÷ Better Auth's, workerd | CPU ÷ hello worker's | requests \
              a second ÷ Better Auth's, Node (Wasmtime) | CPU ÷ Better Auth's, Node | CPU ÷ hello component's |\n\
              |---|---|---|---|---|---|---|\n";
    let hosts = [
        ("Doorward, workerd", "Better Auth, workerd", "hello worker"),
        ("Doorward, Wasmtime", "Better Auth, Node", "hello component"),
    ];
    let of = |subject, op, metric| -> Number { (Section::Closed, subject, op, metric) };
    let divided = |one: Number, other: Number| {
        let ratio = median(record, one)
            .zip(median(record, other))
            .map(|(one, other)| one / other);
        ratio.map_or_else(|| "–".to_owned(), number)
    };
    for op in api::ALL.map(Op::name).iter().skip(1) {
        let cells = hosts.map(|(ours, theirs, hello)| {
            let cpu = of(ours, op, "host_cpu_ms");
            [
                divided(of(ours, op, "rps"), of(theirs, op, "rps")),
                divided(cpu, of(theirs, op, "host_cpu_ms")),
                divided(cpu, of(hello, "hello", "host_cpu_ms")),
            ]
        });
        writeln!(text, "| {op} | {} |", cells.concat().join(" | ")).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn a_table_has_numbers_and_says_why_some_are_missing() {
        let route = || Some("plain".to_owned());
        let key = |subject: &str| {
            let (op, clients) = (Some("login".to_owned()), Some(8));
            Key {
                op,
                clients,
                route: route(),
                ..Key::new(Section::Closed, subject)
            }
        };
        let rounds = vec![
            sample([("rps", 90.0), ("p50_ms", 4.0)]),
            sample([("rps", 110.0), ("p50_ms", 4.0)]),
        ];
        let absent = Key {
            route: route(),
            ..Key::new(Section::Closed, "Better Auth, Node")
        };
        let rows = vec![
            Row::of(key("Doorward, workerd"), rounds),
            Row::without(key("Doorward, Wasmtime"), Problem::Failed("answered 500".to_owned())),
            Row::without(absent, Problem::NotRun("no Node here".to_owned())),
        ];
        let record = Record {
            rows,
            ..Record::default()
        };
        let mut text = String::new();
        closed(&mut text, &record, "plain");
        assert!(
            text.contains("| login, 8 | 100 ±10 % | failed | – | not run | – | – |"),
            "{text}"
        );
        assert!(
            text.contains("| login, 8 | 4.00 / – / – | failed | – | not run | – | – |"),
            "{text}"
        );
        assert!(text.contains("\nDoorward, Wasmtime: failed: answered 500\n"), "{text}");
        assert!(text.contains("\nBetter Auth, Node: not run: no Node here\n"), "{text}");
        // Another route has other rows.
        text.clear();
        closed(&mut text, &record, "PgBouncer");
        assert!(!text.contains("login, 8") && text.contains("not measured"), "{text}");
    }
}
