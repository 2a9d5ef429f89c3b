//! The list of a data set's images, packed: a few columns, so that an image takes its path and some ten
//! bytes. Large sets have millions, and the list stays in memory as long as the set is open.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::part::Part;
use super::texts::Texts;

/// One image of a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// Path under the input, without a top folder that all images share; `images[17]` in an array.
    pub path: &'a str,
    /// Position of the image's class in the class list; `None` when the data does not say.
    pub label: Option<usize>,
    /// Part of the image, when the data comes split.
    pub part: Option<Part>,
    /// Name of the group (a patient, a slide) whose images must stay together when data is split.
    pub group: Option<&'a str>,
}

/// Images of a data set, in order, numbered from 0.
#[derive(Clone, Default)]
pub struct Entries {
    paths: Texts,
    labels: Vec<u32>,
    parts: Vec<Option<Part>>,
    /// The number of each image's group, up to the last image that has one: most sets have none.
    groups: Vec<u32>,
    group_names: Vec<Arc<str>>,
    group_numbers: HashMap<Arc<str>, u32>,
}

/// The number of a label or a group that is not there.
const NONE: u32 = u32::MAX;

fn some(number: u32) -> Option<usize> {
    (number != NONE).then_some(number as usize)
}

fn number(label: Option<usize>) -> u32 {
    label.map_or(NONE, |label| label as u32)
}

impl Entries {
    /// Adds an image.
    pub fn push(&mut self, entry: Entry) {
        self.paths.push(entry.path);
        self.labels.push(number(entry.label));
        self.parts.push(entry.part);
        self.set_group(self.len() - 1, entry.group);
    }

    /// Images of these paths, of which nothing else is known yet.
    pub(super) fn of_paths(paths: Texts) -> Self {
        let (labels, parts) = (vec![NONE; paths.len()], vec![None; paths.len()]);
        Self { paths, labels, parts, ..Self::default() }
    }

    /// Image `i`, which must be below [`Entries::len`].
    pub fn get(&self, i: usize) -> Entry<'_> {
        Entry {
            path: self.paths.get(i),
            label: some(self.labels[i]),
            part: self.parts[i],
            group: self.groups.get(i).and_then(|group| some(*group)).map(|group| &*self.group_names[group]),
        }
    }

    /// All images, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives image `i` a label in place of its own.
    pub(super) fn set_label(&mut self, i: usize, label: Option<usize>) {
        self.labels[i] = number(label);
    }

    /// Gives image `i` a part in place of its own.
    pub(super) fn set_part(&mut self, i: usize, part: Option<Part>) {
        self.parts[i] = part;
    }

    /// Puts image `i` into a group in place of its own.
    pub(super) fn set_group(&mut self, i: usize, group: Option<&str>) {
        let number = self.group_number(group);
        if number != NONE && self.groups.len() <= i {
            self.groups.resize(i + 1, NONE);
        }
        if let Some(own) = self.groups.get_mut(i) {
            *own = number;
        }
    }

    fn group_number(&mut self, group: Option<&str>) -> u32 {
        let Some(group) = group else { return NONE };
        if let Some(known) = self.group_numbers.get(group) {
            return *known;
        }
        let (name, number) = (Arc::from(group), self.group_names.len() as u32);
        self.group_names.push(Arc::clone(&name));
        self.group_numbers.insert(name, number);
        number
    }
}

impl<'a> FromIterator<Entry<'a>> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry<'a>>>(all: I) -> Self {
        let mut entries = Self::default();
        all.into_iter().for_each(|entry| entries.push(entry));
        entries
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went_in_and_can_be_changed() {
        let entry = |path, label, part, group| Entry { path, label, part, group };
        let all = [
            entry("a/1.png", Some(0), None, Some("p1")),
            entry("", None, Some(Part::Test), None),
            entry("b/1.png", Some(9_999), Some(Part::Train), Some("")),
            entry("b/2.png", Some(1), None, Some("p1")),
        ];
        let mut entries: Entries = all.into_iter().collect();
        assert_eq!(entries.iter().collect::<Vec<_>>(), all);
        assert_eq!(entries.group_names.len(), 2, "a group's name is kept once");
        assert!(all[1..3].iter().copied().collect::<Entries>().iter().eq(all[1..3].iter().copied()));

        entries.set_label(0, None);
        entries.set_part(1, None);
        entries.set_group(3, Some("p2"));
        let changed = [
            Entry { label: None, ..all[0] },
            Entry { part: None, ..all[1] },
            all[2],
            Entry { group: Some("p2"), ..all[3] },
        ];
        assert_eq!(entries, changed.into_iter().collect());
        assert_ne!(entries, all.into_iter().collect());
        // the same entries, whatever was there before
        entries.set_group(3, None);
        assert_eq!(entries.get(3).group, None);
    }
}
