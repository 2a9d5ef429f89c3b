//! Many short texts in one piece of memory: four bytes a text beside its own, where a `String` takes forty
//! and more.

/// Texts of a block, which together are shorter than 4 GiB.
const BLOCK: usize = 64;

/// Texts, numbered from 0 in the order they came in.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Texts {
    /// All texts, one after the other.
    joined: String,
    /// Where each block begins.
    blocks: Vec<usize>,
    /// Where each text ends, from the beginning of its block.
    ends: Vec<u32>,
}

impl Texts {
    /// Adds a text.
    pub(super) fn push(&mut self, text: &str) {
        let block = self.ends.len() / BLOCK;
        if block == self.blocks.len() {
            self.blocks.push(self.joined.len());
        }
        self.joined.push_str(text);
        self.ends.push((self.joined.len() - self.blocks[block]) as u32);
    }

    /// Text `i`, which must be below [`Texts::len`].
    pub(super) fn get(&self, i: usize) -> &str {
        let block = self.blocks[i / BLOCK];
        let start = if i.is_multiple_of(BLOCK) { 0 } else { self.ends[i - 1] };
        &self.joined[block + start as usize..block + self.ends[i] as usize]
    }

    /// All texts, in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The texts of these numbers, in that order, without their first `skipped` bytes.
    pub(super) fn select(&self, numbers: &[u32], skipped: usize) -> Self {
        let mut selected = Self::default();
        selected.ends.reserve_exact(numbers.len());
        for number in numbers {
            selected.push(&self.get(*number as usize)[skipped..]);
        }
        selected
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

    #[test]
    fn texts_are_found_in_every_block_and_can_be_put_into_another_order() {
        let mut texts = Texts::default();
        let all: Vec<String> =
            (0..3 * BLOCK as u32).map(|i| format!("top/{}", "x".repeat(i as usize % 7))).collect();
        for text in &all {
            texts.push(text);
        }
        assert!(texts.iter().eq(all.iter()));
        let backwards: Vec<u32> = (0..texts.len() as u32).rev().collect();
        let selected = texts.select(&backwards, "top/".len());
        assert!(selected.iter().eq(all.iter().rev().map(|text| &text["top/".len()..])));
    }
}
