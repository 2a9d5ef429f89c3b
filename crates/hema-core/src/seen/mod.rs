//! What a model has seen: short prints of the images that it was trained on and chosen by, by which they are
//! known again in whatever data set they come back.
//!
//! A print is taken of an image as its model is shown it, cropped and resized. It holds a digest of the
//! pixels, for exact copies, and two perceptual hashes of 64 bits, for copies in another size, compressed
//! anew, mirrored, turned by right angles, in other light. Of 5,557 real cells and 10,414 others the closest
//! two prints differ in 19 of 128 bits; a copy that was compressed at quality 20, or shrunk to 28 pixels,
//! differs in at most 13 (docs/experiments/0038-known-again.md).
//!
//! Left out on purpose: copies that were cropped, turned by odd angles or heavily damaged. They are not
//! known again, so that what is counted is the least that a model has seen.

mod print;

use std::collections::HashSet;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::print::{Print, digest, hashes_to_look_for};
use crate::audit::copies::hash::Transform;
use crate::audit::copies::search::{HammingIndex, Radius};
use crate::data::Dataset;
use crate::error::{Error, Result};

/// Two prints whose hashes differ in more of their 128 bits are of different pictures.
const MOST_DIFFERING: u32 = 14;

/// Most images that prints are kept of; of more, those whose digests are the smallest, which is a fair draw.
/// They take 32 bytes each in a model file.
const MOST_KEPT: usize = 250_000;

/// Prints of the images that a model has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Texts", try_from = "Texts")]
pub struct Seen {
    /// In the order of their digests.
    trained: Vec<Print>,
    /// In the order of their digests.
    chosen: Vec<Print>,
}

/// How many images of a data set a model has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Images of the data set.
    pub images: u64,
    /// Of these, images that the model was trained on.
    pub trained: u64,
    /// Of the others, images that it was chosen or calibrated by.
    pub chosen: u64,
}

impl Seen {
    /// The prints of images that a model is trained on, and of others that it is chosen or calibrated by, all
    /// as the model is shown them.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn new(trained: &Dataset, chosen: &Dataset) -> Result<Self> {
        Ok(Self { trained: prints(trained)?, chosen: prints(chosen)? })
    }

    /// What two models have seen, one of which learned from the other or is part of the other.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            trained: kept([&self.trained[..], &other.trained].concat()),
            chosen: kept([&self.chosen[..], &other.chosen].concat()),
        }
    }

    /// Whether nothing is known of what the model has seen.
    pub fn is_empty(&self) -> bool {
        self.trained.is_empty() && self.chosen.is_empty()
    }

    /// Images that the model was trained on, and others that it was chosen or calibrated by, as far as prints
    /// of them are kept; images alike count once.
    pub fn counts(&self) -> [u64; 2] {
        [self.trained.len() as u64, self.chosen.len() as u64]
    }

    /// Counts the images of a data set that the model has seen. They must be as the model is shown them.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn among(&self, images: &Dataset) -> Result<Known> {
        let (trained, chosen) = (Index::new(&self.trained), Index::new(&self.chosen));
        let transform = Transform::new();
        let of_image = |i: usize| {
            let image = images.image(i)?;
            let (digest, mut hashes) = (digest(&image), None);
            let mut is_in = |index: &Index| {
                index.digests.contains(&digest)
                    || hashes
                        .get_or_insert_with(|| hashes_to_look_for(&image, &transform))
                        .iter()
                        .any(|hashes| index.holds_like(*hashes))
            };
            let trained = is_in(&trained);
            let chosen = !trained && is_in(&chosen);
            Ok(Known { images: 1, trained: u64::from(trained), chosen: u64::from(chosen) })
        };
        let add = |a: Known, b: Known| Known {
            images: a.images + b.images,
            trained: a.trained + b.trained,
            chosen: a.chosen + b.chosen,
        };
        (0..images.len()).into_par_iter().map(of_image).try_reduce(Known::default, |a, b| Ok(add(a, b)))
    }
}

/// The prints of a data set's images.
fn prints(images: &Dataset) -> Result<Vec<Print>> {
    let transform = Transform::new();
    let print = |i: usize| images.image(i).map(|image| Print::of(&image, &transform));
    (0..images.len()).into_par_iter().map(print).collect::<Result<_>>().map(kept)
}

/// The prints that are kept of these, in order and each once.
fn kept(mut prints: Vec<Print>) -> Vec<Print> {
    prints.sort_unstable();
    prints.dedup();
    prints.truncate(MOST_KEPT);
    prints
}

/// Prints that can be searched.
struct Index {
    digests: HashSet<u64>,
    /// The hashes of the prints that can be compared, and the first of each for the search.
    hashes: Vec<[u64; 2]>,
    first: HammingIndex,
}

impl Index {
    fn new(prints: &[Print]) -> Self {
        let hashes: Vec<[u64; 2]> =
            prints.iter().map(|print| print.hashes).filter(|hashes| *hashes != [0; 2]).collect();
        let mut first = HammingIndex::with_room(hashes.len());
        for [low, _] in &hashes {
            first.insert(*low);
        }
        Self { digests: prints.iter().map(|print| print.digest).collect(), hashes, first }
    }

    /// Whether one of the prints is of the picture with these hashes.
    fn holds_like(&self, [low, high]: [u64; 2]) -> bool {
        let is_like = |number: usize| {
            let [own_low, own_high] = self.hashes[number];
            let differing = (low ^ own_low).count_ones() + (high ^ own_high).count_ones();
            if differing <= MOST_DIFFERING { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.first.near(low, Radius::Eleven, is_like).is_break()
    }
}

/// Prints as a model file holds them: one after the other, as base64.
#[derive(Serialize, Deserialize)]
struct Texts {
    trained: String,
    chosen: String,
}

impl From<Seen> for Texts {
    fn from(seen: Seen) -> Self {
        let text = |prints: &[Print]| {
            STANDARD.encode(prints.iter().flat_map(|print| print.to_bytes()).collect::<Vec<u8>>())
        };
        Self { trained: text(&seen.trained), chosen: text(&seen.chosen) }
    }
}

impl TryFrom<Texts> for Seen {
    type Error = Error;

    fn try_from(texts: Texts) -> Result<Self> {
        let prints = |text: &str| -> Result<Vec<Print>> {
            let bytes = STANDARD
                .decode(text)
                .map_err(|e| Error::new(format!("prints of images that are no base64: {e}")))?;
            let (prints, rest) = bytes.as_chunks();
            if !rest.is_empty() {
                let (found, each) = (bytes.len(), Print::BYTES);
                return Err(Error::new(format!("prints of images in {found} bytes (expected {each} each)")));
            }
            Ok(prints.iter().map(Print::from_bytes).collect())
        };
        Ok(Self { trained: prints(&texts.trained)?, chosen: prints(&texts.chosen)? })
    }
}

#[cfg(test)]
mod tests {
    use image::ExtendedColorType::Rgb8;
    use image::codecs::jpeg::JpegEncoder;

    use super::*;
    use crate::preprocess::{Filter, Preprocess, resize};
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::synthetic::render;

    const SIDE: usize = 64;

    type Change<'a> = &'a dyn Fn(&Image) -> Image;

    fn cell(seed: u64) -> Image {
        render(seed as usize % 8, SIDE, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    fn data(images: impl IntoIterator<Item = Image>) -> Dataset {
        let images = images.into_iter().map(|image| (String::new(), image, Some(0))).collect();
        Dataset::from_images(vec!["a".into()], images).unwrap()
    }

    fn cells(seeds: std::ops::Range<u64>) -> Dataset {
        data(seeds.map(cell))
    }

    fn known(images: u64, trained: u64, chosen: u64) -> Known {
        Known { images, trained, chosen }
    }

    fn each_pixel(image: &Image, change: impl Fn(f32) -> f32) -> Image {
        let mut image = image.clone();
        for level in image.pixels_mut() {
            *level = change(f32::from(*level)).clamp(0.0, 255.0) as u8;
        }
        image
    }

    fn compressed(image: &Image, quality: u8) -> Image {
        let (width, height) = (image.width(), image.height());
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
        encoder.encode(image.pixels(), width as u32, height as u32, Rgb8).unwrap();
        Image::new(width, height, image::load_from_memory(&file).unwrap().to_rgb8().into_raw()).unwrap()
    }

    #[test]
    fn what_a_model_was_trained_on_and_chosen_by_is_known_again_and_nothing_else() {
        let seen = Seen::new(&cells(0..40), &cells(40..50)).unwrap();
        assert_eq!(seen.among(&cells(0..100)), Ok(known(100, 40, 10)));
        assert_eq!(seen.among(&cells(100..200)), Ok(known(100, 0, 0)));
        assert_eq!(Seen::default().among(&cells(0..9)), Ok(known(9, 0, 0)));
        assert!(Seen::default().is_empty() && !seen.is_empty());
        assert_eq!(seen.counts(), [40, 10]);
    }

    #[test]
    fn copies_in_another_size_orientation_light_and_file_are_known_again() {
        let seen = Seen::new(&cells(0..40), &data([])).unwrap();
        let turned = |image: &Image| {
            let mut turned = image.clone();
            for (i, pixel) in turned.pixels_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
                *pixel = image.pixels().as_chunks().0[i % SIDE * SIDE + i / SIDE];
            }
            turned
        };
        let changes: [(&str, Change); 5] = [
            ("half as large", &|image| resize(image, 32, 32, Filter::Bilinear).unwrap()),
            ("turned", &turned),
            ("compressed", &|image| compressed(image, 50)),
            ("darker", &|image| each_pixel(image, |level| 0.7 * level)),
            ("less contrast", &|image| each_pixel(image, |level| 64.0 + 0.6 * level)),
        ];
        for (name, change) in changes {
            let copies = data((0..40).map(|seed| change(&cell(seed))));
            let found = seen.among(&copies).unwrap();
            assert!(found.trained >= 39, "{name}: {found:?}");
        }
    }

    /// Two thirds of the cells are seen; what is known of the others, of another laboratory's, and of copies.
    #[test]
    #[ignore = "reads all images of HEMA_TEST_DATA/pbc200.tar"]
    #[allow(clippy::print_stdout)]
    fn experiment_on_prints() {
        let Some(folder) = std::env::var_os("HEMA_TEST_DATA") else { return };
        let load = |name: &str| {
            let source = crate::data::open(&std::path::Path::new(&folder).join(name)).unwrap();
            let options = crate::data::LoadOptions::default();
            Dataset::load(&source, None, &Preprocess::imagenet(96), &options, &|_| ()).unwrap()
        };
        let (cells, elsewhere) = (load("pbc200.tar"), load("bccd_cells.tar"));
        let third = |wanted: &dyn Fn(usize) -> bool| {
            cells.subset(&(0..cells.len()).filter(|i| wanted(i % 3)).collect::<Vec<_>>())
        };
        let trained = third(&|third| third < 2);
        let seen = Seen::new(&trained, &data([])).unwrap();
        println!("others: {:?}", seen.among(&third(&|third| third == 2)));
        println!("another laboratory: {:?}", seen.among(&elsewhere));

        let crop = |image: &Image, by: usize| {
            let rows = by..96 - by;
            let row = |y: usize| image.pixels()[3 * (96 * y + by)..3 * (96 * y + 96 - by)].to_vec();
            Image::new(96 - 2 * by, 96 - 2 * by, rows.flat_map(row).collect()).unwrap()
        };
        let bilinear = |image: &Image, side| resize(image, side, side, Filter::Bilinear).unwrap();
        let changes: [(&str, Change); 12] = [
            ("28 pixels", &|image| bilinear(image, 28)),
            ("64 pixels", &|image| bilinear(image, 64)),
            ("224 pixels", &|image| resize(image, 224, 224, Filter::Bicubic).unwrap()),
            ("JPEG of quality 50", &|image| compressed(image, 50)),
            ("JPEG of quality 20", &|image| compressed(image, 20)),
            ("brightness 0.7", &|image| each_pixel(image, |level| 0.7 * level)),
            ("brightness 1.2", &|image| each_pixel(image, |level| 1.2 * level)),
            ("contrast 0.6", &|image| each_pixel(image, |level| 128.0 + 0.6 * (level - 128.0))),
            ("gamma 1.5", &|image| each_pixel(image, |level| 255.0 * (level / 255.0).powf(1.5))),
            ("cropped by 1 %", &|image| crop(image, 1)),
            ("cropped by 2 %", &|image| crop(image, 2)),
            ("cropped by 4 %", &|image| crop(image, 4)),
        ];
        for (name, change) in changes {
            let copies = data((0..trained.len()).step_by(7).map(|i| change(&trained.image(i).unwrap())));
            println!("{name}: {:?}", seen.among(&copies));
        }
    }

    #[test]
    fn an_empty_picture_is_known_by_its_pixels_alone() {
        let grey = |level: u8| Image::filled(SIDE, SIDE, [level; 3]);
        let seen = Seen::new(&data([grey(200)]), &data([])).unwrap();
        assert_eq!(seen.among(&data([grey(200), grey(201)])), Ok(known(2, 1, 0)));
    }

    #[test]
    fn what_two_models_have_seen_is_put_together_and_survives_in_a_file() {
        let (one, other) = (Seen::new(&cells(0..6), &cells(6..8)), Seen::new(&cells(4..7), &cells(9..10)));
        let both = one.unwrap().and(&other.unwrap());
        assert_eq!(both.among(&cells(0..12)), Ok(known(12, 7, 2)));
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), both);
        for broken in [r#"{"trained":"?","chosen":""}"#, r#"{"trained":"AAAA","chosen":""}"#] {
            let error = serde_json::from_str::<Seen>(broken).unwrap_err().to_string();
            assert!(error.contains("prints of images"), "{error}");
        }
    }
}
