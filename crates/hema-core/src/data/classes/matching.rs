//! The classes of one list in another.

use std::collections::HashMap;
use std::hash::Hash;

use super::key::key;
use super::list::{ClassList, number_of};
use crate::data::notice::{Notice, Subject};
use crate::spelling::printed;

/// Finds the classes of a list in another: for each of `own`, its position in `known`, or `None`.
///
/// A name that both lists have is the same class. Another match counts where it is one to one, with no second
/// name in either list that could be meant: names that print the same (compared in Unicode NFC), then names
/// that differ in case, spaces, underscores, inner hyphens or a plural `s` alone, and the names of one of the
/// [standard classes](crate::data::standard_classes). Signs tell classes apart: `CD34+` is not `CD34-`.
pub fn match_classes(own: &[String], known: &[String]) -> Vec<Option<usize>> {
    let mut positions = one_to_one(own, known, str::to_owned);
    for looser in [one_to_one(own, known, printed), one_to_one(own, known, key)] {
        positions.iter_mut().zip(looser).for_each(|(position, looser)| *position = position.or(looser));
    }
    positions
}

/// Whether two lists hold the same classes in the same order, as [`match_classes`] tells.
pub fn are_same_classes(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && match_classes(a, b).into_iter().eq((0..b.len()).map(Some))
}

/// For each of `own`, the only one in `known` of the same property, where it is itself the only one of it.
fn one_to_one<K: Eq + Hash>(
    own: &[String],
    known: &[String],
    property: impl Fn(&str) -> K,
) -> Vec<Option<usize>> {
    let only = |names: &[String]| {
        let mut only: HashMap<K, Option<usize>> = HashMap::new();
        for (i, name) in names.iter().enumerate() {
            only.entry(property(name)).and_modify(|position| *position = None).or_insert(Some(i));
        }
        only
    };
    let (in_own, in_known) = (only(own), only(known));
    let found = |name: &String| {
        let property = property(name);
        in_own[&property].and_then(|_| *in_known.get(&property)?)
    };
    own.iter().map(found).collect()
}

/// The positions of a data set's classes in a model's list.
pub(crate) struct Placed {
    /// Position of each class, `None` where the list lacks it.
    pub(crate) positions: Vec<Option<usize>>,
    /// Numbers were taken for positions in the list.
    pub(crate) by_number: bool,
    /// Says so, where the list has names for them.
    pub(crate) notice: Option<Notice>,
}

impl ClassList {
    /// Finds the classes of a data set in a model's list: by name, and numbers by number. In a list of names
    /// a number is a position, which is an assumption. `counts` has the images of each class: those without
    /// any cannot be wrong.
    pub(crate) fn place_in(&self, known: &[String], counts: &[u64]) -> Placed {
        let mut positions = self.match_names(known);
        let lacking = |class: &usize| self.numbers()[*class].is_some() && positions[*class].is_none();
        let by_number = (0..self.len()).any(|class| lacking(&class) && counts[class] > 0);
        if !by_number {
            return Placed { positions, by_number, notice: None };
        }
        let known_numbers: Option<HashMap<usize, usize>> =
            known.iter().enumerate().map(|(i, name)| Some((number_of(name)?, i))).collect();
        let numbered = || (0..self.len()).filter_map(|class| Some((class, self.numbers()[class]?)));
        let position = |number: usize| match &known_numbers {
            Some(known) => known.get(&number).copied(),
            None => Some(number).filter(|number| *number < known.len()),
        };
        // one number beyond the list says that the others are no positions either: they may begin at 1
        let fit = numbered().all(|(class, number)| counts[class] == 0 || position(number).is_some());
        for (class, number) in numbered() {
            positions[class] =
                position(number).filter(|_| fit || known_numbers.is_some() || counts[class] == 0);
        }
        let assumed = || {
            numbered().filter(|(class, _)| counts[*class] > 0).filter_map(|(class, number)| {
                positions[class].map(|position| format!("{number} is `{}`", known[position]))
            })
        };
        let notice = (known_numbers.is_none() && assumed().next().is_some()).then(|| {
            let text = "labels are numbers, taken for positions in the model's list of classes";
            Notice::new(Subject::AssumedClasses, assumed().count() as u64, text, assumed())
        });
        Placed { positions, by_number, notice }
    }

    /// Finds classes by the names that the data gives, or its form; a bare number is no name.
    fn match_names(&self, known: &[String]) -> Vec<Option<usize>> {
        let named: Vec<usize> = (0..self.len()).filter(|class| !self.is_bare_number(*class)).collect();
        let names: Vec<String> = named.iter().map(|class| self.names()[*class].clone()).collect();
        let mut positions = vec![None; self.len()];
        for (class, position) in named.into_iter().zip(match_classes(&names, known)) {
            positions[class] = position;
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn matched(own: &[&str], known: &[&str]) -> Vec<Option<usize>> {
        match_classes(&list(own), &list(known))
    }

    #[test]
    fn an_exact_match_wins() {
        for pair in [["CD34+", "CD34-"], ["Blast", "blast"], ["+", "-"], ["cell", "cells"]] {
            let [a, b] = pair;
            assert_eq!(matched(&[a, b], &[b, a]), [Some(1), Some(0)]);
            assert!(!are_same_classes(&list(&[a, b]), &list(&[b, a])));
        }
    }

    #[test]
    fn a_loose_match_counts_where_it_is_one_to_one_in_both_lists() {
        assert_eq!(matched(&["Thrombocytes", "BLAST"], &["blasts", "platelet"]), [Some(1), Some(0)]);
        assert_eq!(matched(&["BLAST"], &["Blast", "blast"]), [None]);
        assert_eq!(matched(&["Blast", "blast"], &["BLAST"]), [None, None]);
        assert_eq!(matched(&["Blast", "blast"], &["blast"]), [None, Some(0)]);
        assert_eq!(matched(&["CD34+"], &["CD34-"]), [None]);
        assert_eq!(matched(&["CD34"], &["CD34+", "CD34-"]), [None]);
        assert_eq!(matched(&["Zelle\u{301}"], &["Zell\u{e9}"]), [Some(0)]);
        assert!(are_same_classes(&list(&["Platelets", "ig"]), &list(&["platelet", "IG"])));
    }

    #[test]
    fn numbers_are_found_by_number_and_in_a_list_of_names_by_position() {
        let placed = |own: ClassList, known: &[&str]| {
            let placed = own.place_in(&list(known), &vec![1; own.len()]);
            (placed.positions, placed.notice.map(|notice| notice.to_string()))
        };
        let of = |names: &[&str]| ClassList::new(list(names));
        // the number counts, not the place among those present
        assert_eq!(
            placed(of(&["0", "2"]), &["class_0", "class_1", "class_2"]),
            (vec![Some(0), Some(2)], None)
        );
        assert_eq!(placed(ClassList::numbered(2), &["1", "0"]), (vec![Some(1), Some(0)], None));
        let said =
            "labels are numbers, taken for positions in the model's list of classes: 0 is `a`, 2 is `c`";
        assert_eq!(placed(of(&["0", "2"]), &["a", "b", "c"]), (vec![Some(0), Some(2)], Some(said.into())));
        // labels from 1 to 3 are no positions from 0 to 2
        assert_eq!(placed(of(&["1", "2", "3"]), &["a", "b", "c"]), (vec![None; 3], None));
        // names made up for numbers are no names
        assert_eq!(placed(of(&["class_0", "class_1"]), &["a", "b"]), (vec![None; 2], None));
        // a form that defines the names of its numbers is matched by name first
        let with_blast = ["basophil", "blast", "eosinophil"];
        let counts = [1, 1, 0, 0, 0, 0, 0, 0];
        let found = ClassList::bloodmnist().place_in(&list(&with_blast), &counts);
        assert_eq!((found.positions[..2].to_vec(), found.by_number), (vec![Some(0), Some(2)], false));
        let numbered = ClassList::numbered(8);
        let found = ClassList::bloodmnist().place_in(numbered.names(), &[1; 8]);
        assert!(found.positions.into_iter().eq((0..8).map(Some)));
    }
}
