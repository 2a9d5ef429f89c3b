//! Published corruptions, held to the pictures that the packages which define them make of one of 224 pixels
//! (`scripts/reference/published_corruptions.py`).

use std::collections::HashMap;
use std::path::PathBuf;

use super::*;
use crate::corrupt::blur::motion_blur::streak;
use crate::image_op::raster::Raster;
use crate::image_op::{Border, to_byte};
use crate::sample::Image;
use crate::suite::{Condition, SEVERITIES};

/// Every how many pixels the fixture keeps one.
const STRIDE: usize = 11;

fn fixture(extension: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join("published_corruptions").with_extension(extension)
}

/// The images of the fixture by name, without `.png`.
fn images() -> HashMap<String, Image> {
    let source = crate::data::open(&fixture("zip")).unwrap();
    let names = source.entries().iter().map(|entry| entry.path.trim_end_matches(".png").to_owned());
    names.enumerate().map(|(i, name)| (name, source.image(i).unwrap())).collect()
}

/// The mean distance in grey levels over the pixels that the fixture keeps.
fn mean_error(found: &Image, expected: &Image) -> f32 {
    let kept = (0..found.height())
        .step_by(STRIDE)
        .flat_map(|y| (0..found.width()).step_by(STRIDE).flat_map(move |x| found.rgb(x, y)));
    let sum: u64 = kept.zip(expected.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f32 / expected.pixels().len() as f32
}

/// Package's name, largest mean error in grey levels at any severity, and our row.
const SAME: [(&str, f32, &dyn ImageOp); 16] = [
    ("blood-c/pixelate", 0.0, &digital::pixelate::Pixelate),
    ("blood-c/jpeg_compression", 0.7, &digital::jpeg::Jpeg),
    ("blood-c/defocus_blur", 0.1, &blur::defocus_blur::DefocusBlur),
    ("blood-c/brightness_up", 0.0, &light::brightness_up::BrightnessUp),
    ("blood-c/brightness_down", 0.0, &light::brightness_down::BrightnessDown),
    ("blood-c/contrast_up", 0.0, &light::contrast_up::ContrastUp),
    ("blood-c/contrast_down", 0.0, &light::contrast_down::ContrastDown),
    ("blood-c/saturate", 0.03, &light::saturate::Saturate),
    ("imagenet-c/brightness", 0.05, &light::imagenet_brightness::ImagenetBrightness),
    ("imagenet-c/contrast", 0.0, &light::imagenet_contrast::ImagenetContrast),
    ("imagenet-c/saturate", 0.2, &light::imagenet_saturate::ImagenetSaturate),
    ("imagenet-c/pixelate", 0.0, &digital::pixelate::Pixelate),
    ("imagenet-c/jpeg_compression", 0.7, &digital::imagenet_jpeg::ImagenetJpeg),
    ("imagenet-c/defocus_blur", 0.1, &blur::imagenet_defocus_blur::ImagenetDefocusBlur),
    ("imagenet-c/gaussian_blur", 0.01, &blur::gaussian_blur::GaussianBlur),
    ("imagenet-c/zoom_blur", 0.1, &blur::zoom_blur::ZoomBlur),
];

#[test]
fn what_is_not_random_is_what_the_packages_make() {
    let images = images();
    let mut far = Vec::new();
    for (name, allowed, op) in SAME {
        for severity in SEVERITIES {
            let mut image = images["picture"].clone();
            Condition::corruption(op, severity).apply(&mut image, 0, 0);
            let error = mean_error(&image, &images[&format!("{name}/{severity}")]);
            if error > allowed {
                far.push(format!("{name}/{severity}: {error}"));
            }
        }
    }
    assert!(far.is_empty(), "{}", far.join("\n"));
}

#[test]
fn motion_blur_at_a_given_angle_is_image_magicks() {
    let images = images();
    let cases: Vec<_> =
        images.iter().filter_map(|(name, image)| Some((name.strip_prefix("motion/")?, image))).collect();
    assert_eq!(cases.len(), 5);
    for (name, expected) in cases {
        let parts: Vec<f32> = name.split('_').map(|part| part.parse().unwrap()).collect();
        let mut image = images["picture"].clone();
        let streak = streak(parts[0], parts[1], parts[2], 1.0);
        streak.convolve(&Raster::of(&image), Border::Edge).write(&mut image, to_byte);
        let error = mean_error(&image, expected);
        assert!(error < 0.001, "{name}: {error}");
    }
}

/// Package's name, our row, how far our means may be off in parts of the package's, and draws: many where a
/// draw decides over the whole image, or over a few marks.
const ALIKE: [(&str, &dyn ImageOp, f64, u64); 13] = [
    ("blood-c/stain_deposit", &dirt::stain_deposit::StainDeposit, 0.1, 200),
    ("blood-c/bubble", &dirt::bubble::Bubble, 0.1, 200),
    ("imagenet-c/gaussian_noise", &noise::imagenet_gaussian_noise::ImagenetGaussianNoise, 0.02, 30),
    ("imagenet-c/shot_noise", &noise::shot_noise::ShotNoise, 0.01, 30),
    ("imagenet-c/impulse_noise", &noise::impulse_noise::ImpulseNoise, 0.01, 30),
    ("imagenet-c/speckle_noise", &noise::speckle_noise::SpeckleNoise, 0.02, 30),
    ("imagenet-c/glass_blur", &blur::glass_blur::GlassBlur, 0.02, 30),
    ("imagenet-c/motion_blur", &blur::imagenet_motion_blur::ImagenetMotionBlur, 0.02, 30),
    ("imagenet-c/snow", &weather::snow::Snow, 0.01, 30),
    ("imagenet-c/frost", &weather::frost::Frost, 0.15, 200),
    ("imagenet-c/fog", &weather::fog::Fog, 0.1, 200),
    ("imagenet-c/elastic_transform", &digital::elastic_transform::ElasticTransform, 0.1, 30),
    ("imagenet-c/spatter", &dirt::spatter::Spatter, 0.15, 30),
];

#[test]
fn what_is_random_has_the_statistics_of_the_packages() {
    type Pairs = [[f64; 2]; 3];
    let numbers: HashMap<String, Pairs> =
        serde_json::from_slice(&std::fs::read(fixture("json")).unwrap()).unwrap();
    let picture = &images()["picture"];
    let mut far = Vec::new();
    for (name, op, allowed, draws) in ALIKE {
        for severity in SEVERITIES {
            let found = statistics(picture, op, severity, draws);
            let expected = numbers[&format!("{name}/{severity}")];
            let expected_size = expected[2][0];
            // a change around 0 is measured by its size
            let off = |i: usize, whole: f64| (found[i][0] - expected[i][0]).abs() > allowed * whole;
            if off(0, expected[0][0]) || off(1, expected_size) || off(2, expected_size) {
                far.push(format!("{name}/{severity}: {found:.3?}\n   expected {expected:.3?}"));
            }
        }
    }
    assert!(far.is_empty(), "{}", far.join("\n"));
}

/// Mean and deviation over draws of: share of pixels changed, mean change, mean size of the change.
fn statistics(picture: &Image, op: &'static dyn ImageOp, severity: u8, draws: u64) -> [[f64; 2]; 3] {
    let rows = (0..draws).map(|index| {
        let mut image = picture.clone();
        Condition::corruption(op, severity).apply(&mut image, 0, index);
        let pairs =
            || image.pixels().iter().zip(picture.pixels()).map(|(a, b)| f64::from(*a) - f64::from(*b));
        let pixels = || image.pixels().chunks_exact(3).zip(picture.pixels().chunks_exact(3));
        let count = picture.pixels().len() as f64;
        [
            3.0 * pixels().filter(|(a, b)| a != b).count() as f64 / count,
            pairs().sum::<f64>() / count,
            pairs().map(f64::abs).sum::<f64>() / count,
        ]
    });
    let rows: Vec<[f64; 3]> = rows.collect();
    std::array::from_fn(|i| {
        let mean = rows.iter().map(|row| row[i]).sum::<f64>() / draws as f64;
        let variance = rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / draws as f64;
        [mean, variance.sqrt()]
    })
}
