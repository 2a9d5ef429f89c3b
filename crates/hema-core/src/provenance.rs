//! The provenance of an artefact: enough to make it again.
//!
//! Left out on purpose: the data's hash and the recipe, which the artefacts themselves carry where they
//! apply.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Bytes of a checksum as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Stamped into every artefact that Hema writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Hema.
    pub version: String,
    /// Commit of the source it was built from, `unknown` outside a checkout.
    pub commit: String,
    /// The source had uncommitted changes when it was built.
    pub dirty: bool,
    /// The command line.
    pub command: String,
    /// Device the numbers were computed on, in words.
    pub device: String,
    /// When, in UTC, as RFC 3339.
    pub time: String,
}

impl Provenance {
    /// The provenance of an artefact that this build makes now, by this command line on this device.
    pub fn now(command: impl Into<String>, device: impl Into<String>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: env!("HEMA_COMMIT").into(),
            dirty: env!("HEMA_DIRTY") == "true",
            command: command.into(),
            device: device.into(),
            time: rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())),
        }
    }
}

/// Seconds since 1970 as an RFC 3339 time in UTC, `2026-11-22T12:00:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a count of days since 1970, by Hinnant's `civil_from_days`: years begin in March,
/// so that the leap day is the last of its year, and repeat every 400 years.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + 719_468; // since 1 March of year 0
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil_from_days(0);
        for day in 1..200_000 {
            let date = civil_from_days(day);
            let (year, month, day) = before;
            let next_day = (year, month, day + 1);
            let next_month = if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) };
            assert!(date == next_day || (date == next_month && day >= 28), "{before:?} {date:?}");
            before = date;
        }
    }

    #[test]
    fn this_build_knows_its_version_and_commit() {
        let provenance = Provenance::now("hema train", "cpu");
        assert_eq!(provenance.version, env!("CARGO_PKG_VERSION"));
        let is_hash =
            provenance.commit.len() == 40 && provenance.commit.chars().all(|c| c.is_ascii_hexdigit());
        assert!(is_hash || provenance.commit == "unknown", "{}", provenance.commit);
        assert!(is_hash || !provenance.dirty);
        assert_eq!((provenance.command.as_str(), provenance.device.as_str()), ("hema train", "cpu"));
        assert_eq!(provenance.time.len(), "2026-11-22T12:00:00Z".len());
    }
}
