//! Loads: closed (each client waits for its answer before it asks again) and open (requests are due at fixed times, and
//! what they wait for a free connection counts).

mod chain;
mod oha;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};

pub(crate) use chain::{Connection, block_on};

use self::chain::Tally;
use crate::api::{Api, Call, Op, Person, call};

/// What loads need of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) oha: PathBuf,
    /// A folder for what is passed to it.
    pub(crate) scratch: PathBuf,
}

/// How requests arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// For so many seconds, from so many clients; what is under way at the end is waited for.
    Closed { clients: usize, seconds: f64 },
    /// So many a second, over at most so many connections, for so many seconds; all of them are sent.
    Open { clients: usize, rate: f64, seconds: f64 },
    /// Each person once, over so many connections.
    Once { clients: usize },
}

impl Shape {
    pub(crate) fn clients(self) -> usize {
        match self {
            Self::Closed { clients, .. } | Self::Open { clients, .. } | Self::Once { clients } => clients,
        }
    }
}

/// How many requests an open load sends.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate and a time that are above 0"
)]
fn due(rate: f64, seconds: f64) -> usize {
    (rate * seconds).ceil() as usize
}

/// What a load measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) requests: usize,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// The 50th, 95th and 99th percentile of what the answers took, in milliseconds.
    pub(crate) percentiles: [f64; 3],
    /// Answers that weren't the right ones and requests that weren't answered, by what they were.
    wrong: BTreeMap<String, usize>,
}

impl Load {
    /// # Errors
    /// When not every answer was right, or there was none.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.wrong.is_empty() {
            bail!("wrong answers among {}: {:?}", self.requests, self.wrong);
        }
        if self.requests == 0 {
            bail!("nothing was answered");
        }
        Ok(())
    }
}

/// Whom a load is about.
pub(crate) struct Target<'a> {
    pub(crate) api: Api,
    pub(crate) base: &'a str,
    /// The first is whose session is shown; the others sign in, refresh and sign out.
    pub(crate) people: &'a mut [Person],
    pub(crate) tools: &'a Tools,
    /// With `serial` it makes addresses that nobody has had.
    pub(crate) scene: &'a str,
    pub(crate) serial: &'a mut u64,
    /// Brings the sessions back that were signed out of.
    pub(crate) restore: &'a mut dyn FnMut() -> Result<()>,
}

/// Runs one load: by `oha` where one request is like the other, by our own loader where it depends on the one before.
///
/// # Errors
/// When it can't be run. Wrong answers are for [`Load::check`].
pub(crate) fn run(target: &mut Target<'_>, op: Op, shape: Shape) -> Result<Load> {
    let call_of = |person: &Person| call(target.api, target.base, op, person);
    match op {
        Op::Hello | Op::MeCookie | Op::MeBearer | Op::Sessions => {
            let shown = target
                .people
                .first()
                .map_or_else(|| call_of(&Person::default()), call_of);
            oha::run(target, &[shown], shape)
        }
        Op::Login => {
            let calls: Vec<Call> = target.people.iter().skip(1).map(call_of).collect();
            oha::run(target, &calls, shape)
        }
        Op::Register | Op::Refresh => {
            let mut tally = Tally::default();
            chain::run(target, op, shape, &mut tally)?;
            Ok(tally.load())
        }
        Op::Logout => logout(target, shape),
    }
}

/// Everybody signs out; then their sessions are brought back, which isn't timed; and so on for as long as it should take.
fn logout(target: &mut Target<'_>, shape: Shape) -> Result<Load> {
    let Shape::Closed { clients, seconds } = shape else {
        bail!("sessions end but once: logouts have a closed load only");
    };
    let mut tally = Tally::default();
    while tally.seconds < seconds && tally.wrong.is_empty() {
        chain::run(target, Op::Logout, Shape::Once { clients }, &mut tally)?;
        (target.restore)()?;
    }
    Ok(tally.load())
}
