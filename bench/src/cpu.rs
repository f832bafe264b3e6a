//! The processor's time and the memory of processes, from `/proc`. Elsewhere than on Linux there is no such thing: the
//! report says so then.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Ticks a second in `/proc/<pid>/stat`: USER_HZ, which is 100 on x86-64 and arm64 whatever the kernel was built with.
const TICKS: u64 = 100;

/// What `/proc/<pid>/stat` says (`proc_pid_stat(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time, and that of children that have ended and were waited for; in ticks.
    ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name of the program, in parentheses, may hold anything: what follows its end counts.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Field 3, the state, is the first after the name.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(field(4)?).ok()?,
            ticks: field(14)? + field(15)? + field(16)? + field(17)?,
        })
    }
}

/// Every process below `root`.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(stat) = Stat::read(pid)
        {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut ask = vec![root];
    while let Some(pid) = ask.pop() {
        let below = children.get(&pid).map(Vec::as_slice).unwrap_or_default();
        found.extend(below);
        ask.extend(below);
    }
    found
}

/// The time that these processes and their ended children have used so far.
pub(crate) fn used(pids: &[u32]) -> Duration {
    let ticks: u64 = pids
        .iter()
        .filter_map(|pid| Stat::read(*pid))
        .map(|stat| stat.ticks)
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// The time that a measured host and everything behind it (database, cache, gateway, pool) use between two moments.
#[derive(Debug)]
pub(crate) struct Meter {
    host: Vec<u32>,
    /// Hosts that stand by while another one is measured.
    others: Vec<u32>,
    host_before: Duration,
    behind_before: Duration,
}

impl Meter {
    /// `everybody` are the processes of all hosts that run, `host` those of the one that is measured.
    pub(crate) fn start(host: &[u32], everybody: &[u32]) -> Self {
        let mut meter = Self {
            host: host.to_vec(),
            others: everybody.to_vec(),
            host_before: Duration::ZERO,
            behind_before: Duration::ZERO,
        };
        (meter.host_before, meter.behind_before) = meter.read();
        meter
    }

    /// What the host used since the start, and what those behind it did. `None` where there is no `/proc`.
    pub(crate) fn stop(&self) -> Option<(Duration, Duration)> {
        let (host, behind) = self.read();
        let host = host.checked_sub(self.host_before).filter(|time| !time.is_zero())?;
        Some((host, behind.saturating_sub(self.behind_before)))
    }

    fn read(&self) -> (Duration, Duration) {
        let mut behind = descendants(std::process::id());
        behind.retain(|pid| !self.host.contains(pid) && !self.others.contains(pid));
        (used(&self.host), used(&behind))
    }
}

/// The memory that these processes hold now and the most that they held since [`forget_peak`], in MB (2^20 bytes).
pub(crate) fn memory(pids: &[u32]) -> Result<(f64, f64)> {
    let (mut now, mut peak) = (0, 0);
    for pid in pids {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            continue;
        };
        now += kilobytes(&status, "VmRSS:").unwrap_or(0);
        peak += kilobytes(&status, "VmHWM:").unwrap_or(0);
    }
    if now == 0 {
        bail!("no /proc to read the memory from");
    }
    Ok((f64::from(now) / 1024.0, f64::from(peak) / 1024.0))
}

/// Lets `VmHWM` count anew from what is held now (`proc_pid_clear_refs(5)`): the start of a host compiles.
pub(crate) fn forget_peak(pids: &[u32]) -> Result<()> {
    for pid in pids {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").with_context(|| format!("resetting the peak of {pid}"))?;
    }
    Ok(())
}

fn kilobytes(status: &str, name: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_called_anything() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 5 0 12345 1000 10 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 110));
        assert_eq!(Stat::parse("42 (a"), None);
    }

    #[test]
    fn memory_is_read_in_kilobytes() {
        let status = "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(2048));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_is_found() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(descendants(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
