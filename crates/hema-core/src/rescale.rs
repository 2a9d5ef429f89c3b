//! The field of view of pictures from elsewhere, brought to that of training without labels.
//!
//! Every laboratory crops its cells in its own way, and a network that has learned from loose crops errs on
//! tight ones. A few factors are tried on the images of a call together, and the one is taken at which the
//! model is surest, by the least mean entropy of its probabilities (as test-time adaptation does with
//! weights: Wang et al., 2021). The factor stays 1 where no other is surer by more than chance brings.
//!
//! Left out on purpose: a factor for each image, which would let the model choose the crop that suits its
//! first guess; and turning pictures, which [views](crate::tta) do.

use std::fmt;
use std::str::FromStr;

use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metrics::mean;
use crate::preprocess::RESCALE_LIMITS;
use crate::rng::{Purpose, stream};

/// The factors that are tried.
pub const FACTORS: [f64; 8] = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35];

/// Most images that the factors are tried on; of more, so many are drawn.
pub const MOST_IMAGES: usize = 256;

/// Fewest images that say anything.
pub const FEWEST_IMAGES: usize = 30;

/// Standard errors by which the mean entropy must lie below that of the images as they are
/// (docs/experiments/0043-the-right-crop.md).
const CLEARLY: f64 = 2.0;

/// How far a field of view is to be changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rescale {
    /// By this factor, see [`Preprocess::rescale`](crate::preprocess::Preprocess::rescale).
    Factor(f64),
    /// By the factor that is found on the images themselves.
    Auto,
}

impl FromStr for Rescale {
    type Err = Error;

    /// `auto`, or a factor within [`RESCALE_LIMITS`].
    fn from_str(text: &str) -> Result<Self> {
        let [least, most] = RESCALE_LIMITS;
        let factor = || text.parse().ok().filter(|factor: &f64| (least..=most).contains(factor));
        match text {
            "auto" => Ok(Self::Auto),
            _ => factor().map(Self::Factor).ok_or_else(|| {
                Error::new(format!("rescale is `{text}` (expected auto, or a factor from {least} to {most})"))
            }),
        }
    }
}

/// The factor by which fields of view were rescaled, and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescaling {
    /// The factor; 1 for images as they came.
    pub factor: f64,
    /// How it was found; `None` where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// The search for a factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Images that it was made on.
    pub tried_on: u64,
    /// Images that there were.
    pub images: u64,
    /// Every factor that was tried, by rising factors; none where the images were too few.
    pub curve: Vec<Tried>,
}

/// How sure a model is of images at a factor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The factor.
    pub factor: f64,
    /// Mean entropy of the probabilities, in nats.
    pub entropy: f64,
    /// The mean entropy less that at factor 1.
    pub difference: f64,
    /// Standard error of the difference, image by image.
    pub standard_error: f64,
}

impl Rescaling {
    /// A factor that was given.
    pub fn by(factor: f64) -> Self {
        Self { factor, search: None }
    }

    /// The factor for so many images, of which too few could be read to try others than 1.
    pub fn too_few(tried_on: usize, images: usize) -> Self {
        let search = Search { tried_on: tried_on as u64, images: images as u64, curve: Vec::new() };
        Self { factor: 1.0, search: Some(search) }
    }

    /// The factor for images of which some have these entropies, a list for each of [`FACTORS`].
    pub fn found(entropies: &[Vec<f64>], images: usize) -> Self {
        let tried_on = entropies.first().map_or(0, Vec::len);
        if tried_on < FEWEST_IMAGES {
            return Self::too_few(tried_on, images);
        }
        let own = FACTORS.iter().zip(entropies).find(|(factor, _)| **factor == 1.0);
        let own = own.map_or(&[][..], |(_, entropies)| entropies);
        let curve: Vec<Tried> = FACTORS.iter().zip(entropies).map(|(f, e)| Tried::new(*f, e, own)).collect();
        let surest = curve.iter().min_by(|a, b| a.entropy.total_cmp(&b.entropy));
        let factor = surest.filter(|tried| tried.is_clear()).map_or(1.0, |tried| tried.factor);
        Self { factor, search: Some(Search { tried_on: tried_on as u64, images: images as u64, curve }) }
    }

    /// The curve by which the factor was found, in a line; `None` where there is none.
    pub fn curve_in_words(&self) -> Option<String> {
        let curve = self.search.as_ref().map(|search| &search.curve).filter(|curve| !curve.is_empty())?;
        let of = |tried: &Tried| format!("{:.3} at {}", tried.entropy, tried.factor);
        let points: Vec<String> = curve.iter().map(of).collect();
        Some(format!("mean entropy by factor: {}", points.join(", ")))
    }

    /// Whether images are shown otherwise than they came.
    pub fn changes(&self) -> bool {
        self.factor != 1.0
    }

    /// Whether another factor than 1 was found on the images themselves.
    pub fn was_found(&self) -> bool {
        self.changes() && self.search.is_some()
    }
}

impl Tried {
    fn new(factor: f64, entropies: &[f64], own: &[f64]) -> Self {
        let differences: Vec<f64> = entropies.iter().zip(own).map(|(at, own)| at - own).collect();
        let count = differences.len() as f64;
        let difference = mean(differences.iter().copied()).unwrap_or(0.0);
        let squares: f64 = differences.iter().map(|d| (d - difference).powi(2)).sum();
        Self {
            factor,
            entropy: mean(entropies.iter().copied()).unwrap_or(0.0),
            difference,
            standard_error: (squares / (count - 1.0).max(1.0) / count.max(1.0)).sqrt(),
        }
    }

    /// Whether the model is surer here than of the images as they came, by more than chance brings.
    fn is_clear(&self) -> bool {
        self.difference < -CLEARLY * self.standard_error
    }
}

impl fmt::Display for Rescaling {
    /// A sentence without its full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { factor, search } = self;
        let shown = match *factor {
            factor if factor < 1.0 => format!("the middle {:.0} % of each side of a picture", 100.0 * factor),
            factor if factor > 1.0 => {
                format!("pictures mirrored outwards to {:.0} % of each side", 100.0 * factor)
            }
            _ => "pictures as they came".into(),
        };
        write!(f, "rescale {factor}: the model is shown {shown}")?;
        match search {
            None => Ok(()),
            Some(Search { tried_on, curve, .. }) if curve.is_empty() => {
                write!(
                    f,
                    "; {tried_on} images are too few to look for another factor (at least {FEWEST_IMAGES})"
                )
            }
            Some(Search { tried_on, images, .. }) => {
                let why = if self.changes() {
                    "where it is surest"
                } else {
                    "no other factor makes it clearly surer"
                };
                let of = if tried_on < images { format!(" of {images}") } else { String::new() };
                write!(f, ", {why} (tried on {tried_on}{of} images)")
            }
        }
    }
}

/// Positions of the images to try factors on, of so many: all of few, of many a draw that is always the same.
pub fn sample(images: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..images).collect();
    let mut rng = stream(0, Purpose::Look, 2, images as u64);
    let (drawn, _) = positions.partial_shuffle(&mut rng, MOST_IMAGES);
    let mut drawn = drawn.to_vec();
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entropies of so many images whose mean is least at a factor, by so much a step, beside chance of 0.1.
    fn entropies(images: usize, best: f64, depth: f64) -> Vec<Vec<f64>> {
        let chance = |image: usize, at: usize| ((image * 7 + at * 13) % 11) as f64 / 50.0 - 0.1;
        let at = |(number, factor): (usize, &f64)| {
            let rise = depth * (factor / best).ln().abs();
            (0..images).map(|image| 0.5 + rise + chance(image, number)).collect()
        };
        FACTORS.iter().enumerate().map(at).collect()
    }

    #[test]
    fn the_factor_is_the_one_at_which_the_model_is_surest() {
        for best in FACTORS {
            let found = Rescaling::found(&entropies(100, best, 1.0), 100);
            assert_eq!((found.factor, found.was_found()), (best, best != 1.0));
            let curve = found.search.unwrap().curve;
            assert_eq!(curve.len(), FACTORS.len());
            assert_eq!((curve[4].factor, curve[4].difference, curve[4].standard_error), (1.0, 0.0, 0.0));
        }
    }

    #[test]
    fn the_factor_stays_1_where_the_curve_is_flat_or_images_are_few() {
        let flat = Rescaling::found(&entropies(100, 0.8, 0.01), 100);
        assert_eq!(flat.factor, 1.0, "{flat}");
        assert!(flat.to_string().contains("no other factor makes it clearly surer (tried on 100 images)"));
        let few = Rescaling::found(&entropies(FEWEST_IMAGES - 1, 0.6, 1.0), FEWEST_IMAGES - 1);
        assert!(
            few.factor == 1.0
                && few
                    .to_string()
                    .ends_with("29 images are too few to look for another factor (at least 30)")
        );
        assert_eq!(few.curve_in_words(), None);
        assert_eq!(Rescaling::found(&[], 0).factor, 1.0);
    }

    #[test]
    fn standard_errors_are_those_of_paired_differences() {
        let tried = Tried::new(0.8, &[1.0, 2.0, 4.0], &[0.5, 1.0, 2.0]);
        // the differences are 0.5, 1 and 2
        assert!((tried.difference - 7.0 / 6.0).abs() < 1e-12);
        let variance = (0.25 + 1.0 + 4.0 - 3.0 * (7.0_f64 / 6.0).powi(2)) / 2.0;
        assert!((tried.standard_error - (variance / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn of_many_images_some_are_drawn_always_the_same() {
        assert_eq!(sample(5), [0, 1, 2, 3, 4]);
        let drawn = sample(10_000);
        assert_eq!((drawn.len(), &drawn), (MOST_IMAGES, &sample(10_000)));
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]) && drawn[MOST_IMAGES - 1] < 10_000);
        assert!(drawn[MOST_IMAGES / 2] > 2_000, "they are drawn from all over");
    }

    #[test]
    fn a_factor_is_read_from_words_and_kept_in_a_record() {
        assert_eq!("auto".parse::<Rescale>().unwrap(), Rescale::Auto);
        assert_eq!("0.8".parse::<Rescale>().unwrap(), Rescale::Factor(0.8));
        for bad in ["Auto", "0", "-1", "3", "nan", "80%", ""] {
            let error = bad.parse::<Rescale>().unwrap_err().to_string();
            assert!(error.contains("expected auto, or a factor from 0.25 to 2"), "{error}");
        }
        let found = Rescaling::found(&entropies(40, 0.7, 1.0), 400);
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Rescaling>(&json).unwrap(), found);
        assert_eq!(serde_json::to_string(&Rescaling::by(1.2)).unwrap(), r#"{"factor":1.2}"#);
    }
}
