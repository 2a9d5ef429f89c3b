//! All copies of a data set: those that are as they were taken (`groups`) and, where squares of the images
//! were kept, cropped and turned ones as well (`altered`).
//!
//! Cropped and turned copies are looked for among different pictures: the one kept of each group, and all
//! that are in none. What belongs together then is compared with the best of it anew, copy by copy.

use std::collections::{BTreeMap, HashSet};

use super::altered::{self, Pair};
use super::best::Chooser;
use super::groups::{self, Change, Copied, Group, best_groups};
use crate::audit::measurements::Measurements;
use crate::data::Source;
use crate::error::Result;
use crate::split::Part;

/// Pictures that share less show different things, though they overlap: as a share of the disc in the middle
/// of the one that shows less else. Of copies that were cropped by 5 % a side it is above 0.99.
const LEAST_SHARED: f32 = 0.85;

/// Images that show the same picture, and pairs that show some of the same.
#[derive(Default)]
pub(crate) struct Copies {
    /// In the order of the images kept.
    pub(crate) groups: Vec<Group>,
    /// Different pictures that overlap, in order.
    pub(crate) overlaps: Vec<Pair>,
}

/// Differences between images, as 1 less their similarity, below which they show the same picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Differences {
    /// Of the thumbnails of images that are as they were taken, in any orientation.
    pub(crate) near: f64,
    /// Of the grain of cropped and turned images.
    pub(crate) altered: f64,
}

impl Copies {
    /// Finds the groups, each with the best of its images kept. `faulty` tells which images have a fault of
    /// their own, and is asked where there are copies; `progress` hears how many images have been looked for
    /// among cropped and turned ones.
    pub(crate) fn find(
        source: &Source,
        parts: &[Option<Part>],
        measured: &Measurements,
        differences: Differences,
        faulty: &dyn Fn() -> Result<Vec<bool>>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self> {
        let groups = best_groups(source, measured, parts, differences.near, faulty)?;
        if !measured.has_squares() || differences.altered <= 0.0 {
            return Ok(Self { groups, overlaps: Vec::new() });
        }
        let order = groups::order_of_keeping(measured, parts)?;
        let pairs =
            altered::pairs(measured, &different(measured, &order, &groups)?, differences.altered, progress)?;
        let (same, mut overlaps): (Vec<Pair>, Vec<Pair>) =
            pairs.into_iter().partition(|pair| pair.registration.overlap >= LEAST_SHARED);
        if same.is_empty() {
            return Ok(Self { groups, overlaps });
        }
        let (mut groups, mut sets) = join(groups, &same);
        let chooser = Chooser::new(source, measured, parts, faulty()?, &sets)?;
        let mut rank = vec![usize::MAX; measured.len()];
        order.iter().enumerate().for_each(|(place, image)| rank[*image as usize] = place);
        for set in &mut sets {
            let best = chooser.best(set)?;
            set.sort_by_key(|image| (*image != best, rank[*image]));
            groups.extend(around_the_first(measured, set, differences)?);
        }
        groups.sort_by_key(|group| group.kept);
        let copied: HashSet<usize> =
            groups.iter().flat_map(|group| &group.copies).map(|copied| copied.image).collect();
        overlaps.retain(|pair| !pair.images.iter().any(|image| copied.contains(image)));
        Ok(Self { groups, overlaps })
    }
}

/// The pictures in which there is something to see, each once, in order.
fn different(measured: &Measurements, order: &[u32], groups: &[Group]) -> Result<Vec<usize>> {
    let copied: HashSet<usize> =
        groups.iter().flat_map(|group| &group.copies).map(|copied| copied.image).collect();
    let mut different = Vec::with_capacity(order.len() - copied.len());
    for image in order.iter().map(|image| *image as usize).filter(|image| !copied.contains(image)) {
        if !measured.fingerprint(image)?.thumbnail.is_flat() {
            different.push(image);
        }
    }
    different.sort_unstable();
    Ok(different)
}

/// The groups that no pair touches, and the sets of images that pairs join, with the groups of these images.
fn join(groups: Vec<Group>, pairs: &[Pair]) -> (Vec<Group>, Vec<Vec<usize>>) {
    // every image leads to an earlier one of its set, and the first to itself
    let mut towards: BTreeMap<usize, usize> = BTreeMap::new();
    for pair in pairs {
        let [a, b] = pair.images.map(|image| first_of(&towards, image));
        towards.insert(a.max(b), a.min(b));
        towards.insert(a.min(b), a.min(b));
    }
    let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for image in towards.keys() {
        sets.entry(first_of(&towards, *image)).or_default().push(*image);
    }
    let (touched, untouched): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| towards.contains_key(&group.kept));
    for group in touched {
        let set = sets.entry(first_of(&towards, group.kept)).or_default();
        set.extend(group.copies.iter().map(|copied| copied.image));
    }
    (untouched, sets.into_values().collect())
}

/// The first image of a set, to which one of its images leads.
fn first_of(towards: &BTreeMap<usize, usize>, mut image: usize) -> usize {
    while let Some(earlier) = towards.get(&image).filter(|earlier| **earlier != image) {
        image = *earlier;
    }
    image
}

/// Groups of the images of a set: the first with all that show the same, then those that are left likewise.
fn around_the_first(measured: &Measurements, set: &[usize], differences: Differences) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    let mut left = set.to_vec();
    while let [kept, ref others @ ..] = left[..] {
        let (mut copies, mut unlike) = (Vec::new(), Vec::new());
        for image in others {
            match compare(measured, kept, *image, differences)? {
                Some(copied) => copies.push(copied),
                None => unlike.push(*image),
            }
        }
        copies.sort_by_key(|copied| copied.image);
        groups.extend((!copies.is_empty()).then_some(Group { kept, copies }));
        left = unlike;
    }
    Ok(groups)
}

/// An image as a copy of another, if it is one.
fn compare(
    measured: &Measurements,
    kept: usize,
    image: usize,
    differences: Differences,
) -> Result<Option<Copied>> {
    let (similarity, orientation) = groups::likeness(measured, kept, image)?;
    if 1.0 - similarity < differences.near {
        return Ok(Some(Copied { image, similarity, change: Change::Oriented(orientation) }));
    }
    let laid = altered::registration(measured, kept, image)?.filter(|laid| laid.overlap >= LEAST_SHARED);
    Ok(laid.and_then(|laid| {
        let similarity = f64::from(laid.similarity);
        (1.0 - similarity < differences.altered).then_some(Copied {
            image,
            similarity,
            change: Change::Altered(laid),
        })
    }))
}
