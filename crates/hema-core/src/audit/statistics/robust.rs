//! Statistics that a few wild values do not move.

/// Makes the median absolute deviation of normally distributed values their standard deviation.
const TO_SIGMA: f64 = 1.4826;

/// Where values lie and how far they scatter, by median and median absolute deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// The standard deviation, if the bulk were normally distributed.
    pub(crate) sigma: f64,
}

impl Spread {
    /// `None` without values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        let median = median(&mut values)?;
        for value in &mut values {
            *value = (*value - median).abs();
        }
        Some(Self { median, sigma: TO_SIGMA * self::median(&mut values)? })
    }
}

/// The middle value, the upper one of two; `None` without values.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// From which value on an image is at fault, whatever the others are like, and up to which it is fine in any
/// set. Either end may be the larger.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) surely: f64,
    pub(crate) fine: f64,
}

impl Limits {
    /// The scale by which each of some values is judged among the others; `None` without values.
    pub(crate) fn among(self, mut values: Vec<f64>) -> Option<Scale> {
        let sign = if self.surely < self.fine { 1.0 } else { -1.0 };
        for value in &mut values {
            *value *= sign;
        }
        let spread = Spread::of(values)?;
        let usual = (sign * self.fine).min(spread.median - 3.0 * spread.sigma);
        Some(Scale { sign, surely: sign * self.surely, usual })
    }
}

/// How sound values of a set are: 1 where they are fine or within three standard deviations of what is usual
/// in the set, 0 where they are surely a fault, and evenly between. A set that is darker than others as a
/// whole is thus no set of dark images.
pub(crate) struct Scale {
    /// -1 where high values are faults.
    sign: f64,
    surely: f64,
    usual: f64,
}

impl Scale {
    /// How sound a value is, 0 to 1.
    pub(crate) fn score(&self, value: f64) -> f64 {
        let (value, surely, usual) = (self.sign * value, self.surely, self.usual);
        if usual > surely {
            ((value - surely) / (usual - surely)).clamp(0.0, 1.0)
        } else {
            f64::from(u8::from(value > surely))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wild_values_do_not_move_the_spread() {
        let spread = Spread::of((0..101).map(f64::from).chain([1e9; 5]).collect()).unwrap();
        assert!((spread.median - 53.0).abs() < 1.0 && (spread.sigma - 38.5).abs() < 2.0, "{spread:?}");
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn values_are_judged_among_the_others_and_by_absolute_limits() {
        let limits = Limits { surely: 10.0, fine: 100.0 };
        let judge = |usual: f64, value: f64| {
            let mut values: Vec<f64> = (0..40).map(|i| usual + f64::from(i % 5)).collect();
            values.push(value);
            limits.among(values).unwrap().score(value)
        };
        // 60 is low in a set of 200 and ordinary in a set of 60
        assert!((judge(200.0, 55.0) - 0.5).abs() < 1e-9);
        assert_eq!(judge(60.0, 60.0), 1.0);
        // 9 is a fault even where all are like it
        assert_eq!(judge(9.0, 9.0), 0.0);
        // the other way round, high is bad
        let high = Limits { surely: 100.0, fine: 10.0 }.among(vec![5.0, 5.0, 5.0, 55.0]).unwrap();
        assert_eq!([5.0, 55.0].map(|value| high.score(value)), [1.0, 0.5]);
        assert!(limits.among(vec![]).is_none());
    }
}
