//! Checks that need a set of images with labels, a split or a model's opinion.

use super::checks::domain;
use super::run::find_duplicates;
use super::*;
use crate::data::{Picture, Source, open};
use crate::preprocess::{Filter, resize};
use crate::sample::Image;
use crate::split::Part;
use crate::synthetic;

/// A labelled source, of which nothing is decoded, and the measurements of its pictures.
fn labelled(pictures: &[Image], labels: &[&str]) -> (Source, Measurements) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.csv");
    let rows: Vec<String> =
        labels.iter().enumerate().map(|(i, label)| format!("{i:04}.png,{label}")).collect();
    std::fs::write(&manifest, format!("path,label\n{}\n", rows.join("\n"))).unwrap();
    let pictures: Vec<Picture> =
        pictures.iter().map(|image| Picture { image: image.clone(), file: None }).collect();
    (open(&manifest).unwrap(), Measurements::of(pictures.iter().map(Some)))
}

/// The findings of a check in pictures with a label and perhaps a part each.
fn run_check(
    check: &str,
    pictures: &[Image],
    labels: &[&str],
    parts: &[Option<Part>],
    model: Option<&ModelEvidence>,
) -> Vec<Finding> {
    let (source, measured) = labelled(pictures, labels);
    let duplicates = find_duplicates(&source, parts, &measured, &[], &|_| ()).unwrap();
    let kept = vec![true; pictures.len()];
    let evidence =
        Evidence { source: &source, parts, measured: &measured, duplicates: &duplicates, model, kept };
    let check = find_check(check).unwrap();
    (check.run)(check, &evidence, check.threshold).unwrap()
}

fn images(findings: &[Finding]) -> Vec<usize> {
    let mut images: Vec<usize> = findings.iter().filter_map(|finding| finding.image).collect();
    images.sort_unstable();
    images
}

/// Eight cells of every class; every fourth seen through another laboratory's stain and lamp.
fn two_laboratories() -> (Vec<Image>, Vec<usize>) {
    let mut cells: Vec<Image> =
        synthetic::images(&[8; 8], 64, 3).into_iter().map(|(_, image, _)| image).collect();
    let foreign: Vec<usize> = (0..cells.len()).step_by(4).collect();
    for cell in &foreign {
        for rgb in cells[*cell].pixels_mut().as_chunks_mut::<3>().0 {
            rgb[0] = (f32::from(rgb[0]) * 0.6) as u8;
        }
    }
    (cells, foreign)
}

#[test]
fn another_laboratory_is_found_as_a_domain() {
    let (cells, foreign) = two_laboratories();
    let labels: Vec<&str> = (0..cells.len()).map(|i| synthetic::CLASSES[i / 8]).collect();
    let parts = vec![None; cells.len()];
    let odd = run_check("odd_colour", &cells, &labels, &parts, None);
    assert_eq!(images(&odd), foreign);
    assert!(odd.iter().all(|finding| finding.cluster == Some(0)));
    let domains = run_check("second_domain", &cells, &labels, &parts, None);
    assert_eq!(domains.len(), 1);
    assert_eq!(domains[0].image, None);
    assert!(
        domains[0].detail.starts_with("16 images (25.0 %) are a domain of their own"),
        "{}",
        domains[0].detail
    );
    // every class has its share of them
    assert_eq!(run_check("shortcut", &cells, &labels, &parts, None), []);

    let one: Vec<Image> = (0..64).filter(|i| i % 4 != 0).map(|i| cells[i].clone()).collect();
    let labels = vec!["a"; one.len()];
    assert_eq!(run_check("odd_colour", &one, &labels, &parts[..48], None), []);
    assert_eq!(run_check("second_domain", &one, &labels, &parts[..48], None), []);
}

#[test]
fn a_domain_that_is_found_in_a_sample_holds_all_of_its_images() {
    let (cells, foreign) = two_laboratories();
    let (source, measured) = labelled(&cells, &vec!["a"; cells.len()]);
    let (parts, duplicates) = (vec![None; cells.len()], Duplicates::default());
    let kept = vec![true; cells.len()];
    let evidence = Evidence {
        source: &source,
        parts: &parts,
        measured: &measured,
        duplicates: &duplicates,
        model: None,
        kept,
    };
    let all = domain::sample(&evidence, cells.len()).unwrap();
    assert_eq!((all.len(), &all), (cells.len(), &domain::sample(&evidence, 2 * cells.len()).unwrap()));
    let sample = domain::sample(&evidence, 56).unwrap();
    let mut rest = all.iter();
    assert!(sample.len() == 56 && sample.iter().all(|point| rest.any(|other| other == point)), "in order");
    let domains = domain::domains(&evidence, 0.7, 56).unwrap();
    assert_eq!(domains.iter().map(|domain| domain.images).collect::<Vec<_>>(), [foreign.len()]);
}

#[test]
fn a_picture_planted_many_times_is_no_second_domain() {
    let (cells, foreign) = two_laboratories();
    let mut images: Vec<Image> =
        (0..cells.len()).filter(|i| !foreign.contains(i)).map(|i| cells[i].clone()).collect();
    images.extend(vec![cells[foreign[0]].clone(); 16]);
    let labels: Vec<&str> = (0..images.len()).map(|i| if i % 2 == 0 { "a" } else { "b" }).collect();
    let found = |thresholds: &[Threshold]| {
        let (source, measured) = labelled(&images, &labels);
        let audit = judge(&source, None, measured, None, thresholds, &|_| ()).unwrap();
        let names = ["foreign_cluster", "odd_colour", "second_domain"];
        names.map(|name| audit.findings.iter().filter(|finding| finding.check == name).count())
    };
    assert_eq!(found(&[]), [16, 0, 0]);
    // where nothing drops them, they are one
    let off = ["foreign_cluster", "label_conflict", "exact_duplicate"];
    let off = off.map(|check| Threshold { check: check.to_owned(), value: 0.0 });
    assert_eq!(found(&off), [0, 16, 1]);
}

#[test]
fn a_background_or_a_size_that_tells_the_class_is_a_shortcut() {
    let (cells, foreign) = two_laboratories();
    let parts = vec![None; cells.len()];
    let labels: Vec<&str> = (0..cells.len()).map(|i| if foreign.contains(&i) { "a" } else { "b" }).collect();
    let shortcuts = run_check("shortcut", &cells, &labels, &parts, None);
    let red = shortcuts.iter().find(|finding| finding.detail.starts_with("the red of the background"));
    assert!(red.is_some_and(|finding| finding.score < 0.3), "{shortcuts:?}");

    let sized: Vec<Image> = (0..64)
        .map(|i| resize(&cells[1], 64 + i / 32 * 10, 64 + i / 32 * 10, Filter::Bilinear).unwrap())
        .collect();
    let labels: Vec<&str> = (0..64).map(|i| if i < 32 { "small" } else { "large" }).collect();
    let shortcuts = run_check("shortcut", &sized, &labels, &parts, None);
    assert!(shortcuts.iter().any(|finding| finding.detail.contains("size of the image")), "{shortcuts:?}");
}

#[test]
fn small_and_missing_classes_are_named() {
    let cells = vec![Image::filled(8, 8, [9; 3]); 220];
    let labels: Vec<&str> = (0..220).map(|i| if i < 10 { "rare" } else { "common" }).collect();
    let parts: Vec<Option<Part>> =
        (0..220).map(|i| Some(if i < 10 || i % 2 == 0 { Part::Train } else { Part::Val })).collect();
    let found = |check| run_check(check, &cells, &labels, &parts, None);
    let imbalance = found("class_imbalance");
    assert_eq!(imbalance.len(), 1);
    assert!(
        imbalance[0].detail.contains("`rare` has 10 images, the largest class 21.0 times as many"),
        "{imbalance:?}"
    );
    assert_eq!(found("rare_class").len(), 1);
    let missing = found("missing_part");
    let details: Vec<&str> = missing.iter().map(|finding| finding.detail.as_str()).collect();
    assert_eq!(details, ["`rare` has no val image", "no class has a test image"]);
}

/// Two classes of 40 in two directions; the image 7 lies between them.
fn opinion() -> (Vec<&'static str>, ModelEvidence) {
    let labels: Vec<&str> = (0..80).map(|i| if i % 2 == 0 { "a" } else { "b" }).collect();
    let embedding = |i: usize| {
        let jitter = (i as f32 * 1.7).sin() * 0.2;
        let own = [[1.0, 0.0, jitter], [0.0, 1.0, jitter]][i % 2];
        if i == 7 { vec![-1.0, -1.0, 4.0] } else { own.to_vec() }
    };
    let probabilities = |i: usize| {
        let own = 0.9 + 0.05 * (i as f32 * 0.7).sin();
        // labels 11 and 30 are contradicted, 31 is merely doubtful
        let own =
            [(11, 0.02), (30, 0.1), (31, 0.55)].iter().find(|(odd, _)| *odd == i).map_or(own, |odd| odd.1);
        Some(if i.is_multiple_of(2) { vec![own, 1.0 - own] } else { vec![1.0 - own, own] })
    };
    let model = ModelEvidence {
        probabilities: (0..80).map(probabilities).collect(),
        embeddings: (0..80).map(|i| Some(embedding(i))).collect(),
        out_of_fold: true,
        trained_on: 0,
    };
    (labels, model)
}

#[test]
fn an_image_far_from_its_class_is_an_outlier() {
    let (labels, mut model) = opinion();
    let cells = vec![Image::filled(8, 8, [9; 3]); 80];
    let found =
        |model: Option<&ModelEvidence>| run_check("embedding_outlier", &cells, &labels, &[None; 80], model);
    assert_eq!(images(&found(Some(&model))), [7]);
    assert_eq!(found(None), []);
    // what was not embedded is not judged, and numbers that are none do no harm
    model.embeddings[7] = None;
    model.embeddings[8] = Some(vec![f32::NAN; 3]);
    assert_eq!(found(Some(&model)), []);
}

#[test]
fn a_class_too_small_to_tell_outliers_is_said_and_not_judged() {
    // one class of 40 images, and one of 6 whose last is far from the others
    let labels: Vec<&str> = (0..46).map(|i| if i < 40 { "a" } else { "b" }).collect();
    let embedding = |i: usize| {
        let small = 0.1 * (i as f32 * 0.9).sin();
        if i == 45 { vec![-1.0, -1.0, 4.0] } else { vec![1.0 + small, -small, small * small] }
    };
    let model = ModelEvidence {
        probabilities: vec![None; 46],
        embeddings: (0..46).map(|i| Some(embedding(i))).collect(),
        out_of_fold: true,
        trained_on: 0,
    };
    let cells = vec![Image::filled(8, 8, [9; 3]); 46];
    let found = run_check("embedding_outlier", &cells, &labels, &[None; 46], Some(&model));
    let of_set: Vec<&Finding> = found.iter().filter(|finding| finding.image.is_none()).collect();
    assert_eq!(of_set.len(), 1);
    assert_eq!(of_set[0].detail, "not judged, with fewer than 15 images: b (6)");
    assert_eq!(of_set[0].action, Action::Keep);
    assert!(found.iter().all(|finding| finding.image.is_none_or(|image| image < 40)), "{found:?}");
}

#[test]
fn labels_that_a_model_contradicts_are_found_worst_first() {
    let (labels, mut model) = opinion();
    let cells = vec![Image::filled(8, 8, [9; 3]); 80];
    let found = |model: Option<&ModelEvidence>| run_check("label_error", &cells, &labels, &[None; 80], model);
    let findings = found(Some(&model));
    assert_eq!(findings.iter().filter_map(|f| f.image).collect::<Vec<_>>(), [11, 30]);
    assert_eq!(findings[0].detail, "labelled `b` (2.0 %), but the model sees `a` (98.0 %)");
    assert_eq!(found(None), []);
    model.trained_on = 1;
    assert!(found(Some(&model))[0].detail.ends_with(", though its features were learnt from such labels"));
    model.out_of_fold = false;
    assert!(found(Some(&model))[0].detail.ends_with("though it may have been trained on it"));
    model.probabilities[11] = None;
    assert_eq!(images(&found(Some(&model))), [30]);
}

mod noise;
