//! Pictures from another laboratory: of another background or stain than the rest, alone or as a group.
//!
//! Colours are compared in four numbers that exposure does not change: the background's two ratios of channels and two
//! components of the stain's direction. What is too dark or too bright has checks of its own.

use super::check::{Check, Evidence, Finding, Need};
use super::fault::{HALF_WAY, below};
use super::measure::Measured;
use super::robust::Limits;
use super::scatter::Scatter;
use super::shortcut::{Association, describe};
use super::two_means::{Halves, bisect};

pub(super) const ODD_COLOUR: Check = Check {
    name: "odd_colour",
    about: "images whose background or stain has another hue than the others'",
    advice: "Look at them: another laboratory, stain or white balance, or no smear at all.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: find_odd,
};

pub(super) const SECOND_DOMAIN: Check = Check {
    name: "second_domain",
    about: "a group of images apart from the rest in hue: a second laboratory, stain or camera",
    advice: "Keep track of where they come from, judge a model on each domain, and see that no class has one to itself.",
    needs: Need::Images,
    threshold: 0.3,
    run: find_domains,
};

/// Coordinates of a colour.
const AXES: usize = 4;
/// What differs by less on an axis looks the same.
const LEAST: [f64; AXES] = [0.01, 0.01, 0.02, 0.02];
/// In robust standard deviations.
const ODD: Limits = Limits { surely: 20.0, fine: 6.0 };
/// An image with less contrast has no stain to speak of.
const STAINED: f64 = 0.1;
/// Fewer images, or a smaller share of a set, are outliers and no domain.
const FEWEST: usize = 10;
const SMALLEST_SHARE: f64 = 0.005;
/// More parts than this are no domains but a continuum.
const MOST: usize = 8;

/// Light that is clipped has lost its hue; so large a share of it is too much.
const CLIPPED: f64 = 0.2;

/// Where a picture lies in the space of colours; `None` where nothing is stained or the background is clipped.
fn point(measured: &Measured) -> Option<[f64; AXES]> {
    let [r, g, b] = measured.colour.background.map(|level| level + 1.0);
    let [red, _, blue] = measured.colour.stain;
    let has_hues = measured.quality.contrast() > STAINED && measured.quality.clipped < CLIPPED;
    has_hues.then(|| [(r / g).ln(), (b / g).ln(), red, blue])
}

/// The images that have a point, and their points.
fn points(evidence: &Evidence) -> (Vec<usize>, Vec<[f64; AXES]>) {
    let of = |measured: &Result<Measured, String>| point(measured.as_ref().ok()?);
    let found =
        evidence.measured.iter().enumerate().filter_map(|(image, measured)| Some((image, of(measured)?)));
    found.unzip()
}

fn find_odd(check: &Check, evidence: &Evidence, threshold: f64) -> Vec<Finding> {
    let (images, points) = points(evidence);
    let Some(scatter) = Scatter::robust(&points, &LEAST) else { return Vec::new() };
    let mut distances = vec![None; evidence.measured.len()];
    for (image, point) in images.iter().zip(&points) {
        distances[*image] = Some(scatter.distance(point));
    }
    let domains = domains(evidence, 1.0 - SECOND_DOMAIN.threshold);
    let mut domain_of = vec![None; evidence.measured.len()];
    for (number, domain) in domains.iter().enumerate() {
        domain.images.iter().for_each(|image| domain_of[*image] = Some(number));
    }
    let mut findings = below(check, threshold, &ODD.scores(&distances), |image| {
        let colour = evidence.measured[image].as_ref().map(|m| hex(m.colour.background)).unwrap_or_default();
        let deviations = distances[image].unwrap_or_default();
        format!("its hues lie {deviations:.0} standard deviations from the usual; its background is {colour}")
    });
    for finding in &mut findings {
        finding.cluster = finding.image.and_then(|image| domain_of[image]);
    }
    findings.sort_by_key(|finding| finding.cluster.map_or(usize::MAX, |cluster| cluster));
    findings
}

/// A group of images apart from the rest.
struct Domain {
    images: Vec<usize>,
    /// How far apart: the silhouette.
    silhouette: f64,
}

/// Every domain but the largest, largest first.
fn domains(evidence: &Evidence, silhouette: f64) -> Vec<Domain> {
    let (images, mut points) = points(evidence);
    for point in &mut points {
        (0..AXES).for_each(|axis| point[axis] /= LEAST[axis]);
    }
    let fewest = FEWEST.max((SMALLEST_SHARE * images.len() as f64) as usize);
    let mut waiting = vec![((0..images.len()).collect::<Vec<usize>>(), 1.0)];
    let mut done: Vec<Domain> = Vec::new();
    while let Some((members, apart)) = waiting.pop() {
        let cloud: Vec<[f64; AXES]> = members.iter().map(|i| points[*i]).collect();
        match bisect(&cloud, fewest).filter(|halves| halves.silhouette >= silhouette) {
            Some(Halves { second, silhouette }) if waiting.len() + done.len() + 2 <= MOST => {
                for side in [true, false] {
                    let half = members.iter().zip(&second).filter(|(_, second)| **second == side);
                    waiting.push((half.map(|(i, _)| *i).collect(), silhouette));
                }
            }
            _ => {
                let images = members.iter().map(|i| images[*i]).collect();
                done.push(Domain { images, silhouette: apart });
            }
        }
    }
    done.sort_by_key(|domain| std::cmp::Reverse(domain.images.len()));
    done.into_iter().skip(1).collect()
}

fn find_domains(check: &Check, evidence: &Evidence, threshold: f64) -> Vec<Finding> {
    let domains = domains(evidence, 1.0 - threshold);
    let mut apart = vec![false; evidence.measured.len()];
    domains.iter().flat_map(|domain| &domain.images).for_each(|image| apart[*image] = true);
    let rest: Vec<usize> = (0..apart.len()).filter(|image| !apart[*image]).collect();
    let finding = |(number, domain): (usize, &Domain)| {
        let count = domain.images.len();
        let mut inside = vec![Some(0); apart.len()];
        domain.images.iter().for_each(|image| inside[*image] = Some(1));
        let association = Association::of(evidence.source, &inside);
        let detail = format!(
            "{count} images ({:.1} %) are a domain of their own: background {} instead of {}{}",
            100.0 * count as f64 / apart.len() as f64,
            background(evidence, &domain.images),
            background(evidence, &rest),
            association.map(|association| format!("; {}", describe(&association))).unwrap_or_default(),
        );
        Finding { cluster: Some(number), ..check.data_set(1.0 - domain.silhouette, detail) }
    };
    domains.iter().enumerate().map(finding).collect()
}

/// The median background of images, as `#rrggbb`.
fn background(evidence: &Evidence, images: &[usize]) -> String {
    let colours: Vec<[f64; 3]> = images
        .iter()
        .filter_map(|image| Some(evidence.measured[*image].as_ref().ok()?.colour.background))
        .collect();
    super::scatter::medians(&colours).map(hex).unwrap_or_default()
}

fn hex(colour: [f64; 3]) -> String {
    let [r, g, b] = colour.map(|level| level.round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}
