//! A data set with augmented copies of its training images, for software that does not augment by itself.

use std::collections::HashSet;

use super::names::with_suffix;
use super::writer::{Record, Writer};
use crate::augment::Augment;
use crate::data::dataset::{OnBadImage, Skipped};
use crate::data::entries::Entry;
use crate::data::place::Picture;
use crate::data::source::Source;
use crate::error::{Error, Result};
use crate::rng::{Purpose, stream};
use crate::sample::Image;

/// Images decoded but not yet written, at most; each comes with its copies.
const IN_FLIGHT: usize = 32;

/// The copies that are made of every training image.
#[derive(Debug)]
pub struct Copies {
    /// How a copy is changed.
    pub augment: Augment,
    /// Copies of an image.
    pub count: u64,
    /// The image itself is written too.
    pub keep_originals: bool,
    /// Seed of every random choice.
    pub seed: u64,
}

/// Writes copies of the entries `training`, and the entries of `rest` as they are. The n-th copy of `a/b.jpg`
/// is named `a/b-augn.jpg`; label, part and group are those of its image. `each` is called with the number of
/// images written, and ends the writing by an error. Returns the images that were skipped.
///
/// # Errors
/// An unreadable image, unless those are skipped; whatever the writer or `each` finds.
pub fn augment(
    source: &Source,
    [training, rest]: [&[usize]; 2],
    copies: &Copies,
    on_bad_image: OnBadImage,
    writer: &mut dyn Writer,
    mut each: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Skipped>> {
    let trained: HashSet<usize> = training.iter().copied().collect();
    let work = |i: usize, picture: Result<Picture>| {
        picture.map(|picture| {
            let count = if trained.contains(&i) { copies.count } else { 0 };
            let copies: Vec<Image> = (0..count).map(|copy| copies.make(&picture.image, i, copy)).collect();
            (picture, copies)
        })
    };
    let weigh = |made: &Result<(Picture, Vec<Image>)>| {
        made.as_ref().map_or(0, |(picture, copies)| {
            picture.bytes() + copies.iter().map(|copy| copy.pixels().len()).sum::<usize>()
        })
    };
    let (mut skipped, mut written) = (Vec::new(), 0);
    let order = source.reading_order(Some(&[training, rest].concat()))?;
    source.visit_keeping(&order, IN_FLIGHT, weigh, work, |i, made| {
        let (picture, made) = match (made, on_bad_image) {
            (Ok(made), _) => made,
            (Err(e), OnBadImage::Skip) => {
                skipped.push(Skipped::new(source, i, e.message()));
                return Ok(());
            }
            (Err(e), OnBadImage::Fail) => return Err(e.at(source.location(i)).hint(super::copy::SKIP_HINT)),
        };
        let entry = source.entry(i);
        let mut push = |record: &Record| {
            writer.push(record)?;
            written += 1;
            each(written)
        };
        if copies.keep_originals || !trained.contains(&i) {
            let (Picture { image, file }, location) = (&picture, source.file(i));
            push(&Record { entry, image, file: file.as_deref(), location: location.as_deref() })?;
        }
        for (number, image) in made.iter().enumerate() {
            let path = with_suffix(entry.path, &format!("aug{}", number + 1));
            let entry = Entry { path: &path, ..entry };
            push(&Record { entry, image, file: None, location: None })?;
        }
        Ok(())
    })?;
    if written == 0 {
        return Err(Error::new("none of the images can be read").at(source.path()));
    }
    Ok(skipped)
}

impl Copies {
    fn make(&self, image: &Image, index: usize, copy: u64) -> Image {
        let mut image = image.clone();
        self.augment.apply(&mut image, &mut stream(self.seed, Purpose::Augment, copy, index as u64));
        image
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Options, create};
    use super::*;
    use crate::augment::Step;
    use crate::data::open;
    use crate::synthetic;

    fn written(folder: &std::path::Path, form: &str, copies: &Copies) -> Source {
        let source = open(&folder.join("cells.tar")).unwrap();
        let training: Vec<usize> = (0..source.len() - 1).collect();
        let out = folder.join(format!("{form}-{}", copies.keep_originals));
        let mut writer =
            create(&out, Form::find(form).unwrap(), source.classes(), &Options::default()).unwrap();
        let parts = [&training[..], &[source.len() - 1]];
        augment(&source, parts, copies, OnBadImage::Fail, writer.as_mut(), |_| Ok(())).unwrap();
        writer.finish().unwrap();
        open(&out).unwrap()
    }

    #[test]
    fn copies_stand_beside_their_images_under_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let cells = synthetic::images(&[2, 1, 0, 0, 0, 0, 0, 0], 24, 1);
        let classes = synthetic::CLASSES.map(str::to_owned);
        let tar = folder.path().join("cells.tar");
        let mut writer = create(&tar, Form::find("tar").unwrap(), &classes, &Options::default()).unwrap();
        for (path, image, label) in &cells {
            let entry = Entry { path, label: Some(*label), part: None, group: None };
            writer.push(&Record { entry, image, file: None, location: None }).unwrap();
        }
        writer.finish().unwrap();

        let step = || Step::named("rotate", 1.0, None).unwrap();
        let copies = |keep_originals| Copies {
            augment: Augment::new(vec![step()]),
            count: 2,
            keep_originals,
            seed: 3,
        };
        let names = |data: &Source| {
            let mut names: Vec<String> = data.entries().iter().map(|entry| entry.path.to_owned()).collect();
            names.sort();
            names
        };
        let alone = written(folder.path(), "folder", &copies(false));
        let expected = [
            "basophil/0000-aug1.png",
            "basophil/0000-aug2.png",
            "basophil/0001-aug1.png",
            "basophil/0001-aug2.png",
            "eosinophil/0000.png",
        ];
        assert_eq!(names(&alone), expected);
        assert_eq!(written(folder.path(), "folder", &copies(true)).len(), 7);

        let first = alone.entries().iter().position(|entry| entry.path == expected[0]).unwrap();
        let again = copies(false).make(&cells[0].1, 0, 0);
        assert_eq!(alone.image(first).unwrap(), again, "the same seed makes the same copy");
        assert_ne!(alone.image(first).unwrap(), copies(false).make(&cells[0].1, 0, 1));
        for form in ["npz", "webdataset", "parquet"] {
            assert_eq!(written(folder.path(), form, &copies(true)).len(), 7, "{form}");
        }
    }
}
