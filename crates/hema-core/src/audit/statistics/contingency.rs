//! How much one property of the images says about their class.

use crate::data::Source;

/// How many labelled images of each class lie in each bin.
pub(crate) struct Contingency<'a> {
    source: &'a Source,
    /// A row a bin, a column a class.
    table: Vec<Vec<f64>>,
}

/// How much a property says about the class.
pub(crate) struct Association {
    /// Cramer's V, corrected for chance (Bergsma, 2013): 0 for nothing, 1 for everything.
    pub(crate) cramers_v: f64,
    /// Pearson's chi-squared, and its degrees of freedom.
    pub(crate) chi_squared: f64,
    pub(crate) degrees: f64,
    /// Accuracy of naming each bin's most frequent class.
    rule: f64,
    /// Accuracy of naming the most frequent class of all.
    majority: f64,
}

/// An association in words.
pub(crate) fn describe(association: &Association) -> String {
    let Association { cramers_v, rule, majority, .. } = association;
    format!(
        "guessing by it alone is right for {:.0} % of the images, the most frequent class for {:.0} % (Cramer's V, the \
         strength of the association from 0 to 1, is {cramers_v:.2})",
        100.0 * rule,
        100.0 * majority
    )
}

impl<'a> Contingency<'a> {
    /// An empty table, for images that are counted one by one.
    pub(crate) fn new(source: &'a Source, bins: usize) -> Self {
        Self { source, table: vec![vec![0.0; source.classes().len()]; bins] }
    }

    /// Counts an image, if it has a label.
    pub(crate) fn count(&mut self, image: usize, bin: usize) {
        if let Some(label) = self.source.entry(image).label {
            self.table[bin][label] += 1.0;
        }
    }

    /// How much the bin says about the class; `None` unless there are two bins and two classes.
    pub(crate) fn association(self) -> Option<Association> {
        let Self { source, table } = self;
        let in_row: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
        let in_column: Vec<f64> =
            (0..source.classes().len()).map(|label| table.iter().map(|row| row[label]).sum()).collect();
        let total: f64 = in_row.iter().sum();
        let used = |sums: &[f64]| sums.iter().filter(|sum| **sum > 0.0).count() as f64;
        let (rows, columns) = (used(&in_row), used(&in_column));
        if rows < 2.0 || columns < 2.0 {
            return None;
        }
        let mut squared = -1.0; // chi-squared over the number of images
        for (row, row_sum) in table.iter().zip(&in_row) {
            for (count, column_sum) in row.iter().zip(&in_column).filter(|(count, _)| **count > 0.0) {
                squared += count * count / (row_sum * column_sum);
            }
        }
        let corrected = (squared - (rows - 1.0) * (columns - 1.0) / (total - 1.0)).max(0.0);
        let shrunk = |size: f64| size - (size - 1.0).powi(2) / (total - 1.0);
        let most = |counts: &[f64]| counts.iter().copied().fold(0.0, f64::max);
        Some(Association {
            chi_squared: squared * total,
            degrees: (rows - 1.0) * (columns - 1.0),
            cramers_v: (corrected / (shrunk(rows).min(shrunk(columns)) - 1.0).max(1e-9)).sqrt().min(1.0),
            rule: table.iter().map(|row| most(row)).sum::<f64>() / total,
            majority: most(&in_column) / total,
        })
    }
}
