//! Times in filters: `10:15`, `2026-11-22T10:15`, `15m` before the end; and durations.

use super::Fault;

/// What times of day and times before the end count from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The day on which the capture ends: `2026-11-22`.
    pub(crate) day: String,
    /// The capture's end, in the form of the report.
    pub(crate) latest: String,
}

impl Clock {
    /// A time that compares with those of the report.
    pub(crate) fn time(&self, text: &str) -> Result<String, Fault> {
        let text = text.trim_end_matches(['Z', 'z']);
        if let Some(nanoseconds) = span(text) {
            return Ok(before(&self.latest, nanoseconds / 1_000_000_000));
        }
        let (day, time) = match text.split_once(['T', 't', ' ']) {
            Some((day, time)) => (day, time),
            None if text.contains(':') => (self.day.as_str(), text),
            None => (text, ""),
        };
        let no = || Fault(format!("{text} is no time: write 10:15, 2026-01-31T10:15 or 15m"));
        if is_day(day) && (time.is_empty() || is_time(time)) {
            Ok(if time.is_empty() { day.to_owned() } else { format!("{day}T{time}") })
        } else {
            Err(no())
        }
    }
}

/// A duration in nanoseconds: `500ms`, `2s`, `15m`.
pub(super) fn duration(text: &str) -> Result<i64, Fault> {
    span(text).ok_or_else(|| Fault(format!("{text} is no duration: write 500ms, 2s or 15m")))
}

fn span(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let scale: i64 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(scale)
}

fn is_day(day: &str) -> bool {
    let mut parts = day.split('-');
    let mut number = |length: usize, from: u32, to: u32| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.parse::<u32>().is_ok_and(|number| (from..=to).contains(&number))
        })
    };
    number(4, 1, 9999) && number(2, 1, 12) && number(2, 1, 31) && parts.next().is_none()
}

fn is_time(time: &str) -> bool {
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let mut number = |to: u32| {
        parts.next().map(|part| {
            part.len() == 2
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse::<u32>().is_ok_and(|number| number <= to)
        })
    };
    number(23) == Some(true)
        && number(59) == Some(true)
        && number(60).unwrap_or(true)
        && parts.next().is_none()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// The time so many seconds before another, to the second; `""` where that has no form of one.
fn before(time: &str, seconds: i64) -> String {
    let at = time.parse::<jiff::Timestamp>().ok();
    let earlier = at.and_then(|at| at.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok());
    earlier.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Clock, before};

    #[test]
    fn before_the_end_may_be_the_year_before() {
        assert_eq!(before("2026-01-01T00:05:00.123Z", 600), "2025-12-31T23:55:00");
        assert_eq!(before("", 600), "");
    }

    #[test]
    fn a_time_of_day_is_of_the_last_day() {
        let clock = Clock { day: "2026-11-22".to_owned(), latest: "2026-11-22T10:30:00Z".to_owned() };
        assert_eq!(clock.time("10:15").as_deref(), Ok("2026-11-22T10:15"));
        assert_eq!(clock.time("2h").as_deref(), Ok("2026-11-22T08:30:00"));
        assert!(clock.time("10:1").is_err() && clock.time("10:61").is_err() && clock.time("2026-13-01").is_err());
    }
}
