//! Suites: named, fixed sets of conditions that a classifier is judged under.
//!
//! A condition is one corruption at one severity, or any other random change of the images. What it does to
//! an image depends on the seed, its name and severity and the image's index alone, so that every model meets
//! the same images. A suite that stands in [`SUITES`] never changes what it does, or its numbers would lose
//! their meaning; new conditions make a new suite. People write suites of their own as TOML (in the crate
//! `hema`, where the grammar of operators is).

mod challenge;
mod related_operators;
mod relative;

use std::ops::RangeInclusive;

use crate::augment::Augment;
use crate::corrupt::blur::defocus_blur::DefocusBlur;
use crate::corrupt::blur::motion_blur::MotionBlur;
use crate::corrupt::digital::jpeg::Jpeg;
use crate::corrupt::digital::pixelate::Pixelate;
use crate::corrupt::light::brightness_down::BrightnessDown;
use crate::corrupt::light::brightness_up::BrightnessUp;
use crate::corrupt::light::contrast_down::ContrastDown;
use crate::corrupt::light::saturate::Saturate;
use crate::corrupt::noise::gaussian_noise::GaussianNoise;
use crate::corrupt::{BLOOD_C, IMAGENET_C};
use crate::error::{Error, Result, suggest};
use crate::image_op::ImageOp;
use crate::rng::{Purpose, stream};
use crate::sample::Image;

pub use related_operators::trained_on;
pub use relative::{RelativeErrors, relative_errors};

/// The severities a corruption is measured at.
pub const SEVERITIES: RangeInclusive<u8> = 1..=5;

/// A named, fixed set of conditions. Clean accuracy stands beside every suite.
#[derive(Debug)]
pub struct Suite {
    /// The name on the command line and in reports.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// Side in pixels that images are brought to before they are damaged; the network's own when `None`.
    pub size: Option<usize>,
    /// The conditions that the images go through, one after the other.
    pub conditions: Vec<Condition>,
}

/// One thing that is done to all images.
#[derive(Debug)]
pub struct Condition {
    name: String,
    severity: Option<u8>,
    change: Damage,
}

/// The damage that a condition does.
#[derive(Debug)]
enum Damage {
    /// A corruption at the condition's severity.
    Corruption(&'static dyn ImageOp),
    /// Two or three strong operators.
    Composition,
    /// Steps as in a recipe.
    Steps(Augment),
}

impl Condition {
    /// A corruption at a severity of 1 to 5.
    pub fn corruption(corruption: &'static dyn ImageOp, severity: u8) -> Self {
        Self {
            name: corruption.name().into(),
            severity: Some(severity),
            change: Damage::Corruption(corruption),
        }
    }

    /// Random steps under a name of its own; several of one name and rising severity are one row of a table.
    pub fn steps(name: &str, severity: Option<u8>, steps: Augment) -> Self {
        Self { name: name.into(), severity, change: Damage::Steps(steps) }
    }

    /// Random compositions, drawn anew for each name.
    fn composition(name: &str) -> Self {
        Self { name: name.into(), severity: None, change: Damage::Composition }
    }

    /// Name of its corruption, or its own.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How bad it is, 1 to 5; `None` where it has no such scale.
    pub fn severity(&self) -> Option<u8> {
        self.severity
    }

    /// Whether it draws its operators anew for every image, so that its name says nothing of the damage.
    pub fn is_drawn(&self) -> bool {
        matches!(self.change, Damage::Composition)
    }

    /// Names of the augmentations and corruptions that it is made of.
    pub fn operators(&self) -> Vec<String> {
        match &self.change {
            Damage::Corruption(corruption) => vec![corruption.name().into()],
            Damage::Composition => challenge::OPERATORS.iter().map(|(name, _)| (*name).into()).collect(),
            Damage::Steps(steps) => steps.names(),
        }
    }

    /// Damages one image of a data set.
    pub fn apply(&self, image: &mut Image, seed: u64, index: u64) {
        let severity = self.severity.unwrap_or(0);
        let mut rng = stream(seed, Purpose::Corrupt, fingerprint(&self.name, severity), index);
        match &self.change {
            Damage::Corruption(corruption) => {
                corruption.apply(image, f32::from(severity) / f32::from(*SEVERITIES.end()), &mut rng);
            }
            Damage::Composition => challenge::compose(image, &mut rng),
            Damage::Steps(steps) => steps.apply(image, &mut rng),
        }
    }
}

/// A number for a condition (FNV-1a): it keeps its random numbers when the suite grows around it.
fn fingerprint(name: &str, severity: u8) -> u64 {
    name.bytes()
        .chain([severity])
        .fold(0xcbf29ce484222325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x00000100000001b3))
}

/// A suite that comes with Hema.
pub struct ShippedSuite {
    /// The suite's name.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    size: Option<usize>,
    conditions: fn() -> Vec<Condition>,
}

/// Every suite that comes with Hema, in the order of `hema list suites`.
pub const SUITES: &[ShippedSuite] = &[
    ShippedSuite { name: "clean", about: "the images as they are", size: None, conditions: Vec::new },
    ShippedSuite {
        name: "degraded",
        about: "light, stain, noise, focus, motion, compression and resolution: 9 corruptions x 5 severities",
        size: None,
        conditions: || at_every_severity(DEGRADED),
    },
    ShippedSuite {
        name: "blood-c",
        about: "BloodMNIST-C: 11 corruptions x 5 severities at its own 224 pixels, then brought to the network's size",
        size: Some(224),
        conditions: || at_every_severity(BLOOD_C),
    },
    ShippedSuite {
        name: "blood-c@model",
        about: "the same at the network's size: faster, and not comparable with published figures",
        size: None,
        conditions: || at_every_severity(BLOOD_C),
    },
    ShippedSuite {
        name: "imagenet-c",
        about: "ImageNet-C: 15 + 4 corruptions x 5 severities at its own 224 pixels, then brought to the network's size",
        size: Some(224),
        conditions: || at_every_severity(IMAGENET_C),
    },
    ShippedSuite {
        name: "challenge",
        about: "two or three strong operators at once, of 20 photometric, geometric and occluding ones, in 5 random draws",
        size: None,
        conditions: || ["draw-1", "draw-2", "draw-3", "draw-4", "draw-5"].map(Condition::composition).into(),
    },
];

/// The everyday trouble of a microscope, at the network's own size.
const DEGRADED: &[&dyn ImageOp] = &[
    &BrightnessUp,
    &BrightnessDown,
    &ContrastDown,
    &Saturate,
    &GaussianNoise,
    &DefocusBlur,
    &MotionBlur,
    &Jpeg,
    &Pixelate,
];

/// Every corruption at every severity, corruption by corruption.
fn at_every_severity(corruptions: &[&'static dyn ImageOp]) -> Vec<Condition> {
    let each = |corruption: &&'static dyn ImageOp| {
        let corruption = *corruption;
        SEVERITIES.map(move |severity| Condition::corruption(corruption, severity))
    };
    corruptions.iter().flat_map(each).collect()
}

/// The suite of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<Suite> {
    let row = SUITES.iter().find(|row| row.name == name).ok_or_else(|| {
        Error::new(format!("unknown suite `{name}`")).hint(suggest(name, SUITES.iter().map(|row| row.name)))
    })?;
    Ok(Suite {
        name: row.name.into(),
        about: row.about.into(),
        size: row.size,
        conditions: (row.conditions)(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey() -> Image {
        Image::filled(8, 8, [128; 3])
    }

    #[test]
    fn an_image_is_damaged_by_seed_condition_and_index() {
        let damaged = |severity, seed, index| {
            let mut image = grey();
            Condition::corruption(&GaussianNoise, severity).apply(&mut image, seed, index);
            image
        };
        assert_eq!(damaged(3, 1, 2), damaged(3, 1, 2));
        assert_eq!(damaged(0, 1, 2), grey());
        for other in [damaged(4, 1, 2), damaged(3, 2, 2), damaged(3, 1, 3)] {
            assert_ne!(damaged(3, 1, 2), other);
        }
    }

    #[test]
    fn suites_have_the_conditions_they_promise() {
        for (name, count) in
            [("clean", 0), ("degraded", 45), ("blood-c", 55), ("imagenet-c", 95), ("challenge", 5)]
        {
            assert_eq!(find(name).unwrap().conditions.len(), count, "{name}");
        }
        let error = find("degrade").unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `degraded`?"));
    }

    #[test]
    fn no_two_conditions_of_a_suite_are_alike() {
        for row in SUITES {
            let suite = find(row.name).unwrap();
            let mut names: Vec<_> = suite.conditions.iter().map(|c| (c.name(), c.severity())).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), suite.conditions.len(), "{}", row.name);
        }
    }

    /// The suite is a measure: what it does to images must never change.
    #[test]
    fn the_challenge_does_what_it_always_did() {
        let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| (i * 7 % 256) as u8).collect();
        let suite = find("challenge").unwrap();
        let means = suite.conditions.iter().map(|condition| {
            let values = (0..40).flat_map(|index| {
                let mut image = Image::new(32, 32, pixels.clone()).unwrap();
                condition.apply(&mut image, 0, index);
                image.into_pixels()
            });
            values.map(f64::from).sum::<f64>() / (40.0 * pixels.len() as f64)
        });
        let means: Vec<f64> = means.collect();
        let expected = [108.093, 105.323, 110.045, 108.525, 105.355];
        let off = means.iter().zip(expected).any(|(found, expected)| (found - expected).abs() > 0.01);
        assert!(!off, "found {means:.3?}");
    }
}
