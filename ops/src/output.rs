//! What a command answers, and how it is written: for a person or, with `--json`, as one document.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

/// The answer of a command that did what it was asked.
#[derive(Debug)]
pub(crate) struct Report {
    /// For a person: goes to standard output, without a final line break.
    pub(crate) text: String,
    /// The same for a program.
    pub(crate) json: Value,
}

/// Writes the answer, or the reason why there is none, and says how the process ends.
pub(crate) fn finish(outcome: anyhow::Result<Report>, json: bool) -> ExitCode {
    let (text, code) = match outcome {
        Ok(report) if json => (report.json.to_string(), ExitCode::SUCCESS),
        Ok(report) => (report.text, ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("doorward: {error:#}");
            let document = if json {
                json!({ "error": format!("{error:#}") }).to_string()
            } else {
                String::new()
            };
            (document, ExitCode::FAILURE)
        }
    };
    if text.is_empty() {
        return code;
    }
    // A reader that has gone (`doorward ... | head`) is no reason to fail loudly.
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => code,
    }
}
