//! What this program and the recorder take of the machine, as Linux tells in `/proc`.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use trace::{Meter, Usage};

/// This process, and perhaps another with its children.
#[derive(Debug)]
pub(crate) struct Processes {
    other: Option<u32>,
    since: Instant,
}

impl Processes {
    /// Also counts the processor time of `other` and its children. Their memory is the kernel's buffer, whose size is
    /// an option of its own.
    pub(crate) fn new(other: Option<u32>) -> io::Result<Self> {
        let meter = Self { other, since: now() };
        match usage(other, Duration::ZERO) {
            Some(_) => Ok(meter),
            None => Err(io::Error::other("what a process takes is read from Linux's /proc, which is not there")),
        }
    }
}

impl Meter for Processes {
    fn read(&mut self) -> Option<Usage> {
        usage(self.other, now().duration_since(self.since))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a machine does in a second has nothing to do with the packets' time"
)]
fn now() -> Instant {
    Instant::now()
}

fn usage(other: Option<u32>, passed: Duration) -> Option<Usage> {
    let memory = resident(&fs::read_to_string("/proc/self/status").ok()?)?;
    let own = busy("self")?;
    // It may have ended, or not be shown to us.
    let other = other
        .map_or(Duration::ZERO, |other| busy(&other.to_string()).unwrap_or_default().saturating_add(children(other)));
    Some(Usage { memory, busy: own.saturating_add(other), passed })
}

/// Bytes that this process has in memory, where the system tells.
pub(crate) fn memory() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Processor time of the children of a process, which has few.
fn children(process: u32) -> Duration {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(busy).sum()
}

fn busy(process: &str) -> Option<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?).map(|ticks| Duration::from_millis(ticks * TICK))
}

/// Fields 14 and 15 of proc_pid_stat(5), user and system time. The second field is a name and may hold anything, so
/// they are counted from its end.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system).filter(|ticks| *ticks < u64::MAX / TICK)
}

/// `VmRSS` of proc_pid_status(5), in bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Milliseconds of a tick: Linux shows hundredths of a second to programs, whatever it counts in itself.
const TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_hide_its_times() {
        let stat = "7 (a) b 1 (2) S 1 7 7 0 -1 4194304 98 0 0 0 250 50 9 9 20 0 1 0 2299628 3133440 382";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert_eq!(resident("Name:\thellotrace\nVmHWM:\t  9 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_and_memory_show() {
        let mut meter = Processes::new(None).unwrap();
        let before = meter.read().unwrap();
        let memory = vec![1_u8; 64 << 20];
        let mut after = meter.read().unwrap();
        let mut sum = 0_u64;
        while after.busy < before.busy + Duration::from_millis(50) {
            sum = std::hint::black_box(&memory).iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
            after = meter.read().unwrap();
        }
        assert!(after.memory >= before.memory + (48 << 20), "{before:?} {after:?}, {sum}");
        assert!(after.passed > before.passed);
    }
}
