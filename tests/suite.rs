//! Every case that may be played beside others, against every host.

use std::process::ExitCode;

use doorward_tests::{cases, registry};

fn main() -> ExitCode {
    registry::run("suite", &cases::suite(), registry::Order::Parallel)
}
