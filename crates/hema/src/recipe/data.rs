//! `[data]` of a recipe.

use hema_core::background::Background;
use hema_core::data::OnBadImage;
use hema_core::error::suggest;
use hema_core::preprocess::{Crop, Filter};
use hema_core::sampler::Sampler;
use toml::Value;

use super::key::{FRACTION, Kind, POSITIVE, SIDE, Word};
use super::names::Named;
use super::read::{Field, Place, Problem, defaults, unlike};
use super::table::{table, words};

table! {
    /// `[data]`: how images are read, and how a data set without a split of its own is split.
    pub struct Data {
        /// Side of the square that images are resized to, in pixels.
        #[key(default = "96", before = "96", in SIDE)]
        pub size: usize,
        /// Side that those squares are enlarged to for the network, in pixels, once they are augmented (or
        /// damaged, in an evaluation); at least `data.size`. Larger maps of the same pixels: slower, and
        /// better on small images.
        #[key(unset = "they are not enlarged", in SIDE)]
        pub enlarge: Option<usize>,
        /// Region that is cut from the middle of an image before it is resized.
        #[key(default = "none", before = "none")]
        pub crop: Crop,
        /// Interpolation of the resize, which antialiases.
        #[key(default = "bicubic", before = "bicubic")]
        pub filter: Filter,
        /// Red, green and blue subtracted from pixels in 0 to 1; by default those of `ImageNet`.
        #[key(default = "[0.485, 0.456, 0.406]", before = "[0.485, 0.456, 0.406]")]
        pub mean: [f32; 3],
        /// Red, green and blue that the difference is divided by; by default those of `ImageNet`.
        #[key(
            default = "[0.229, 0.224, 0.225]", before = "[0.229, 0.224, 0.225]",
            in Kind::List { of: &POSITIVE, count: Some(3) }
        )]
        pub std: [f32; 3],
        /// Treatment of an image's background, in training and in prediction; removing it is what the
        /// founding report tried.
        #[key(default = "keep", before = "keep")]
        pub background: Background,
        /// The number that is white in images of more than 8 bits, black being 0; a run writes down what it
        /// took. Images of 8 bits have their own.
        #[key(unset = "told by the numbers that the images use", in POSITIVE)]
        pub white: Option<f64>,
        /// Share of the images held out for validation when no split is given.
        #[key(default = "0.15", before = "0.15", in FRACTION)]
        pub validation: f64,
        /// Share of the images held out for the final test when no split is given; less than 1 together with
        /// `data.validation`.
        #[key(default = "0.15", before = "0.15", in FRACTION)]
        pub test: f64,
        /// How often an epoch shows the training images of each class.
        #[key(default = "natural", before = "natural")]
        pub sampler: Named<Sampler>,
        /// Treatment of an image that cannot be read.
        #[key(default = "fail", before = "fail")]
        pub on_bad_image: OnBadImage,
    }
}

impl Default for Data {
    fn default() -> Self {
        defaults()
    }
}

words! {
    for Filter {
        /// Triangle, one source pixel to either side.
        Bilinear = "bilinear",
        /// Cubic convolution with a = -0.5, two source pixels to either side.
        Bicubic = "bicubic",
        /// Sinc windowed by sinc, three source pixels to either side.
        Lanczos = "lanczos",
    }
}

words! {
    for Background {
        /// It stays.
        Keep = "keep",
        /// It is made black: pixels brighter than 155 of 255 that no darker ones enclose.
        Remove = "remove",
    }
}

words! {
    for OnBadImage {
        /// Training stops with an error.
        Fail = "fail",
        /// It is left out and counted.
        Skip = "skip",
    }
}

/// A side of any length.
const PIXELS: Kind = Kind::Whole { least: 1, most: u64::MAX, unit: "pixels" };

impl Field for Crop {
    const KIND: Kind = Kind::AnyOf(&[
        Kind::Words {
            list: None,
            all: || {
                vec![
                    Word { name: "none", about: "the whole image, stretched to the square".into() },
                    Word { name: "square", about: "the largest square".into() },
                ]
            },
        },
        PIXELS,
    ]);

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        match value {
            Value::String(text) if text == "none" => Ok(Self::None),
            Value::String(text) if text == "square" => Ok(Self::Square),
            Value::Integer(_) => usize::read(value, &PIXELS, place).map(Self::Pixels),
            Value::String(text) => {
                let hint = suggest(text, ["none", "square"]);
                Err(Problem::found(&place.key, text, &kind.describe()).hint(hint))
            }
            _ => Err(unlike(value, &kind.describe(), place)),
        }
    }

    fn write(&self) -> Option<Value> {
        match self {
            Self::None => Some("none".into()),
            Self::Square => Some("square".into()),
            Self::Pixels(side) => side.write(),
        }
    }
}
