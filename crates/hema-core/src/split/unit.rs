//! Units, the sets of images that must not be torn apart: a group, the copies of a picture, and sets that
//! share an image with these.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::data::Entries;

/// Divides the entries at `used` into units, each in order of its paths, and the units in order of their
/// first paths. Sets in `copies` join their entries, as groups do; an entry in neither is a unit of its own.
pub(super) fn units(entries: &Entries, used: &[usize], copies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut forest = Forest::new(entries.len());
    let is_used: HashSet<usize> = used.iter().copied().collect();
    let mut first_of_group: HashMap<&str, usize> = HashMap::new();
    for i in used.iter().copied() {
        if let Some(group) = entries.get(i).group {
            forest.join(*first_of_group.entry(group).or_insert(i), i);
        }
    }
    for set in copies {
        let mut members = set.iter().copied().filter(|i| is_used.contains(i));
        if let Some(first) = members.next() {
            members.for_each(|other| forest.join(first, other));
        }
    }

    let mut in_order = used.to_vec();
    in_order.sort_by(|a, b| entries.get(*a).path.cmp(entries.get(*b).path));
    let mut number_of_root = HashMap::new();
    let mut units: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in in_order {
        let next = number_of_root.len();
        let number = *number_of_root.entry(forest.root(i)).or_insert(next);
        units.entry(number).or_default().push(i);
    }
    units.into_values().collect()
}

/// Disjoint sets (Galler and Fischer, 1964), with paths halved on the way.
struct Forest {
    parent: Vec<usize>,
}

impl Forest {
    fn new(len: usize) -> Self {
        Self { parent: (0..len).collect() }
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[b] = a;
    }
}
