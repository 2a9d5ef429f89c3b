//! TIFF images of numbers of more than 8 bits, of all the types that the decoder knows: `image` passes on few
//! of them, and not what a file says of its numbers.

use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::ifd::Value;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult};
use tiff::tags::{PhotometricInterpretation, Tag};
use tiff::{ColorType, TiffResult};

use super::deep::{Deep, Numbers};
use super::tiff::limits;

/// Bits of numbers that are no deep ones.
const SHALLOW: u8 = 8;
/// The layout in which the channels lie in planes of their own.
const PLANAR: u16 = 2;

/// A TIFF file of deep numbers, opened.
pub(super) struct DeepTiff<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    color_type: ColorType,
    channels: usize,
}

impl<'a> DeepTiff<'a> {
    /// Opens a file; `None` for one of 8 bits or less, or of colours that are not red, green and blue.
    pub(super) fn open(bytes: &'a [u8]) -> TiffResult<Option<Self>> {
        let mut decoder = Decoder::new(Cursor::new(bytes))?;
        let color_type = decoder.colortype()?;
        let channels = match color_type {
            ColorType::Gray(bits) if bits > SHALLOW => 1,
            ColorType::GrayA(bits) if bits > SHALLOW => 2,
            ColorType::RGB(bits) if bits > SHALLOW => 3,
            ColorType::RGBA(bits) if bits > SHALLOW => 4,
            _ => return Ok(None),
        };
        Ok(Some(Self { decoder, color_type, channels }))
    }

    /// The kind of its numbers.
    pub(super) fn color_type(&self) -> ColorType {
        self.color_type
    }

    /// Width and height in pixels.
    pub(super) fn dimensions(&mut self) -> TiffResult<(u32, u32)> {
        self.decoder.dimensions()
    }

    /// Copies that are made of the numbers: to turn them round, and to bring planes together.
    pub(super) fn copies(&mut self) -> TiffResult<u64> {
        let photometric = self.decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)?;
        let inverted = photometric == Some(PhotometricInterpretation::WhiteIsZero as u16);
        let planar = self.decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration)? == Some(PLANAR);
        Ok(u64::from(inverted) + u64::from(planar))
    }

    /// How the camera was held, where the file says so.
    pub(super) fn orientation(&mut self) -> Option<Orientation> {
        let number = self.decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok()??;
        Orientation::from_exif(number)
    }

    /// Decodes the image, with a limit on the memory that it takes, in bytes.
    pub(super) fn read(mut self, memory: u64) -> TiffResult<Deep> {
        self.decoder = self.decoder.with_limits(limits(memory));
        let size = self.decoder.dimensions()?;
        let named = self.named();
        let photometric = self.decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)?;
        let inverted = photometric == Some(PhotometricInterpretation::WhiteIsZero as u16);
        let mut numbers = DecodingResult::U8(Vec::new());
        let layout = self.decoder.read_image_to_buffer(&mut numbers)?;
        let (mut values, kind) = values(&numbers);
        if inverted {
            // the decoder has turned them round already, within their type
            values = values.iter().map(|value| kind.1 as f32 - value).collect();
        }
        if layout.planes > 1 {
            values = interleaved(&values, &layout);
        }
        let deep = Deep::new(size, self.channels, values, kind).named(named);
        Ok(if inverted { deep.inverted() } else { deep })
    }

    /// The largest number that the file speaks of.
    fn named(&mut self) -> Option<f64> {
        let mut number = |tag| self.decoder.find_tag(tag).ok().flatten().and_then(|value| largest(&value));
        number(Tag::SMaxSampleValue).or_else(|| number(Tag::MaxSampleValue))
    }
}

/// The largest number of a tag.
fn largest(value: &Value) -> Option<f64> {
    match value {
        Value::List(values) => values.iter().filter_map(largest).reduce(f64::max),
        Value::Float(number) => Some(f64::from(*number)),
        Value::Double(number) => Some(*number),
        other => other.clone().into_u64().ok().map(|number| number as f64),
    }
    .filter(|number| number.is_finite())
}

/// The numbers of an image, their family, and the largest of their type.
fn values(numbers: &DecodingResult) -> (Vec<f32>, (Numbers, f64)) {
    fn all<T: Copy>(numbers: &[T], value: impl Fn(T) -> f32) -> Vec<f32> {
        numbers.iter().map(|number| value(*number)).collect()
    }
    let whole = |largest: f64| (Numbers::Whole, largest);
    let float = (Numbers::Float, 1.0);
    match numbers {
        DecodingResult::U8(numbers) => (all(numbers, f32::from), whole(f64::from(u8::MAX))),
        DecodingResult::U16(numbers) => (all(numbers, f32::from), whole(f64::from(u16::MAX))),
        DecodingResult::U32(numbers) => (all(numbers, |number| number as f32), whole(f64::from(u32::MAX))),
        DecodingResult::U64(numbers) => (all(numbers, |number| number as f32), whole(u64::MAX as f64)),
        DecodingResult::I8(numbers) => (all(numbers, f32::from), whole(f64::from(i8::MAX))),
        DecodingResult::I16(numbers) => (all(numbers, f32::from), whole(f64::from(i16::MAX))),
        DecodingResult::I32(numbers) => (all(numbers, |number| number as f32), whole(f64::from(i32::MAX))),
        DecodingResult::I64(numbers) => (all(numbers, |number| number as f32), whole(i64::MAX as f64)),
        DecodingResult::F16(numbers) => (all(numbers, f32::from), float),
        DecodingResult::F32(numbers) => (numbers.clone(), float),
        DecodingResult::F64(numbers) => (all(numbers, |number| number as f32), float),
    }
}

/// Planes of one channel each, pixel by pixel.
fn interleaved(values: &[f32], layout: &BufferLayoutPreference) -> Vec<f32> {
    let plane = values.len() / layout.planes;
    (0..plane)
        .flat_map(|pixel| (0..layout.planes).map(move |channel| values[channel * plane + pixel]))
        .collect()
}
