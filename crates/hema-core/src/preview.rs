//! What operators and recipes do to images, as rows of pictures for people to look at.
//!
//! Left out on purpose: drawing letters. The page ([`report::render_preview`](crate::report::render_preview)) has names
//! beside the rows; the sheet is for a quick look, with rows in the order that the caller lists.

use crate::augment::{AUGMENTATIONS, Augment};
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
pub struct Row {
    /// What was done to them.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// The pictures, of one size.
    pub pictures: Vec<Image>,
}

/// Rows under one heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// What stands above the pictures, column by column.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// Every augmentation and every corruption at five strengths; rows take turns through the images.
///
/// The random numbers of a row are the same at every strength, so that it shows one change that grows: of a few draws the
/// one that changes the image most, since many a draw does next to nothing.
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

fn row(operator: &dyn ImageOp, image: &Image, seed: u64, number: u64) -> Row {
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
    Row { name: operator.name().to_owned(), about: operator.about().to_owned(), pictures }
}

/// What an augmentation makes of the images in the first epochs: one row for each. The images come as they are: a training
/// run resizes them before it augments them.
pub fn training(augment: &Augment, images: &[Image], seed: u64) -> Section {
    let rows = images.iter().enumerate().map(|(index, image)| {
        let seen = (0..COLUMNS as u64 - 1).map(|epoch| {
            let mut image = image.clone();
            augment.apply(&mut image, &mut stream(seed, Purpose::Augment, epoch, index as u64));
            image
        });
        Row {
            name: format!("image {}", index + 1),
            about: String::new(),
            pictures: std::iter::once(image.clone()).chain(seen).collect(),
        }
    });
    let columns = (1..COLUMNS).map(|epoch| format!("epoch {epoch}"));
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
    let rows: Vec<&Row> = sections.iter().flat_map(|section| &section.rows).collect();
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
    use crate::augment::Step;

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
    fn training_is_shown_as_the_loader_changes_images() {
        let augment = Augment::new(vec![Step::named("rotate", 1.0, None).unwrap()]);
        let section = training(&augment, &cells(), 5);
        let mut expected = cells().remove(2);
        augment.apply(&mut expected, &mut stream(5, Purpose::Augment, 1, 2));
        assert_eq!(section.rows[2].pictures[2], expected);
    }

    #[test]
    fn nothing_cannot_be_shown() {
        assert!(sheet(&[], 10).is_err());
    }
}
