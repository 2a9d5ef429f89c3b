//! From a picture of any size to the input of a model: crop, resize, enlarge, scale. A [`Preprocess`] is the
//! one description of it: recipes make it, every model bundle holds it, and evaluation, prediction and export
//! read it from there. What another laboratory's pictures need on top, a [rescaled](Preprocess::rescale)
//! field of view, is given at the call.
//!
//! Resizing follows Pillow's `Image.resize` bit for bit (antialiased, horizontal pass first, 22-bit
//! fixed-point weights, 8-bit intermediate), so that a model exported to Python sees the same pixels there
//! and every machine computes the same ones. (Pillow up to 12; version 13 starts with the vertical pass for
//! some changes of proportion.) Left out on purpose: filters no trained model asks for, and random crops,
//! which are augmentation.

use std::borrow::Cow;
use std::f64::consts::PI;
use std::fmt;

use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::background::{self, Background};
use crate::error::{Error, Result};
use crate::image_op::Border;
use crate::sample::Image;

/// Largest model input side accepted, in pixels.
const MAX_SIZE: usize = 4096;

/// Smallest and largest factor that a field of view may be [rescaled](Preprocess::rescale) by.
pub const RESCALE_LIMITS: [f64; 2] = [0.25, 2.0];

/// From a decoded picture to a model's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Side of the square that is kept of a picture, in pixels.
    pub size: usize,
    /// The region kept before resizing.
    pub crop: Crop,
    /// The resizing filter.
    pub filter: Filter,
    /// Mean of each channel (red, green, blue) on the 0 to 1 scale.
    pub mean: [f32; 3],
    /// Standard deviation of each channel on the 0 to 1 scale.
    pub std: [f32; 3],
    /// Treatment of the background, just before values are scaled.
    #[serde(default, skip_serializing_if = "Background::is_kept")]
    pub background: Background,
    /// Side in pixels that the square is enlarged to for the network, after everything that is done to
    /// images; by default it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enlarge: Option<usize>,
    /// The number that is white in images of more than 8 bits, which then become 8; by default the data set
    /// tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub white: Option<f64>,
    /// Share of the sides of the region that is kept in place of the region itself, for pictures that were
    /// cropped more loosely (below 1) or more tightly (above 1) than those of training; beyond its border a
    /// picture is mirrored. It is given at the call and never part of a model.
    #[serde(skip)]
    pub rescale: Option<f64>,
}

/// The region of a picture that is kept before resizing. Serialises as `"none"`, `"square"` or a side in
/// pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crop {
    /// The whole picture, stretched to the square: nothing is lost.
    #[default]
    None,
    /// The largest centred square.
    Square,
    /// The centred square of this side; a picture's side that is shorter is kept whole.
    Pixels(usize),
}

/// The resizing filter; all are antialiased when they shrink. Serialises as its lower-case name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Triangle, one source pixel to either side.
    Bilinear,
    /// Cubic convolution with a = -0.5, two source pixels to either side.
    #[default]
    Bicubic,
    /// Sinc windowed by sinc, three source pixels to either side.
    Lanczos,
}

impl Serialize for Crop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Square => serializer.serialize_str("square"),
            Self::Pixels(side) => serializer.serialize_u64(*side as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Crop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CropVisitor)
    }
}

struct CropVisitor;

impl Visitor<'_> for CropVisitor {
    type Value = Crop;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"none\", \"square\" or a number of pixels")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Crop, E> {
        match text {
            "none" => Ok(Crop::None),
            "square" => Ok(Crop::Square),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, pixels: u64) -> std::result::Result<Crop, E> {
        self.visit_i64(i64::try_from(pixels).unwrap_or(i64::MAX))
    }

    fn visit_i64<E: serde::de::Error>(self, pixels: i64) -> std::result::Result<Crop, E> {
        match usize::try_from(pixels) {
            Ok(pixels) if pixels > 0 => Ok(Crop::Pixels(pixels)),
            _ => Err(E::invalid_value(Unexpected::Signed(pixels), &self)),
        }
    }
}

impl Crop {
    /// The region kept; `None` when that is the whole image.
    ///
    /// # Errors
    /// A crop of 0 pixels.
    pub fn apply(self, image: &Image) -> Result<Option<Image>> {
        centred(image, self.sides(image))
    }

    /// Width and height of the region kept.
    fn sides(self, image: &Image) -> (usize, usize) {
        let (width, height) = (image.width(), image.height());
        match self {
            Self::None => (width, height),
            Self::Square => (width.min(height), width.min(height)),
            Self::Pixels(side) => (width.min(side), height.min(side)),
        }
    }
}

impl Preprocess {
    /// Channel means of `ImageNet`, which pretrained backbones expect.
    pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    /// Channel standard deviations of `ImageNet`, which pretrained backbones expect.
    pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

    /// The whole picture, bicubic, with `ImageNet`'s mean and standard deviation.
    pub fn imagenet(size: usize) -> Self {
        Self {
            size,
            crop: Crop::None,
            filter: Filter::Bicubic,
            mean: Self::IMAGENET_MEAN,
            std: Self::IMAGENET_STD,
            background: Background::Keep,
            enlarge: None,
            white: None,
            rescale: None,
        }
    }

    /// Side of the square the network sees, in pixels.
    pub fn network_size(&self) -> usize {
        self.enlarge.unwrap_or(self.size)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// A side of 0 or over 4096, one to enlarge to that is smaller, a crop of 0 pixels, a mean that is not
    /// finite, a standard deviation that is not finite and positive, a factor to rescale by outside
    /// [`RESCALE_LIMITS`].
    pub fn validate(&self) -> Result<()> {
        if self.size == 0 || self.size > MAX_SIZE {
            return Err(Error::new(format!("preprocess size is {} (expected 1 to {MAX_SIZE})", self.size)));
        }
        let side = self.network_size();
        if side < self.size || side > MAX_SIZE {
            let expected = format!("{} to {MAX_SIZE}", self.size);
            return Err(Error::new(format!("preprocess enlarge is {side} (expected {expected})")));
        }
        if self.crop == Crop::Pixels(0) {
            return Err(Error::new("preprocess crop is 0 pixels (expected 1 or more)"));
        }
        if let Some(mean) = self.mean.iter().find(|m| !m.is_finite()) {
            return Err(Error::new(format!("preprocess mean holds {mean} (expected finite numbers)")));
        }
        if let Some(std) = self.std.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            return Err(Error::new(format!("preprocess std holds {std} (expected numbers above 0)")));
        }
        let [least, most] = RESCALE_LIMITS;
        if let Some(factor) = self.rescale.filter(|factor| !(least..=most).contains(factor)) {
            return Err(Error::new(format!("rescale is {factor} (expected {least} to {most})")));
        }
        Ok(())
    }

    /// Crops a picture, to a rescaled region where that is asked for, and resizes it to `size` x `size`.
    ///
    /// # Errors
    /// When `size` is 0.
    pub fn apply(&self, image: &Image) -> Result<Image> {
        let (width, height) = self.crop.sides(image);
        let rescaled = |side: usize| {
            self.rescale.map_or(side, |factor| ((side as f64 * factor).round() as usize).max(1))
        };
        let cropped = centred(image, (rescaled(width), rescaled(height)))?;
        resize(cropped.as_ref().unwrap_or(image), self.size, self.size, self.filter)
    }

    /// Makes a model's input of an image that was [cropped and resized](Self::apply): bytes `[y][x][rgb]`
    /// become `(v / 255 - mean) / std`, in the same order, after the background was removed and the image
    /// enlarged where that is asked for.
    ///
    /// `out` has three values for each pixel that the network sees.
    ///
    /// # Errors
    /// When the side to enlarge to is 0.
    pub fn normalize_into(&self, image: &Image, out: &mut [f32]) -> Result<()> {
        let mut image = Cow::Borrowed(image);
        if self.background == Background::Remove {
            background::remove(image.to_mut());
        }
        if let Some(side) = self.enlarge {
            image = Cow::Owned(resize(&image, side, side, self.filter)?);
        }
        self.scale_into(image.pixels(), out);
        Ok(())
    }

    fn scale_into(&self, pixels: &[u8], out: &mut [f32]) {
        let scale = self.std.map(|std| 1.0 / (255.0 * std));
        let shift: [f32; 3] = std::array::from_fn(|c| -self.mean[c] / self.std[c]);
        for (values, pixel) in out.as_chunks_mut::<3>().0.iter_mut().zip(pixels.as_chunks::<3>().0) {
            for c in 0..3 {
                values[c] = f32::from(pixel[c]).mul_add(scale[c], shift[c]);
            }
        }
    }
}

/// The centred region of these sides, mirrored about the border pixels where it is larger than the image;
/// `None` when it is the image.
fn centred(image: &Image, (width, height): (usize, usize)) -> Result<Option<Image>> {
    if (width, height) == (image.width(), image.height()) {
        return Ok(None);
    }
    let seen = |wanted: usize, length: usize| {
        // odd margins are the larger ones on the right and below, inside and outside
        let first = (length as isize - wanted as isize) / 2;
        (0..wanted as isize).map(move |i| Border::Mirror.inside(first + i, length))
    };
    let columns: Vec<usize> = seen(width, image.width()).collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in seen(height, image.height()) {
        let row = &image.pixels()[y * image.width() * 3..][..image.width() * 3];
        for x in &columns {
            pixels.extend_from_slice(&row[x * 3..][..3]);
        }
    }
    Image::new(width, height, pixels).map(Some)
}

/// Resizes an image to `width` x `height`, whatever its proportions, as Pillow's `Image.resize` does.
///
/// # Errors
/// When `width` or `height` is 0.
pub fn resize(image: &Image, width: usize, height: usize, filter: Filter) -> Result<Image> {
    if width == 0 || height == 0 {
        return Err(Error::new(format!(
            "cannot resize to {width}x{height} pixels (expected sides of 1 or more)"
        )));
    }
    let mut pixels = None;
    if width != image.width() {
        // the horizontal pass is the vertical one on the transposed image: the compiler vectorises whole rows
        let columns = transpose(image.pixels(), image.width(), image.height());
        let columns = resample_rows(&columns, image.height(), &weights(image.width(), width, filter));
        pixels = Some(transpose(&columns, image.height(), width));
    }
    if height != image.height() {
        let source = pixels.as_deref().unwrap_or(image.pixels());
        pixels = Some(resample_rows(source, width, &weights(image.height(), height, filter)));
    }
    Image::new(width, height, pixels.unwrap_or_else(|| image.pixels().to_vec()))
}

/// Swaps rows and columns of an RGB image.
fn transpose(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = vec![0; pixels.len()];
    for (y, row) in pixels.chunks_exact(width * 3).enumerate() {
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            out[(x * height + y) * 3..][..3].copy_from_slice(pixel);
        }
    }
    out
}

/// Fraction bits of a weight: 8 bits of pixel, 2 of overshoot and these fill an `i32`.
const PRECISION: u32 = 22;

/// The source of one output row (or column): consecutive source rows and their fixed-point weights.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// Makes every output row as a weighted sum of source rows, rounded and clipped to 8 bits.
fn resample_rows(pixels: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let stride = width * 3;
    let mut out = Vec::with_capacity(windows.len() * stride);
    let mut sums = vec![0_i32; stride];
    for window in windows {
        sums.fill(1 << (PRECISION - 1));
        for (row, weight) in pixels[window.first * stride..].chunks_exact(stride).zip(&window.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        out.extend(sums.iter().map(|sum| (sum >> PRECISION).clamp(0, 255) as u8));
    }
    out
}

/// The windows of every output position along one axis. When the axis shrinks, the filter is widened by the
/// same factor, so that it antialiases.
fn weights(from: usize, to: usize, filter: Filter) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let window = |position: usize| {
        let centre = (position as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let raw: Vec<f64> =
            (first..end).map(|i| filter.weight((i as f64 - centre + 0.5) * (1.0 / stretch))).collect();
        let total: f64 = raw.iter().sum();
        let fixed = |weight: f64| (weight / total * f64::from(1 << PRECISION)).round() as i32;
        Window { first, weights: raw.into_iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

impl Filter {
    /// Distance beyond which the weight is 0, in source pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The filter's value at a distance.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let distance = x.abs();
        if distance >= self.support() {
            return 0.0;
        }
        match self {
            Self::Bilinear => 1.0 - distance,
            Self::Bicubic if distance < 1.0 => ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0,
            Self::Bicubic => (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A,
            Self::Lanczos => sinc(x) * sinc(x / 3.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn resizing_equals_pillow_bit_for_bit() {
        // written by scripts/reference/pillow_resize.py
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow_resize.zip");
        let source = crate::data::open(&fixture).unwrap();
        let images: HashMap<&str, Image> = source
            .entries()
            .iter()
            .enumerate()
            .map(|(i, entry)| (entry.path, source.image(i).unwrap()))
            .collect();
        let mut cases = 0;
        for (name, filter) in
            [("bilinear", Filter::Bilinear), ("bicubic", Filter::Bicubic), ("lanczos", Filter::Lanczos)]
        {
            for (path, expected) in images.iter().filter(|(path, _)| path.starts_with(name)) {
                let from = path.split(['/', '_']).nth(1).unwrap();
                let input = &images[format!("source/{from}.png").as_str()];
                let resized = resize(input, expected.width(), expected.height(), filter).unwrap();
                assert!(resized == *expected, "{path} differs");
                cases += 1;
            }
        }
        assert_eq!(cases, 24);
    }

    /// An image whose colour names its position.
    fn coordinates(width: usize, height: usize) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 0])).collect();
        Image::new(width, height, pixels).unwrap()
    }

    #[test]
    fn crops_are_centred_and_never_larger_than_the_image() {
        let image = coordinates(10, 6);
        let first_and_size = |crop, size| {
            let out = Preprocess { crop, ..Preprocess::imagenet(size) }.apply(&image).unwrap();
            (out.rgb(0, 0), out.width(), out.height())
        };
        assert_eq!(first_and_size(Crop::Square, 6), ([2, 0, 0], 6, 6));
        assert_eq!(first_and_size(Crop::Pixels(4), 4), ([3, 1, 0], 4, 4));
        assert_eq!(first_and_size(Crop::Pixels(99), 6).1, 6);
        assert_eq!(first_and_size(Crop::None, 3).2, 3);
    }

    #[test]
    fn a_field_of_view_is_cut_or_mirrored_as_a_plain_loop_says() {
        for (width, height) in [(10, 6), (7, 9), (1, 5), (2, 2)] {
            let image = coordinates(width, height);
            for factor in [0.25, 0.6, 0.75, 0.9, 1.0, 1.1, 1.35, 1.5, 2.0] {
                let [kept_width, kept_height] =
                    [width, height].map(|side| ((side as f64 * factor).round() as usize).max(1));
                let found = centred(&image, (kept_width, kept_height)).unwrap();
                let found = found.as_ref().unwrap_or(&image);
                assert_eq!((found.width(), found.height()), (kept_width, kept_height));
                // walks back and forth between the first and the last pixel, one step at a time
                let plain = |kept: usize, side: usize, at: usize| {
                    let (mut position, mut step) = (0, 1_i32);
                    let start = at as i32 - (kept as i32 - side as i32) / 2;
                    for _ in 0..start.abs() {
                        let last = side as i32 - 1;
                        if !(0..=last).contains(&(position + step)) {
                            step = -step;
                        }
                        position += if last == 0 { 0 } else { step };
                    }
                    position as u8
                };
                for y in 0..kept_height {
                    for x in 0..kept_width {
                        let expected = [plain(kept_width, width, x), plain(kept_height, height, y), 0];
                        assert_eq!(found.rgb(x, y), expected, "{width}x{height} by {factor} at {x},{y}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_rescaled_crop_shows_what_the_picture_has_around_it() {
        let image = coordinates(40, 30);
        let first = |crop, rescale, size| {
            Preprocess { crop, rescale, ..Preprocess::imagenet(size) }.apply(&image).unwrap().rgb(0, 0)
        };
        assert_eq!(first(Crop::Pixels(20), None, 20), [10, 5, 0]);
        assert_eq!(first(Crop::Pixels(20), Some(1.0), 20), [10, 5, 0]);
        assert_eq!(first(Crop::Pixels(20), Some(1.5), 30), [5, 0, 0], "real pixels before mirrored ones");
        assert_eq!(first(Crop::Pixels(20), Some(0.5), 10), [15, 10, 0]);
        assert_eq!(first(Crop::Square, Some(1.2), 36), [2, 3, 0], "mirrored above, real on the left");
    }

    #[test]
    fn normalises_each_channel() {
        let preprocess =
            Preprocess { mean: [0.5, 0.0, 1.0], std: [0.5, 1.0, 2.0], ..Preprocess::imagenet(1) };
        let mut out = [0.0; 6];
        let image = Image::new(2, 1, vec![255, 0, 255, 0, 255, 0]).unwrap();
        preprocess.normalize_into(&image, &mut out).unwrap();
        for (value, expected) in out.iter().zip([1.0, 0.0, 0.0, -1.0, 1.0, -0.5]) {
            assert!((value - expected).abs() < 1e-6, "{out:?}");
        }
        // both pixels are bright enough to be background
        let bright = Image::new(2, 1, vec![255, 250, 255, 200, 255, 200]).unwrap();
        Preprocess { background: Background::Remove, ..preprocess }
            .normalize_into(&bright, &mut out)
            .unwrap();
        for (value, expected) in out.iter().zip([-1.0, 0.0, -0.5, -1.0, 0.0, -0.5]) {
            assert!((value - expected).abs() < 1e-6, "{out:?}");
        }
    }

    #[test]
    fn what_the_network_sees_is_enlarged_last() {
        let plain = Preprocess { background: Background::Remove, ..Preprocess::imagenet(24) };
        let enlarged = Preprocess { enlarge: Some(32), ..plain.clone() };
        assert_eq!((plain.network_size(), enlarged.network_size()), (24, 32));
        // half of it is bright enough to be background
        let pixels =
            (0..24 * 24).flat_map(|i| [if i % 24 < 12 { 255 } else { (i % 150) as u8 }; 3]).collect();
        let image = Image::new(24, 24, pixels).unwrap();
        assert_eq!(enlarged.apply(&image).unwrap(), image, "not before it is damaged");
        let mut removed = image.clone();
        background::remove(&mut removed);
        assert_ne!(removed, image);
        let larger = resize(&removed, 32, 32, Filter::Bicubic).unwrap();
        let (mut values, mut expected) = (vec![0.0; 32 * 32 * 3], vec![0.0; 32 * 32 * 3]);
        enlarged.normalize_into(&image, &mut values).unwrap();
        Preprocess::imagenet(32).normalize_into(&larger, &mut expected).unwrap();
        assert_eq!(values, expected);
    }

    #[test]
    fn survives_a_round_trip_and_refuses_what_it_does_not_know() {
        for crop in [Crop::None, Crop::Square, Crop::Pixels(200)] {
            let preprocess = Preprocess { crop, ..Preprocess::imagenet(96) };
            let text = serde_json::to_string(&preprocess).unwrap();
            assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), preprocess);
        }
        let text = serde_json::to_string(&Preprocess::imagenet(96)).unwrap();
        assert!(text.contains(r#""crop":"none","filter":"bicubic""#), "{text}");
        assert!(serde_json::from_str::<Preprocess>(&text.replace("none", "centre")).is_err());
        assert!(serde_json::from_str::<Preprocess>(&text.replace("crop", "corp")).is_err());
    }

    #[test]
    fn refuses_values_that_make_no_sense() {
        let good = Preprocess::imagenet(96);
        good.validate().unwrap();
        for bad in [
            Preprocess { size: 0, ..good.clone() },
            Preprocess { size: 5000, ..good.clone() },
            Preprocess { enlarge: Some(95), ..good.clone() },
            Preprocess { enlarge: Some(5000), ..good.clone() },
            Preprocess { crop: Crop::Pixels(0), ..good.clone() },
            Preprocess { mean: [f32::NAN, 0.0, 0.0], ..good.clone() },
            Preprocess { std: [0.0, 1.0, 1.0], ..good.clone() },
            Preprocess { rescale: Some(0.2), ..good.clone() },
            Preprocess { rescale: Some(f64::NAN), ..good.clone() },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
        assert!(resize(&coordinates(2, 2), 0, 4, Filter::Bilinear).is_err());
    }
}
