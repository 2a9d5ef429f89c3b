//! Pictures from another laboratory: of another background or stain than the rest, alone or as a group.
//!
//! Colours are compared in four numbers that exposure does not change: the background's two ratios of channels and two
//! components of the stain's direction. What is too dark or too bright has checks of its own. Images that an earlier check
//! drops do not count: a picture planted many times is no second laboratory, nor may it hide one.

use super::check::{Check, Evidence, Finding, Need, worst_first};
use super::fault::HALF_WAY;
use super::measure::Measured;
use super::robust::Limits;
use super::scatter::Scatter;
use super::shortcut::{Contingency, describe};
use super::two_means::{Halves, bisect};
use crate::error::Result;

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

/// The images that stay and have a point, in order, and their points.
struct Cloud {
    images: Vec<u32>,
    points: Vec<[f64; AXES]>,
}

impl Cloud {
    fn of(evidence: &Evidence) -> Result<Self> {
        let (mut images, mut points) = (Vec::new(), Vec::new());
        evidence.measured.each(|image, measured| {
            if let Some(point) = point(measured).filter(|_| evidence.kept[image]) {
                images.push(image as u32);
                points.push(point);
            }
        })?;
        Ok(Self { images, points })
    }

    /// Every domain but the largest, largest first.
    fn domains(mut self, silhouette: f64) -> Vec<Domain> {
        for point in &mut self.points {
            (0..AXES).for_each(|axis| point[axis] /= LEAST[axis]);
        }
        let fewest = FEWEST.max((SMALLEST_SHARE * self.images.len() as f64) as usize);
        let mut waiting = vec![((0..self.images.len() as u32).collect::<Vec<u32>>(), 1.0)];
        let mut done: Vec<Domain> = Vec::new();
        while let Some((members, apart)) = waiting.pop() {
            match bisect(&self.points, &members, fewest).filter(|halves| halves.silhouette >= silhouette) {
                Some(Halves { second, silhouette }) if waiting.len() + done.len() + 2 <= MOST => {
                    for side in [true, false] {
                        let half = members.iter().zip(&second).filter(|(_, second)| **second == side);
                        waiting.push((half.map(|(i, _)| *i).collect(), silhouette));
                    }
                }
                _ => {
                    let images = members.iter().map(|i| self.images[*i as usize]).collect();
                    done.push(Domain { images, silhouette: apart });
                }
            }
        }
        done.sort_by_key(|domain| std::cmp::Reverse(domain.images.len()));
        done.into_iter().skip(1).collect()
    }
}

/// A group of images apart from the rest.
struct Domain {
    /// In order.
    images: Vec<u32>,
    /// How far apart: the silhouette.
    silhouette: f64,
}

impl Domain {
    fn holds(&self, image: usize) -> bool {
        self.images.binary_search(&(image as u32)).is_ok()
    }
}

fn find_odd(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let cloud = Cloud::of(evidence)?;
    let Some(scatter) = Scatter::robust(&cloud.points, &LEAST) else { return Ok(Vec::new()) };
    let distances: Vec<f64> = cloud.points.iter().map(|point| scatter.distance(point)).collect();
    let Some(scale) = ODD.among(distances.clone()) else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    for (image, distance) in cloud.images.iter().zip(distances) {
        let score = scale.score(distance);
        if score < threshold {
            let colour = hex(evidence.measured.get(*image as usize)?.colour.background);
            let detail = format!(
                "its hues lie {distance:.0} standard deviations from the usual; its background is {colour}"
            );
            findings.push(check.image(*image as usize, score, detail));
        }
    }
    let domains = cloud.domains(1.0 - SECOND_DOMAIN.threshold);
    for finding in &mut findings {
        finding.cluster = finding.image.and_then(|image| domains.iter().position(|d| d.holds(image)));
    }
    let mut findings = worst_first(findings);
    findings.sort_by_key(|finding| finding.cluster.map_or(usize::MAX, |cluster| cluster));
    Ok(findings)
}

/// What tells a domain from the other images, by the colours of their backgrounds.
fn differ(own: &str, others: &str) -> String {
    if own == others {
        format!("other hues on the same background, {own}")
    } else {
        format!("background {own} instead of {others}")
    }
}

fn find_domains(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let domains = Cloud::of(evidence)?.domains(1.0 - threshold);
    let stay = || (0..evidence.kept.len()).filter(|image| evidence.kept[*image]);
    let mut findings = Vec::new();
    for (number, domain) in domains.iter().enumerate() {
        let mut table = Contingency::new(evidence.source, 2);
        stay().for_each(|image| table.count(image, usize::from(domain.holds(image))));
        let detail = format!(
            "{} images ({:.1} %) are a domain of their own: {}{}",
            domain.images.len(),
            100.0 * domain.images.len() as f64 / stay().count() as f64,
            differ(
                &background(evidence, |image| domain.holds(image))?,
                &background(evidence, |image| !domains.iter().any(|domain| domain.holds(image)))?,
            ),
            table
                .association()
                .map(|association| format!("; {}", describe(&association)))
                .unwrap_or_default(),
        );
        findings.push(Finding { cluster: Some(number), ..check.data_set(1.0 - domain.silhouette, detail) });
    }
    Ok(findings)
}

/// The median background of some of the images that stay, as `#rrggbb`.
fn background(evidence: &Evidence, is_one: impl Fn(usize) -> bool) -> Result<String> {
    let mut colours = Vec::new();
    evidence.measured.each(|image, measured| {
        colours.extend((evidence.kept[image] && is_one(image)).then_some(measured.colour.background));
    })?;
    Ok(super::scatter::medians(&colours).map(hex).unwrap_or_default())
}

fn hex(colour: [f64; 3]) -> String {
    let [r, g, b] = colour.map(|level| level.round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_is_never_said_to_be_itself_instead_of_itself() {
        assert_eq!(differ("#ffe5ca", "#ffe5ca"), "other hues on the same background, #ffe5ca");
        assert_eq!(differ("#ffe5ca", "#c0d0e0"), "background #ffe5ca instead of #c0d0e0");
    }
}
