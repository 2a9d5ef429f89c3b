//! The eight ways to lay a picture on the table: four quarter turns, each as it is or mirrored.

/// One of the eight symmetries of the square: perhaps transposed, then perhaps upside down, then perhaps
/// mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Rows become columns, first of all.
    pub(crate) transposed: bool,
    /// The order of rows is reversed.
    pub(crate) upside_down: bool,
    /// The order of columns is reversed.
    pub(crate) mirrored: bool,
}

impl Orientation {
    /// Every orientation, the upright one first.
    pub(crate) const ALL: [Self; 8] = [
        Self::new(false, false, false),
        Self::new(false, false, true),
        Self::new(false, true, false),
        Self::new(false, true, true),
        Self::new(true, false, false),
        Self::new(true, false, true),
        Self::new(true, true, false),
        Self::new(true, true, true),
    ];

    const fn new(transposed: bool, upside_down: bool, mirrored: bool) -> Self {
        Self { transposed, upside_down, mirrored }
    }

    /// The flip or turn in words; `None` where the picture lies upright.
    pub(crate) fn words(self) -> Option<&'static str> {
        match (self.transposed, self.upside_down, self.mirrored) {
            (false, false, false) => None,
            (false, false, true) => Some("flipped left to right"),
            (false, true, false) => Some("flipped top to bottom"),
            (false, true, true) => Some("turned by 180 degrees"),
            (true, true, false) | (true, false, true) => Some("turned by 90 degrees"),
            (true, false, false) | (true, true, true) => Some("turned by 90 degrees and flipped"),
        }
    }

    /// The row and column of a square of `side` rows whose cell comes to stand at row `y`, column `x`.
    pub(crate) fn source(self, side: usize, y: usize, x: usize) -> (usize, usize) {
        let y = if self.upside_down { side - 1 - y } else { y };
        let x = if self.mirrored { side - 1 - x } else { x };
        if self.transposed { (x, y) } else { (y, x) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_eight_orientations_are_different_and_keep_every_cell() {
        let laid = Orientation::ALL.map(|orientation| {
            (0..9).map(|i| orientation.source(3, i / 3, i % 3)).collect::<Vec<(usize, usize)>>()
        });
        assert_eq!(laid.iter().collect::<HashSet<_>>().len(), 8);
        assert!(laid.iter().all(|cells| cells.iter().collect::<HashSet<_>>().len() == 9));
        assert_eq!(laid[0][5], (1, 2));
    }
}
