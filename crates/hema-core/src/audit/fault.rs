//! Checks of a number of each image against limits and against the rest of the set: light, sharpness,
//! compression, size.

use super::check::{Check, Evidence};
use super::finding::{Finding, worst_first};
use super::measurements::measured::Measured;
use super::statistics::robust::Limits;
use crate::error::Result;

/// The score below which these checks find an image: half-way between the usual in the set and a sure fault.
pub(super) const HALF_WAY: f64 = 0.5;

/// One number, and from where on it is a fault.
pub(super) struct Fault {
    pub(super) value: fn(&Measured) -> Option<f64>,
    pub(super) limits: Limits,
    /// The fault in words and numbers.
    pub(super) detail: fn(&Measured) -> String,
}

/// The images that score below the threshold in any of the numbers, each by its worst, worst first.
pub(super) fn find(
    check: &Check,
    evidence: &Evidence,
    threshold: f64,
    faults: &[Fault],
) -> Result<Vec<Finding>> {
    let mut judged = Vec::new();
    for fault in faults {
        judged.extend(fault.limits.among(evidence.values(fault.value)?).map(|scale| (fault, scale)));
    }
    let mut findings = Vec::new();
    evidence.measured.each(|image, measured| {
        let scores = judged.iter().filter_map(|(fault, scale)| {
            let value = (fault.value)(measured)?;
            Some((scale.score(value), fault))
        });
        let worst = scores.min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((score, fault)) = worst.filter(|(score, _)| *score < threshold) {
            findings.push(check.image(image, score, (fault.detail)(measured)));
        }
    })?;
    Ok(worst_first(findings))
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;

    use crate::audit::measurements::measured::Measured;
    use crate::audit::run::find_duplicates;
    use crate::audit::{CHECKS, Evidence, Measurements, find_check};
    use crate::data::{self, Picture};
    use crate::preprocess::{Filter, resize};
    use crate::sample::Image;
    use crate::synthetic;

    const NONE: [usize; 0] = [];

    /// Cells of every class as they come from a good microscope.
    fn cells() -> Vec<Image> {
        synthetic::images(&[8; 8], 96, 3).into_iter().map(|(_, image, _)| image).collect()
    }

    fn picture(image: &Image) -> Picture {
        Picture { image: image.clone(), file: None }
    }

    /// Indices of the pictures that a check finds.
    fn found(check: &str, pictures: &[Picture]) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<String> = (0..pictures.len()).map(|i| format!("{i:03}.png")).collect();
        let manifest = folder.path().join("m.csv");
        std::fs::write(&manifest, format!("path\n{}\n", rows.join("\n"))).unwrap();
        let source = data::open(&manifest).unwrap();
        let measured = Measurements::of(pictures.iter().map(Some));
        let parts = vec![None; pictures.len()];
        let duplicates = find_duplicates(&source, &parts, &measured, &[], &|_| ()).unwrap();
        let evidence = Evidence {
            source: &source,
            parts: &parts,
            measured: &measured,
            duplicates: &duplicates,
            model: None,
            kept: vec![true; pictures.len()],
        };
        let check = find_check(check).unwrap();
        let findings = (check.run)(check, &evidence, check.threshold).unwrap();
        assert!(findings.is_sorted_by(|a, b| a.score <= b.score), "worst first");
        assert!(findings.iter().all(|finding| !finding.detail.is_empty()));
        let mut images: Vec<usize> = findings.iter().filter_map(|finding| finding.image).collect();
        images.sort_unstable();
        images
    }

    /// Indices that a check finds when a spoiled copy of every eighth cell is added.
    fn found_among_cells(check: &str, spoil: impl Fn(&Image) -> Picture) -> (Vec<usize>, Vec<usize>) {
        let mut pictures: Vec<Picture> = cells().iter().map(picture).collect();
        let spoiled: Vec<Picture> = cells().iter().step_by(8).map(spoil).collect();
        let expected = (pictures.len()..pictures.len() + spoiled.len()).collect();
        pictures.extend(spoiled);
        (found(check, &pictures), expected)
    }

    fn each_pixel(image: &Image, change: impl Fn(f64) -> f64) -> Picture {
        let mut image = image.clone();
        for value in image.pixels_mut() {
            *value = change(f64::from(*value)) as u8;
        }
        picture(&image)
    }

    fn jpeg(image: &Image, quality: u8) -> Picture {
        let mut file = Vec::new();
        let (width, height) = (image.width() as u32, image.height() as u32);
        JpegEncoder::new_with_quality(&mut file, quality)
            .encode(image.pixels(), width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        Picture { image: data::decode(&file).unwrap(), file: Some(file) }
    }

    #[test]
    fn good_pictures_are_left_alone() {
        let pictures: Vec<Picture> = cells().iter().map(picture).collect();
        for check in CHECKS.iter().filter(|check| check.threshold == super::HALF_WAY) {
            assert_eq!(found(check.name, &pictures), NONE, "{}", check.name);
        }
    }

    #[test]
    fn dark_pictures_are_found() {
        let (found, expected) = found_among_cells("too_dark", |image| each_pixel(image, |v| v * 0.3));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_set_that_is_dark_as_a_whole_has_no_dark_pictures() {
        let pictures: Vec<Picture> = cells().iter().map(|image| each_pixel(image, |v| v * 0.3)).collect();
        assert_eq!(found("too_dark", &pictures), NONE);
    }

    #[test]
    fn washed_out_and_clipped_pictures_are_found() {
        let washed = |image: &Image| each_pixel(image, |v| 255.0 - 0.3 * (255.0 - v));
        let clipped = |image: &Image| each_pixel(image, |v| v * 2.2);
        for (found, expected) in
            [found_among_cells("too_bright", washed), found_among_cells("too_bright", clipped)]
        {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn empty_pictures_are_found_and_not_called_bright() {
        let empty = |image: &Image| picture(&Image::filled(96, 96, image.rgb(0, 0)));
        let (found, expected) = found_among_cells("low_information", empty);
        assert_eq!(found, expected);
        assert_eq!(found_among_cells("too_bright", empty).0, NONE);
    }

    #[test]
    fn blurred_pictures_are_found_even_when_compressed_again() {
        // a tenth of the size and back
        let blur = |image: &Image| {
            resize(&resize(image, 9, 9, Filter::Bicubic).unwrap(), 96, 96, Filter::Bicubic).unwrap()
        };
        for (found, expected) in [
            found_among_cells("blurry", |image| picture(&blur(image))),
            found_among_cells("blurry", |image| jpeg(&blur(image), 90)),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn heavy_compression_is_found_in_the_file_and_in_the_pixels() {
        let (found, expected) = found_among_cells("over_compressed", |image| jpeg(image, 10));
        assert_eq!(found, expected);
        let stored_without_loss = |image: &Image| picture(&jpeg(image, 5).image);
        let (found, expected) = found_among_cells("over_compressed", stored_without_loss);
        assert_eq!(found, expected);
        assert_eq!(found_among_cells("over_compressed", |image| jpeg(image, 75)).0, NONE);
    }

    #[test]
    fn other_sizes_and_proportions_are_found() {
        let resized = |width, height| {
            move |image: &Image| picture(&resize(image, width, height, Filter::Bilinear).unwrap())
        };
        for (check, width, height) in [("odd_size", 400, 400), ("odd_size", 9, 9), ("odd_aspect", 96, 40)] {
            let (found, expected) = found_among_cells(check, resized(width, height));
            assert_eq!(found, expected, "{check}");
        }
        assert_eq!(found_among_cells("odd_size", resized(120, 120)).0, NONE);
    }

    #[test]
    fn tiny_and_extreme_pictures_can_be_measured() {
        let mut pictures = Vec::new();
        for (width, height) in [(1, 1), (2, 1), (1, 300), (17, 16), (300, 65)] {
            for rgb in [[0; 3], [255; 3], [0, 255, 0]] {
                pictures.push(picture(&Image::filled(width, height, rgb)));
            }
        }
        for check in CHECKS {
            found(check.name, &pictures);
        }
        // files that only begin like a JPEG
        for file in [
            &[0xff, 0xd8][..],
            &[0xff, 0xd8, 0xff, 0xdb, 0, 0, 1],
            &[0xff, 0xd8, 0xff, 0xdb, 0, 9, 0x10, 1, 2],
        ] {
            let measured =
                Measured::of(&Picture { file: Some(file.to_vec()), ..picture(&Image::filled(9, 9, [7; 3])) });
            assert_eq!(measured.quality.jpeg_setting, None);
        }
    }

    #[test]
    fn the_quality_setting_is_read_from_the_file() {
        for quality in [10, 35, 60, 90] {
            let found = Measured::of(&jpeg(&cells()[0], quality)).quality.jpeg_setting.unwrap();
            assert!((found - f64::from(quality)).abs() < 1.0, "{quality}: {found}");
        }
    }
}
