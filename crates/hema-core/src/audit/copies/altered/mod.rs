//! Pictures that show the same though one was cropped, turned by an odd angle, or both: where the thumbnails
//! of `groups` no longer match.
//!
//! Every picture is described by rings around its middle (`rings`), which neither a turn nor a crop changes
//! much. The nearest by that (`neighbours`) are candidates; what is left of them when rings are turned
//! against each other is laid over each other pixel by pixel (`register`), and that alone decides. A model is
//! not asked, so that it does not matter what it has seen.
//!
//! Left out on purpose: copies of which more than a tenth of a side is gone.

mod neighbours;
mod plane;
mod register;
mod rings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use self::neighbours::Neighbours;
use self::plane::Plane;
use self::register::Prepared;
pub(crate) use self::register::Registration;
use self::rings::{Alignment, Basis, PATTERN, Rings, Waves, middle};
use crate::audit::measurements::Measurements;
use crate::audit::measurements::rows::Rows;
use crate::error::Result;

/// Pictures whose grain is less alike, as 1 less the correlation, are different ones. Of real cells, copies
/// differ by less than 0.03, and the most similar of different ones by 0.08.
pub(crate) const LARGEST_DIFFERENCE: f64 = 0.05;

/// How much larger a cropped picture may show what another shows, at the same size.
const SCALES: [f32; 4] = [1.0, 1.035, 1.07, 1.105];
/// Pictures with the nearest rings that a picture is compared with.
const CANDIDATES: usize = 10;
/// Pictures whose turned rings are less alike are not laid over each other.
const LEAST_LIKENESS: f32 = 0.58;

/// Two images that show the same, or some of the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The images.
    pub(crate) images: [usize; 2],
    /// How the second lies on the first.
    pub(crate) registration: Registration,
}

/// The pairs among these images whose grain differs by less than `largest_difference`, in order. `progress`
/// hears how many of the images are done.
pub(crate) fn pairs(
    measured: &Measurements,
    images: &[usize],
    largest_difference: f64,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Pair>> {
    let pictures = Pictures::of(measured, images)?;
    let done = AtomicUsize::new(0);
    // looking for candidates takes about as long as laying them over each other
    let half_done =
        |of: usize| progress(done.fetch_add(1, Ordering::Relaxed) * images.len() / (2 * of.max(1)));
    let candidates: Vec<Vec<Candidate>> = (0..images.len())
        .into_par_iter()
        .map(|own| {
            half_done(images.len());
            pictures.candidates(own)
        })
        .collect::<Result<_>>()?;
    let candidates = each_pair_once(candidates.into_iter().flatten());
    done.store(candidates.len(), Ordering::Relaxed);
    let registered: Vec<Option<Pair>> = candidates
        .par_iter()
        .map(|candidate| {
            half_done(candidates.len());
            pictures.register(candidate)
        })
        .collect::<Result<_>>()?;
    let is_same = |pair: &Pair| 1.0 - f64::from(pair.registration.similarity) < largest_difference;
    Ok(registered.into_iter().flatten().filter(is_same).collect())
}

/// How one image lies on another, if it shows the same: the two are compared without a search.
pub(crate) fn registration(
    measured: &Measurements,
    own: usize,
    other: usize,
) -> Result<Option<Registration>> {
    let basis = Basis::new();
    let [own, other] = [measured.square(own)?, measured.square(other)?];
    let [own_plane, other_plane] = [Plane::of(&own), Plane::of(&other)];
    let [own_middle, other_middle] = [middle(&own_plane), middle(&other_plane)];
    let (own, other) = (Prepared::of(&own), Prepared::of(&other));
    let waves = |middle, plane: &Plane, scale| Rings::around(middle, plane, scale, &basis).waves;
    let laid = |own_scale: f32, other_scale: f32| {
        let alignment = waves(own_middle, &own_plane, own_scale)
            .alignment(&waves(other_middle, &other_plane, other_scale), &basis);
        let Alignment { angle, mirrored, .. } = alignment;
        Registration::guess(own_middle, other_middle, own_scale / other_scale, angle, mirrored)
            .refined(&own, &other)
    };
    // either may be the cropped one
    let tried =
        SCALES.iter().map(|scale| laid(*scale, 1.0)).chain(SCALES[1..].iter().map(|scale| laid(1.0, *scale)));
    Ok(tried.flatten().max_by(|a, b| a.similarity.total_cmp(&b.similarity)))
}

/// A pair that may show the same, by position among the images.
struct Candidate {
    own: usize,
    other: usize,
    scale: f32,
    alignment: Alignment,
}

/// Every pair as its most likely candidate, in order.
fn each_pair_once(candidates: impl Iterator<Item = Candidate>) -> Vec<Candidate> {
    let mut best: BTreeMap<(usize, usize), Candidate> = BTreeMap::new();
    for candidate in candidates {
        let pair = (candidate.own.min(candidate.other), candidate.own.max(candidate.other));
        let is_better = |found: &Candidate| candidate.alignment.likeness > found.alignment.likeness;
        if best.get(&pair).is_none_or(is_better) {
            best.insert(pair, candidate);
        }
    }
    best.into_values().collect()
}

/// Pictures that can be searched by their rings.
struct Pictures<'a> {
    measured: &'a Measurements,
    images: &'a [usize],
    basis: Basis,
    middles: Vec<[f32; 2]>,
    waves: Rows<{ Waves::BYTES }>,
    patterns: Neighbours<PATTERN>,
}

impl<'a> Pictures<'a> {
    fn of(measured: &'a Measurements, images: &'a [usize]) -> Result<Self> {
        let (basis, waves) = (Basis::new(), Rows::new(images.len())?);
        let of_image = |(row, image): (usize, &usize)| {
            let plane = Plane::of(&measured.square(*image)?);
            let middle = middle(&plane);
            let rings = Rings::around(middle, &plane, 1.0, &basis);
            waves.write(row, &rings.waves.to_bytes())?;
            Ok((middle, rings.pattern))
        };
        let found: Vec<_> =
            images.par_iter().enumerate().map(|(i, image)| of_image((i, image))).collect::<Result<_>>()?;
        let (middles, patterns) = found.into_iter().unzip();
        Ok(Self { measured, images, basis, middles, waves, patterns: Neighbours::new(patterns) })
    }

    /// The pictures that may show the same as one, or more around it.
    fn candidates(&self, own: usize) -> Result<Vec<Candidate>> {
        let plane = Plane::of(&self.measured.square(self.images[own])?);
        let mut nearest = Nearest::default();
        let mut waves = Vec::new();
        for (number, scale) in SCALES.into_iter().enumerate() {
            let rings = Rings::around(self.middles[own], &plane, scale, &self.basis);
            self.patterns.near(&rings.pattern, |other, distance| {
                if other != own {
                    nearest.offer(Near { distance, other, scale: number });
                }
            });
            waves.push(rings.waves);
        }
        let mut candidates = Vec::new();
        for Near { other, scale, .. } in nearest.0 {
            let others = Waves::from_bytes(&self.waves.read(other)?);
            let alignment = waves[scale].alignment(&others, &self.basis);
            if alignment.likeness >= LEAST_LIKENESS {
                candidates.push(Candidate { own, other, scale: SCALES[scale], alignment });
            }
        }
        Ok(candidates)
    }

    /// The two pictures of a candidate laid over each other.
    fn register(&self, candidate: &Candidate) -> Result<Option<Pair>> {
        let &Candidate { own, other, scale, alignment: Alignment { angle, mirrored, .. } } = candidate;
        let prepared =
            |position: usize| self.measured.square(self.images[position]).map(|s| Prepared::of(&s));
        let guess = Registration::guess(self.middles[own], self.middles[other], scale, angle, mirrored);
        let found = guess.refined(&prepared(own)?, &prepared(other)?);
        Ok(found.map(|registration| Pair { images: [self.images[own], self.images[other]], registration }))
    }
}

/// The nearest pictures found so far, the nearest first, each once.
#[derive(Default)]
struct Nearest(Vec<Near>);

struct Near {
    distance: f32,
    other: usize,
    /// Position among [`SCALES`].
    scale: usize,
}

impl Nearest {
    fn offer(&mut self, near: Near) {
        if self.0.len() == CANDIDATES && near.distance >= self.0[CANDIDATES - 1].distance {
            return;
        }
        if let Some(known) = self.0.iter().position(|known| known.other == near.other) {
            if self.0[known].distance <= near.distance {
                return;
            }
            self.0.remove(known);
        }
        let place = self.0.partition_point(|known| known.distance <= near.distance);
        self.0.insert(place, near);
        self.0.truncate(CANDIDATES);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data::Picture;
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::synthetic::render;

    const SIDE: usize = 120;

    pub(crate) fn cell(seed: u64) -> Image {
        render(seed as usize % 8, SIDE, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    /// An image without so many columns at the left and rows at the top, and half as many opposite.
    pub(crate) fn cropped(image: &Image, left: usize, top: usize) -> Image {
        let (width, height) = (image.width() - left - left / 2, image.height() - top - top / 2);
        let pixels = (0..width * height).flat_map(|i| image.rgb(left + i % width, top + i / width));
        Image::new(width, height, pixels.collect()).unwrap()
    }

    /// An image turned about its centre; the colours at the edges go on outside.
    pub(crate) fn turned(image: &Image, degrees: f32) -> Image {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let middle = (SIDE - 1) as f32 / 2.0;
        let level = |y: f32, x: f32, channel: usize| {
            let (y, x) = (y.clamp(0.0, 2.0 * middle - 0.01), x.clamp(0.0, 2.0 * middle - 0.01));
            let (row, column) = (y as usize, x as usize);
            let (down, right) = (y - row as f32, x - column as f32);
            let at = |row, column| f32::from(image.rgb(column, row)[channel]);
            let top = at(row, column) * (1.0 - right) + at(row, column + 1) * right;
            let bottom = at(row + 1, column) * (1.0 - right) + at(row + 1, column + 1) * right;
            (top * (1.0 - down) + bottom * down).round() as u8
        };
        let pixels = (0..SIDE * SIDE * 3).map(|i| {
            let (y, x) = ((i / 3 / SIDE) as f32 - middle, (i / 3 % SIDE) as f32 - middle);
            level(cosine * y + sine * x + middle, cosine * x - sine * y + middle, i % 3)
        });
        Image::new(SIDE, SIDE, pixels.collect()).unwrap()
    }

    pub(crate) fn mirrored(image: &Image) -> Image {
        let mut image = image.clone();
        let width = image.width();
        image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width).for_each(<[_]>::reverse);
        image
    }

    fn measured(images: Vec<Image>) -> Measurements {
        let pictures: Vec<Picture> = images.into_iter().map(|image| Picture { image, file: None }).collect();
        Measurements::closely_of(pictures.iter().map(Some))
    }

    fn found(images: Vec<Image>) -> Vec<Pair> {
        let count = images.len();
        pairs(&measured(images), &(0..count).collect::<Vec<_>>(), LARGEST_DIFFERENCE, &|_| ()).unwrap()
    }

    #[test]
    fn different_cells_are_no_pairs_and_nothing_is_fine() {
        assert_eq!(found((0..120).map(cell).collect()), []);
        assert_eq!(found(Vec::new()), []);
        assert_eq!(found(vec![Image::filled(9, 9, [200, 90, 90]); 3]), []);
    }

    #[test]
    fn cropped_and_turned_cells_are_found_with_what_was_done_to_them() {
        let mut images: Vec<Image> = (0..60).map(cell).collect();
        let altered = |seed: u64| match seed % 4 {
            0 => cropped(&cell(seed), 6, 2),
            1 => turned(&cell(seed), 10.0 + seed as f32),
            2 => cropped(&turned(&cell(seed), -25.0), 4, 4),
            _ => turned(&mirrored(&cell(seed)), 33.0),
        };
        images.extend((0..20).map(altered));
        let found = found(images);
        let right = found.iter().filter(|pair| pair.images[0].abs_diff(pair.images[1]) == 60).count();
        assert!(right >= 18 && right == found.len(), "{found:?}");
        for Pair { images, registration } in found {
            let seed = images[0].min(images[1]) as u64;
            assert_eq!(registration.is_mirrored(), seed % 4 == 3, "{seed}: {registration:?}");
            let degrees = [0.0, 10.0 + seed as f32, 25.0];
            if let Some(degrees) = degrees.get(seed as usize % 4) {
                assert!((registration.degrees() - degrees).abs() < 1.0, "{seed}: {registration:?}");
            }
        }
    }

    #[test]
    fn a_pair_is_found_again_when_it_alone_is_compared() {
        let measured = measured(vec![cell(1), turned(&cell(1), 20.0), cropped(&cell(1), 8, 0), cell(9)]);
        let similarity = |a, b| registration(&measured, a, b).unwrap().map_or(0.0, |found| found.similarity);
        for other in [1, 2] {
            assert!(similarity(0, other) > 0.95 && similarity(other, 0) > 0.95, "{other}");
        }
        assert!(similarity(0, 3) < 0.9);
        let cropped = registration(&measured, 0, 2).unwrap().unwrap();
        assert!((0.85..0.95).contains(&cropped.scale()) && cropped.overlap > 0.98, "{cropped:?}");
    }
}
