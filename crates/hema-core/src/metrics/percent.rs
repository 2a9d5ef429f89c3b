//! Shares and probabilities in percent, for readers.

/// Shares nearer to all or nothing than this are it: ends of intervals miss them by rounding.
const ROUNDING: f64 = 1e-9;

/// A share in percent with one decimal, `98.7`. One that is not quite all or nothing never reads as such:
/// `>99.9`, `<0.1`. `None` for what is no number.
pub fn share_in_percent(share: f64) -> Option<String> {
    let digits = format!("{:.1}", share * 100.0);
    match digits.as_str() {
        _ if !share.is_finite() => None,
        "100.0" if share < 1.0 - ROUNDING => Some(">99.9".into()),
        "0.0" if share > ROUNDING => Some("<0.1".into()),
        "-0.0" => Some("0.0".into()),
        _ => Some(digits),
    }
}

/// A probability in percent with one decimal. Nothing is certain: it never reads as 100 or 0, even where it
/// was rounded to that. `None` for what is no number.
pub fn probability_in_percent(p: f64) -> Option<String> {
    share_in_percent(p.clamp(2.0 * ROUNDING, 1.0 - 2.0 * ROUNDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_100_and_only_nothing_is_0_and_no_probability_is_either() {
        for (share, expected) in [
            (0.98712, "98.7"),
            (1.0, "100.0"),
            (0.99999, ">99.9"),
            (0.0, "0.0"),
            (1e-4, "<0.1"),
            (1e-17, "0.0"),
        ] {
            assert_eq!(share_in_percent(share).unwrap(), expected);
        }
        for (p, expected) in [(1.0, ">99.9"), (0.0, "<0.1"), (0.5, "50.0")] {
            assert_eq!(probability_in_percent(p).unwrap(), expected);
        }
        assert_eq!([share_in_percent(f64::NAN), probability_in_percent(f64::NAN)], [None, None]);
    }
}
