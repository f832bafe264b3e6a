//! The cases that need the stack to themselves: limits at their defaults, and services that die in the middle.

use std::process::ExitCode;

use doorward_tests::{cases, registry};

fn main() -> ExitCode {
    registry::run("outage", &cases::outage(), registry::Order::Alone)
}
