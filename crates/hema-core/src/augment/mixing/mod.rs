//! Mixing: another image of the batch is put into a training image, and the label says how much of each there
//! is.
//!
//! One way to mix is one file here and one row of [`MIXES`]; a [`Mixing`] is the list of them that a recipe
//! asks for: one of them, or one after the other.
//!
//! Left out on purpose: the loss, which takes the labels' shares, and mixtures that a sampler makes of a
//! small class.

mod mix;

mod cutmix;
mod mixup;
mod reinhard;
mod resizemix;

use rand::RngExt as _;

use self::cutmix::CUTMIX;
use self::mix::MixSettings;
use self::mixup::MIXUP;
use self::reinhard::REINHARD;
use self::resizemix::RESIZEMIX;
use crate::error::{Error, Result, suggest};
use crate::rng::Rng;
use crate::sample::Image;

pub use mix::{Area, Mix};

/// Every way to mix, in the order of `hema list mixes`.
pub const MIXES: &[Mix] = &[MIXUP, CUTMIX, RESIZEMIX, REINHARD];

/// One entry of a [`Mixing`].
#[derive(Clone)]
pub struct MixEntry {
    mix: &'static Mix,
    settings: MixSettings,
    probability: f64,
    within_class: bool,
}

impl MixEntry {
    /// The mix of that name, done to this share of the images; `alpha` is the mix's own where it is left out.
    /// Within a class, the other image is of the same class.
    ///
    /// # Errors
    /// An unknown name, with the nearest one; an alpha for a mix that has none.
    pub fn named(
        name: &str,
        probability: f64,
        alpha: Option<f64>,
        area: Area,
        within_class: bool,
    ) -> Result<Self> {
        let mix = MIXES.iter().find(|mix| mix.name == name).ok_or_else(|| {
            Error::new(format!("unknown mix `{name}`")).hint(suggest(name, MIXES.iter().map(|mix| mix.name)))
        })?;
        if let (Some(alpha), None) = (alpha, mix.alpha) {
            let found = format!("found alpha = {alpha} beside `{name}`, expected no such key");
            return Err(Error::new(found).hint("its sizes are drawn evenly, not from a Beta distribution"));
        }
        let settings = MixSettings { alpha: alpha.or(mix.alpha).unwrap_or(1.0), area };
        Ok(Self { mix, settings, probability, within_class })
    }

    /// The place in the batch of an image to mix into the one at `place`; none when there is none.
    pub fn partner(&self, place: usize, labels: &[usize], rng: &mut Rng) -> Option<usize> {
        let fits = |other: &usize| *other != place && (!self.within_class || labels[*other] == labels[place]);
        let count = (0..labels.len()).filter(fits).count();
        if count == 0 {
            return None;
        }
        (0..labels.len()).filter(fits).nth(rng.random_range(0..count))
    }

    /// Mixes another image of the same size into one; the share of the label that goes to the other.
    pub fn apply(&self, image: &mut Image, other: &Image, rng: &mut Rng) -> f32 {
        (self.mix.apply)(image, other, &self.settings, rng)
    }
}

/// Ways to mix, in rounds: in each, at most one is done to an image. The batch that a round makes is mixed
/// in the next.
#[derive(Clone, Default)]
pub struct Mixing {
    rounds: Vec<Vec<MixEntry>>,
}

impl Mixing {
    /// The mixing that chooses among these, each with its own probability and none with the rest of 1.
    pub fn one_of(entries: Vec<MixEntry>) -> Self {
        Self { rounds: if entries.is_empty() { Vec::new() } else { vec![entries] } }
    }

    /// The mixing that does these one after the other, each with its own probability.
    pub fn all_of(entries: Vec<MixEntry>) -> Self {
        Self { rounds: entries.into_iter().map(|entry| vec![entry]).collect() }
    }

    /// Number of rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Names of its mixes, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rounds.iter().flatten().map(|entry| entry.mix.name)
    }

    /// One of the entries of a round, or none; none too where there is no such round.
    pub fn choose(&self, round: usize, rng: &mut Rng) -> Option<&MixEntry> {
        let mut left = rng.random::<f64>();
        self.rounds.get(round)?.iter().find(|entry| {
            left -= entry.probability;
            left < 0.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    const SIDE: usize = 24;

    fn entry(name: &str, alpha: Option<f64>, area: Area) -> MixEntry {
        MixEntry::named(name, 1.0, alpha, area, false).unwrap()
    }

    /// A black image with a white one mixed into it, and the label's share.
    fn mixed(entry: &MixEntry, index: u64) -> (Image, f32) {
        let mut image = Image::filled(SIDE, SIDE, [0; 3]);
        let share = entry.apply(
            &mut image,
            &Image::filled(SIDE, SIDE, [255; 3]),
            &mut stream(7, Purpose::Blend, 0, index),
        );
        (image, share)
    }

    fn brightness(image: &Image) -> f32 {
        let sum: f32 = image.pixels().iter().map(|value| f32::from(*value)).sum();
        sum / (255.0 * image.pixels().len() as f32)
    }

    #[test]
    fn the_label_is_shared_as_the_pixels_are() {
        // a transfer of colours leaves the cell and its label
        for mix in MIXES.iter().filter(|mix| mix.name != "reinhard") {
            let entry = entry(mix.name, None, Area::Exact);
            let mut shares = Vec::new();
            for index in 0..200 {
                let (image, share) = mixed(&entry, index);
                // a byte of MixUp is rounded
                assert!((brightness(&image) - share).abs() < 2.1e-3, "{} {share}", mix.name);
                shares.push(share);
            }
            shares.sort_by(f32::total_cmp);
            assert!(shares[0] < 0.05 && shares[199] > 0.6, "{} {shares:?}", mix.name);
        }
    }

    #[test]
    fn a_box_beyond_the_edge_counts_less_unless_as_in_keras() {
        let (exact, keras) =
            (entry("cutmix", Some(1.0), Area::Exact), entry("cutmix", Some(1.0), Area::Keras));
        let mut clipped = 0;
        for index in 0..200 {
            let ((image, share), (same, drawn)) = (mixed(&exact, index), mixed(&keras, index));
            assert_eq!(image, same);
            assert!(drawn > share - 0.1);
            clipped += usize::from(drawn > share + 0.1);
        }
        assert!(clipped > 20, "{clipped}");
    }

    #[test]
    fn shares_follow_alpha_to_its_extremes() {
        let spread = |alpha: f64| {
            let entry = entry("mixup", Some(alpha), Area::Exact);
            let shares: Vec<f64> = (0..500).map(|index| f64::from(mixed(&entry, index).1)).collect();
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{alpha}");
            shares.iter().map(|share| (share - 0.5).powi(2)).sum::<f64>() / 500.0
        };
        // variance of Beta(a, a): 1 / (4 (2 a + 1))
        for alpha in [0.01, 0.2, 1.0, 8.0, 100.0] {
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((spread(alpha) / expected - 1.0).abs() < 0.2, "{alpha}");
        }
    }

    #[test]
    fn partners_are_others_of_the_batch() {
        let (any, same) = (
            entry("mixup", None, Area::Exact),
            MixEntry::named("mixup", 1.0, None, Area::Exact, true).unwrap(),
        );
        let mut rng = stream(1, Purpose::Partner, 0, 0);
        let labels = [0, 1, 0, 2, 0];
        let found = |entry: &MixEntry, rng: &mut Rng| -> Vec<usize> {
            let mut found: Vec<usize> = (0..100).filter_map(|_| entry.partner(2, &labels, rng)).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        assert_eq!(found(&any, &mut rng), [0, 1, 3, 4]);
        assert_eq!(found(&same, &mut rng), [0, 4]);
        assert_eq!(same.partner(3, &labels, &mut rng), None);
        assert_eq!(any.partner(0, &[0], &mut rng), None);
        assert_eq!(same.partner(0, &[3, 3], &mut rng), Some(1));
    }

    #[test]
    fn at_most_one_mix_is_chosen_with_its_probability() {
        let entries = [("mixup", 0.25), ("cutmix", 0.5)];
        let entries: Vec<MixEntry> =
            entries.map(|(name, p)| MixEntry::named(name, p, None, Area::Exact, false).unwrap()).into();
        let mixing = Mixing::one_of(entries.clone());
        assert_eq!(mixing.rounds(), 1);
        let mut counts = [0.0; 3];
        for index in 0..4000 {
            let chosen =
                mixing.choose(0, &mut stream(1, Purpose::Blend, 0, index)).map(|entry| entry.mix.name);
            counts[["mixup", "cutmix"].iter().position(|name| Some(*name) == chosen).unwrap_or(2)] += 1.0;
        }
        for (count, expected) in counts.iter().zip([0.25, 0.5, 0.25]) {
            assert!((count / 4000.0_f64 - expected).abs() < 0.03, "{counts:?}");
        }
        assert!(Mixing::default().choose(0, &mut stream(1, Purpose::Blend, 0, 0)).is_none());

        let mixing = Mixing::all_of(entries);
        assert_eq!(mixing.rounds(), 2);
        for (round, (name, expected)) in [("mixup", 0.25), ("cutmix", 0.5)].into_iter().enumerate() {
            let chosen =
                (0..4000).filter_map(|index| mixing.choose(round, &mut stream(1, Purpose::Blend, 0, index)));
            let chosen: Vec<&str> = chosen.map(|entry| entry.mix.name).collect();
            assert!(chosen.iter().all(|chosen| *chosen == name));
            assert!((chosen.len() as f64 / 4000.0 - expected).abs() < 0.03, "{name}");
        }
    }

    #[test]
    fn names_and_alphas_are_checked() {
        let error =
            |name: &str, alpha| MixEntry::named(name, 1.0, alpha, Area::Exact, false).map(drop).unwrap_err();
        assert_eq!(error("cutmx", None).hint_text(), Some("did you mean `cutmix`?"));
        assert!(error("resizemix", Some(1.0)).to_string().starts_with("found alpha = 1 beside `resizemix`"));
    }
}
