//! What is measured, one section a file. Each answers its rows.

mod artifacts;
mod growth;
mod hosts;
mod loads;
mod open;

use anyhow::Result;
use xtask::bench_peers::Peer;
use xtask::stack::Stack;

use crate::load::Tools;
use crate::plan::Plan;
use crate::record::{Row, Section};

/// Everybody, in the order of the tables.
pub(crate) const PEERS: [Peer; 6] = [
    Peer::Worker,
    Peer::Component,
    Peer::BetterAuthWorkerd,
    Peer::BetterAuthNode,
    Peer::HelloWorker,
    Peer::HelloComponent,
];

/// Those with people.
const SERVICES: [Peer; 4] = [
    Peer::Worker,
    Peer::Component,
    Peer::BetterAuthWorkerd,
    Peer::BetterAuthNode,
];

/// Ours.
const OURS: [Peer; 2] = [Peer::Worker, Peer::Component];

/// What every section is given.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) stack: Stack,
    pub(crate) tools: Tools,
}

/// Measures one section.
///
/// # Errors
/// When a signal asked for the end, or something that nobody measures is broken. What a peer does wrong is in its row.
pub(crate) fn run(bench: &Bench, section: Section) -> Result<Vec<Row>> {
    match section {
        Section::Closed => loads::closed(bench),
        Section::Open => open::run(bench),
        Section::Delay => loads::delayed(bench),
        Section::Flights => hosts::flights(bench),
        Section::Memory => hosts::memory(bench),
        Section::Cold => hosts::cold(bench),
        Section::Sizes => artifacts::sizes(),
        Section::Growth => growth::run(bench),
        Section::Hash => Ok(artifacts::hash()),
    }
}
