//! The learning rate at every step of a training stage: a pure function of the step.
//!
//! Left out on purpose: any state. A resumed run asks for the step it is at and gets the rate it would have
//! had.

use std::f64::consts::PI;

/// How the learning rate moves over a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The peak rate throughout.
    Constant,
    /// From the peak down to the final rate along half a cosine (Loshchilov and Hutter, 2017).
    #[default]
    Cosine,
    /// Up to the peak and down again, both along half a cosine (Smith and Topin, 2018; torch's `OneCycleLR`).
    OneCycle,
}

/// The learning rates of one stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// How the rate moves.
    pub shape: Shape,
    /// The highest rate.
    pub peak: f64,
    /// Share of the steps spent rising to the peak, 0 to 1. `None` is 0, and 0.3 for [`Shape::OneCycle`].
    pub warmup: Option<f64>,
    /// The final rate as a share of the peak. `None` is 0, and 1 / 250,000 for [`Shape::OneCycle`]. A
    /// constant rate has no other final rate.
    pub final_share: Option<f64>,
}

/// The peak over the rate that a one-cycle schedule starts at (torch's `div_factor`).
const ONE_CYCLE_START: f64 = 25.0;
/// The start of a one-cycle schedule over its end (torch's `final_div_factor`).
const ONE_CYCLE_END: f64 = 1e4;
/// Share of the steps over which a one-cycle schedule rises (torch's `pct_start`).
const ONE_CYCLE_WARMUP: f64 = 0.3;

impl Schedule {
    /// The learning rate of step `step` (from 0) out of `total_steps`. Steps beyond the last keep its rate.
    pub fn lr_at(&self, step: u64, total_steps: u64) -> f64 {
        let total = total_steps.max(1);
        let (step, total) = (step.min(total - 1) as f64, total as f64);
        match self.shape {
            Shape::OneCycle => self.one_cycle(step, total),
            Shape::Constant => self.warm_up(step, total).unwrap_or(self.peak),
            Shape::Cosine => self.warm_up(step, total).unwrap_or_else(|| {
                let warmup = self.warmup_steps(total);
                let last = self.peak * self.final_share.unwrap_or(0.0);
                anneal(self.peak, last, (step - warmup) / (total - warmup))
            }),
        }
    }

    /// The rate while warming up linearly: step 0 already takes a small step, the last warm-up step is at the
    /// peak.
    fn warm_up(&self, step: f64, total: f64) -> Option<f64> {
        let steps = self.warmup_steps(total);
        (step < steps).then(|| self.peak * (step + 1.0) / steps)
    }

    fn warmup_steps(&self, total: f64) -> f64 {
        (self.warmup.unwrap_or(0.0) * total).round()
    }

    /// Rate of torch's `OneCycleLR` with cosine annealing, whose phases end at fractional steps.
    fn one_cycle(&self, step: f64, total: f64) -> f64 {
        let start = self.peak / ONE_CYCLE_START;
        let end = self.final_share.map_or(start / ONE_CYCLE_END, |share| self.peak * share);
        let top = self.warmup.unwrap_or(ONE_CYCLE_WARMUP) * total - 1.0;
        let last = total - 1.0;
        if step < top {
            anneal(start, self.peak, step / top)
        } else if last > top {
            anneal(self.peak, end, (step - top) / (last - top))
        } else {
            self.peak
        }
    }
}

/// Half a cosine from `from` (at 0) to `to` (at 1).
fn anneal(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: Shape) -> Schedule {
        Schedule { shape, peak: 0.1, warmup: None, final_share: None }
    }

    fn assert_rates(schedule: Schedule, total: u64, expected: &[(u64, f64)]) {
        for (step, rate) in expected {
            let found = schedule.lr_at(*step, total);
            assert!((found - rate).abs() < 1e-12, "step {step}: {found}, expected {rate}");
        }
    }

    #[test]
    fn constant_stays_and_warms_up_linearly() {
        assert_rates(schedule(Shape::Constant), 10, &[(0, 0.1), (9, 0.1)]);
        let warm = Schedule { warmup: Some(0.4), ..schedule(Shape::Constant) };
        assert_rates(warm, 10, &[(0, 0.025), (1, 0.05), (3, 0.1), (4, 0.1), (9, 0.1)]);
    }

    /// `CosineAnnealingLR(T_max=10)` of torch in closed form: `eta_min + (lr - eta_min) (1 + cos(pi t / T)) /
    /// 2`.
    #[test]
    fn cosine_is_torchs() {
        let reference = [(0, 0.1), (1, 0.09755282581475769), (5, 0.05), (9, 0.002447174185242318)];
        assert_rates(schedule(Shape::Cosine), 10, &reference);
        let floor = Schedule { final_share: Some(0.1), ..schedule(Shape::Cosine) };
        assert_rates(floor, 10, &[(0, 0.1), (5, 0.055)]);
        // warm-up takes the first two of twelve steps; the cosine has the other ten
        let warm = Schedule { warmup: Some(1.0 / 6.0), ..schedule(Shape::Cosine) };
        assert_rates(warm, 12, &[(0, 0.05), (1, 0.1), (2, 0.1), (3, 0.09755282581475769), (7, 0.05)]);
    }

    /// `OneCycleLR(max_lr=0.1, total_steps=20)` of torch in closed form: up from 0.004 over steps 0 to 5
    /// (`0.3 * 20 - 1`), down to 4e-7 over steps 5 to 19, each `end + (start - end) (1 + cos(pi p)) / 2`.
    #[test]
    fn one_cycle_is_torchs() {
        let reference =
            [(0, 0.004), (2, 0.03716718427000252), (5, 0.1), (12, 0.0500002), (19, 4e-7), (50, 4e-7)];
        assert_rates(schedule(Shape::OneCycle), 20, &reference);
        // the peak falls between two steps
        let reference = [(1, 0.09805566273349588), (2, 0.09190443762697106), (5, 0.00992967918932656)];
        assert_rates(schedule(Shape::OneCycle), 7, &reference);
        let half = Schedule { warmup: Some(0.5), final_share: Some(0.01), ..schedule(Shape::OneCycle) };
        assert_rates(half, 20, &[(0, 0.004), (9, 0.1), (14, 0.0505), (19, 0.001)]);
    }

    #[test]
    fn short_stages_have_finite_rates() {
        for shape in [Shape::Constant, Shape::Cosine, Shape::OneCycle] {
            for warmup in [None, Some(0.0), Some(0.5), Some(1.0)] {
                for total in 0..4 {
                    for step in 0..=total {
                        let rate = Schedule { warmup, ..schedule(shape) }.lr_at(step, total);
                        assert!(
                            (0.0..=0.1 + 1e-12).contains(&rate),
                            "{shape:?} {warmup:?} {step}/{total}: {rate}"
                        );
                    }
                }
            }
        }
    }
}
