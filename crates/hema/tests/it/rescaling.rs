//! The field of view that a model is shown: given, or found on the images themselves.

use hema::preprocess::{Filter, resize};
use hema::rescale::{FEWEST_IMAGES, Rescale};
use hema::{Classifier, Image, builtin, data};

use crate::support::cells;

/// A region of so many pixels a side in the middle of a picture, mirrored where it is larger.
fn region(image: &Image, side: usize) -> Image {
    let (width, height) = (image.width() as i64, image.height() as i64);
    let seen = |i: usize, length: i64| {
        let i = i as i64 + (length - side as i64) / 2;
        let i = i.abs();
        (if i < length { i } else { 2 * (length - 1) - i }) as usize
    };
    let pixels = (0..side * side).flat_map(|i| image.rgb(seen(i % side, width), seen(i / side, height)));
    Image::new(side, side, pixels.collect()).unwrap()
}

/// Some of the program's own cells, of every class, which are 200 pixels a side.
fn own_cells(every: usize) -> Vec<Image> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("cells");
    builtin::write_cells(&place).unwrap();
    let source = data::open(&place).unwrap();
    (0..source.len()).step_by(every).map(|i| source.image(i).unwrap()).collect()
}

/// The factor that is found on images.
fn found(model: &Classifier, images: &[Image]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    for (i, image) in images.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i:03}.png")), image.to_png().unwrap()).unwrap();
    }
    let source = model.open_data(&[folder.path().to_path_buf()]).unwrap();
    let images = model.load(&source, None, &mut ()).unwrap();
    images.rescaling().unwrap().factor
}

#[test]
fn the_crop_of_another_laboratory_is_found_without_labels() {
    let model = Classifier::options().rescale(Rescale::Auto).open(builtin::NAME).unwrap();
    let cells = own_cells(2);
    assert_eq!(found(&model, &cells), 1.0, "cells of its own laboratory are left as they are");
    let looser: Vec<Image> = cells.iter().map(|cell| region(cell, 320)).collect();
    let factor = found(&model, &looser);
    assert!((0.6..=0.8).contains(&factor), "{factor} undoes 1.6");
    // what was cut away does not come back
    let tighter: Vec<Image> = cells.iter().map(|cell| region(cell, 120)).collect();
    let factor = found(&model, &tighter);
    assert!(factor >= 1.0, "{factor} would cut more");
}

#[test]
fn a_few_images_are_shown_as_they_came() {
    let cells: Vec<Image> = own_cells(2).iter().take(FEWEST_IMAGES - 1).map(|c| region(c, 320)).collect();
    let plain = Classifier::open(builtin::NAME).unwrap();
    let auto = Classifier::options().rescale(Rescale::Auto).open(builtin::NAME).unwrap();
    assert_eq!(auto.classify_images(&cells).unwrap(), plain.classify_images(&cells).unwrap());
    assert_eq!(found(&auto, &cells), 1.0);
}

#[test]
fn a_factor_acts_on_the_picture_before_it_is_resized_in_files_and_in_memory() {
    let options = Classifier::options();
    let plain = options.open(builtin::NAME).unwrap();
    let images: Vec<Image> = cells(1)
        .into_iter()
        .map(|(_, image, _)| resize(&image, 150, 150, Filter::Bicubic).unwrap())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for (i, image) in images.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i}.png")), image.to_png().unwrap()).unwrap();
    }
    for (factor, side) in [(0.6, 90), (1.2, 180)] {
        let model = options.clone().rescale(Rescale::Factor(factor)).open(builtin::NAME).unwrap();
        let by_hand: Vec<Image> = images.iter().map(|image| region(image, side)).collect();
        let expected = plain.classify_images(&by_hand).unwrap();
        assert_eq!(model.classify_images(&images).unwrap(), expected, "{factor}");
        let of_files = model.classify([folder.path()]).unwrap();
        assert!(
            of_files.iter().zip(&expected).all(|(a, b)| a.probabilities() == b.probabilities()),
            "{factor}"
        );
    }
}

#[test]
fn an_evaluation_records_the_factor_and_knows_its_images_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("cells");
    builtin::write_cells(&place).unwrap();
    let model = Classifier::options().rescale(Rescale::Factor(0.8)).open(builtin::NAME).unwrap();
    let judge = |model: &Classifier| hema::evaluate(model, &place).part("train").run(&mut ()).unwrap();
    let (rescaled, plain) = (judge(&model), judge(&Classifier::open(builtin::NAME).unwrap()));
    assert_eq!(rescaled.model.rescale.as_ref().map(|rescaling| rescaling.factor), Some(0.8));
    assert_eq!(plain.model.rescale, None);
    assert_ne!(rescaled.data.hash, plain.data.hash, "other pixels were judged");
    assert!(rescaled.data.known.unwrap().trained > 0);
    assert_eq!(rescaled.data.known, plain.data.known);
}
