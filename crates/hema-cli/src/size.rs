//! Amounts of memory as people write them: `2G`, `512M`, `1.5GiB`, and gigabytes without a letter.

use hema::data::LEAST_DECODING;

/// Letters of units and their bytes, a gigabyte being 2^30 bytes.
const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

/// The bytes that a text stands for.
fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || "expected an amount of memory such as 2G or 512M".to_owned();
    let upper = text.trim().to_ascii_uppercase();
    let amount = upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper);
    let of = |(letter, bytes): &(&str, u64)| Some((amount.strip_suffix(letter)?, *bytes));
    let (number, unit) = match UNITS.iter().find_map(of) {
        Some(found) => found,
        None if amount.len() == upper.len() => (amount, 1 << 30),
        None => return Err(expected()),
    };
    let number: f64 = number.trim().parse().map_err(|_| expected())?;
    // words such as `inf` are numbers too
    if !(0.0..=1e15).contains(&number) {
        return Err(expected());
    }
    Ok((number * unit as f64) as u64)
}

/// The bytes that a text lends to images, which cannot be read with less than [`LEAST_DECODING`].
pub(crate) fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    if bytes < LEAST_DECODING {
        return Err(format!(
            "expected at least {}M, without which no image could be decoded",
            LEAST_DECODING >> 20
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_memory_than_any_image_needs_is_refused() {
        assert_eq!(parse_memory("16M"), Ok(16 << 20));
        for text in ["0", "1K", "15.9M"] {
            assert!(parse_memory(text).unwrap_err().starts_with("expected at least 16M"), "{text}");
        }
    }

    #[test]
    fn amounts_of_memory_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("2G", 2 << 30),
            ("512M", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("64kb", 64 << 10),
            ("4", 4 << 30),
            ("0", 0),
            (" 1 t", 1 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1G", "2 apples", "inf", "nan", "1e99G", "12B", "2GG"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
