//! Numbers of 16 bits as text, in which a model file keeps what is fitted to its features.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Numbers that are stored in half precision, as base64, and are finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Halves(Vec<f32>);

impl Halves {
    /// The numbers as they will be read again: rounded to half precision, and none beyond its largest.
    pub(super) fn new(numbers: impl IntoIterator<Item = f32>) -> Self {
        Self(numbers.into_iter().map(|number| stored(number).to_f32()).collect())
    }

    pub(super) fn numbers(&self) -> &[f32] {
        &self.0
    }
}

/// The number of half precision that is closest, and none beyond the largest.
pub(super) fn stored(number: f32) -> f16 {
    f16::from_f32(number.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()))
}

impl From<Halves> for String {
    fn from(halves: Halves) -> Self {
        let bytes = halves.0.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes());
        STANDARD.encode(bytes.collect::<Vec<u8>>())
    }
}

impl TryFrom<String> for Halves {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let bytes = STANDARD
            .decode(&text)
            .map_err(|e| Error::new(format!("statistics of features that are no base64: {e}")))?;
        let (halves, rest) = bytes.as_chunks();
        let numbers: Vec<f32> = halves.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect();
        if !rest.is_empty() || numbers.iter().any(|number| !number.is_finite()) {
            let found = bytes.len();
            return Err(Error::new(format!(
                "statistics of features in {found} bytes (expected finite numbers of 2 bytes each)"
            )));
        }
        Ok(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_kept_and_others_are_refused() {
        let halves = Halves::new([1.0, -0.333, 1e9, 0.0]);
        assert_eq!(halves.numbers()[2], f16::MAX.to_f32());
        let text = String::from(halves.clone());
        assert_eq!(Halves::try_from(text).unwrap(), halves);
        // three bytes, and a half that is no number
        for text in ["AAAA", "AH4="] {
            let error = Halves::try_from(text.to_owned()).unwrap_err();
            assert!(error.message().contains("expected finite numbers of 2 bytes"), "{error}");
        }
        assert!(Halves::try_from("?".to_owned()).is_err());
    }
}
