//! Loads by `oha`, whose JSON is read.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Load, Shape, Target, due};
use crate::api::Call;

/// What we read of its output (`--output-format json`). Times in seconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, usize>,
    error_distribution: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    total: f64,
}

/// Sends `calls`, which differ in their bodies only; which one comes next is left to chance.
pub(super) fn run(target: &Target<'_>, calls: &[Call], shape: Shape) -> Result<Load> {
    let call = calls.first().context("a load without calls")?;
    let mut command = Command::new(&target.tools.oha);
    command.args(["--no-tui", "--output-format", "json", "--disable-compression"]);
    command.args(["--method", call.method, "--redirect", "0"]);
    command.args(["-c", &shape.clients().to_string()]);
    match shape {
        Shape::Closed { seconds, .. } => command.args(["-z", &format!("{seconds}s"), "-w"]),
        // All that are due, rather than all that were sent by then: none that is late may be left out.
        Shape::Open { rate, seconds, .. } => command
            .args(["-q", &rate.to_string(), "--latency-correction"])
            .args(["-n", &due(rate, seconds).to_string()]),
        Shape::Once { clients } => command.args(["-n", &clients.to_string()]),
    };
    for (name, value) in &call.headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    let bodies: Vec<&str> = calls.iter().filter_map(|call| call.body.as_deref()).collect();
    if !bodies.is_empty() {
        let file = target.tools.scratch.join("bodies");
        fs::write(&file, bodies.join("\n"))?;
        command.arg("-Z").arg(&file);
    }
    command.arg(format!("{}{}", target.base, call.path));
    let output = xtask::run::capture("a load by oha", &mut command)?;
    parse(&output, call.status)
}

fn parse(text: &str, status: u16) -> Result<Load> {
    let output: Output = serde_json::from_str(text).context("oha's output")?;
    let at = |name: &str| output.latency_percentiles.get(name).copied().flatten();
    let milliseconds = |name: &str| at(name).map_or(f64::NAN, |seconds| seconds * 1000.0);
    let percentiles = ["p50", "p95", "p99"].map(milliseconds);
    let mut wrong = output.error_distribution;
    let right = status.to_string();
    let mut requests = 0;
    for (status, count) in output.status_code_distribution {
        requests += count;
        if status != right {
            wrong.insert(format!("status {status}"), count);
        }
    }
    Ok(Load {
        requests,
        seconds: output.summary.total,
        percentiles,
        wrong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"{"summary":{"successRate":1.0,"total":2.5,"requestsPerSec":4.0},
        "latencyPercentiles":{"p10":0.001,"p50":0.002,"p95":0.004,"p99":0.0065,"p99.99":null},
        "statusCodeDistribution":{"200":9,"429":1},"errorDistribution":{}}"#;

    #[test]
    fn its_output_is_understood() {
        let load = parse(OUTPUT, 200).unwrap();
        assert_eq!((load.requests, load.percentiles), (10, [2.0, 4.0, 6.5]));
        assert!(load.check().unwrap_err().to_string().contains("status 429"));
        assert!(parse(&OUTPUT.replace(r#","429":1"#, ""), 200).unwrap().check().is_ok());
        assert!(parse("{}", 200).is_err());
    }

    #[test]
    fn a_request_that_was_not_answered_is_no_number() {
        let output = OUTPUT
            .replace(r#","429":1"#, "")
            .replace("{}}", r#"{"connection closed":2}}"#);
        assert!(parse(&output, 200).unwrap().check().is_err());
    }
}
