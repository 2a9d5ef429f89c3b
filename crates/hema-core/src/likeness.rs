//! What images are like that a model was trained on, in a few numbers, and which others are plainly unlike
//! them: a whole smear field, a drawing, a negative.
//!
//! Of every number the range among the training images is kept, and only what lies far beyond it is told:
//! cells that are merely blurred, dark or of another stain are the model's own business. Size and proportions
//! are those of a picture as it came, the other numbers those of the image that the model is shown.
//!
//! Left out on purpose: pictures that are like cells in all of these numbers and are none.

use std::collections::BTreeMap;
use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::audit::measurements::colour::Colour;
use crate::audit::measurements::quality::{Luma, sharpness};
use crate::data::Dataset;
use crate::error::Result;
use crate::sample::Image;

/// Share of the training images that may lie outside the kept range on either side.
const OUTSIDE: f64 = 0.001;

/// A number that images are measured in.
struct Number {
    /// Its name in a model file.
    name: &'static str,
    /// What it is, in words.
    words: &'static str,
    /// What an image is that has too much of it, and too little.
    above: &'static str,
    below: &'static str,
    /// How far outside the range of the training images is plainly outside.
    slack: Slack,
}

/// How far a range is widened.
enum Slack {
    /// The lower end is divided by the first, the upper one multiplied by the second.
    Times(f64, f64),
    /// Both ends are moved by it.
    By(f64),
}

/// The numbers, in the order of [`measure`]. Their slack lets another laboratory's cells pass, and cells that
/// were degraded as far as the suite `degraded` goes.
const NUMBERS: [Number; 6] = [
    Number {
        name: "side",
        words: "side in pixels",
        above: "larger",
        below: "smaller",
        slack: Slack::Times(4.0, 2.0),
    },
    Number {
        name: "proportions",
        words: "width by height",
        above: "wider",
        below: "narrower",
        slack: Slack::Times(1.15, 1.15),
    },
    Number {
        name: "light",
        words: "light of the background",
        above: "brighter",
        below: "darker",
        slack: Slack::By(100.0),
    },
    Number {
        name: "red",
        words: "red by green of the background",
        above: "redder",
        below: "less red",
        slack: Slack::By(0.2),
    },
    Number {
        name: "blue",
        words: "blue by green of the background",
        above: "bluer",
        below: "less blue",
        slack: Slack::By(0.2),
    },
    Number {
        name: "sharpness",
        words: "sharpness",
        above: "sharper",
        below: "emptier",
        slack: Slack::Times(10.0, 10.0),
    },
];

/// An image in numbers: its side, the root of its area in pixels; its width by its height; the luma of its
/// background, 0 to 255; red and blue of the background by green; how steep its edges are, 0 where it has
/// none.
fn measure(image: &Image, (width, height): (usize, usize)) -> [f64; NUMBERS.len()] {
    let luma = Luma::of(image);
    let [r, g, b] = Colour::of(image, &luma).background;
    let (width, height) = (width as f64, height as f64);
    [
        (width * height).sqrt(),
        width / height.max(1.0),
        0.299 * r + 0.587 * g + 0.114 * b,
        r / g.max(1.0),
        b / g.max(1.0),
        sharpness(&luma).unwrap_or(0.0),
    ]
}

/// The range of every number among the images that a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Likeness(BTreeMap<String, [f64; 2]>);

/// A number in which an image is plainly unlike those that a model was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlike {
    /// What the image is, as `wider`.
    pub what: &'static str,
    /// The number in words.
    words: &'static str,
    found: f64,
    range: [f64; 2],
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, words, found, range: [low, high] } = self;
        let digits = if *high < 10.0 { 2 } else { 0 };
        write!(f, "{what}: {words} {found:.digits$}, in training {low:.digits$} to {high:.digits$}")
    }
}

impl Likeness {
    /// What images are like, as a model is shown them; but for one in a thousand at either end of a number.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn of(images: &Dataset) -> Result<Self> {
        let rows = measure_all(images)?;
        let range = |number: usize| {
            let mut values: Vec<f64> = rows.iter().map(|row| row[number]).collect();
            values.sort_by(f64::total_cmp);
            let outside = (OUTSIDE * values.len() as f64) as usize;
            Some([*values.get(outside)?, *values.iter().nth_back(outside)?])
        };
        let named =
            NUMBERS.iter().enumerate().filter_map(|(i, number)| Some((number.name.into(), range(i)?)));
        Ok(Self(named.collect()))
    }

    /// What the images of two models are like together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.0.clone();
        for (name, [low, high]) in &other.0 {
            let range = both.entry(name.clone()).or_insert([*low, *high]);
            *range = [range[0].min(*low), range[1].max(*high)];
        }
        Self(both)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The range of every number that is known, with its name in files.
    pub fn ranges(&self) -> impl Iterator<Item = (&'static str, [f64; 2])> + '_ {
        NUMBERS.iter().filter_map(|number| Some((number.name, *self.0.get(number.name)?)))
    }

    /// In what each image is plainly unlike these, as the model is shown it; nothing of most images.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn unlike(&self, images: &Dataset) -> Result<Vec<Vec<Unlike>>> {
        if self.is_empty() {
            return Ok(vec![Vec::new(); images.len()]);
        }
        let of_row = |row: &[f64; NUMBERS.len()]| {
            NUMBERS.iter().zip(row).filter_map(|(number, found)| self.beyond(number, *found)).collect()
        };
        Ok(measure_all(images)?.iter().map(of_row).collect())
    }

    fn beyond(&self, number: &Number, found: f64) -> Option<Unlike> {
        let range = *self.0.get(number.name)?;
        let [low, high] = match number.slack {
            Slack::Times(less, more) => [range[0] / less, range[1] * more],
            Slack::By(step) => [range[0] - step, range[1] + step],
        };
        let what = match found {
            _ if found < low => number.below,
            _ if found > high => number.above,
            _ => return None,
        };
        Some(Unlike { what, words: number.words, found, range })
    }
}

fn measure_all(images: &Dataset) -> Result<Vec<[f64; NUMBERS.len()]>> {
    let measure = |i: usize| Ok(measure(&images.image(i)?, images.original_dimensions(i)));
    (0..images.len()).into_par_iter().map(measure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use crate::preprocess::{Filter, Preprocess, resize};
    use crate::synthetic;

    /// Drawn cells in a folder, changed and read back at 32 pixels.
    fn cells(change: impl Fn(Image) -> Image) -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        for (i, (_, image, _)) in synthetic::images(&[4; 8], 48, 7).into_iter().enumerate() {
            let path = folder.path().join(format!("{i:02}.png"));
            std::fs::write(path, change(image).to_png().unwrap()).unwrap();
        }
        let source = data::open(folder.path()).unwrap();
        let options = data::LoadOptions::default();
        Dataset::load(&source, None, &Preprocess::imagenet(32), &options, &|_| ()).unwrap()
    }

    /// What images are said to be, each word once.
    fn words(likeness: &Likeness, images: &Dataset) -> (usize, Vec<&'static str>) {
        let unlike = likeness.unlike(images).unwrap();
        let mut words: Vec<&str> = unlike.iter().flatten().map(|unlike| unlike.what).collect();
        words.sort_unstable();
        words.dedup();
        (unlike.iter().filter(|of_image| !of_image.is_empty()).count(), words)
    }

    fn each_level(mut image: Image, change: impl Fn(f32) -> f32) -> Image {
        for level in image.pixels_mut() {
            *level = change(f32::from(*level)).clamp(0.0, 255.0) as u8;
        }
        image
    }

    #[test]
    fn fields_negatives_and_empty_pictures_are_unlike_cells_and_dark_or_small_cells_are_not() {
        let likeness = Likeness::of(&cells(|image| image)).unwrap();
        let found = |change: &dyn Fn(Image) -> Image| words(&likeness, &cells(change));
        assert_eq!(found(&|image| image), (0, vec![]));
        assert_eq!(found(&|image| each_level(image, |level| 0.7 * level)), (0, vec![]));
        assert_eq!(found(&|image| resize(&image, 24, 24, Filter::Bilinear).unwrap()), (0, vec![]));
        let field = |_| synthetic::images(&[1; 8], 160, 3).remove(0).1;
        assert_eq!(found(&field), (32, vec!["larger"]));
        let wide = |image: Image| resize(&image, 64, 48, Filter::Bilinear).unwrap();
        assert_eq!(found(&wide), (32, vec!["wider"]));
        let (negatives, words) = found(&|image| each_level(image, |level| 255.0 - level));
        assert!(negatives > 24, "{negatives}: {words:?}");
        let (empty, words) = found(&|_| Image::filled(48, 48, [230, 220, 210]));
        assert!(empty == 32 && words.contains(&"emptier"), "{words:?}");
    }

    #[test]
    fn what_is_unlike_is_said_with_the_number_and_the_range() {
        let likeness =
            Likeness(BTreeMap::from([("proportions".into(), [0.98, 1.0]), ("side".into(), [90.0, 110.0])]));
        let said =
            |number: usize, found| likeness.beyond(&NUMBERS[number], found).map(|unlike| unlike.to_string());
        assert_eq!(said(0, 554.3).as_deref(), Some("larger: side in pixels 554, in training 90 to 110"));
        assert_eq!(said(1, 0.5).as_deref(), Some("narrower: width by height 0.50, in training 0.98 to 1.00"));
        assert_eq!((said(0, 164.0), said(0, 23.0), said(2, 9.0)), (None, None, None));
        let both = likeness.and(&Likeness(BTreeMap::from([("side".into(), [100.0, 500.0])])));
        assert_eq!((both.0["side"], both.0["proportions"]), ([90.0, 500.0], [0.98, 1.0]));
        assert!(Likeness::default().is_empty() && !both.is_empty());
        let ranges: Vec<_> = both.ranges().collect();
        assert_eq!(ranges, [("side", [90.0, 500.0]), ("proportions", [0.98, 1.0])]);
    }
}
