//! The charts: bars, one a number, by hand. They read on a light and on a dark page.

use std::fmt::Write as _;

use super::{goals, median, number};
use crate::record::Section::{self, Closed, Delay, Hash, Memory};
use crate::record::{Record, Row};
use crate::scene::name;
use crate::sections::PEERS;

/// The files and what they show.
pub(super) const TITLES: [(&str, &str); 7] = [
    ("sign-ins.svg", "Sign-ins a second, 8 clients, PgBouncer"),
    ("login-cpu.svg", "A sign-in: CPU ms of the host, 8 clients, PgBouncer"),
    ("light-cpu.svg", "Light calls: CPU ms of the host, 8 clients, PgBouncer"),
    ("delay.svg", "With 20 ms round trips: median latency, ms, 1 client"),
    ("memory.svg", "Memory over the idle host with 64 sign-ins at once, MB"),
    ("hash.svg", "The hash: CPU ms"),
    (
        "growth.svg",
        "From the fewest users to the most: median latency, in times",
    ),
];

/// A bar: what it is called, and how long it is.
type Bar = (String, f64);

/// Each chart, by its file's name.
pub(super) fn charts(record: &Record) -> Vec<(&'static str, String)> {
    let hashes = record.rows.iter().filter(|row| row.key.section == Hash);
    let growths = goals::growths(record).into_iter();
    let label = |row: &Row| format!("{}: {}", row.key.op.as_deref().unwrap_or_default(), row.key.subject);
    let bars: [Vec<Bar>; 7] = [
        by_op(record, Closed, &["login"], "rps"),
        by_op(record, Closed, &["login"], "host_cpu_ms"),
        by_op(
            record,
            Closed,
            &["hello", "me, cookie", "refresh", "list sessions"],
            "host_cpu_ms",
        ),
        by_op(
            record,
            Delay,
            &["login", "me, cookie", "refresh", "list sessions", "logout"],
            "p50_ms",
        ),
        by_op(record, Memory, &["login"], "over_mb"),
        hashes
            .filter_map(|row| Some((row.key.subject.clone(), row.median("cpu_ms")?)))
            .collect(),
        growths.map(|(row, ratio)| (label(row), ratio)).collect(),
    ];
    let drawn = TITLES.iter().zip(bars);
    drawn.map(|((file, title), bars)| (*file, draw(title, &bars))).collect()
}

fn by_op(record: &Record, section: Section, ops: &[&'static str], metric: &'static str) -> Vec<Bar> {
    let pairs = ops.iter().flat_map(|op| PEERS.map(|peer| (*op, name(peer))));
    let bar = |(op, subject)| {
        Some((
            format!("{op}: {subject}"),
            median(record, (section, subject, op, metric))?,
        ))
    };
    pairs.filter_map(bar).collect()
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 270.0;
const LINE: f64 = 24.0;
const HEAD: f64 = 44.0;
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-weight:600;font-size:15px}.a{fill:#0a7d5a}\
                     .b{fill:#8c959f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.a{fill:#3fb68b}.b{fill:#6e7681}}";

#[expect(clippy::cast_precision_loss, reason = "a number of bars")]
fn draw(title: &str, bars: &[Bar]) -> String {
    let height = HEAD + LINE * bars.len().max(1) as f64 + 8.0;
    let longest = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<text class=\"h\" x=\"8\" y=\"24\">{title}</text>\n"
    );
    if bars.is_empty() {
        writeln!(svg, "<text x=\"8\" y=\"{}\">not measured</text>", HEAD + 16.0).ok();
    }
    for (index, (label, value)) in bars.iter().enumerate() {
        let top = HEAD + LINE * index as f64;
        let length = (value / longest * (WIDTH - LABELS - 70.0)).max(1.0);
        let ours = label.contains("Doorward") || label.starts_with("ours");
        let (class, end, text) = (if ours { "a" } else { "b" }, LABELS + length + 6.0, top + 15.0);
        let label = label.replace('&', "&amp;").replace('<', "&lt;");
        write!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>",
            LABELS - 8.0
        )
        .ok();
        let bar = top + 2.0;
        write!(
            svg,
            "<rect class=\"{class}\" x=\"{LABELS}\" y=\"{bar}\" width=\"{length:.1}\" height=\"16\" rx=\"2\"/>"
        )
        .ok();
        writeln!(svg, "<text x=\"{end:.1}\" y=\"{text}\">{}</text>", number(*value)).ok();
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_chart_and_others_are_in_proportion() {
        let svg = draw("T", &[("a < b".to_owned(), 50.0), ("Doorward".to_owned(), 100.0)]);
        assert!(
            svg.contains("a &lt; b") && svg.contains("class=\"b\" x=\"270\" y=\"46\" width=\"210.0\""),
            "{svg}"
        );
        assert!(svg.contains("class=\"a\" x=\"270\" y=\"70\" width=\"420.0\""), "{svg}");
    }

    #[test]
    fn every_chart_is_drawn_even_without_numbers() {
        let charts = charts(&Record::default());
        assert_eq!(charts.len(), TITLES.len());
        assert!(charts.iter().all(|(_, svg)| svg.contains("not measured")));
    }
}
