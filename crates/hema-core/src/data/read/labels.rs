//! The labels that a table gives images, as they are written there, each name kept once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::notice::{Notice, Subject};

/// Texts by which software says that a cell has no value, in small letters.
const NO_VALUE: [&str; 9] = ["nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nat", "nil"];

/// A name for each of several images, or none.
#[derive(Default)]
pub(super) struct Labels {
    of: Vec<Option<u32>>,
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Labels {
    /// No label for so many images.
    pub(super) fn none(images: usize) -> Self {
        Self { of: vec![None; images], ..Self::default() }
    }

    /// Adds an image.
    pub(super) fn push(&mut self, label: Option<&str>) {
        self.of.push(None);
        if let Some(label) = label {
            self.set(self.of.len() - 1, label);
        }
    }

    /// Gives an image a label, in place of its own.
    pub(super) fn set(&mut self, image: usize, label: &str) {
        let number = self.numbers.get(label).copied().unwrap_or_else(|| {
            let (name, number) = (Arc::from(label), self.names.len() as u32);
            self.names.push(Arc::clone(&name));
            self.numbers.insert(name, number);
            number
        });
        self.of[image] = Some(number);
    }

    /// The label of an image.
    pub(super) fn get(&self, image: usize) -> Option<&str> {
        self.of[image].map(|number| &*self.names[number as usize])
    }

    /// Every label once.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Images without a label.
    pub(super) fn missing(&self) -> u64 {
        self.of.iter().filter(|label| label.is_none()).count() as u64
    }

    /// Writes whole numbers without a point, if all labels are such: software writes `1.0` where it counts
    /// with missing values. Says so, and which labels look like no label.
    pub(super) fn tidy(&mut self) -> Vec<Notice> {
        let mut notices: Vec<Notice> = odd_names("label", (0..self.of.len()).map(|i| self.get(i))).collect();
        let whole: Option<Vec<&str>> = self.names().map(whole_number).collect();
        let written: Vec<String> =
            self.names().filter(|name| name.contains('.')).map(str::to_owned).collect();
        if let Some(whole) = whole.filter(|_| !written.is_empty()) {
            let whole: Vec<Arc<str>> = whole.into_iter().map(Arc::from).collect();
            let text = "labels are whole numbers with a point, and are read without it";
            notices.push(Notice::new(Subject::WholeNumbers, written.len() as u64, text, written));
            self.names = whole;
        }
        notices
    }
}

/// The digits of a whole number, with or without zeros behind a point.
fn whole_number(text: &str) -> Option<&str> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && zeros.bytes().all(|byte| byte == b'0')).then_some(digits)
}

/// A notice for each text by which software says that there is no value, where it stands as a name.
pub(super) fn odd_names<'a>(
    what: &str,
    names: impl Iterator<Item = Option<&'a str>>,
) -> impl Iterator<Item = Notice> {
    let mut counts: [u64; NO_VALUE.len()] = [0; NO_VALUE.len()];
    for name in names.flatten() {
        let found = NO_VALUE.iter().position(|known| known.eq_ignore_ascii_case(name));
        if let Some(known) = found {
            counts[known] += 1;
        }
    }
    NO_VALUE.into_iter().zip(counts).filter(|(_, count)| *count > 0).map(move |(name, count)| {
        let text = format!(
            "{count} images have the {what} `{name}`, which is taken as a name like any other; leave the cell empty \
             where an image has no {what}"
        );
        Notice::new(Subject::OddName, count, text, [])
    })
}
