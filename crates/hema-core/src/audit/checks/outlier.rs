//! Pictures that a model sees far from every other picture of their class.

use hema_kernels::dot;
use rayon::prelude::*;

use crate::audit::check::{Check, Evidence, ModelEvidence, Need};
use crate::audit::fault::HALF_WAY;
use crate::audit::finding::{Action, Finding, worst_first};
use crate::audit::statistics::robust::{Limits, Spread};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "embedding_outlier",
    about: "images that a model sees far from all others of their class",
    advice: "Look at them: artefacts, other objects, or cells of another class.",
    needs: Need::Model,
    threshold: HALF_WAY,
    run,
};

/// The distance to the so-many-th neighbour counts: a few copies of an odd picture do not hide it.
const NEIGHBOURS: usize = 5;
/// Classes of fewer images are not judged: nearly every image is a neighbour of every other, and what is
/// usual there rests on a handful of distances.
const FEWEST: usize = 3 * NEIGHBOURS;
/// The least spread of distances, as a share of the usual one, for classes whose images are all equally far
/// from each other.
const LEAST_SPREAD: f64 = 0.05;
/// Neighbours are sought among so many images of a class at most, evenly spaced, so that the time grows with
/// the number of images and not with its square.
const REFERENCES: usize = 1000;
/// Robust standard deviations from the class's median distance: surely an outlier. What lies beyond four
/// scores below a half.
const SURELY: f64 = 5.0;

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let Some(model) = evidence.model else { return Ok(Vec::new()) };
    let directions = directions(model);
    let mut findings = Vec::new();
    let mut too_small = Vec::new();
    let labels = || evidence.source.entries().iter().map(|entry| entry.label);
    let groups = (0..evidence.source.classes().len()).map(Some).chain([None]);
    for group in groups {
        let members: Vec<usize> = labels()
            .enumerate()
            .filter(|(i, l)| *l == group && directions[*i].is_some())
            .map(|(i, _)| i)
            .collect();
        if members.len() < FEWEST {
            let name = group.map_or("no label", |label| evidence.source.classes()[label].as_str());
            too_small.extend((!members.is_empty()).then(|| format!("{name} ({})", members.len())));
            continue;
        }
        let distances = neighbour_distances(&members, &directions);
        let Some(spread) = Spread::of(distances.clone()) else { continue };
        let sigma = spread.sigma.max(LEAST_SPREAD * spread.median);
        let limits = Limits { surely: spread.median + SURELY * sigma, fine: spread.median };
        let Some(scale) = limits.among(distances.clone()) else { continue };
        for (image, distance) in members.into_iter().zip(distances) {
            let score = scale.score(distance);
            if score < threshold {
                let detail = format!(
                    "the {NEIGHBOURS} most similar images of its class are up to {distance:.2} away (cosine \
                     distance); {:.2} is usual there",
                    spread.median
                );
                findings.push(check.image(image, score, detail));
            }
        }
    }
    findings.sort_by_key(|finding| finding.image);
    let mut findings = worst_first(findings);
    if !too_small.is_empty() {
        let detail = format!("not judged, with fewer than {FEWEST} images: {}", too_small.join(", "));
        findings.push(Finding { action: Action::Keep, ..check.data_set(1.0, detail) });
    }
    Ok(findings)
}

/// The embeddings less their mean, at length 1.
fn directions(model: &ModelEvidence) -> Vec<Option<Vec<f32>>> {
    let width = model.embeddings.iter().flatten().map(Vec::len).next().unwrap_or(0);
    let mut mean = vec![0.0_f64; width];
    let mut count = 0.0;
    for embedding in model.embeddings.iter().flatten().filter(|e| e.len() == width) {
        count += 1.0;
        mean.iter_mut().zip(embedding).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let direction = |embedding: &Vec<f32>| {
        let centred: Vec<f64> =
            embedding.iter().zip(&mean).map(|(v, sum)| f64::from(*v) - sum / count).collect();
        let length = centred.iter().map(|v| v * v).sum::<f64>().sqrt();
        let finite = embedding.len() == width && length.is_finite() && length > 0.0;
        finite.then(|| centred.iter().map(|v| (v / length) as f32).collect())
    };
    model.embeddings.par_iter().map(|embedding| embedding.as_ref().and_then(direction)).collect()
}

/// Cosine distance of every member to its [`NEIGHBOURS`]th nearest.
fn neighbour_distances(members: &[usize], directions: &[Option<Vec<f32>>]) -> Vec<f64> {
    let stride = members.len().div_ceil(REFERENCES).max(1);
    let references: Vec<usize> = members.iter().copied().step_by(stride).collect();
    let of = |image: usize| directions[image].as_deref().unwrap_or_default();
    let distance = |image: &usize| {
        let others = references.iter().filter(|other| *other != image);
        let mut distances: Vec<f64> =
            others.map(|other| 1.0 - f64::from(dot(of(*image), of(*other)))).collect();
        let rank = NEIGHBOURS.min(distances.len()).checked_sub(1)?;
        Some(*distances.select_nth_unstable_by(rank, f64::total_cmp).1)
    };
    members.par_iter().filter_map(distance).collect()
}
