//! Many short texts in one piece of memory: eight bytes a text beside its own, where a `String` takes forty and more.

/// Texts, numbered from 0 in the order they came in.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Texts {
    /// All of them, one after the other.
    joined: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text.
    pub(super) fn push(&mut self, text: &str) {
        self.joined.push_str(text);
        self.ends.push(self.joined.len());
    }

    /// Text `i`, which must be below [`Texts::len`].
    pub(super) fn get(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.joined[start..self.ends[i]]
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Number of texts.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_went_in() {
        let all = ["a/1.png", "", "\u{e9}\u{1f9ea}", "", "b"];
        let mut texts = Texts::default();
        assert_eq!(texts.iter().len(), 0);
        for text in all {
            texts.push(text);
        }
        assert_eq!(texts.iter().collect::<Vec<_>>(), all);
        assert_eq!((texts.len(), texts.get(2)), (5, all[2]));
    }
}
