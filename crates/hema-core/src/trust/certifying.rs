//! Labelled images that a model's promises are computed from, as a model file holds them.
//!
//! Left out on purpose: the images themselves. Of each there are a few numbers, so that a promise can be
//! computed for whatever risk and confidence somebody asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use serde::{Deserialize, Serialize};

use super::halves::stored;
use crate::error::{Error, Result};
use crate::metrics::argmax;

/// In place of a severity: an image that several operators damaged at once.
pub const SEVERAL: u8 = 6;

/// A labelled image that nothing of the model was fitted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Certified {
    /// The image's class, below the number of classes.
    pub label: usize,
    /// Log-probabilities of the classes at the model's base temperature.
    pub raw: Vec<f32>,
    /// What they are divided by, above 0.
    pub temperature: f32,
    /// How unlike training's cells its features are: larger is stranger.
    pub unlike: f32,
    /// How poor the picture is: larger is poorer.
    pub poor: f32,
    /// 0 for an unchanged image, 1 to 5 for the severity of a corruption, [`SEVERAL`] for several at once.
    pub severity: u8,
}

impl Certified {
    /// The probabilities of the classes that a user is shown.
    pub fn probabilities(&self) -> Vec<f32> {
        softmax(&self.raw, self.temperature)
    }

    /// Probability of the most probable class, 0 to 1.
    pub fn confidence(&self) -> f32 {
        let probabilities = self.probabilities();
        probabilities[argmax(&probabilities)]
    }

    /// Whether the most probable class is the image's own.
    pub fn is_right(&self) -> bool {
        argmax(&self.raw) == self.label
    }

    /// Whether the image is unchanged.
    pub fn is_clean(&self) -> bool {
        self.severity == 0
    }
}

/// Images that certify a model: a compact table, which a model file holds in half precision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Text", try_from = "Text")]
pub struct Certifying {
    /// Number of classes.
    pub classes: usize,
    /// The images, each with as many log-probabilities.
    pub images: Vec<Certified>,
}

impl Certifying {
    /// The images that were not damaged.
    pub fn clean(&self) -> impl Iterator<Item = &Certified> {
        self.images.iter().filter(|image| image.is_clean())
    }
}

/// Probabilities of log-probabilities that are divided by a temperature.
pub(super) fn softmax(raw: &[f32], temperature: f32) -> Vec<f32> {
    let largest = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> =
        raw.iter().map(|log| (f64::from(log - largest) / f64::from(temperature)).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|exponential| (exponential / sum) as f32).collect()
}

/// Log-probabilities that give these probabilities once they are divided by a temperature.
pub(super) fn undivided(probabilities: &[f32], temperature: f32) -> Vec<f32> {
    // what single precision rounds to 0 is not infinitely improbable
    let log = |p: &f32| f64::from(p.max(f32::MIN_POSITIVE)).ln() * f64::from(temperature);
    let logs: Vec<f64> = probabilities.iter().map(log).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln();
    logs.iter().map(|log| (log - total) as f32).collect()
}

/// The table as a model file holds it: numbers of 16 bits one after the other, as base64. A row is label,
/// severity, temperature, `unlike`, `poor` and the log-probabilities.
#[derive(Serialize, Deserialize)]
struct Text {
    classes: usize,
    images: String,
}

/// Numbers of a row before the log-probabilities.
const HEAD: usize = 5;

impl From<Certifying> for Text {
    fn from(table: Certifying) -> Self {
        let row = |image: &Certified| -> Vec<u16> {
            let head = [image.temperature, image.unlike, image.poor];
            let numbers = head.iter().chain(&image.raw).map(|number| stored(*number).to_bits());
            [image.label as u16, u16::from(image.severity)].into_iter().chain(numbers).collect()
        };
        let bytes: Vec<u8> = table.images.iter().flat_map(row).flat_map(u16::to_le_bytes).collect();
        Self { classes: table.classes, images: STANDARD.encode(bytes) }
    }
}

impl TryFrom<Text> for Certifying {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self> {
        let bytes = STANDARD
            .decode(&text.images)
            .map_err(|e| Error::new(format!("certifying images that are no base64: {e}")))?;
        let width = text.classes.saturating_add(HEAD);
        if bytes.len() % width.saturating_mul(2) != 0 {
            return Err(Error::new(format!(
                "certifying images in {} bytes (expected {width} numbers of 2 bytes each)",
                bytes.len()
            )));
        }
        let numbers: Vec<u16> = bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        let images = numbers.chunks_exact(width).map(|row| read(row, text.classes)).collect::<Result<_>>()?;
        Ok(Self { classes: text.classes, images })
    }
}

/// One row of the table.
fn read(row: &[u16], classes: usize) -> Result<Certified> {
    let number = |bits: &u16| f16::from_bits(*bits).to_f32();
    let image = Certified {
        label: usize::from(row[0]),
        severity: row[1].try_into().unwrap_or(u8::MAX),
        temperature: number(&row[2]),
        unlike: number(&row[3]),
        poor: number(&row[4]),
        raw: row[HEAD..].iter().map(number).collect(),
    };
    let marks = [image.temperature, image.unlike, image.poor];
    let is_sound = image.label < classes
        && image.severity <= SEVERAL
        && image.temperature > 0.0
        && image.raw.iter().chain(&marks).all(|number| number.is_finite());
    if is_sound {
        Ok(image)
    } else {
        Err(Error::new(format!(
            "a certifying image of label {} and severity {} (expected a label below {classes}, a severity up to \
             {SEVERAL} and finite numbers)",
            row[0], row[1]
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Certifying {
        let image = |label, raw: [f32; 3], severity| Certified {
            label,
            raw: raw.to_vec(),
            temperature: 1.25,
            unlike: 40.5,
            poor: -0.75,
            severity,
        };
        let images =
            vec![image(0, [-0.000_12, -9.5, -11.0], 0), image(2, [-0.5, -1.5, f32::NEG_INFINITY], 3)];
        Certifying { classes: 3, images }
    }

    #[test]
    fn a_table_survives_in_a_file_to_half_precision() {
        let text = serde_json::to_string(&table()).unwrap();
        let read: Certifying = serde_json::from_str(&text).unwrap();
        assert_eq!((read.classes, read.images.len(), read.clean().count()), (3, 2, 1));
        let [first, second] = [&read.images[0], &read.images[1]];
        assert!((first.raw[0] / -0.000_12 - 1.0).abs() < 1e-3, "{first:?}");
        assert_eq!((first.label, first.temperature, first.unlike, first.poor), (0, 1.25, 40.5, -0.75));
        assert_eq!((second.label, second.severity, second.raw[2]), (2, 3, f16::MIN.to_f32()));
        // what was stored once is stored the same again
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(first.is_right() && !second.is_right());
        assert!(second.probabilities()[2] < 1e-30);
        assert!((first.confidence() - 0.999).abs() < 1e-3, "{}", first.confidence());
    }

    #[test]
    fn log_probabilities_come_back_from_what_they_were_divided_to() {
        let raw = [0.9_f32, 0.07, 0.03].map(f32::ln);
        for temperature in [0.5, 1.0, 3.0] {
            let back = undivided(&softmax(&raw, temperature), temperature);
            assert!(raw.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
        }
        assert!(undivided(&[1.0, 0.0], 1.0).iter().all(|log| log.is_finite()));
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let text = serde_json::to_string(&table()).unwrap();
        let broken = [
            r#"{"classes":3,"images":"?"}"#.into(),
            r#"{"classes":3,"images":"AAAA"}"#.into(),
            text.replace("\"classes\":3", "\"classes\":10"),
            r#"{"classes":18446744073709551615,"images":"AAAA"}"#.into(),
        ];
        for text in broken {
            let error = serde_json::from_str::<Certifying>(&text).unwrap_err().to_string();
            assert!(error.contains("certifying image"), "{error}");
        }
    }
}
