//! Which training images an epoch shows, and how often, to make up for classes of unequal size.
//!
//! A [`Sampler`] says how many images of each class an epoch has. An epoch shows the class as often as it
//! goes into that number; the rest is taken from an endless sequence of shuffles of the class, an epoch
//! after the other, so that over the epochs every image of a class is shown equally often. [`SAMPLERS`] is
//! the table. Training draws by it, and [`crate::data::write::balance()`] writes the images of one epoch.
//!
//! Left out on purpose: weights in the loss, which are the recipe's.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::error::{Error, Result, suggest};
use crate::rng::{Purpose, Rng, stream};
use crate::sample::Image;

/// Both parameters of the Beta distribution of mixing shares, as in `KerasCV`'s `MixUp`.
const MIX_ALPHA: f64 = 0.2;

/// A way to draw an epoch's images.
pub struct Sampler {
    /// Name of the sampler in recipes and on the command line.
    pub name: &'static str,
    /// Effect of the sampler, in a line.
    pub about: &'static str,
    /// Images of each class in an epoch, for the images that there are of it.
    quotas: fn(&[u64]) -> Vec<u64>,
    /// Images of a class when a number is asked for, for the images that there are of it and that number.
    toward: fn(u64, u64) -> u64,
    /// An image that comes again in an epoch is mixed with another of its class.
    mixes: bool,
}

/// Every sampler.
pub const SAMPLERS: &[Sampler] = &[
    Sampler {
        name: "natural",
        about: "every image once an epoch",
        quotas: <[u64]>::to_vec,
        toward: |size, _| size,
        mixes: false,
    },
    Sampler {
        name: "balanced",
        about: "as many images of every class, as many together as there are",
        quotas: |counts| proportional(counts, |_| 1.0),
        toward: |_, count| count,
        mixes: false,
    },
    Sampler {
        name: "square-root",
        about: "images of a class in proportion to the root of its size, as many together as there are (Kang et al., 2020)",
        quotas: |counts| proportional(counts, |count| (count as f64).sqrt()),
        toward: |_, count| count,
        mixes: false,
    },
    Sampler {
        name: "oversample",
        about: "every class as large as the largest: images of the others are repeated",
        quotas: |counts| equal(counts, counts.iter().copied().max()),
        toward: u64::max,
        mixes: false,
    },
    Sampler {
        name: "undersample",
        about: "every class as small as the smallest: other images of the others every epoch",
        quotas: |counts| equal(counts, counts.iter().copied().filter(|count| *count > 0).min()),
        toward: u64::min,
        mixes: false,
    },
    Sampler {
        name: "undersample-mixup",
        about: "as `balanced`, but what a small class lacks are mixtures of two of its images (MixUp, Zhang et al., 2018)",
        quotas: |counts| proportional(counts, |_| 1.0),
        toward: |_, count| count,
        mixes: true,
    },
];

/// The sampler of that name.
///
/// # Errors
/// An unknown name, with the nearest one.
pub fn find(name: &str) -> Result<&'static Sampler> {
    SAMPLERS.iter().find(|sampler| sampler.name == name).ok_or_else(|| {
        Error::new(format!("unknown sampler `{name}`"))
            .hint(suggest(name, SAMPLERS.iter().map(|sampler| sampler.name)))
    })
}

/// One image of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Position of the image in the data.
    pub image: usize,
    /// How often it has come in this epoch before.
    pub repeat: u64,
    /// The image that is mixed into it, where one is.
    pub mix: Option<Mix>,
}

/// Another image that is mixed into one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Position in the data of another image of its class.
    pub with: usize,
    /// Share of the other image, 0 to 1.
    pub share: f32,
}

impl Sampler {
    /// Images of each class in an epoch, for the images that there are of it.
    pub fn quotas(&self, counts: &[u64]) -> Vec<u64> {
        (self.quotas)(counts)
    }

    /// Images of each class in an epoch where a class is to have `count`: `oversample` only adds,
    /// `undersample` only leaves out.
    pub fn quotas_of(&self, counts: &[u64], count: u64) -> Vec<u64> {
        counts.iter().map(|size| if *size == 0 { 0 } else { (self.toward)(*size, count) }).collect()
    }

    /// The images of an epoch, sorted. `classes` has the positions of the images of each class, and `quotas`
    /// how many an epoch shows of it.
    pub fn draw(&self, classes: &[Vec<usize>], quotas: &[u64], seed: u64, epoch: u64) -> Vec<Draw> {
        let mut draws = Vec::new();
        for (class, (images, quota)) in classes.iter().zip(quotas).enumerate() {
            draws.extend(self.draw_class(images, *quota, seed, epoch, class as u64));
        }
        draws.sort_by_key(|draw| (draw.image, draw.repeat));
        draws
    }

    fn draw_class(&self, images: &[usize], quota: u64, seed: u64, epoch: u64, class: u64) -> Vec<Draw> {
        let size = images.len() as u64;
        if size == 0 {
            return Vec::new();
        }
        let mut shown: Vec<usize> = (0..quota / size).flat_map(|_| images.iter().copied()).collect();
        let (mut next, end) = (epoch * (quota % size), (epoch + 1) * (quota % size));
        while next < end {
            let cycle = next / size;
            let mut order = images.to_vec();
            order.shuffle(&mut stream(seed, Purpose::Sample, cycle, class));
            let until = end.min((cycle + 1) * size);
            shown.extend(&order[(next % size) as usize..(until - cycle * size) as usize]);
            next = until;
        }
        shown.sort_unstable();
        let mut draws: Vec<Draw> = Vec::with_capacity(shown.len());
        for image in shown {
            let repeat = draws.last().filter(|last| last.image == image).map_or(0, |last| last.repeat + 1);
            draws.push(Draw { image, repeat, mix: None });
        }
        if self.mixes && size > 1 {
            let rng = &mut stream(seed, Purpose::Mix, epoch, class);
            for draw in draws.iter_mut().filter(|draw| draw.repeat > 0) {
                draw.mix = Some(Mix { with: another(images, draw.image, rng), share: beta(rng) });
            }
        }
        draws
    }
}

impl Mix {
    /// Mixes another image of the same size into one, channel by channel.
    pub fn apply(&self, image: &mut Image, other: &Image) {
        for (value, other) in image.pixels_mut().iter_mut().zip(other.pixels()) {
            let mixed = f32::from(*value) * (1.0 - self.share) + f32::from(*other) * self.share;
            *value = mixed.round() as u8;
        }
    }
}

/// Shares out as many images as there are over the classes that have any, in proportion to a weight.
fn proportional(counts: &[u64], weight: fn(u64) -> f64) -> Vec<u64> {
    let total = counts.iter().sum::<u64>() as f64;
    let weight = |count: &u64| if *count == 0 { 0.0 } else { weight(*count) };
    let all: f64 = counts.iter().map(weight).sum();
    let (mut weights, mut given) = (0.0, 0);
    let quota = |count: &u64| {
        weights += weight(count);
        // rounding the running sum keeps the total exact
        let until = (total * weights / all).round() as u64;
        let quota = until - given;
        given = until;
        quota
    };
    counts.iter().map(quota).collect()
}

/// One number for every class that has images.
fn equal(counts: &[u64], number: Option<u64>) -> Vec<u64> {
    counts.iter().map(|count| if *count == 0 { 0 } else { number.unwrap_or(0) }).collect()
}

/// One of the images, but not this one.
fn another(images: &[usize], this: usize, rng: &mut Rng) -> usize {
    let other = images[rng.random_range(0..images.len() - 1)];
    if other == this { images[images.len() - 1] } else { other }
}

/// A number of the distribution Beta(a, a) with a = [`MIX_ALPHA`] (Jöhnk, 1964).
fn beta(rng: &mut Rng) -> f32 {
    loop {
        let [x, y] = [(); 2].map(|()| rng.random::<f64>().powf(1.0 / MIX_ALPHA));
        if (f64::MIN_POSITIVE..=1.0).contains(&(x + y)) {
            return (x / (x + y)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10, 4 and 1 image, and a class without any.
    fn classes() -> Vec<Vec<usize>> {
        vec![(0..10).collect(), vec![], (10..14).collect(), vec![14]]
    }

    fn counts() -> Vec<u64> {
        classes().iter().map(|images| images.len() as u64).collect()
    }

    fn draw(name: &str, seed: u64, epoch: u64) -> Vec<Draw> {
        let sampler = find(name).unwrap();
        sampler.draw(&classes(), &sampler.quotas(&counts()), seed, epoch)
    }

    #[test]
    fn every_sampler_shows_as_many_of_each_class_as_it_says() {
        let expected: &[(&str, [u64; 4])] = &[
            ("natural", [10, 0, 4, 1]),
            ("balanced", [5, 0, 5, 5]),
            ("square-root", [8, 0, 5, 2]),
            ("oversample", [10, 0, 10, 10]),
            ("undersample", [1, 0, 1, 1]),
            ("undersample-mixup", [5, 0, 5, 5]),
        ];
        assert_eq!(expected.len(), SAMPLERS.len());
        for (name, quotas) in expected {
            assert_eq!(find(name).unwrap().quotas(&counts()), quotas, "{name}");
            for epoch in [0, 1, 7] {
                let draws = draw(name, 3, epoch);
                let of =
                    |class: &Vec<usize>| draws.iter().filter(|d| class.contains(&d.image)).count() as u64;
                assert_eq!(classes().iter().map(of).collect::<Vec<_>>(), quotas, "{name}");
            }
        }
        let of_four = |name: &str| find(name).unwrap().quotas_of(&counts(), 4);
        assert_eq!(of_four("oversample"), [10, 0, 4, 4]);
        assert_eq!(of_four("undersample"), [4, 0, 4, 1]);
        assert_eq!(of_four("undersample-mixup"), [4, 0, 4, 4]);
        assert!(find("balance").map(drop).unwrap_err().hint_text().unwrap().contains("`balanced`"));
    }

    #[test]
    fn a_natural_epoch_is_every_image_once() {
        let images: Vec<usize> = draw("natural", 5, 2).iter().map(|d| d.image).collect();
        assert_eq!(images, (0..15).collect::<Vec<_>>());
        assert!(draw("natural", 5, 2).iter().all(|d| d.repeat == 0 && d.mix.is_none()));
    }

    #[test]
    fn over_the_epochs_every_image_of_a_class_is_shown_equally_often() {
        for sampler in SAMPLERS {
            let mut shown = [0_u64; 15];
            for epoch in 0..10 {
                for d in draw(sampler.name, 1, epoch) {
                    shown[d.image] += 1;
                }
            }
            for class in classes().iter().filter(|class| !class.is_empty()) {
                let times = class.iter().map(|i| shown[*i]);
                assert!(times.clone().max().unwrap() - times.min().unwrap() <= 1, "{}", sampler.name);
            }
        }
    }

    #[test]
    fn repetitions_are_numbered_and_mixed_only_where_the_sampler_says_so() {
        for name in ["oversample", "undersample-mixup"] {
            let draws = draw(name, 2, 1);
            for pair in draws.windows(2).filter(|pair| pair[0].image == pair[1].image) {
                assert_eq!(pair[1].repeat, pair[0].repeat + 1);
            }
            let mixes = draws.iter().filter_map(|d| Some((d, d.mix?))).collect::<Vec<_>>();
            // the class of one image has nothing to mix
            assert_eq!(mixes.len(), usize::from(name == "undersample-mixup"));
            for (d, mix) in mixes {
                assert!(d.repeat > 0 && mix.with != d.image && (10..14).contains(&mix.with));
                assert!((0.0..=1.0).contains(&mix.share));
            }
        }
    }

    #[test]
    fn seed_and_epoch_decide_what_is_drawn() {
        for sampler in SAMPLERS.iter().filter(|sampler| sampler.name != "natural") {
            assert_eq!(draw(sampler.name, 1, 3), draw(sampler.name, 1, 3));
            assert!((0..5).any(|epoch| draw(sampler.name, 1, epoch) != draw(sampler.name, 1, epoch + 1)));
            assert!((0..5).any(|seed| draw(sampler.name, seed, 0) != draw(sampler.name, seed + 1, 0)));
        }
    }

    #[test]
    fn shares_of_a_mixture_follow_their_distribution() {
        let mut rng = stream(1, Purpose::Mix, 0, 0);
        let shares: Vec<f64> = (0..4000).map(|_| f64::from(beta(&mut rng))).collect();
        let mean = shares.iter().sum::<f64>() / 4000.0;
        let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 4000.0;
        // of Beta(0.2, 0.2): 1/2, and 1 / (4 (2 * 0.2 + 1))
        assert!((mean - 0.5).abs() < 0.03 && (variance - 1.0 / 5.6).abs() < 0.01, "{mean} {variance}");
    }

    #[test]
    fn a_mixture_lies_between_its_two_images() {
        let mut image = Image::filled(3, 2, [0, 100, 255]);
        Mix { with: 0, share: 0.25 }.apply(&mut image, &Image::filled(3, 2, [200, 100, 55]));
        assert_eq!(image, Image::filled(3, 2, [50, 100, 205]));
    }
}
