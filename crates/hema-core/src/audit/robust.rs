//! Statistics that a few wild values do not move.

/// Makes the median absolute deviation of normally distributed values their standard deviation.
const TO_SIGMA: f64 = 1.4826;

/// Where values lie and how far they scatter, by median and median absolute deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    /// What the standard deviation would be if the bulk were normally distributed.
    pub(super) sigma: f64,
}

impl Spread {
    /// `None` without values.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        let median = median(&mut values)?;
        for value in &mut values {
            *value = (*value - median).abs();
        }
        Some(Self { median, sigma: TO_SIGMA * self::median(&mut values)? })
    }
}

/// The middle value, the upper one of two; `None` without values.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// From which value on an image is at fault, whatever the others are like, and up to which it is fine in any set. Either end may be the larger.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) surely: f64,
    pub(super) fine: f64,
}

impl Limits {
    /// How sound each value is among the others: 1 where it is fine or within three standard deviations of what is usual
    /// in the set, 0 where it is surely a fault, and evenly between. A set that is darker than others as a whole is thus
    /// no set of dark images.
    pub(super) fn scores(self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        let sign = if self.surely < self.fine { 1.0 } else { -1.0 };
        let (surely, fine) = (sign * self.surely, sign * self.fine);
        let Some(spread) = Spread::of(values.iter().flatten().map(|value| sign * value)) else {
            return vec![None; values.len()];
        };
        let usual = fine.min(spread.median - 3.0 * spread.sigma);
        let score = |value: f64| {
            if usual > surely {
                ((sign * value - surely) / (usual - surely)).clamp(0.0, 1.0)
            } else {
                f64::from(u8::from(sign * value > surely))
            }
        };
        values.iter().map(|value| value.map(score)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wild_values_do_not_move_the_spread() {
        let spread = Spread::of((0..101).map(f64::from).chain([1e9; 5])).unwrap();
        assert!((spread.median - 53.0).abs() < 1.0 && (spread.sigma - 38.5).abs() < 2.0, "{spread:?}");
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn values_are_judged_among_the_others_and_by_absolute_limits() {
        let limits = Limits { surely: 10.0, fine: 100.0 };
        let judge = |usual: f64, value: f64| {
            let mut values: Vec<Option<f64>> = (0..40).map(|i| Some(usual + f64::from(i % 5))).collect();
            values.extend([Some(value), None]);
            let scores = limits.scores(&values);
            assert_eq!(scores[41], None);
            scores[40].unwrap()
        };
        // 60 is low in a set of 200 and ordinary in a set of 60
        assert!((judge(200.0, 55.0) - 0.5).abs() < 1e-9);
        assert_eq!(judge(60.0, 60.0), 1.0);
        // 9 is a fault even where all are like it
        assert_eq!(judge(9.0, 9.0), 0.0);
        // the other way round, high is bad
        let high =
            Limits { surely: 100.0, fine: 10.0 }.scores(&[Some(5.0), Some(5.0), Some(5.0), Some(55.0)]);
        assert_eq!(high, [Some(1.0), Some(1.0), Some(1.0), Some(0.5)]);
    }
}
