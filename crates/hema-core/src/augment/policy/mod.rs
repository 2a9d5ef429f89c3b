//! Policies: which operators an image gets, how many and how strongly, as published ones choose.
//!
//! A policy is written as one word, as timm writes it: a name, then settings, joined by hyphens
//! (`rand-m9-n3-mstd0.5-inc1`). One policy is one file, which holds its
//! description, and one row of [`POLICIES`].
//!
//! Left out on purpose: searching for policies.

mod kind;
mod levels;
mod settings;

mod aug_mix;
mod auto_augment;
mod keras;
mod rand_augment;
mod trivial_augment;

use std::fmt;
use std::str::FromStr;

use self::aug_mix::AUG_MIX;
use self::auto_augment::ORIGINAL;
use self::keras::KERAS;
use self::kind::Choose;
use self::rand_augment::RAND;
use self::settings::Settings;
use self::trivial_augment::TRIVIAL;
use crate::error::{Error, Result, suggest};
use crate::image_op::Fill;
use crate::rng::Rng;
use crate::sample::Image;

pub use kind::PolicyKind;

/// Every kind of policy, in the order of `hema list policies`.
pub const POLICIES: &[PolicyKind] = &[RAND, KERAS, TRIVIAL, AUG_MIX, ORIGINAL];

/// The kind of the policy of this word; `None` for a word of no policy.
pub fn kind(word: &str) -> Option<&'static PolicyKind> {
    let name = word.split('-').next().unwrap_or_default();
    POLICIES.iter().find(|kind| kind.name == name)
}

/// A policy ready to be used.
pub struct Policy {
    word: String,
    choose: Box<dyn Choose>,
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
