//! The kind that a group of copies is reported as, so that every image is in the findings of the check that
//! explains it best.
//!
//! A picture that is there far too often is foreign, whatever its labels; else a picture under two labels is
//! a conflict; else its copies are duplicates. Leaks are another question, whether copies lie in different
//! parts: duplicates and conflicts are asked it as well, foreign pictures, which are to be dropped as a
//! whole, are not.

use super::altered::Pair;
use super::found::Copies;
use super::frequencies::Frequencies;
use super::groups::Group;
use crate::audit::finding::Finding;
use crate::data::Source;
use crate::error::Result;

/// The groups of images that show the same picture.
#[derive(Default)]
pub struct Duplicates {
    groups: Vec<Duplicated>,
    /// Different pictures that show some of the same.
    pub(crate) overlaps: Vec<Pair>,
}

/// A group of copies, judged.
pub(crate) struct Duplicated {
    /// Which images.
    pub(crate) group: Group,
    /// The kind that they are reported as.
    pub(crate) kind: GroupKind,
    /// How often the pictures of its class are there as a rule, by how often this one is.
    pub(crate) rarity: f64,
}

/// The kind of a group of copies, by which it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    /// A picture that is there so often that it is no cell.
    Foreign,
    /// A picture under several labels.
    Conflict,
    /// Copies of a picture under one label, or without any.
    SameLabel,
}

impl Duplicates {
    /// Judges copies: a picture whose rarity is below `rare` is foreign.
    pub(crate) fn judge(source: &Source, Copies { groups, overlaps }: Copies, rare: f64) -> Self {
        let frequencies = Frequencies::count(source, &groups);
        let judge = |group: Group| {
            let rarity = frequencies.rarity(source, &group);
            let kind = if rarity < rare {
                GroupKind::Foreign
            } else if is_conflict(source, &group) {
                GroupKind::Conflict
            } else {
                GroupKind::SameLabel
            };
            Duplicated { group, kind, rarity }
        };
        Self { groups: groups.into_iter().map(judge).collect(), overlaps }
    }

    /// The sets of images that show the same picture, the one kept first.
    pub(crate) fn sets(&self) -> Vec<Vec<usize>> {
        self.groups.iter().map(|duplicated| duplicated.group.images().collect()).collect()
    }

    /// Findings about the groups of these kinds, as `describe` words them: those that score below the
    /// threshold, each with its group's number, the worst group first.
    pub(crate) fn report(
        &self,
        kinds: &[GroupKind],
        threshold: f64,
        describe: impl Fn(&Duplicated) -> Result<Vec<Finding>>,
    ) -> Result<Vec<Finding>> {
        let mut groups: Vec<Vec<Finding>> = Vec::new();
        for (number, duplicated) in self.groups.iter().enumerate().filter(|(_, d)| kinds.contains(&d.kind)) {
            let mut findings = describe(duplicated)?;
            findings.retain(|finding| finding.score < threshold);
            for finding in &mut findings {
                finding.cluster = Some(number);
            }
            findings.sort_by_key(|finding| finding.image);
            groups.push(findings);
        }
        let worst = |findings: &[Finding]| findings.iter().map(|f| f.score).fold(1.0, f64::min);
        groups.sort_by(|a, b| worst(a).total_cmp(&worst(b)));
        Ok(groups.concat())
    }
}

/// Whether some images of a group have different labels. An image without one contradicts nothing.
fn is_conflict(source: &Source, group: &Group) -> bool {
    let mut labels = group.images().filter_map(|image| source.entry(image).label);
    let first = labels.next();
    labels.any(|label| Some(label) != first)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::codecs::jpeg::JpegEncoder;
    use rand::RngExt as _;

    use crate::audit::copies::altered::tests::{cropped, mirrored, turned};
    use crate::audit::{Action, Audit, Finding, audit, judge, kept, measure_closely};
    use crate::data::{Source, open};
    use crate::preprocess::{Filter, resize};
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::split::redundant_copies;
    use crate::synthetic::render;

    /// A data set in a folder, an image at a time.
    struct Data(tempfile::TempDir);

    impl Data {
        /// A data set of six cells in each of the classes `a` and `b`.
        fn new() -> Self {
            let data = Self(tempfile::tempdir().unwrap());
            for i in 0..6 {
                data.add(&format!("a/{i}.png"), &cell(i));
                data.add(&format!("b/{i}.png"), &cell(100 + i));
            }
            data
        }

        fn add(&self, path: &str, image: &Image) {
            self.write(path, &image.to_png().unwrap());
        }

        fn write(&self, path: &str, bytes: &[u8]) {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
            std::fs::write(path, bytes).unwrap();
        }

        fn audit(&self) -> Found {
            let source = open(self.0.path()).unwrap();
            let audit = audit(&source, None, None, &[], &|_| {}).unwrap();
            Found { source, audit }
        }

        /// The audit that also looks for cropped and turned copies.
        fn audit_closely(&self) -> Found {
            let source = open(self.0.path()).unwrap();
            let measured = measure_closely(&source, &|_| ()).unwrap();
            let audit = judge(&source, None, measured, None, &[], &|_| ()).unwrap();
            Found { source, audit }
        }
    }

    struct Found {
        source: Source,
        audit: Audit,
    }

    impl Found {
        fn path(&self, image: usize) -> &str {
            self.source.entry(image).path
        }

        /// The images found by a check.
        fn by(&self, check: &str) -> Vec<(&str, &Finding)> {
            let of_check = self.audit.findings.iter().filter(|finding| finding.check == check);
            of_check.map(|finding| (self.path(finding.image.unwrap()), finding)).collect()
        }

        fn paths(&self, check: &str) -> Vec<&str> {
            self.by(check).into_iter().map(|(path, _)| path).collect()
        }

        fn dropped(&self) -> Vec<&str> {
            let kept = kept(&self.audit.findings, self.source.len());
            (0..self.source.len()).filter(|i| !kept[*i]).map(|i| self.path(i)).collect()
        }
    }

    fn cell(seed: u64) -> Image {
        render(seed as usize % 8, 64, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    /// A split file of all images: some are for the test, the others for training.
    fn split(found: &Found, is_test: impl Fn(&str) -> bool) -> String {
        let part = |path: &str| if is_test(path) { "test" } else { "train" };
        let paths = found.source.entries().iter().map(|entry| entry.path);
        paths.fold("path,split\n".to_owned(), |csv, path| csv + path + "," + part(path) + "\n")
    }

    #[test]
    fn clean_data_has_no_copies() {
        let found = Data::new().audit();
        let kinds =
            ["foreign_cluster", "label_conflict", "cross_split_leak", "exact_duplicate", "near_duplicate"];
        assert!(kinds.iter().all(|check| found.by(check).is_empty()), "{:?}", found.audit.findings);
    }

    #[test]
    fn one_of_several_copies_under_a_label_stays_and_the_others_say_what_they_are() {
        let data = Data::new();
        data.add("a/same_file.png", &cell(0));
        data.write("a/same_pixels.png", &[cell(0).to_png().unwrap(), vec![0; 9]].concat());
        data.add("a/mirrored.png", &mirrored(&cell(0)));
        let found = data.audit();
        assert_eq!(found.paths("exact_duplicate"), ["a/same_file.png", "a/same_pixels.png"]);
        assert_eq!(found.paths("near_duplicate"), ["a/mirrored.png"]);
        assert_eq!(found.dropped(), ["a/mirrored.png", "a/same_file.png", "a/same_pixels.png"]);
        let details: Vec<&str> = found
            .audit
            .findings
            .iter()
            .map(|finding| finding.detail.as_str())
            .filter(|d| !d.is_empty())
            .collect();
        for detail in [
            "the same file",
            "the same pixels in a file of other bytes",
            "flipped left to right (similarity 1.0000)",
        ] {
            assert!(details.contains(&detail), "{details:?}");
        }
        for (_, finding) in found.by("exact_duplicate").into_iter().chain(found.by("near_duplicate")) {
            assert_eq!(finding.partner.map(|partner| found.path(partner)), Some("a/0.png"));
            assert_eq!(finding.action, Action::Drop);
        }
    }

    #[test]
    fn of_copies_the_best_stays_whatever_they_are_called() {
        let large = |seed| render(seed as usize % 8, 192, &mut stream(seed, Purpose::Synthetic, 0, 0));
        // what a microscope sees has grain
        let grained = |seed| {
            let mut image: Image = large(seed);
            let mut rng = stream(seed, Purpose::Look, 0, 0);
            for value in image.pixels_mut() {
                *value = value.saturating_add(rng.random_range(0..17)).saturating_sub(8);
            }
            image
        };
        let resized = |image: &Image, side| resize(image, side, side, Filter::Bicubic).unwrap();
        let jpeg = |image: &Image, quality| {
            let mut file = Vec::new();
            let (width, height) = (image.width() as u32, image.height() as u32);
            JpegEncoder::new_with_quality(&mut file, quality)
                .encode(image.pixels(), width, height, image::ExtendedColorType::Rgb8)
                .unwrap();
            file
        };
        let data = Data(tempfile::tempdir().unwrap());
        for i in 0..12 {
            data.write(&format!("a/m{i:02}.jpg"), &jpeg(&grained(i), 90));
            data.write(&format!("b/m{i:02}.jpg"), &jpeg(&grained(100 + i), 90));
        }
        data.write("a/a_reduced.jpg", &jpeg(&resized(&grained(0), 96), 90));
        data.write("a/a_enlarged.jpg", &jpeg(&resized(&grained(1), 384), 95));
        data.write("a/a_compressed.jpg", &jpeg(&grained(2), 40));
        data.write("a/z_less_compressed.jpg", &jpeg(&grained(3), 97));
        data.write("a/a_same.jpg", &jpeg(&grained(4), 90));
        let mut dark = grained(5);
        dark.pixels_mut().iter_mut().for_each(|value| *value /= 4);
        data.add("a/a_dark.png", &dark);
        let found = data.audit();
        let expected = [
            "a/a_compressed.jpg",
            "a/a_dark.png",
            "a/a_enlarged.jpg",
            "a/a_reduced.jpg",
            "a/m03.jpg",
            "a/m04.jpg",
        ];
        assert_eq!(found.dropped(), expected);
        // a split that drops copies keeps the same
        let copies = crate::audit::copies(&found.source, &found.audit.measured).unwrap();
        let mut left_out = redundant_copies(found.source.entries(), &copies);
        left_out.sort_unstable();
        assert_eq!(left_out.into_iter().map(|i| found.path(i)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_copy_without_a_label_does_not_stay_in_place_of_one_with_it() {
        let data = Data(tempfile::tempdir().unwrap());
        for i in 0..8 {
            data.add(&format!("{i}.png"), &cell(i));
        }
        data.add("again.png", &cell(0));
        let rows = "path,label\n0.png,\n1.png,a\n2.png,a\n3.png,a\n4.png,a\n5.png,a\n6.png,a\n7.png,a\nagain.png,a\n";
        data.write("m.csv", rows.as_bytes());
        let source = open(&data.0.path().join("m.csv")).unwrap();
        let audit = audit(&source, None, None, &[], &|_| {}).unwrap();
        let found = Found { source, audit };
        assert_eq!(found.dropped(), ["0.png"]);
    }

    #[test]
    fn every_copy_of_a_picture_under_two_labels_is_dropped_as_a_conflict_alone() {
        let data = Data::new();
        data.add("a/again.png", &cell(0));
        data.add("b/zero.png", &mirrored(&cell(0)));
        let found = data.audit();
        let conflict = ["a/0.png", "a/again.png", "b/zero.png"];
        assert_eq!(found.paths("label_conflict"), conflict);
        assert_eq!(found.dropped(), conflict);
        assert_eq!(found.paths("exact_duplicate"), [""; 0]);
        let (_, finding) = found.by("label_conflict")[0];
        assert_eq!(found.path(finding.partner.unwrap()), "b/zero.png");
        assert_eq!(finding.detail, "is under a, but the same picture (similarity 1.0000) is under b");
    }

    #[test]
    fn a_picture_planted_in_every_class_is_foreign_and_nothing_else() {
        let data = Data::new();
        let planted = cell(77);
        for i in 0..9 {
            data.add(&format!("a/planted{i}.png"), &planted);
            data.add(&format!("b/planted{i}.png"), &mirrored(&planted));
        }
        data.write("split.csv", split(&data.audit(), |path| path.starts_with("a/p")).as_bytes());
        let found = data.audit();
        assert_eq!(found.by("foreign_cluster").len(), 18);
        assert_eq!(found.dropped().len(), 18);
        assert_eq!(found.audit.findings.iter().filter(|finding| finding.image.is_some()).count(), 18);
        let (_, finding) = found.by("foreign_cluster")[0];
        assert_eq!(finding.detail, "one of 18 copies of one picture: 9 of 15 a (60.0 %), 9 of 15 b (60.0 %)");
    }

    #[test]
    fn a_class_filled_up_with_copies_is_not_foreign() {
        let data = Data::new();
        for i in 0..6 {
            (0..12).for_each(|copy| data.add(&format!("b/{i}_{copy}.png"), &cell(100 + i)));
        }
        let found = data.audit();
        assert_eq!(found.paths("foreign_cluster"), [""; 0]);
        // of each picture the one that stays is to be looked at
        assert_eq!((found.by("exact_duplicate").len(), found.dropped().len()), (78, 72));
    }

    #[test]
    fn copies_in_different_parts_are_leaks_and_the_one_in_test_stays() {
        let data = Data::new();
        data.add("a/again.png", &cell(0));
        data.add("a/same_part.png", &cell(1));
        data.write("split.csv", split(&data.audit(), |path| path == "a/again.png").as_bytes());
        let found = data.audit();
        assert_eq!(found.paths("cross_split_leak"), ["a/0.png"]);
        assert_eq!(
            found.by("cross_split_leak")[0].1.detail,
            "in train, but a copy (similarity 1.0000) is in test"
        );
        assert_eq!(found.dropped(), ["a/0.png", "a/same_part.png"]);
    }

    fn large(seed: u64) -> Image {
        crate::audit::copies::altered::tests::cell(seed)
    }

    #[test]
    fn cropped_and_turned_copies_are_found_where_they_are_looked_for_and_stay_with_their_kind() {
        let data = Data::new();
        for i in 20..50 {
            data.add(&format!("a/{i}.png"), &large(i));
            data.add(&format!("b/{i}.png"), &large(100 + i));
        }
        data.add("a/cropped.png", &cropped(&large(20), 8, 2));
        data.add("a/again.png", &large(20));
        data.add("a/turned.png", &turned(&large(21), 23.0));
        data.add("a/mirrored.png", &mirrored(&large(21)));
        data.add("b/conflict.png", &turned(&large(22), -17.0));
        let quick = data.audit();
        assert_eq!(quick.paths("altered_duplicate"), [""; 0]);
        assert!(quick.audit.left_out.contains(&("altered_duplicate", "only with a model")));

        data.write("split.csv", split(&quick, |path| path == "a/cropped.png").as_bytes());
        let found = data.audit_closely();
        let details: Vec<_> =
            found.by("altered_duplicate").into_iter().map(|(path, f)| (path, &f.detail)).collect();
        let detail = |wanted: &str| {
            let found = details.iter().find(|(path, _)| *path == wanted);
            found.unwrap_or_else(|| panic!("{wanted}: {details:?}")).1
        };
        assert!(detail("a/turned.png").starts_with("turned by 23 degrees (similarity 0.9"), "{details:?}");
        // the copy in the test part stays, of which the others show more
        assert!(detail("a/20.png").starts_with("of which the other shows 9"), "{details:?}");
        assert_eq!(found.paths("near_duplicate"), ["a/mirrored.png"]);
        assert_eq!(found.paths("cross_split_leak"), ["a/20.png", "a/again.png"]);
        assert_eq!(found.paths("label_conflict"), ["a/22.png", "b/conflict.png"]);
        let together: Vec<usize> = found.audit.copies().into_iter().map(|set| set.len()).collect();
        assert_eq!(together, [3, 3, 2], "{:?}", found.audit.copies());
    }

    #[test]
    fn pictures_that_overlap_are_no_copies_but_told() {
        let data = Data::new();
        let field = |seed| render(seed, 200, &mut stream(seed as u64, Purpose::Synthetic, 0, 0));
        for i in 0..12 {
            data.add(&format!("a/{i}.png"), &large(i));
        }
        let cut = |left: usize| {
            let field = field(3);
            let pixels = (0..150 * 150).flat_map(|i| field.rgb(left + i % 150, 25 + i / 150));
            Image::new(150, 150, pixels.collect()).unwrap()
        };
        data.add("a/left.png", &cut(5));
        data.add("b/right.png", &cut(35));
        let found = data.audit_closely();
        assert_eq!(found.paths("overlap"), ["a/left.png", "b/right.png"]);
        let (_, finding) = found.by("overlap")[0];
        assert_eq!(finding.action, Action::Review);
        assert!(finding.detail.starts_with("shares 7"), "{}", finding.detail);
        assert!(finding.detail.ends_with("; it is under a and that under b"), "{}", finding.detail);
        assert_eq!(found.dropped(), [""; 0]);
    }
}
