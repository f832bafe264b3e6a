//! One command a file.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod dev;
pub(crate) mod test;

use clap::ValueEnum;

/// Which hosts a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hosts {
    /// Cloudflare Workers
    Workers,
    /// Spin, or another WASI 0.3 HTTP host
    Spin,
    /// The two of them
    Both,
}

impl Hosts {
    pub(crate) fn workers(self) -> bool {
        self != Self::Spin
    }

    pub(crate) fn spin(self) -> bool {
        self != Self::Workers
    }
}
