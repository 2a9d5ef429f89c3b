//! Pictures from another laboratory: of another background or stain than the rest, alone or as a group.
//!
//! Colours are compared in four numbers that exposure does not change: the background's two ratios of
//! channels and two components of the stain's direction. Domains are told by the background alone: which
//! cells a picture shows changes the hue of what is dark in it. What is too dark or too bright has checks of
//! its own. Images that an earlier check drops do not count: a picture planted many times is no second
//! laboratory, nor may it hide one.

use rand::RngExt as _;

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::fault::HALF_WAY;
use crate::audit::finding::{Finding, worst_first};
use crate::audit::measurements::measured::Measured;
use crate::audit::statistics::contingency::{Contingency, describe};
use crate::audit::statistics::robust::Limits;
use crate::audit::statistics::scatter::Scatter;
use crate::audit::statistics::two_means::{Cut, bisect};
use crate::error::Result;
use crate::rng::{Purpose, stream};

pub(crate) const ODD_COLOUR: Check = Check {
    name: "odd_colour",
    about: "images whose background or stain has another hue than the others'",
    advice: "Look at them: another laboratory, stain or white balance, or no smear at all.",
    needs: Need::Images,
    threshold: HALF_WAY,
    run: find_odd,
};

pub(crate) const SECOND_DOMAIN: Check = Check {
    name: "second_domain",
    about: "a group of images whose backgrounds are of another hue: a second laboratory or camera",
    advice: "Keep track of where they come from, judge a model on each domain, and see that no class has one to itself.",
    needs: Need::Images,
    threshold: 0.3,
    run: find_domains,
};

/// Coordinates of a colour, the background's first.
const AXES: usize = 4;
const OF_BACKGROUND: usize = 2;
/// Differences on an axis that are smaller look the same.
const LEAST: [f64; AXES] = [0.01, 0.01, 0.02, 0.02];
/// Limits in robust standard deviations.
const ODD: Limits = Limits { surely: 20.0, fine: 6.0 };
/// An image with less contrast has no stain to speak of.
const STAINED: f64 = 0.1;
/// Fewer images, or a smaller share of a set, are outliers and no domain.
const FEWEST: usize = 10;
const SMALLEST_SHARE: f64 = 0.005;
/// More parts than this are no domains but a continuum.
const MOST: usize = 8;
/// Backgrounds whose centres lie nearer, in units of [`LEAST`], look the same, however well they part: a
/// level of blue is no other laboratory.
const APART: f64 = 3.0;
/// How likely a cut may be where there is one cloud: an even one is cut in two as far apart as two.
const CHANCE: f64 = 0.01;
/// Most images that usual hues and domains are made out from: memory does not grow beyond, and of so many the
/// smallest domain still has a hundred. All images are then judged by them.
const SAMPLE: usize = 20_000;

/// Light that is clipped has lost its hue; so large a share of it is too much.
const CLIPPED: f64 = 0.2;

/// Where a picture lies in the space of colours; `None` where nothing is stained or the background is
/// clipped.
fn point(measured: &Measured) -> Option<[f64; AXES]> {
    let [r, g, b] = measured.colour.background.map(|level| level + 1.0);
    let [red, _, blue] = measured.colour.stain;
    let has_hues = measured.quality.contrast() > STAINED && measured.quality.clipped < CLIPPED;
    has_hues.then(|| [(r / g).ln(), (b / g).ln(), red, blue])
}

/// Goes over the images that stay and have a point, in order.
fn each_point(evidence: &Evidence, mut visit: impl FnMut(usize, &Measured, [f64; AXES])) -> Result<()> {
    evidence.measured.each(|image, measured| {
        if let Some(point) = point(measured).filter(|_| evidence.kept[image]) {
            visit(image, measured, point);
        }
    })
}

/// The points of the images that stay; of more than `most`, those of so many chosen at random.
pub(crate) fn sample(evidence: &Evidence, most: usize) -> Result<Vec<[f64; AXES]>> {
    let mut left = 0;
    each_point(evidence, |_, _, _| left += 1)?;
    let mut points = Vec::with_capacity(most.min(left));
    // selection sampling (Fan, Muller and Rezucha, 1962): as many of those left as are still wanted
    let mut rng = stream(0, Purpose::Look, 0, 0);
    each_point(evidence, |_, _, point| {
        if rng.random_range(0..left) < most - points.len() {
            points.push(point);
        }
        left -= 1;
    })?;
    Ok(points)
}

/// A group of images apart from the rest.
pub(crate) struct Domain {
    /// The cuts that part it from the others, and whether it lies on the second side.
    cuts: Vec<(Cut<OF_BACKGROUND>, bool)>,
    /// How far apart: the silhouette.
    silhouette: f64,
    /// How many images it has.
    pub(crate) images: usize,
}

impl Domain {
    fn holds(&self, point: &[f64; AXES]) -> bool {
        let place = in_least(point);
        self.cuts.iter().all(|(cut, second)| cut.is_second(&place) == *second)
    }

    fn has(&self, measured: &Measured) -> bool {
        point(measured).is_some_and(|point| self.holds(&point))
    }
}

/// The background of a point, in units of what looks the same.
fn in_least(point: &[f64; AXES]) -> [f64; OF_BACKGROUND] {
    std::array::from_fn(|axis| point[axis] / LEAST[axis])
}

/// Every domain but the largest, largest first. They are found in a sample of so many images, and hold what
/// lies on their side of the cuts.
pub(crate) fn domains(evidence: &Evidence, silhouette: f64, most: usize) -> Result<Vec<Domain>> {
    let points: Vec<_> = sample(evidence, most)?.iter().map(in_least).collect();
    let mut domains = cut_apart(points, silhouette);
    each_point(evidence, |_, _, point| {
        if let Some(own) = domains.iter_mut().find(|domain| domain.holds(&point)) {
            own.images += 1;
        }
    })?;
    domains.sort_by_key(|domain| std::cmp::Reverse(domain.images));
    domains.drain(..1.min(domains.len()));
    Ok(domains)
}

/// Cuts a cloud in two as long as the halves lie so far apart; images are not counted yet.
fn cut_apart(points: Vec<[f64; OF_BACKGROUND]>, silhouette: f64) -> Vec<Domain> {
    let fewest = FEWEST.max((SMALLEST_SHARE * points.len() as f64) as usize);
    let mut waiting = vec![(points, Domain { cuts: Vec::new(), silhouette: 1.0, images: 0 })];
    let mut done: Vec<Domain> = Vec::new();
    while let Some((points, domain)) = waiting.pop() {
        match bisect(&points, fewest)
            .filter(|cut| cut.silhouette >= silhouette && cut.apart >= APART && cut.chance < CHANCE)
        {
            Some(cut) if waiting.len() + done.len() + 2 <= MOST => {
                for side in [true, false] {
                    let half = points.iter().copied().filter(|point| cut.is_second(point) == side).collect();
                    let cuts = domain.cuts.iter().cloned().chain([(cut.clone(), side)]).collect();
                    waiting.push((half, Domain { cuts, silhouette: cut.silhouette, images: 0 }));
                }
            }
            _ => done.push(domain),
        }
    }
    done
}

fn find_odd(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let points = sample(evidence, SAMPLE)?;
    let Some(scatter) = Scatter::robust(&points, &LEAST) else { return Ok(Vec::new()) };
    let distances = points.iter().map(|point| scatter.distance(point)).collect();
    let Some(scale) = ODD.among(distances) else { return Ok(Vec::new()) };
    drop(points);
    let domains = domains(evidence, 1.0 - SECOND_DOMAIN.threshold, SAMPLE)?;
    let mut findings = Vec::new();
    each_point(evidence, |image, measured, point| {
        let distance = scatter.distance(&point);
        let score = scale.score(distance);
        if score < threshold {
            let colour = hex(measured.colour.background);
            let detail = format!(
                "its hues lie {distance:.0} standard deviations from the usual; its background is {colour}"
            );
            let cluster = domains.iter().position(|domain| domain.holds(&point));
            findings.push(Finding { cluster, ..check.image(image, score, detail) });
        }
    })?;
    let mut findings = worst_first(findings);
    findings.sort_by_key(|finding| finding.cluster.map_or(usize::MAX, |cluster| cluster));
    Ok(findings)
}

fn find_domains(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let domains = domains(evidence, 1.0 - threshold, SAMPLE)?;
    let stay = evidence.kept.iter().filter(|kept| **kept).count();
    let mut findings = Vec::new();
    for (number, domain) in domains.iter().enumerate() {
        let mut table = Contingency::new(evidence.source, 2);
        evidence.measured.each(|image, measured| {
            if evidence.kept[image] {
                table.count(image, usize::from(domain.has(measured)));
            }
        })?;
        let detail = format!(
            "{} images ({:.1} %) are a domain of their own: background {} instead of {}{}",
            domain.images,
            100.0 * domain.images as f64 / stay as f64,
            background(evidence, |measured| domain.has(measured))?,
            background(evidence, |measured| !domains.iter().any(|domain| domain.has(measured)))?,
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
fn background(evidence: &Evidence, is_one: impl Fn(&Measured) -> bool) -> Result<String> {
    // the median of rounded levels is the rounded median
    let mut levels = [[0_u32; 256]; 3];
    evidence.measured.each(|image, measured| {
        if evidence.kept[image] && is_one(measured) {
            for (levels, level) in levels.iter_mut().zip(measured.colour.background) {
                levels[usize::from(level.round() as u8)] += 1;
            }
        }
    })?;
    Ok(hex(levels.map(|counts| f64::from(median_level(&counts)))))
}

/// The middle one of the levels, the upper one of two.
fn median_level(counts: &[u32; 256]) -> u8 {
    let middle = counts.iter().sum::<u32>() / 2;
    let mut below = 0;
    let is_reached = |count: &u32| {
        below += count;
        below > middle
    };
    counts.iter().position(is_reached).unwrap_or_default() as u8
}

fn hex(colour: [f64; 3]) -> String {
    let [r, g, b] = colour.map(|level| level.round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}
