//! What is measured, for how long, and how often.

use std::time::Duration;

use clap::Parser;

use crate::record::Section;

/// `cargo xtask bench`: Doorward against what a team would pick instead, on this machine and in one run.
///
/// Writes bench/RESULTS.md, its charts, and the raw numbers (bench/results.json).
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// Short rounds: the whole table in a quarter of an hour, with numbers that are good for a first look only
    #[arg(long)]
    quick: bool,
    /// Only this section; may be given several times. The others keep what results.json has of them
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Section>,
    /// How often everybody has its turn [default: 3, quick: 2]
    #[arg(long)]
    rounds: Option<usize>,
    /// How many seconds a turn takes [default: 2, quick: 0.3]
    #[arg(long)]
    seconds: Option<f64>,
    /// Measure nothing: write the report anew from results.json
    #[arg(long)]
    pub(crate) render: bool,
}

/// The options with everything decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of one turn.
    pub(crate) seconds: f64,
    /// Of the load that comes before the first turn.
    pub(crate) warm_up: f64,
    /// How many clients at once.
    pub(crate) clients: [usize; 3],
    /// How many users the tables hold.
    pub(crate) users: Vec<u32>,
    /// Added to every round trip to the database and the cache.
    pub(crate) delay: Duration,
    pub(crate) quick: bool,
}

impl Options {
    pub(crate) fn plan(&self) -> Plan {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.3 } else { 2.0 });
        Plan {
            rounds: self.rounds.unwrap_or(if self.quick { 2 } else { 3 }).max(1),
            seconds,
            warm_up: seconds / 2.0,
            clients: [1, 8, 64],
            users: if self.quick {
                vec![10_000, 100_000]
            } else {
                vec![10_000, 100_000, 1_000_000]
            },
            delay: Duration::from_millis(20),
            quick: self.quick,
        }
    }

    pub(crate) fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_comes_before_what_is_quick() {
        let plan = |arguments: &[&str]| Options::try_parse_from([&["bench"], arguments].concat()).map(|o| o.plan());
        assert_eq!(plan(&[]).unwrap().rounds, 3);
        let quick = plan(&["--quick", "--rounds", "5"]).unwrap();
        assert_eq!((quick.rounds, quick.quick, quick.users.len()), (5, true, 2));
        assert!(plan(&["--only", "nothing"]).is_err());
    }
}
