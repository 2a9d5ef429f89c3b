//! The whole page, checked as text: well-formed, closed to the outside, complete, and of a bounded size.

use std::fs;
use std::path::Path;

use super::super::tests::{assert_closed, assert_well_formed};
use super::{AuditReport, render_audit};
use crate::audit::{Action, Audit, AuditRecord, Duplicates, Finding, Measurements};
use crate::data::{Source, open};
use crate::provenance::Provenance;
use crate::sample::Image;
use crate::synthetic;

/// Drawn cells as an image folder, and one file that is none.
fn cells(folder: &Path, per_class: &[usize; 8]) -> Source {
    for (path, image, _) in synthetic::images(per_class, 24, 1) {
        write(folder, &path, &image.to_png().unwrap());
    }
    write(folder, "basophil/zz.png", b"no picture");
    open(folder).unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn finding(image: usize, action: Action) -> Finding {
    Finding {
        check: "unreadable",
        image: Some(image),
        score: 0.125,
        cluster: None,
        partner: None,
        detail: format!("fault of {image}"),
        action,
    }
}

fn page(source: &Source, findings: &[Finding]) -> String {
    let audit = Audit {
        findings: findings.to_vec(),
        measured: Measurements::new(0).unwrap(),
        parts: source.entries().iter().map(|entry| entry.part).collect(),
        left_out: vec![("cross_split_leak", "no split")],
        duplicates: Duplicates::default(),
    };
    let record = AuditRecord::new(source, &audit, Provenance::now("hema audit", "CPU"));
    let findings_file = "findings.csv".to_owned();
    let clean_command = "hema audit 'a & b' --apply findings.csv --write b-clean.tar".to_owned();
    let report = AuditReport {
        title: "Audit".into(),
        source,
        audit: &audit,
        record: &record,
        findings_file,
        clean_command,
    };
    let page = render_audit(&report).unwrap();
    assert_well_formed(&page);
    assert_closed(&page);
    page
}

fn pictures(html: &str) -> usize {
    html.matches("<img ").count()
}

/// The section of a check or another part of the page.
fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.find(&format!("<section id=\"{name}\"")).unwrap_or_else(|| panic!("no {name}"));
    &page[start..start + page[start..].find("</section>").unwrap()]
}

#[test]
fn a_clean_set_says_so_and_shows_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&cells(folder.path(), &[3, 2, 0, 0, 0, 0, 0, 20]), &[]);
    assert!(page.contains("None of the 26 images should go."), "{page}");
    assert!(page.contains("<li>Nothing found: unreadable"));
    assert!(page.contains("<li>Not looked for: cross split leak (no split).</li>"));
    assert!(!page.contains("<section id=\"unreadable\""));
    let samples = section(&page, "samples");
    assert_eq!(pictures(samples), 3 + 2 + 12);
    assert_eq!(samples.matches("cannot be read").count(), 1);
    assert!(samples.contains("<h3>platelet <small>20 images</small></h3>"), "{samples}");
}

#[test]
fn findings_are_counted_shown_and_taken_from_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let source = cells(folder.path(), &[3, 2, 0, 0, 0, 0, 0, 2]);
    // entries: basophil 0 to 2 and the broken 3, eosinophil 4 and 5, platelet 6 and 7
    let whole = Finding { image: None, ..finding(0, Action::Review) };
    let findings = [
        finding(3, Action::Drop),
        finding(4, Action::Review),
        Finding { partner: Some(6), ..finding(7, Action::Drop) },
        Finding { cluster: Some(1), detail: "twins".into(), ..finding(1, Action::Drop) },
        Finding { cluster: Some(1), detail: "twins".into(), ..finding(2, Action::Keep) },
        whole,
    ];
    let page = page(&source, &findings);
    assert!(
        page.contains("<strong>3 of 8 images should go</strong>: 3 by <a href=\"#unreadable\">"),
        "{page}"
    );
    assert!(page.contains("<strong>1 image should be looked at</strong>"));

    let check = section(&page, "unreadable");
    assert!(check.contains("<strong>5 images</strong>"), "{check}");
    assert_eq!(pictures(check), 5);
    assert_eq!(check.matches("cannot be read").count(), 1);
    assert!(check.contains("<h3>2 images <small>2 basophil</small></h3>"));
    assert_eq!(check.matches("twins").count(), 1, "what all have in common is said once");
    let partner = check.find("platelet/0000.png: platelet").unwrap();
    assert!(partner < check.find("platelet/0001.png: platelet").unwrap(), "the partner comes first");
    assert!(check.contains("<span class=\"tag\">stays</span>"));
    assert!(check.contains("Fault of 0"), "what is wrong with the whole set");

    let classes = section(&page, "classes");
    let row = "basophil</th><td class=\"n\">4<small>50.0\u{202f}%</small></td><td class=\"n some\">2</td>\
               <td class=\"n\">2</td>";
    assert!(classes.contains(row), "{classes}");
}

#[test]
fn however_much_is_found_the_page_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let source = cells(folder.path(), &[0, 60, 60, 60, 0, 0, 0, 0]);
    let alone: Vec<Finding> = (0..source.len()).map(|image| finding(image, Action::Review)).collect();
    let check = page(&source, &alone);
    let check = section(&check, "unreadable");
    assert_eq!(pictures(check) + check.matches("cannot be read").count(), 56);
    assert!(check.contains("and 125 more in <code>findings.csv</code>"), "{check}");

    let together: Vec<Finding> =
        (1..source.len()).map(|image| Finding { cluster: Some(0), ..finding(image, Action::Drop) }).collect();
    let check = page(&source, &together);
    let check = section(&check, "unreadable");
    assert_eq!(pictures(check), 8);
    let heading = "<h3>180 images <small>60 eosinophil, 60 erythroblast, 60 ig, 8 of them shown</small></h3>";
    assert!(check.contains(heading), "{check}");
    for class in ["eosinophil", "erythroblast", "ig"] {
        assert!(check.contains(&format!("{class}/0000.png: {class}")), "{class} is shown");
    }
}

#[test]
fn unlabelled_images_and_a_single_class_have_a_page() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "1.png", &Image::filled(3, 200, [9, 99, 199]).to_png().unwrap());
    let unlabelled = page(&open(folder.path()).unwrap(), &[finding(0, Action::Drop)]);
    assert!(section(&unlabelled, "classes").contains("<th scope=\"row\">no label</th>"));
    assert!(section(&unlabelled, "samples").contains("No image stays."));

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train/only/1.png", &Image::filled(3, 3, [9, 99, 199]).to_png().unwrap());
    write(folder.path(), "val/only/2.png", &Image::filled(3, 3, [9, 99, 199]).to_png().unwrap());
    let split = page(&open(folder.path()).unwrap(), &[finding(1, Action::Drop)]);
    assert!(section(&split, "classes").contains("<td class=\"n\">0<small>of 1</small></td>"));
    assert!(section(&split, "unreadable").contains("<b>only</b> · val"));
}

#[cfg(unix)]
#[test]
fn hostile_names_stay_text_wherever_they_stand() {
    const HOSTILE: &str = "\"'><script src=x>alert(1)<img src=x onerror=alert(2)>&\n\u{1b}";
    let folder = tempfile::tempdir().unwrap();
    for i in 0..2 {
        write(
            folder.path(),
            &format!("{HOSTILE}/{i}{HOSTILE}.png"),
            &Image::filled(3, 3, [9; 3]).to_png().unwrap(),
        );
    }
    let source = open(folder.path()).unwrap();
    let detail = HOSTILE.to_owned();
    let findings = [Finding { partner: Some(0), detail, ..finding(1, Action::Review) }];
    let page = page(&source, &findings);
    assert!(!page.contains("<script") && !page.contains("<img src=x") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script src=x&gt;alert(1)"));
}
