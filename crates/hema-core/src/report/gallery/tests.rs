//! The whole page, checked as text.

use std::fs;
use std::path::Path;

use super::super::tests::{assert_closed, assert_well_formed};
use super::{Answer, Gallery, SURE, TO_LOOK_AT, render_gallery};
use crate::data::{Skipped, Source, open};
use crate::provenance::Provenance;
use crate::sample::Image;

/// A folder of so many pictures, the first of them under a hostile name.
fn cells(folder: &Path, images: usize) -> Source {
    let png = Image::filled(20, 16, [200, 150, 190]).to_png().unwrap();
    fs::write(folder.join("0000<img src=x onerror=alert(1)>.png"), &png).unwrap();
    for i in 1..images {
        fs::write(folder.join(format!("{i:04}.png")), &png).unwrap();
    }
    open(folder).unwrap()
}

/// Answers whose probabilities rise, in an order of their own.
fn answers(images: usize, sure: f64) -> Vec<Answer> {
    let answer = |image: usize| {
        let probability = 0.5 + 0.5 * image as f64 / images as f64;
        Answer {
            image,
            class: image % 2,
            probability,
            second: (1 - image % 2, 1.0 - probability),
            excluded: 0.0,
            looks_like: None,
            doubt: (probability < sure).then_some("low probability"),
        }
    };
    (0..images).rev().map(answer).collect()
}

fn page(source: &Source, answers: &[Answer], sure: Option<f64>) -> String {
    let sure = sure.map(|sure| format!("with a probability of at least {sure}"));
    let classes = ["basophil", "<b>ig</b>"].map(String::from);
    let unreadable = [Skipped { path: "broken.png".into(), reason: "is no <picture>".into(), index: 0 }];
    let page = render_gallery(&Gallery {
        title: "Predictions".into(),
        source,
        model: "runs/<a>".into(),
        classes: &classes,
        answers,
        unreadable: &unreadable,
        sure,
        warnings: vec!["nearly all are <named> alike, ask `hema <x>`".into()],
        weights: Vec::new(),
        rescaling: None,
        table: Some("out.csv".into()),
        provenance: Provenance::now("hema predict", "CPU"),
    })
    .unwrap();
    assert_well_formed(&page);
    assert_closed(&page);
    page
}

#[test]
fn the_unsure_come_first_and_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let source = cells(folder.path(), 10);
    let page = page(&source, &answers(10, 0.8), Some(0.8));
    assert!(!page.contains("<img src=x") && !page.contains("<b>ig</b>") && page.contains("&lt;b&gt;ig"));
    // the one that could not be read is among them, as on the console
    assert!(page.contains("To look at</span> <strong>7</strong> <small>of 11 (63.6\u{202f}%)"), "{page}");
    assert!(
        page.find("Nearly all are &lt;named&gt; alike, ask <code>hema &lt;x&gt;</code>.").unwrap()
            < page.find("To look at").unwrap()
    );
    let unsure = page.find("<section id=\"unsure\"").unwrap();
    let sure = page.find("<section id=\"sure\"").unwrap();
    assert!(unsure < sure);
    assert_eq!(page[unsure..sure].matches("<img ").count(), 6);
    assert_eq!(page[unsure..sure].matches("low probability").count(), 6);
    // the least sure of all is the first picture
    let first = page.split("<p class=\"path\">").nth(1).unwrap();
    assert!(first.starts_with("0000&lt;img"), "{first:.40}");
    assert!(page.contains("broken.png") && page.contains("is no &lt;picture&gt;"));
}

#[test]
fn images_that_look_like_an_excluded_class_have_a_place_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let source = cells(folder.path(), 5);
    let mut answers = answers(5, 0.0);
    (answers[0].looks_like, answers[0].excluded) = (Some("ig_&_more".into()), 0.999);
    let page = page(&source, &answers, None);
    let (_, section) = page.split_once("<section id=\"excluded\"").unwrap();
    let section = section.split_once("</section>").unwrap().0;
    assert_eq!(section.matches("<img ").count(), 1, "{section}");
    assert!(
        section.contains("looks like ig &amp; more") && section.contains("excluded classes 99.9"),
        "{section}"
    );
    assert!(!page.contains("<section id=\"unsure\"") && page.matches("<img ").count() == 5);
}

#[test]
fn without_a_threshold_all_images_stand_in_one_list() {
    let folder = tempfile::tempdir().unwrap();
    let source = cells(folder.path(), 5);
    let page = page(&source, &answers(5, 0.0), None);
    assert!(page.contains("<section id=\"images\"") && !page.contains("<section id=\"sure\""));
    assert_eq!(page.matches("<img ").count(), 5);
}

#[test]
fn a_page_is_bounded_and_says_how_many_images_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let images = 2 * (TO_LOOK_AT + 10);
    let source = cells(folder.path(), images);
    let page = page(&source, &answers(images, 0.75), Some(0.75));
    assert_eq!(page.matches("<img ").count(), TO_LOOK_AT + SURE);
    assert!(page.contains("10 more images not shown here; all are in <code>out.csv</code>"));
    assert!(page.contains(&format!("{} more images not shown here", TO_LOOK_AT + 10 - SURE)));
    assert!(page.len() < 2_000_000, "{}", page.len());
}
