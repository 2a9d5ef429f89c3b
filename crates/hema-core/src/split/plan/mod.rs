//! Making splits: shares or folds of the images, stratified by class, units kept whole.

use std::collections::HashSet;
use std::path::PathBuf;

use super::deal::{ClassCounts, deal};
use super::membership::{Row, Split};
use super::unit::units;
use crate::data::{Entries, Entry, Part, Source};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Rng, stream};

/// Shares of the images set apart from training, each at least 0 and together below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Share for validation.
    pub val: f64,
    /// Share for the test.
    pub test: f64,
}

/// The images to split, and the choices about it. The same plan makes the same splits, whatever the order of
/// the entries; entries without a label are left out. The images of a group stay together (see
/// [`Entry::group`]).
///
/// The test part depends on the seed and its own share alone: it is the same for every share of validation,
/// every fold and every repeat.
#[derive(Clone, Debug)]
pub struct SplitPlan<'a> {
    /// The images.
    pub entries: &'a Entries,
    /// Classes of the images, in label order.
    pub classes: &'a [String],
    /// Sets of images that show the same picture, as [`crate::audit::copies`] finds them: each stays
    /// together.
    pub copies: Vec<Vec<usize>>,
    /// Images that go into no part.
    pub left_out: Vec<usize>,
    /// Decides every choice.
    pub seed: u64,
    /// Number of the repeat: another one draws validation and training anew.
    pub repeat: u64,
}

impl<'a> SplitPlan<'a> {
    /// The plan for all images of a source, without copies.
    pub fn new(source: &'a Source, seed: u64) -> Self {
        Self {
            entries: source.entries(),
            classes: source.classes(),
            copies: Vec::new(),
            left_out: Vec::new(),
            seed,
            repeat: 0,
        }
    }

    /// Splits the images so that every part has the classes in the same proportions, as far as units allow. A
    /// class always keeps a unit in training.
    ///
    /// # Errors
    /// Fractions out of range; no labelled entry.
    pub fn parts(&self, fractions: Fractions) -> Result<Split> {
        fractions.validate()?;
        let (test, rest) = self.cut_test(fractions.test)?;
        let share = fractions.val / (1.0 - fractions.test);
        let (val, _) = self.hold_out(rest, share, &mut self.stream(1 + self.repeat));
        Ok(self.split(&val, &test))
    }

    /// Divides the images, but for a share set apart as test, into folds, and gives a split for each: the
    /// fold validates, the others train. Where units are single images, the folds' counts of a class, and
    /// their sizes, differ by at most one.
    ///
    /// # Errors
    /// A share out of range, fewer than two folds, no labelled entry; a fold without images; a class all of
    /// whose images are in one fold, so that one model would not know it.
    pub fn folds(&self, count: usize, test: f64) -> Result<Vec<Split>> {
        Fractions { val: 0.0, test }.validate()?;
        if count < 2 {
            return Err(Error::new(format!("{count} folds were asked for (expected at least 2)")));
        }
        let (test, rest) = self.cut_test(test)?;
        let shares = vec![1.0 / count as f64; count];
        let bin_of_image = |image: u64| (image % count as u64) as usize;
        let rng = &mut self.stream(1 + self.repeat);
        let fold_of = deal(&self.counted(&rest), self.classes.len(), &shares, bin_of_image, rng);

        let mut folds = vec![Vec::new(); count];
        for (unit, fold) in rest.into_iter().zip(fold_of) {
            folds[fold].extend(unit);
        }
        self.check_folds(&folds)?;
        Ok(folds.iter().map(|val| self.split(val, &test)).collect())
    }

    /// The images of the test part, and the units of the rest.
    fn cut_test(&self, share: f64) -> Result<(Vec<usize>, Vec<Vec<usize>>)> {
        let mut used: Vec<usize> =
            (0..self.entries.len()).filter(|i| self.entries.get(*i).label.is_some()).collect();
        let left_out: HashSet<usize> = self.left_out.iter().copied().collect();
        used.retain(|i| !left_out.contains(i));
        if used.is_empty() {
            return Err(Error::new("no labelled image to split"));
        }
        Ok(self.hold_out(units(self.entries, &used, &self.copies), share, &mut self.stream(0)))
    }

    /// Takes a share of the images out, and gives them and the units of the rest, among which is one of every
    /// class.
    fn hold_out(&self, units: Vec<Vec<usize>>, share: f64, rng: &mut Rng) -> (Vec<usize>, Vec<Vec<usize>>) {
        if share <= 0.0 {
            return (Vec::new(), units);
        }
        let counted = self.counted(&units);
        let until = |image: u64| (image as f64 * share).round();
        let bin_of_image = |image: u64| usize::from(until(image + 1) > until(image));
        let mut bin_of = deal(&counted, self.classes.len(), &[1.0 - share, share], bin_of_image, rng);
        for class in 0..self.classes.len() {
            let of_class = |unit: &usize| counted[*unit].iter().any(|(c, _)| *c == class);
            let holders: Vec<usize> = (0..units.len()).filter(of_class).collect();
            if holders.iter().all(|unit| bin_of[*unit] == 1)
                && let Some(smallest) = holders.iter().min_by_key(|unit| units[**unit].len())
            {
                bin_of[*smallest] = 0;
            }
        }
        let (mut held_out, mut rest) = (Vec::new(), Vec::new());
        for (unit, bin) in units.into_iter().zip(bin_of) {
            if bin == 1 { held_out.extend(unit) } else { rest.push(unit) }
        }
        (held_out, rest)
    }

    /// Images of each class in every unit.
    fn counted(&self, units: &[Vec<usize>]) -> Vec<ClassCounts> {
        let count = |unit: &Vec<usize>| {
            let mut counts: ClassCounts = Vec::new();
            for label in unit.iter().filter_map(|i| self.entries.get(*i).label) {
                match counts.iter_mut().find(|(class, _)| *class == label) {
                    Some((_, images)) => *images += 1.0,
                    None => counts.push((label, 1.0)),
                }
            }
            // sums over classes must not depend on the order of the entries
            counts.sort_by_key(|(class, _)| *class);
            counts
        };
        units.iter().map(count).collect()
    }

    fn check_folds(&self, folds: &[Vec<usize>]) -> Result<()> {
        let hint = "ask for fewer folds, add images, or leave the class out of the data";
        if let Some(empty) = folds.iter().position(Vec::is_empty) {
            let message = format!("fold {empty} of {} would have no image", folds.len());
            return Err(Error::new(message).hint(hint));
        }
        for (class, name) in self.classes.iter().enumerate() {
            let has_class =
                |fold: &&Vec<usize>| fold.iter().any(|i| self.entries.get(*i).label == Some(class));
            if folds.iter().filter(has_class).count() == 1 {
                let message = format!(
                    "all images of the class `{name}` that belong together would be in one fold, and no image would be \
                     left to train on"
                );
                return Err(Error::new(message).hint(hint));
            }
        }
        Ok(())
    }

    /// The split in which these images validate and test, and all others that are used train.
    fn split(&self, val: &[usize], test: &[usize]) -> Split {
        let mut parts: Vec<Option<Part>> =
            self.entries.iter().map(|e| e.label.map(|_| Part::Train)).collect();
        for (images, part) in [(&self.left_out[..], None), (val, Some(Part::Val)), (test, Some(Part::Test))] {
            for i in images {
                parts[*i] = part;
            }
        }
        let row = |(e, part): (Entry, Option<Part>)| part.map(|part| Row::of(e, self.classes, part));
        let rows = self.entries.iter().zip(parts).filter_map(row).collect();
        Split { origin: PathBuf::from("split"), rows }
    }

    fn stream(&self, draw: u64) -> Rng {
        stream(self.seed, Purpose::Split, draw, 0)
    }
}

/// The images that de-duplication takes away: of every set of copies all but the first that has a label, or
/// all of them where their labels differ, as nobody knows which is right. [`crate::audit::copies`] puts the
/// best copy first.
pub fn redundant_copies(entries: &Entries, copies: &[Vec<usize>]) -> Vec<usize> {
    let mut redundant = Vec::new();
    for set in copies {
        let label = |i: &&usize| entries.get(**i).label;
        let mut labels = set.iter().filter_map(|i| label(&i));
        let first = labels.next();
        let agree = labels.all(|label| Some(label) == first);
        // an unlabelled copy is in no part anyway: it must not be the one that stays
        let stays = set.iter().find(|i| label(i).is_some()).filter(|_| agree);
        redundant.extend(set.iter().filter(|i| Some(*i) != stays));
    }
    redundant
}

impl Fractions {
    fn validate(self) -> Result<()> {
        let valid = self.val >= 0.0 && self.test >= 0.0 && self.val + self.test < 1.0;
        if valid {
            return Ok(());
        }
        let Self { val, test } = self;
        Err(Error::new(format!(
            "split fractions are val {val}, test {test} (expected 0 or more, together below 1)"
        )))
    }
}

#[cfg(test)]
mod tests;
