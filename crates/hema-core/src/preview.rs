//! Previews of operators and recipes, as rows of pictures for people to look at.
//!
//! Left out on purpose: drawing letters. The page ([`report::render_preview`](crate::report::render_preview))
//! has names beside the rows; the sheet is for a quick look, with rows in the order that the caller lists.

use crate::augment::AUGMENTATIONS;
use crate::augment::mixing::{Area, MIXES, MixEntry};
use crate::corrupt::CORRUPTIONS;
use crate::error::{Error, Result};
use crate::image_op::ImageOp;
use crate::preprocess::{Filter, resize};
use crate::rng::{Purpose, stream};
use crate::sample::Image;

/// Strengths that an operator is shown at, after the image itself.
pub const STRENGTHS: [f32; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// Draws of random numbers of which the one that shows most is taken.
const DRAWS: u64 = 8;
/// Pictures in a row.
const COLUMNS: usize = 1 + STRENGTHS.len();
/// Pixels around a picture in a sheet.
const GAP: usize = 4;

/// Pictures that belong together, the first of them as it was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PictureRow {
    /// Name of the change.
    pub name: String,
    /// A line about the change.
    pub about: String,
    /// The pictures, of one size.
    pub pictures: Vec<Image>,
}

/// Rows under one heading.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Words above the pictures, column by column.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<PictureRow>,
}

/// Every augmentation and every corruption at five strengths; rows take turns through the images.
///
/// The random numbers of a row are the same at every strength, so that it shows one change that grows: of a
/// few draws the one that changes the image most, since many a draw does next to nothing.
pub fn operators(images: &[Image], seed: u64) -> Vec<Section> {
    let columns = || {
        let strengths = STRENGTHS.iter().map(|strength| format!("{strength:.1}"));
        std::iter::once("image".to_owned()).chain(strengths).collect()
    };
    let rows = |operators: &[&dyn ImageOp]| {
        let rows = operators.iter().zip(images.iter().cycle()).enumerate();
        rows.map(|(number, (operator, image))| row(*operator, image, seed, number as u64)).collect()
    };
    vec![
        Section { title: "Augmentations by strength", columns: columns(), rows: rows(AUGMENTATIONS) },
        Section { title: "Corruptions by strength", columns: columns(), rows: rows(CORRUPTIONS) },
    ]
}

fn row(operator: &dyn ImageOp, image: &Image, seed: u64, number: u64) -> PictureRow {
    let at = |strength: f32, draw: u64| {
        let mut image = image.clone();
        operator.apply(&mut image, strength, &mut stream(seed, Purpose::Look, draw, number));
        image
    };
    let change = |draw: &u64| {
        let changed = at(1.0, *draw);
        changed.pixels().iter().zip(image.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
    };
    let draw = (0..DRAWS).max_by_key(change).unwrap_or(0);
    let pictures =
        std::iter::once(image.clone()).chain(STRENGTHS.map(|strength| at(strength, draw))).collect();
    PictureRow { name: operator.name().to_owned(), about: operator.about().to_owned(), pictures }
}

/// Every way to mix, of pairs of images that stand apart: both as they are, and four draws.
///
/// # Errors
/// When an image cannot be resized to the size of the other.
pub fn mixes(images: &[Image], seed: u64) -> Result<Section> {
    let draws = COLUMNS as u64 - 2;
    let mut rows = Vec::new();
    for (number, (mix, image)) in MIXES.iter().zip(images.iter().cycle()).enumerate() {
        let other = &images[(number + images.len().div_ceil(3)) % images.len()];
        let other = resize(other, image.width(), image.height(), Filter::Bicubic)?;
        let entry =
            MixEntry::named(mix.name, 1.0, Some(1.0).filter(|_| mix.alpha.is_some()), Area::Exact, false)?;
        let mixed = (0..draws).map(|draw| {
            let mut image = image.clone();
            entry.apply(&mut image, &other, &mut stream(seed, Purpose::Blend, draw, number as u64));
            image
        });
        let pictures = [image.clone(), other.clone()].into_iter().chain(mixed).collect();
        rows.push(PictureRow { name: mix.name.to_owned(), about: mix.about.to_owned(), pictures });
    }
    let columns = ["image", "another"].map(String::from).into_iter();
    let columns = columns.chain((1..=draws).map(|draw| format!("draw {draw}"))).collect();
    Ok(Section { title: "Mixes, alpha 1", columns, rows })
}

/// The images as training shows them: one row for each, as it is and as it is shown in the first epochs.
pub fn training(images: &[Image], epochs: &[Vec<Image>]) -> Section {
    let rows = images.iter().enumerate().map(|(index, image)| PictureRow {
        name: format!("image {}", index + 1),
        about: String::new(),
        pictures: std::iter::once(image).chain(epochs.iter().map(|epoch| &epoch[index])).cloned().collect(),
    });
    let columns = (1..=epochs.len()).map(|epoch| format!("epoch {epoch}"));
    Section {
        title: "Augmented anew in every epoch",
        columns: std::iter::once("image".to_owned()).chain(columns).collect(),
        rows: rows.collect(),
    }
}

/// All rows below each other as one picture, whose pictures are `side` pixels a side.
///
/// # Errors
/// When there is no row, or a picture cannot be resized.
pub fn sheet(sections: &[Section], side: usize) -> Result<Image> {
    let rows: Vec<&PictureRow> = sections.iter().flat_map(|section| &section.rows).collect();
    if rows.is_empty() || side == 0 {
        return Err(Error::new("there is nothing to show"));
    }
    let step = side + GAP;
    let most = rows.iter().map(|row| row.pictures.len()).max().unwrap_or(0);
    let width = most * step + GAP;
    let mut sheet = Image::filled(width, rows.len() * step + GAP, [255; 3]);
    for (down, row) in rows.iter().enumerate() {
        for (across, picture) in row.pictures.iter().enumerate() {
            let picture = resize(picture, side, side, Filter::Bicubic)?;
            let (left, top) = (GAP + across * step, GAP + down * step);
            for (y, line) in picture.pixels().chunks_exact(side * 3).enumerate() {
                sheet.pixels_mut()[((top + y) * width + left) * 3..][..line.len()].copy_from_slice(line);
            }
        }
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<Image> {
        (0..3).map(|class| crate::synthetic::render(class, 24, &mut stream(1, Purpose::Look, 0, 0))).collect()
    }

    #[test]
    fn every_operator_has_a_row_that_begins_with_its_image() {
        let sections = operators(&cells(), 1);
        assert_eq!(sections[0].rows.len(), AUGMENTATIONS.len());
        assert_eq!(sections[1].rows.len(), CORRUPTIONS.len());
        for section in &sections {
            for (i, row) in section.rows.iter().enumerate() {
                assert_eq!(row.pictures.len(), section.columns.len(), "{}", row.name);
                assert_eq!(row.pictures[0], cells()[i % 3], "{}", row.name);
                assert_ne!(row.pictures[5], row.pictures[0], "{}", row.name);
            }
        }
        let sheet = sheet(&sections, 10).unwrap();
        let rows = AUGMENTATIONS.len() + CORRUPTIONS.len();
        assert_eq!((sheet.width(), sheet.height()), (6 * 14 + 4, rows * 14 + 4));
    }

    #[test]
    fn every_mix_has_a_row_of_two_images_and_what_becomes_of_them() {
        let section = mixes(&cells(), 1).unwrap();
        assert_eq!(section.rows.len(), MIXES.len());
        for row in &section.rows {
            assert_eq!(row.pictures.len(), section.columns.len(), "{}", row.name);
            assert_ne!(row.pictures[2], row.pictures[0], "{}", row.name);
        }
        assert_eq!(section.rows[1].pictures[..2], cells()[1..]);
    }

    #[test]
    fn a_row_of_training_is_an_image_through_the_epochs() {
        let turned: Vec<Image> = cells().into_iter().rev().collect();
        let section = training(&cells(), &[cells(), turned]);
        assert_eq!(section.columns, ["image", "epoch 1", "epoch 2"]);
        assert_eq!(section.rows[0].pictures, [&cells()[0], &cells()[0], &cells()[2]].map(Image::clone));
    }

    #[test]
    fn nothing_cannot_be_shown() {
        assert!(sheet(&[], 10).is_err());
    }
}
