//! Which images a model names rightly, kept so that two models can be compared image by image.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether each image is named rightly, class by class in label order and within a class in the order of the
/// data, so that the counts of the classes say which image is of which.
///
/// In a file it is one bit an image, the first in the lowest bit of the first byte, as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes(Vec<u8>);

impl Outcomes {
    /// The outcomes of images whose true and predicted classes are given, in the order of the data.
    pub fn new(labels: &[usize], predicted: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|image| labels[*image]);
        let mut bytes = vec![0; labels.len().div_ceil(8)];
        for (place, image) in order.into_iter().enumerate() {
            bytes[place / 8] |= u8::from(labels[image] == predicted[image]) << (place % 8);
        }
        Self(bytes)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The outcome of each of so many images; `None` where there are not as many.
    pub fn of(&self, images: usize) -> Option<impl ExactSizeIterator<Item = bool> + '_> {
        let bit = |place: usize| self.0[place / 8] >> (place % 8) & 1 == 1;
        (images > 0 && images.div_ceil(8) == self.0.len()).then(|| (0..images).map(bit))
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Outcomes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_stand_class_by_class_and_take_a_bit_an_image() {
        let labels = [1, 0, 1, 0, 2, 0, 1, 0, 2];
        let predicted = [1, 0, 0, 1, 2, 0, 1, 0, 0];
        let outcomes = Outcomes::new(&labels, &predicted);
        let expected = [true, false, true, true, true, false, true, true, false];
        assert_eq!(outcomes.of(9).unwrap().collect::<Vec<_>>(), expected);
        assert!(outcomes.of(17).is_none() && outcomes.of(8).is_none() && outcomes.of(0).is_none());
        let text = serde_json::to_string(&outcomes).unwrap();
        assert_eq!(text, "\"3QA=\"");
        assert_eq!(serde_json::from_str::<Outcomes>(&text).unwrap(), outcomes);
        assert!(Outcomes::default().is_empty() && !outcomes.is_empty());
    }
}
