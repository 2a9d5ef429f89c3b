//! Handing units (indivisible sets of images) out to bins so that every bin has its share of every class.
//!
//! Largest units first, each to the bin that it brings nearest to its targets, then moves and exchanges as
//! long as they help, from several starts. The first is the way of Wagner's stratified group folds in
//! scikit-learn; the rest is why the result is better. Of units of one image, every bin gets exactly its
//! targets.

use rand::seq::SliceRandom;

use crate::rng::Rng;

/// Orders of the units that are tried.
const STARTS: usize = 16;

/// Moves and exchanges that are tried from one start, at most: together a second's work for thousands of
/// groups.
const MOST_TRIALS: usize = 1_000_000;

/// Smallest gain worth a move; less is rounding.
const LEAST_GAIN: f64 = 1e-12;

/// Images of each class in one unit, the classes it lacks left out.
pub(super) type ClassCounts = Vec<(usize, f64)>;

/// The bins, and the images that each still lacks.
#[derive(Clone)]
struct Bins {
    /// Share of all images that each bin is to have.
    shares: Vec<f64>,
    /// Images that a bin lacks of each class, `[bin][class]`; below 0 where it has too many.
    lacking: Vec<Vec<f64>>,
    /// Images that a bin lacks of all classes together: it decides between bins that lack as much of a unit's
    /// classes.
    lacking_of_all: Vec<f64>,
    /// Cost of one image too many in each class: classes count the same, whatever their size.
    weights: Vec<f64>,
}

/// The bin of every unit. `bin_of_image(i)` is the bin of the `i`-th image if all images, sorted by class,
/// could be dealt one by one: it decides how many of each class a bin should have.
pub(super) fn deal(
    units: &[ClassCounts],
    classes: usize,
    shares: &[f64],
    bin_of_image: impl Fn(u64) -> usize,
    rng: &mut Rng,
) -> Vec<usize> {
    let bins = Bins::new(units, classes, shares, bin_of_image);
    let size = |unit: &ClassCounts| unit.iter().map(|(_, images)| *images as u64).sum::<u64>();
    let has_groups = units.iter().any(|unit| size(unit) > 1);
    let mut order: Vec<usize> = (0..units.len()).collect();
    let mut best = (f64::INFINITY, Vec::new());
    // single images meet every target at once
    for _ in 0..if has_groups { STARTS } else { 1 } {
        order.shuffle(rng);
        order.sort_by_key(|unit| std::cmp::Reverse(size(&units[*unit])));
        let mut bins = bins.clone();
        let mut bin_of = bins.fill(units, &order);
        let movable = order.partition_point(|unit| size(&units[*unit]) > 1);
        bins.improve(units, &order[..movable], &mut bin_of);
        if bins.unevenness() < best.0 - LEAST_GAIN {
            best = (bins.unevenness(), bin_of);
        }
    }
    best.1
}

impl Bins {
    fn new(
        units: &[ClassCounts],
        classes: usize,
        shares: &[f64],
        bin_of_image: impl Fn(u64) -> usize,
    ) -> Self {
        let mut totals = vec![0.0; classes];
        units.iter().flatten().for_each(|(class, images)| totals[*class] += images);
        let mut lacking = vec![vec![0.0; classes]; shares.len()];
        let mut next = 0;
        for (class, total) in totals.iter().enumerate() {
            for image in next..next + *total as u64 {
                lacking[bin_of_image(image)][class] += 1.0;
            }
            next += *total as u64;
        }
        let lacking_of_all = lacking.iter().map(|of_class| of_class.iter().sum()).collect();
        let weights = totals.iter().map(|total| 1.0 / (total * total).max(1.0)).collect();
        Self { shares: shares.to_vec(), lacking, lacking_of_all, weights }
    }

    /// The growth of [`Bins::unevenness`] when a unit is put into a bin.
    fn cost(&self, bin: usize, unit: &ClassCounts) -> f64 {
        let lacking = &self.lacking[bin];
        let of =
            |(class, images): &(usize, f64)| self.weights[*class] * images * (images - 2.0 * lacking[*class]);
        unit.iter().map(of).sum::<f64>() / self.shares[bin]
    }

    fn put(&mut self, bin: usize, unit: &ClassCounts) {
        for (class, images) in unit {
            self.lacking[bin][*class] -= images;
            self.lacking_of_all[bin] -= images;
        }
    }

    fn take(&mut self, bin: usize, unit: &ClassCounts) {
        for (class, images) in unit {
            self.lacking[bin][*class] += images;
            self.lacking_of_all[bin] += images;
        }
    }

    /// Sum of squared lacks, each by its weight and relative to the bin's share.
    fn unevenness(&self) -> f64 {
        let of_bin = |lacking: &Vec<f64>| -> f64 {
            lacking.iter().zip(&self.weights).map(|(lacking, weight)| weight * lacking * lacking).sum()
        };
        self.lacking.iter().zip(&self.shares).map(|(lacking, share)| of_bin(lacking) / share).sum()
    }

    /// Puts units, in this order, each into the bin where it costs least; gives the bin of every unit.
    fn fill(&mut self, units: &[ClassCounts], order: &[usize]) -> Vec<usize> {
        let mut bin_of = vec![0; units.len()];
        for unit in order.iter().copied() {
            let costs = |bin: usize| (self.cost(bin, &units[unit]), -self.lacking_of_all[bin]);
            let order = |a: (f64, f64), b: (f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
            let best = (0..self.shares.len()).min_by(|a, b| order(costs(*a), costs(*b))).unwrap_or(0);
            self.put(best, &units[unit]);
            bin_of[unit] = best;
        }
        bin_of
    }

    /// Moves units, and exchanges two of different bins, until nothing helps any more.
    fn improve(&mut self, units: &[ClassCounts], movable: &[usize], bin_of: &mut [usize]) {
        let mut trials = 0;
        let mut helped = true;
        while helped && trials < MOST_TRIALS {
            helped = false;
            for (position, a) in movable.iter().copied().enumerate() {
                for bin in 0..self.shares.len() {
                    helped |= self.try_move(&units[a], &mut bin_of[a], bin);
                }
                for b in movable[position + 1..].iter().copied() {
                    let (mut of_a, mut of_b) = (bin_of[a], bin_of[b]);
                    if of_a != of_b && self.try_exchange(&units[a], &mut of_a, &units[b], &mut of_b) {
                        (bin_of[a], bin_of[b]) = (of_a, of_b);
                        helped = true;
                    }
                }
                trials += movable.len() + self.shares.len();
                if trials >= MOST_TRIALS {
                    break;
                }
            }
        }
    }

    fn try_move(&mut self, unit: &ClassCounts, from: &mut usize, to: usize) -> bool {
        if *from == to {
            return false;
        }
        self.take(*from, unit);
        let helps = self.cost(to, unit) < self.cost(*from, unit) - LEAST_GAIN;
        if helps {
            *from = to;
        }
        self.put(*from, unit);
        helps
    }

    fn try_exchange(&mut self, a: &ClassCounts, of_a: &mut usize, b: &ClassCounts, of_b: &mut usize) -> bool {
        self.take(*of_a, a);
        self.take(*of_b, b);
        let as_is = self.cost(*of_a, a) + self.cost(*of_b, b);
        let exchanged = self.cost(*of_b, a) + self.cost(*of_a, b);
        let helps = exchanged < as_is - LEAST_GAIN;
        if helps {
            std::mem::swap(of_a, of_b);
        }
        self.put(*of_a, a);
        self.put(*of_b, b);
        helps
    }
}
