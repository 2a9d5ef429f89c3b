//! The sections on how far the model can be believed: images kept by a threshold, classes left out, weights
//! of classes, the crop that was found, files that could not be read.

use super::{assert_closed, assert_well_formed, blood, fixture, render};
use crate::data::Skipped;
use crate::metrics::{Excluded, Predictions, Selective, kept_by_threshold};
use crate::prevalence::ClassWeight;
use crate::record::Adaptation;
use crate::rescale::{FACTORS, Rescaling};

#[test]
fn the_share_that_is_kept_stands_beside_its_accuracy_with_the_interval() {
    let mut run = blood();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let probabilities = [0.995, 0.005, 0.1, 0.9, 0.4, 0.6, 0.75, 0.25].to_vec();
    let predictions = Predictions { classes, labels: vec![0, 1, 0, 1], probabilities };
    run.evaluation.kept = kept_by_threshold(&predictions);
    run.evaluation.conditions[0].selective = Some(Selective::new(&predictions));
    let page = render(&[run]);
    assert_well_formed(&page);
    assert_closed(&page);
    let (_, section) = page.split_once("<section id=\"kept\"").unwrap();
    let section = &section[..section.find("</section>").unwrap()];
    assert!(
        section.contains(
            "<th scope=\"row\">90\u{202f}%</th><td class=\"n\">50.0\u{202f}%<small>2</small></td>\
             <td class=\"n\">100.0\u{202f}%<small>34.2–100.0\u{202f}%</small></td><td class=\"n\">0</td>"
        ),
        "{section}"
    );
    assert_eq!(section.matches("<circle").count(), 7, "a point for every threshold");
    // the two errors have the lowest probabilities
    let (_, row) = section.split_once("<th scope=\"row\">unchanged</th>").unwrap();
    assert!(row.contains("<td class=\"n\">50.0\u{202f}%</td>"), "{row}");
    assert!(page.contains("<dt>AUGRC</dt>") && page.contains("<dt>Risk</dt>"));
    assert!(!render(&[blood()]).contains("<section id=\"kept\""), "an older record has none");
}

#[test]
fn what_is_assumed_of_the_images_is_said_with_what_it_changes() {
    let mut run = blood();
    run.evaluation.excluded = Some(Excluded::count([(0.9, Some("<ig>")), (0.0, None)]));
    let before = fixture::scores(&fixture::BLOOD, 0.9);
    let weight = |(i, (name, _)): (usize, &(&str, u64))| ClassWeight {
        name: (*name).into(),
        training: 0.125,
        weight: i as f64 / 28.0,
        interval: [0.0, 0.3],
    };
    let classes = fixture::BLOOD.iter().enumerate().map(weight).collect();
    run.evaluation.adaptation = Some(Adaptation { classes, before });
    let page = render(&[run]);
    assert_well_formed(&page);
    assert!(
        page.contains("1 of 2 images look most like an excluded class (&lt;ig&gt; 1) and got another name")
    );
    assert!(page.contains("Are these classes really absent?"));
    let (_, section) = page.split_once("<section id=\"weights\"").unwrap();
    let section = &section[..section.find("</section>").unwrap()];
    assert!(section.contains("no differential") && section.contains("0.0–30.0\u{202f}%"), "{section}");
    assert_eq!(section.matches("<th scope=\"row\">").count(), 8 + 3);
}

#[test]
fn the_crop_that_was_found_stands_on_the_page_with_its_curve() {
    let mut run = blood();
    assert!(!render(&[run.clone()]).contains("<section id=\"crop\""));
    let at = |factor: &f64| vec![(factor / 0.8).ln().abs(); 40];
    let entropies: Vec<Vec<f64>> = FACTORS.iter().map(at).collect();
    run.evaluation.model.rescale = Some(Rescaling::found(&entropies, 1_200));
    let page = render(&[run.clone()]);
    assert_well_formed(&page);
    let (_, section) = page.split_once("<section id=\"crop\"").unwrap();
    let section = &section[..section.find("</section>").unwrap()];
    assert!(section.contains("Rescale 0.8: the model is shown the middle 80 %"), "{section}");
    assert!(section.contains("0.8 (taken)</th>") && section.contains("−0.223"), "{section}");
    assert_eq!(section.matches("<th scope=\"row\">").count(), FACTORS.len());
    run.evaluation.model.rescale = Some(Rescaling::by(1.2));
    let page = render(&[run]);
    assert!(
        page.contains(
            "Rescale 1.2: the model is shown pictures mirrored outwards to 120 % of each side.</p>"
        )
    );
}

#[test]
fn files_that_could_not_be_read_are_listed_and_bounded() {
    let mut run = blood();
    run.evaluation.unreadable = (0..205)
        .map(|i| Skipped { path: format!("cells/<{i}>.png").into(), reason: "is & empty".into(), index: i })
        .collect();
    let page = render(&[run]);
    assert_well_formed(&page);
    assert!(page.contains("cells/<wbr>&lt;7&gt;.png</th><td>is &amp; empty</td>"), "{page}");
    assert_eq!(page.matches("is &amp; empty").count(), 200);
    assert!(page.contains("and 5 more in <code>evaluation.json</code>"));
}
