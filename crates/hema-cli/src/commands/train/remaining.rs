//! How long a run still takes, by the pace of the steps that it has taken.

use std::time::{Duration, Instant};

/// Steps of a stage from which its pace is known.
const KNOWN_FROM: u64 = 4;

/// Seconds of a stage from which its pace is known: the first steps are slower than the others.
const SETTLED: Duration = Duration::from_secs(3);

/// The pace of a run. A stage has its own, as one that trains less of the network is quicker; until it is
/// known, that of the stage before holds.
#[derive(Default)]
pub(super) struct Remaining {
    /// The stage under way, when its first step was done, and how many steps the run had left then.
    stage: Option<(String, Instant, u64)>,
    /// Seconds a step, validation between epochs among them.
    pace: Option<f64>,
}

impl Remaining {
    /// Counts a step of the stage that was done now; how long the `left` ones take, once that is known.
    pub(super) fn after_step(&mut self, stage: &str, left: u64, now: Instant) -> Option<Duration> {
        match &self.stage {
            Some((name, begun, left_then)) if name == stage => {
                let (steps, passed) = (left_then.saturating_sub(left), now.duration_since(*begun));
                if steps >= KNOWN_FROM && passed >= SETTLED {
                    self.pace = Some(passed.as_secs_f64() / steps as f64);
                }
            }
            _ => self.stage = Some((stage.to_owned(), now, left)),
        }
        self.pace.and_then(|pace| Duration::try_from_secs_f64(pace * left as f64).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace_of_the_stage() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut remaining = Remaining::default();
        assert_eq!(remaining.after_step("head", 100, at(0)), None);
        assert_eq!(remaining.after_step("head", 98, at(4)), None, "too few steps");
        assert_eq!(remaining.after_step("head", 90, at(5)), Some(Duration::from_secs(45)));
        // the next stage begins with the pace of the one before it
        assert_eq!(remaining.after_step("all", 60, at(30)), Some(Duration::from_secs(30)));
        assert_eq!(remaining.after_step("all", 50, at(50)), Some(Duration::from_secs(100)));
        assert_eq!(remaining.after_step("all", 0, at(150)), Some(Duration::ZERO));
    }
}
