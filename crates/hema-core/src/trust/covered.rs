//! How often sets hold the right class, by class and by size: a level that holds in the mean may hide classes
//! and cells for which it does not.

use serde::{Deserialize, Serialize};

use super::conformal::Conformal;
use crate::metrics::wilson;

/// Sets of labelled images, counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Covered {
    /// The level asked for.
    pub level: f64,
    /// All images.
    pub all: Held,
    /// Images of each class, in label order.
    pub by_class: Vec<Held>,
    /// Images whose set has so many classes, from one on.
    pub by_size: Vec<Held>,
}

/// Images, and those of them whose set holds the right class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The images.
    pub images: u64,
    /// Of these, images whose set holds the right class.
    pub held: u64,
}

impl Held {
    /// Share of the images whose set holds the right class; `None` without an image.
    pub fn share(&self) -> Option<f64> {
        (self.images > 0).then(|| self.held as f64 / self.images as f64)
    }

    /// 95 % interval of the share (Wilson, 1927).
    pub fn interval(&self) -> [f64; 2] {
        wilson(self.held, self.images)
    }

    fn add(&mut self, holds: bool) {
        self.images += 1;
        self.held += u64::from(holds);
    }
}

impl Covered {
    /// Counts the sets, as they are shown, of images: their class, log-probabilities at the base temperature
    /// and picture quality each.
    pub fn count(
        conformal: &Conformal,
        classes: usize,
        images: impl IntoIterator<Item = (usize, Vec<f32>, f32)>,
    ) -> Self {
        let none = vec![Held::default(); classes];
        let mut covered =
            Self { level: conformal.level(), all: Held::default(), by_class: none.clone(), by_size: none };
        for (label, raw, poor) in images {
            let set = conformal.set(&raw, poor);
            let holds = set.contains(&label);
            covered.all.add(holds);
            covered.by_class[label].add(holds);
            covered.by_size[set.len() - 1].add(holds);
        }
        covered
    }

    /// Several of one level together, as the conditions of a suite; `None` of none.
    pub fn together(several: &[&Self]) -> Option<Self> {
        let mut sum = (*several.first()?).clone();
        let add = |own: &mut [Held], other: &[Held]| {
            for (own, other) in own.iter_mut().zip(other) {
                // a record may have been edited
                own.images = own.images.saturating_add(other.images);
                own.held = own.held.saturating_add(other.held);
            }
        };
        for other in &several[1..] {
            add(std::slice::from_mut(&mut sum.all), std::slice::from_ref(&other.all));
            add(&mut sum.by_class, &other.by_class);
            add(&mut sum.by_size, &other.by_size);
        }
        Some(sum)
    }

    /// Mean number of classes of a set.
    pub fn mean_size(&self) -> f64 {
        let classes =
            self.by_size.iter().enumerate().map(|(size, held)| (size + 1) as f64 * held.images as f64);
        classes.sum::<f64>() / self.all.images.max(1) as f64
    }

    /// Share of the images whose set is one class alone.
    pub fn single(&self) -> f64 {
        let single = self.by_size.first().map_or(0, |held| held.images);
        single as f64 / self.all.images.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformal::find_sets_by;
    use super::*;
    use crate::trust::{Certified, Certifying};

    #[test]
    fn sets_are_counted_by_class_and_by_size() {
        let raw = |p: f32| vec![p.ln(), (1.0 - p).ln()];
        let image =
            |_| Certified { label: 0, raw: raw(0.8), temperature: 1.0, unlike: 0.0, poor: 0.0, severity: 0 };
        let table = Certifying { classes: 2, images: (0..50).map(image).collect() };
        // classes of at least 0.8
        let conformal = Conformal::fit(&table, find_sets_by("lac").unwrap(), 0.9).unwrap();
        let images = [(0, raw(0.9), 0.0), (1, raw(0.9), 0.0), (1, raw(0.6), 0.0)];
        let covered = Covered::count(&conformal, 2, images);
        let held = |images, held| Held { images, held };
        assert_eq!(covered.all, held(3, 1));
        assert_eq!(covered.by_class, [held(1, 1), held(2, 0)]);
        assert_eq!(covered.by_size, [held(3, 1), held(0, 0)]);
        assert_eq!((covered.mean_size(), covered.single(), covered.by_size[1].share()), (1.0, 1.0, None));
        let twice = Covered::together(&[&covered, &covered]).unwrap();
        assert_eq!((twice.all, twice.by_class[1], twice.level), (held(6, 2), held(4, 0), 0.9));
        assert_eq!(Covered::together(&[]), None);
    }
}
