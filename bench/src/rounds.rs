//! Turns: everybody warms up, then everybody is measured once, then everybody again (A B C A B C), so that what changes
//! on the machine in the meantime changes for all of them.

use anyhow::{Result, bail};
use xtask::progress::{say, stopping};

use crate::record::{Key, Problem, Row, Sample};

/// Which turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Not counted.
    WarmUp,
    /// Counted.
    Round,
}

/// Gives everybody `rounds` turns after a warm-up. Who fails once is out: its row has the reason and no numbers.
///
/// # Errors
/// When a signal asked for the end.
pub(crate) fn in_turn<T>(
    rounds: usize,
    contestants: Vec<(Key, T)>,
    mut measure: impl FnMut(&mut T, Turn) -> Result<Sample>,
) -> Result<Vec<Row>> {
    let (mut rows, mut contestants): (Vec<Row>, Vec<T>) = contestants
        .into_iter()
        .map(|(key, contestant)| (Row::of(key, Vec::new()), contestant))
        .unzip();
    for round in 0..=rounds {
        let turn = if round == 0 { Turn::WarmUp } else { Turn::Round };
        for (row, contestant) in rows.iter_mut().zip(&mut contestants) {
            if stopping() {
                bail!("interrupted");
            }
            if row.problem.is_some() {
                continue;
            }
            match measure(contestant, turn) {
                Ok(sample) if turn == Turn::Round => row.rounds.push(sample),
                Ok(_) => {}
                Err(error) => {
                    say(&format!("  FAILED  {}: {error:#}", row.key.subject));
                    *row = Row::without(row.key.clone(), Problem::Failed(format!("{error:#}")));
                }
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Section, sample};

    #[test]
    fn turns_alternate_and_who_fails_is_out() {
        let mut order = String::new();
        let contestants = ["a", "b", "c"].map(|name| (Key::new(Section::Closed, name), name));
        let rows = in_turn(2, contestants.to_vec(), |name, turn| {
            order.push_str(name);
            match (*name, turn) {
                ("b", Turn::Round) => bail!("no more"),
                _ => Ok(sample([("rps", 1.0)])),
            }
        })
        .unwrap();
        assert_eq!(order, "abcabcac");
        assert_eq!(rows.iter().map(|row| row.rounds.len()).collect::<Vec<_>>(), [2, 0, 2]);
        assert_eq!(rows[1].problem, Some(Problem::Failed("no more".to_owned())));
    }
}
