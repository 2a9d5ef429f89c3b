//! Names that operators have in other programs, for hints.

use crate::error::squashed;

/// Names of torchvision's, albumentations' and timm's operators, with the operator here that does the same or
/// nearly so.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("HorizontalFlip", "flip-horizontal"),
    ("RandomHorizontalFlip", "flip-horizontal"),
    ("hflip", "flip-horizontal"),
    ("VerticalFlip", "flip-vertical"),
    ("RandomVerticalFlip", "flip-vertical"),
    ("vflip", "flip-vertical"),
    ("RandomRotate90", "quarter-turn"),
    ("RandomRotation", "rotate"),
    ("SafeRotate", "rotate"),
    ("RandomAffine", "affine"),
    ("ShiftScaleRotate", "affine"),
    ("RandomPerspective", "perspective"),
    ("RandomResizedCrop", "resized-crop"),
    ("RandomScale", "zoom"),
    ("RandomZoomOut", "zoom"),
    ("ElasticTransform", "elastic"),
    ("ColorJitter", "brightness"),
    ("RandomBrightness", "brightness"),
    ("RandomBrightnessContrast", "brightness"),
    ("RandomContrast", "contrast"),
    ("RandomGamma", "gamma"),
    ("HueSaturationValue", "hue"),
    ("RandomAutocontrast", "autocontrast"),
    ("RandomEqualize", "equalize"),
    ("RandomInvert", "invert"),
    ("InvertImg", "invert"),
    ("RandomPosterize", "posterize"),
    ("RandomSolarize", "solarize"),
    ("RandomAdjustSharpness", "sharpness"),
    ("Sharpen", "sharpness"),
    ("RandomGrayscale", "colour-degenerate"),
    ("ToGray", "colour-degenerate"),
    ("ChannelDropout", "channel-drop"),
    ("RGBShift", "channel-shift"),
    ("CoarseDropout", "cutout"),
    ("GridDropout", "grid-mask"),
    ("GaussNoise", "gaussian-noise"),
    ("ISONoise", "shot-noise"),
    ("Defocus", "defocus-blur"),
    ("ImageCompression", "jpeg"),
    ("RandomFog", "fog"),
    ("RandomSnow", "snow"),
    ("RandAugment", "rand-m9-mstd0.5-inc1"),
    ("TrivialAugmentWide", "trivial"),
];

/// The operator that other programs call so, whatever the case.
pub fn called_elsewhere(name: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(other, _)| squashed(other) == squashed(name)).map(|(_, own)| *own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Step;

    #[test]
    fn every_name_of_another_program_leads_to_an_operator() {
        for (other, own) in OTHER_NAMES {
            assert!(Step::named(own, 1.0, None).is_ok(), "{other}: {own}");
            let hint = Step::named(other, 1.0, None).unwrap_err();
            assert_eq!(hint.hint_text(), Some(&*format!("did you mean `{own}`?")), "{other}");
        }
    }
}
