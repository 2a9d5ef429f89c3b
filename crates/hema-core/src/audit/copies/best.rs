//! Which of several copies of a picture stays: one of the last part with a label, without a fault of its own,
//! of truly the most pixels, the least compressed, the first by name.

use std::collections::HashMap;

use super::detail;
use crate::audit::measurements::Measurements;
use crate::data::Source;
use crate::error::Result;
use crate::split::Part;

/// Of so much more pixels along a side, so large a share must show more detail, or a copy was enlarged. Among
/// cells, enlarged copies have up to 0.35, and pictures half of those of their reduced copies.
const TRUE_SHARE: f64 = 0.4;
/// Blocks that stand out by so many levels less are less compressed.
const BLOCKINESS: f64 = 0.3;
/// Images that are read again at a time.
const IN_FLIGHT: usize = 64;

/// Chooses among copies.
pub(super) struct Chooser<'a> {
    source: &'a Source,
    measured: &'a Measurements,
    parts: &'a [Option<Part>],
    /// Whether an image has a fault of its own.
    faulty: Vec<bool>,
    /// Cycles that an image shows along a side, of those whose copies have other sizes.
    cycles: HashMap<usize, f64>,
}

impl<'a> Chooser<'a> {
    /// Prepares for choosing in these groups: copies of different sizes are read again.
    pub(super) fn new(
        source: &'a Source,
        measured: &'a Measurements,
        parts: &'a [Option<Part>],
        faulty: Vec<bool>,
        groups: &[Vec<usize>],
    ) -> Result<Self> {
        let mut chooser = Self { source, measured, parts, faulty, cycles: HashMap::new() };
        let mut sized = Vec::new();
        for images in groups {
            let mut areas = images.iter().map(|image| chooser.area(*image)).collect::<Result<Vec<_>>>()?;
            areas.sort_unstable();
            if areas.first() != areas.last() {
                sized.extend(images.iter().copied());
            }
        }
        let cycles = &mut chooser.cycles;
        source.visit(
            &source.reading_order(Some(&sized))?,
            IN_FLIGHT,
            |_, picture| picture.ok().map(|picture| detail::cycles(&picture.image)),
            |image, found| {
                cycles.extend(found.map(|found| (image, found)));
                Ok(())
            },
        )?;
        Ok(chooser)
    }

    /// The image of a group that stays. A group has images.
    pub(super) fn best(&self, group: &[usize]) -> Result<usize> {
        let mut images = group.to_vec();
        let part = images.iter().map(|image| self.parts[*image]).max().flatten();
        images.retain(|image| self.parts[*image] == part);
        prefer(&mut images, |image| self.source.entry(image).label.is_some());
        prefer(&mut images, |image| !self.faulty[image]);

        let mut by_area: Vec<(u64, Vec<usize>)> = Vec::new();
        for image in images {
            let area = self.area(image)?;
            match by_area.iter_mut().find(|(own, _)| *own == area) {
                Some((_, images)) => images.push(image),
                None => by_area.push((area, vec![image])),
            }
        }
        by_area.sort_unstable_by_key(|(area, _)| *area);
        let mut best: Option<(u64, usize)> = None;
        for (area, images) in by_area {
            let image = self.least_compressed(images)?;
            if best.is_none_or(|(smaller, other)| self.is_truly_larger((area, image), (smaller, other))) {
                best = Some((area, image));
            }
        }
        Ok(best.map_or(group[0], |(_, image)| image))
    }

    fn area(&self, image: usize) -> Result<u64> {
        let measured = self.measured.get(image)?;
        Ok(u64::from(measured.width) * u64::from(measured.height))
    }

    /// Whether an image shows more than a smaller one, each with its area.
    fn is_truly_larger(&self, larger: (u64, usize), smaller: (u64, usize)) -> bool {
        let cycles = |image: usize| self.cycles.get(&image);
        let (Some(own), Some(other)) = (cycles(larger.1), cycles(smaller.1)) else { return true };
        let side = (larger.0 as f64 / smaller.0 as f64).sqrt();
        own / other - 1.0 >= TRUE_SHARE * (side - 1.0)
    }

    /// The least compressed of images of one size, the first by name of several.
    fn least_compressed(&self, images: Vec<usize>) -> Result<usize> {
        let mut judged = Vec::with_capacity(images.len());
        for image in images {
            let quality = self.measured.get(image)?.quality;
            // a file without loss may hold the blocks of a lossy one
            judged.push((image, quality.blockiness.unwrap_or(0.0), quality.jpeg_setting.unwrap_or(101.0)));
        }
        let fewest = judged.iter().map(|(_, blocks, _)| *blocks).fold(f64::INFINITY, f64::min);
        judged.retain(|(_, blocks, _)| *blocks <= fewest + BLOCKINESS);
        let path = |image: usize| self.source.entry(image).path;
        let best = judged.into_iter().min_by(|a, b| b.2.total_cmp(&a.2).then(path(a.0).cmp(path(b.0))));
        Ok(best.map_or(0, |(image, ..)| image))
    }
}

/// Leaves the images that are better in one respect, if any are.
fn prefer(images: &mut Vec<usize>, is_better: impl Fn(usize) -> bool) {
    if images.iter().any(|image| is_better(*image)) {
        images.retain(|image| is_better(*image));
    }
}
