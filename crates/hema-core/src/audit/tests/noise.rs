//! Sets in which there is nothing to find, and sets in which there is: how often the audit says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::*;
use crate::rng::{Purpose, Rng, stream};

/// A labelled source, of which nothing is decoded.
fn source(labels: &[usize]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.csv");
    let rows: Vec<String> =
        labels.iter().enumerate().map(|(i, label)| format!("{i:04}.png,class {label}")).collect();
    std::fs::write(&manifest, format!("path,label\n{}\n", rows.join("\n"))).unwrap();
    open(&manifest).unwrap()
}

/// The measurements of some images of a pool, perhaps changed.
fn drawn(
    pool: &Measurements,
    images: &[usize],
    change: impl Fn(usize, &mut crate::audit::measurements::measured::Measured),
) -> Measurements {
    let mut measurements = Measurements::new(images.len()).unwrap();
    for (i, image) in images.iter().enumerate() {
        let mut measured = pool.get(*image).unwrap();
        change(i, &mut measured);
        measurements.set(i, Ok((measured, pool.fingerprint(*image).unwrap(), None))).unwrap();
    }
    measurements
}

fn lots(images: usize, classes: usize, rng: &mut Rng) -> Vec<usize> {
    (0..images).map(|_| rng.random_range(0..classes)).collect()
}

/// Checks that count images, and are right about any small set.
const OF_COUNTS: [&str; 3] = ["class_imbalance", "rare_class", "missing_part"];

/// Names of the checks that find something in a set, but for those of counts.
fn finding_checks(source: &Source, measured: Measurements) -> Vec<&'static str> {
    let audit = judge(source, None, measured, None, &[], &|_| ()).unwrap();
    let mut names: Vec<&'static str> = audit.findings.iter().map(|finding| finding.check).collect();
    names.dedup();
    names.retain(|name| !OF_COUNTS.contains(name));
    names
}

/// Whether the hue of the background is called a shortcut in a set whose labels were drawn by lot, once the
/// images of the first class have less blue to their green, by so many standard deviations of all.
fn finds_planted(pool: &Measurements, images: &[usize], deviations: f64, rng: &mut Rng) -> bool {
    let labels = lots(images.len(), 2, rng);
    let ratio = |image: &usize| {
        let [_, green, blue] = pool.get(*image).unwrap().colour.background;
        (blue + 1.0) / (green + 1.0)
    };
    let mean = images.iter().map(ratio).sum::<f64>() / images.len() as f64;
    let variance = images.iter().map(|i| (ratio(i) - mean).powi(2)).sum::<f64>() / images.len() as f64;
    let measured = drawn(pool, images, |i, measured| {
        if labels[i] == 0 {
            let [_, green, blue] = &mut measured.colour.background;
            *blue -= deviations * variance.sqrt() * (*green + 1.0);
        }
    });
    finding_checks(&source(&labels), measured).contains(&"shortcut")
}

#[test]
fn labels_drawn_by_lot_have_no_shortcut_and_planted_ones_are_found() {
    let mut counts = [0; 8];
    counts[6] = 220;
    let cells = synthetic::images(&counts, 48, 5);
    let pictures: Vec<Picture> =
        cells.into_iter().map(|(_, image, _)| Picture { image, file: None }).collect();
    let pool = Measurements::of(pictures.iter().map(Some));
    let mut rng = stream(7, Purpose::Look, 0, 0);
    let mut all: Vec<usize> = (0..pictures.len()).collect();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for set in 0..60 {
        all.shuffle(&mut rng);
        let images = &all[..[20, 40, 80, 200][set % 4]];
        let labels = lots(images.len(), [2, 3, 8][set % 3], &mut rng);
        for check in finding_checks(&source(&labels), drawn(&pool, images, |_, _| ())) {
            *found.entry(check).or_default() += 1;
        }
    }
    assert!(found.values().sum::<usize>() <= 4, "{found:?}");

    let mut planted = 0;
    for _ in 0..10 {
        all.shuffle(&mut rng);
        planted += usize::from(finds_planted(&pool, &all[..60], 4.0, &mut rng));
    }
    assert!(planted >= 9, "{planted} of 10");
}

#[test]
fn one_level_of_blue_is_no_second_domain() {
    let cells: Vec<Image> =
        synthetic::images(&[8; 8], 64, 3).into_iter().map(|(_, image, _)| image).collect();
    let labels: Vec<&str> = (0..cells.len()).map(|i| synthetic::CLASSES[i / 8]).collect();
    // every background the same, but for one level in half of the images
    let drawn: Vec<Image> = cells
        .iter()
        .enumerate()
        .map(|(i, cell)| {
            let mut cell = cell.clone();
            for rgb in cell.pixels_mut().as_chunks_mut::<3>().0 {
                let is_light = rgb.iter().map(|level| u32::from(*level)).sum::<u32>() > 500;
                *rgb = if is_light { [220, 210, 200 + (i % 2) as u8] } else { [90, 60, 130] };
            }
            cell
        })
        .collect();
    for check in ["second_domain", "odd_colour"] {
        assert_eq!(run_check(check, &drawn, &labels, &vec![None; drawn.len()], None), [], "{check}");
    }
}

/// Cells of every class of the PBC set in which a whole audit of the class finds nothing.
fn faultless_cells(archive: &Path) -> (Measurements, Vec<Vec<usize>>) {
    let source_of_all = open(archive).unwrap();
    let pool = measure_all(&source_of_all, &|_| ()).unwrap();
    let mut classes = vec![Vec::new(); source_of_all.classes().len()];
    for (image, entry) in source_of_all.entries().iter().enumerate() {
        entry.label.into_iter().for_each(|label| classes[label].push(image));
    }
    for images in &mut classes {
        let labels = vec![0; images.len()];
        let measured = drawn(&pool, images, |_, _| ());
        let audit = judge(&source(&labels), None, measured, None, &[], &|_| ()).unwrap();
        let mut is_faultless = vec![true; images.len()];
        audit
            .findings
            .iter()
            .filter_map(|finding| finding.image)
            .for_each(|image| is_faultless[image] = false);
        let mut flags = is_faultless.into_iter();
        images.retain(|_| flags.next().unwrap());
    }
    (pool, classes)
}

/// The numbers of the experiment on findings in noise: how many of 400 faultless sets get a finding, by
/// check, and in how many of 100 sets a planted shortcut is found, by the number of images and its strength.
#[test]
#[ignore = "measures all images of HEMA_TEST_DATA/pbc200.tar"]
// the numbers are what it is run for
#[allow(clippy::print_stdout)]
fn experiment_on_findings_in_noise() {
    let Some(data) = std::env::var_os("HEMA_TEST_DATA").map(PathBuf::from) else { return };
    let (pool, classes) = faultless_cells(&data.join("pbc200.tar"));
    let mut rng = stream(34, Purpose::Look, 0, 0);
    let mut found: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    let mut sets_found = 0;
    for set in 0..400 {
        let mut images = classes[set % classes.len()].clone();
        images.shuffle(&mut rng);
        // 20 to 2,000, evenly on a logarithmic scale
        let size = (20.0 * 100.0_f64.powf(rng.random::<f64>())).round() as usize;
        images.truncate(size);
        let labels = lots(images.len(), [2, 3, 5, 8][set / 8 % 4], &mut rng);
        let checks = finding_checks(&source(&labels), drawn(&pool, &images, |_, _| ()));
        sets_found += usize::from(!checks.is_empty());
        for check in checks {
            found.entry(check).or_default().push((set % classes.len(), images.len()));
        }
    }
    println!("faultless cells: {:?}", classes.iter().map(Vec::len).collect::<Vec<_>>());
    println!("{sets_found} of 400 sets have a finding");
    for (check, sizes) in found {
        println!("{check}: {} sets, by class and images: {sizes:?}", sizes.len());
    }
    for size in [20, 50, 100, 200, 500, 2000] {
        let found = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0].map(|deviations| {
            let sets = 0..100;
            sets.filter(|set| {
                let mut images = classes[[1, 3, 6, 7][set % 4]].clone();
                images.shuffle(&mut rng);
                images.truncate(size);
                finds_planted(&pool, &images, deviations, &mut rng)
            })
            .count()
        });
        println!("{size} images: {found:?}");
    }
}
