//! What a person sees while something takes its time: one line when it starts, one now and then, one when it is done.
//!
//! Whole lines only, so that it reads the same on a terminal, in a log, and from several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set by a signal: whatever waits gives up.
pub static STOP: AtomicBool = AtomicBool::new(false);

static QUIET: AtomicBool = AtomicBool::new(false);

/// How long something may take before it is worth a line, and how often it is after that.
const FIRST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(20);

/// The first signal asks for the end, in order; the second ends at once (and leaves the rest to the guards).
///
/// # Errors
/// When the system refuses.
pub fn watch_signals() -> Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&seen))?;
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
    }
    std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        STOP.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Prints nothing more about progress (the suite has its own lines).
pub fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether a signal asked for the end.
pub fn stopping() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// One line to the person.
pub fn say(line: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        eprintln!("{line}");
    }
}

/// Something that is under way.
#[derive(Debug)]
pub struct Progress {
    what: String,
    started: Instant,
    next: Duration,
}

impl Progress {
    /// Starts the clock.
    pub fn start(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            started: Instant::now(),
            next: FIRST,
        }
    }

    /// How long it has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says that it still runs, if it is time to say so. Call it often.
    pub fn tick(&mut self) {
        if self.elapsed() < self.next {
            return;
        }
        if self.next == FIRST {
            say(&format!("  ...   {}", self.what));
            self.next = AGAIN;
        } else {
            say(&format!("  ...   {} ({})", self.what, human(self.elapsed())));
            self.next += AGAIN;
        }
    }

    /// Says that it is done, if it took long enough to notice.
    pub fn done(self) {
        if self.elapsed() > Duration::from_millis(300) {
            say(&format!("  done  {} ({})", self.what, human(self.elapsed())));
        }
    }
}

/// A length of time as people say it: `0.8 s`, `42 s`, `6 min 5 s`.
pub fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        format!("{:.1} s", time.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(human(Duration::from_millis(840)), "0.8 s");
        assert_eq!(human(Duration::from_secs(42)), "42 s");
        assert_eq!(human(Duration::from_secs(365)), "6 min 5 s");
    }
}
