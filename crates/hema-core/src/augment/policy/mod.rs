//! Policies: which operators an image gets, how many and how strongly, as published ones choose.
//!
//! A policy is written as one word, as timm writes it: a name, then settings, joined by hyphens
//! (`rand-m9-n3-mstd0.5-inc1`). One policy is one file and one row of [`POLICIES`].
//!
//! Left out on purpose: searching for policies.

mod aug_mix;
mod auto_augment;
mod keras;
mod levels;
mod rand_augment;
mod trivial_augment;

use std::fmt;
use std::str::FromStr;

use super::signed_unit;
use crate::error::{Error, Result, suggest};
use crate::image_op::Fill;
use crate::rng::Rng;
use crate::sample::Image;

/// What a policy is made of settings by.
type Make = fn(&mut Settings) -> Result<Box<dyn Choose>>;

/// A kind of policy.
pub struct Kind {
    /// How its word begins.
    pub name: &'static str,
    /// What it does and which settings it takes, in a line.
    pub about: &'static str,
    /// The augmentations that it chooses from.
    pub operators: &'static [&'static str],
    make: Make,
}

/// Every kind of policy, in the order of `hema list policies`.
pub const POLICIES: &[Kind] = &[
    Kind {
        name: "rand",
        about: "RandAugment of timm: n operators of 15 at magnitude m, spread by mstd; inc1 for scales that grow with m",
        operators: &[
            "autocontrast",
            "equalize",
            "invert",
            "rotate",
            "posterize",
            "solarize",
            "solarize-add",
            "saturation",
            "contrast",
            "brightness",
            "sharpness",
            "shear-x",
            "shear-y",
            "translate-x",
            "translate-y",
        ],
        make: rand_augment::make,
    },
    Kind {
        name: "keras",
        about: "RandAugment of Keras: n operators of 10 at magnitude m (0 to 1), spread by s, each skipped with chance 1 - r; c0 without solarize and colour degeneration",
        operators: &[
            "autocontrast",
            "equalize",
            "solarize",
            "solarize-add",
            "saturation",
            "contrast",
            "brightness",
            "shear-x",
            "shear-y",
            "translate-x",
            "translate-y",
        ],
        make: keras::make,
    },
    Kind {
        name: "trivial",
        about: "TrivialAugment (wide): one operator of 14 at any of 31 magnitudes",
        operators: &[
            "autocontrast",
            "equalize",
            "rotate",
            "posterize",
            "solarize",
            "saturation",
            "contrast",
            "brightness",
            "sharpness",
            "shear-x",
            "shear-y",
            "translate-x",
            "translate-y",
        ],
        make: trivial_augment::make,
    },
    Kind {
        name: "augmix",
        about: "AugMix: w chains of up to d operators at magnitude m, mixed with each other and the image",
        operators: &[
            "autocontrast",
            "equalize",
            "posterize",
            "rotate",
            "solarize",
            "shear-x",
            "shear-y",
            "translate-x",
            "translate-y",
        ],
        make: aug_mix::make,
    },
    Kind {
        name: "original",
        about: "AutoAugment's policy for ImageNet: one of 25 pairs of operators",
        operators: &[
            "autocontrast",
            "equalize",
            "invert",
            "rotate",
            "posterize",
            "solarize",
            "saturation",
            "contrast",
            "sharpness",
            "shear-x",
        ],
        make: auto_augment::make,
    },
];

/// The kind of the policy of this word; `None` for a word of no policy.
pub fn kind(word: &str) -> Option<&'static Kind> {
    let name = word.split('-').next().unwrap_or_default();
    POLICIES.iter().find(|kind| kind.name == name)
}

/// A policy ready to be used.
pub struct Policy {
    word: String,
    choose: Box<dyn Choose>,
}

/// What each kind does with an image.
trait Choose: Send + Sync {
    /// Changes an image; what comes from beyond its border is shown as `fill` says.
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng);
}

impl Policy {
    /// Changes an image; what comes from beyond its border is shown as `fill` says.
    pub fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        self.choose.apply(image, fill, rng);
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let mut parts = word.split('-');
        let name = parts.next().unwrap_or_default();
        let kind = kind(word).ok_or_else(|| {
            Error::new(format!("unknown augmentation policy `{word}`"))
                .hint(suggest(name, POLICIES.iter().map(|kind| kind.name)))
        })?;
        let mut settings = Settings { parts: parts.collect() };
        let in_word = |e: Error| Error::new(format!("augmentation policy `{word}`: {e}")).hint(kind.about);
        let choose = (kind.make)(&mut settings).map_err(in_word)?;
        match settings.parts.first() {
            Some(unknown) => Err(in_word(Error::new(format!("it has no setting `{unknown}`")))),
            None => Ok(Self { word: word.to_owned(), choose }),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word)
    }
}

/// The settings of a policy's word that nobody has taken yet.
struct Settings<'a> {
    parts: Vec<&'a str>,
}

impl Settings<'_> {
    /// Takes the number behind `key`, within `low` to `high`; `default` when the word does not have it.
    fn number(&mut self, key: &str, default: f32, [low, high]: [f32; 2]) -> Result<f32> {
        let is_number = |part: &&str| {
            part.strip_prefix(key).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let Some(position) = self.parts.iter().position(is_number) else { return Ok(default) };
        let text = &self.parts.remove(position)[key.len()..];
        text.parse()
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| Error::new(format!("{key} is `{text}` (expected a number from {low} to {high})")))
    }

    /// As [`Settings::number`], for a count of 1 to 16.
    fn count(&mut self, key: &str, default: usize) -> Result<usize> {
        let number = self.number(key, default as f32, [1.0, 16.0])?;
        if number.fract() == 0.0 {
            Ok(number as usize)
        } else {
            Err(Error::new(format!("{key} is {number} (expected a whole number)")))
        }
    }
}

/// The number or its negative, as likely.
fn either_sign(number: f32, rng: &mut Rng) -> f32 {
    number.copysign(signed_unit(rng))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    const WORDS: [&str; 9] = [
        "rand",
        "rand-m9-n3-mstd0.5-inc1",
        "rand-m0-n16",
        "keras-m0.5-n3-s0.15-r0.9",
        "keras-m1",
        "trivial",
        "augmix-m3-w3-d2",
        "augmix",
        "original",
    ];

    #[test]
    fn every_policy_keeps_the_size_repeats_and_varies() {
        for word in WORDS {
            let policy: Policy = word.parse().unwrap();
            assert_eq!(format!("{policy:?}"), word);
            for (width, height) in [(1, 1), (5, 2), (33, 40)] {
                let pixels = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
                let original = Image::new(width, height, pixels).unwrap();
                let changed = |index| {
                    let mut image = original.clone();
                    policy.apply(&mut image, Fill::Background, &mut stream(3, Purpose::Augment, 0, index));
                    assert_eq!((image.width(), image.height()), (width, height), "{word}");
                    image
                };
                let images: Vec<Image> = (0..30).map(changed).collect();
                assert_eq!(images[7], changed(7), "{word} does not repeat");
                if width > 5 {
                    assert!(images.iter().any(|image| *image != original), "{word} does nothing");
                    assert!(images.iter().any(|image| *image != images[0]), "{word} always does the same");
                }
            }
        }
    }

    #[test]
    fn bad_words_are_explained() {
        let error = |word: &str| {
            let error = word.parse::<Policy>().unwrap_err();
            format!("{error}; {}", error.hint_text().unwrap_or_default())
        };
        assert!(error("random-m9").contains("unknown augmentation policy `random-m9`; did you mean `rand`?"));
        assert!(error("rand-m11").contains("m is `11` (expected a number from 0 to 10)"));
        assert!(error("rand-n2.5").contains("n is 2.5 (expected a whole number)"));
        assert!(error("rand-q4").contains("it has no setting `q4`; RandAugment of timm"));
        assert!(error("trivial-m3").contains("it has no setting `m3`"));
    }
}
