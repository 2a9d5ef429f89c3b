//! Which images train a model, which choose it and which judge it: reading, writing and making splits.
//!
//! Left out on purpose: folds (several splits with different seeds serve the same end) and de-duplication, which
//! the audit does before a split is made.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rand::seq::SliceRandom;

use crate::data::{Entry, Source, same_class};
use crate::error::{Error, Result};
use crate::rng::{Purpose, stream};
use crate::{file, rng};

/// The use an image is put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Fits the weights.
    Train,
    /// Chooses the epoch, the settings and the temperature.
    Val,
    /// Judges the finished model.
    Test,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "val" | "valid" | "validation" | "dev" => Ok(Self::Val),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(Error::new(format!("part is `{name}` (expected train, val or test)"))),
        }
    }
}

/// Shares of the images set apart from training, each at least 0 and together below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Share for validation.
    pub val: f64,
    /// Share for the test.
    pub test: f64,
}

/// The part of every image, by its path under the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    origin: PathBuf,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    path: String,
    label: Option<String>,
    part: Part,
}

impl Split {
    /// Reads a CSV file with the columns `path` and `split`, and `label` if there is one; others are ignored.
    ///
    /// # Errors
    /// A file that cannot be read, a missing column, an unknown part, a path named twice; each with its line.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(file::open(path)?, path)
    }

    /// Reads CSV text; `origin` names it in errors.
    pub(crate) fn parse(text: impl std::io::Read, origin: &Path) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let bad = |e: csv::Error| Error::new(format!("is not a readable CSV file: {e}")).at(origin);
        let header = reader.headers().map_err(bad)?.clone();
        let column =
            |names: &[&str]| header.iter().position(|c| names.contains(&c.trim_start_matches('\u{feff}')));
        let missing = |name: &str| {
            let found = header.iter().collect::<Vec<_>>().join(",");
            Error::new(format!("has no column `{name}` (found: {found}; expected path,label,split)"))
                .at(origin)
        };
        let path_column = column(&["path"]).ok_or_else(|| missing("path"))?;
        let part_column = column(&["split", "part"]).ok_or_else(|| missing("split"))?;
        let label_column = column(&["label"]);

        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let line = record.position().map_or(0, csv::Position::line);
            let path = record[path_column].to_owned();
            let part = record[part_column]
                .parse()
                .map_err(|e: Error| Error::new(format!("line {line}: {e}")).at(origin))?;
            let label = label_column.map(|c| record[c].to_owned()).filter(|l| !l.is_empty());
            if !seen.insert(path.clone()) {
                return Err(Error::new(format!("line {line}: `{path}` is named twice")).at(origin));
            }
            rows.push(Row { path, label, part });
        }
        Ok(Self { origin: origin.to_path_buf(), rows })
    }

    /// The split that entries carry themselves; entries without a part are left out.
    pub(crate) fn of_entries(entries: &[Entry], classes: &[String], origin: &Path) -> Self {
        let row = |e: &Entry| e.part.map(|part| Row::of(e, classes, part));
        Self { origin: origin.to_path_buf(), rows: entries.iter().filter_map(row).collect() }
    }

    /// Writes the split as CSV: `path,label,split`.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn write(&self, path: &Path) -> Result<()> {
        file::write_atomic(path, |out| {
            let mut out = csv::Writer::from_writer(out);
            out.write_record(["path", "label", "split"]).map_err(file::csv_error)?;
            for row in &self.rows {
                let part = row.part.to_string();
                let record = [&row.path, row.label.as_deref().unwrap_or(""), part.as_str()];
                out.write_record(record).map_err(file::csv_error)?;
            }
            out.flush()
        })
    }

    /// Splits labelled entries class by class, so that every part has the classes in the same proportions. The
    /// entries of a group stay together. The same entries and seed give the same split, whatever their order;
    /// entries without a label are left out.
    ///
    /// # Errors
    /// Fractions out of range; no labelled entry.
    pub fn stratified(
        entries: &[Entry],
        classes: &[String],
        fractions: Fractions,
        seed: u64,
    ) -> Result<Self> {
        fractions.validate()?;
        let mut parts = vec![None; entries.len()];
        for (class, groups) in groups_by_class(entries, classes.len()).into_iter().enumerate() {
            assign(groups, fractions, &mut stream(seed, Purpose::Split, 0, class as u64), &mut parts);
        }
        let row = |(e, part): (&Entry, Option<Part>)| part.map(|part| Row::of(e, classes, part));
        let rows: Vec<Row> = entries.iter().zip(parts).filter_map(row).collect();
        if rows.is_empty() {
            return Err(Error::new("no labelled image to split"));
        }
        Ok(Self { origin: PathBuf::from("split"), rows })
    }

    /// Indices of the source's entries that belong to a part, in the source's order.
    ///
    /// # Errors
    /// The split names files that the data lacks, or under another label than the data; the part has no image; for
    /// [`Part::Train`], a class of the data has no image in it.
    pub fn indices(&self, source: &Source, part: Part) -> Result<Vec<usize>> {
        self.check_against(source)?;
        let parts = self.part_by_path();
        let of_part = |i: &usize| parts.get(source.entries()[*i].path.as_str()) == Some(&part);
        let indices: Vec<usize> = (0..source.len()).filter(of_part).collect();
        if indices.is_empty() {
            return Err(Error::new(format!("no image belongs to the part `{part}`"))
                .at(&self.origin)
                .hint(format!("give a split with --split that names some images `{part}`")));
        }
        if part == Part::Train {
            self.check_every_class(source, &indices)?;
        }
        Ok(indices)
    }

    /// How many of the source's entries the split does not name, and so leaves unused.
    pub fn ignored(&self, source: &Source) -> usize {
        let parts = self.part_by_path();
        source.entries().iter().filter(|e| !parts.contains_key(e.path.as_str())).count()
    }

    /// Images of each part, in the order of [`Part::ALL`].
    pub fn counts(&self) -> [u64; 3] {
        Part::ALL.map(|part| self.rows.iter().filter(|r| r.part == part).count() as u64)
    }

    /// The part of every entry of a source, `None` where the split does not name it.
    pub fn parts(&self, source: &Source) -> Vec<Option<Part>> {
        let parts = self.part_by_path();
        source.entries().iter().map(|e| parts.get(e.path.as_str()).copied()).collect()
    }

    fn part_by_path(&self) -> HashMap<&str, Part> {
        self.rows.iter().map(|r| (r.path.as_str(), r.part)).collect()
    }

    pub(crate) fn check_against(&self, source: &Source) -> Result<()> {
        let entries: HashMap<&str, &Entry> = source.entries().iter().map(|e| (e.path.as_str(), e)).collect();
        let lacking = |r: &&Row| !entries.contains_key(r.path.as_str());
        let relabelled = |r: &&Row| {
            let in_data = entries.get(r.path.as_str()).and_then(|e| e.label);
            matches!((in_data, &r.label), (Some(label), Some(name)) if !is_label(source, label, name))
        };
        let fail = |rows: Vec<&Row>, what: &str, hint: &str| {
            if rows.is_empty() {
                return Ok(());
            }
            let first: Vec<&str> = rows.iter().take(3).map(|r| r.path.as_str()).collect();
            let message = format!(
                "{} of its {} files {what}, first: {}",
                rows.len(),
                self.rows.len(),
                first.join(", ")
            );
            Err(Error::new(message).at(&self.origin).hint(hint))
        };
        fail(
            self.rows.iter().filter(lacking).collect(),
            "are not in the data",
            "use the split with the data it was made from, or leave it out to get a new one",
        )?;
        fail(
            self.rows.iter().filter(relabelled).collect(),
            "have another label in the data",
            "leave the split out to get a new one",
        )
    }

    fn check_every_class(&self, source: &Source, indices: &[usize]) -> Result<()> {
        let mut trained = vec![false; source.classes().len()];
        for label in indices.iter().filter_map(|i| source.entries()[*i].label) {
            trained[label] = true;
        }
        let untrained =
            source.counts().iter().zip(trained).position(|(count, trained)| *count > 0 && !trained);
        match untrained {
            None => Ok(()),
            Some(class) => {
                let name = &source.classes()[class];
                Err(Error::new(format!("class `{name}` has no image in the part `train`"))
                    .at(&self.origin)
                    .hint("move some of its images there, or leave the class out of the data"))
            }
        }
    }
}

/// Whether a class name in a split stands for a label of the data, by name or, where labels are numbers, by position.
fn is_label(source: &Source, label: usize, name: &str) -> bool {
    same_class(&source.classes()[label], name) || name.trim_start_matches("class_").parse() == Ok(label)
}

impl Row {
    fn of(entry: &Entry, classes: &[String], part: Part) -> Self {
        Self { path: entry.path.clone(), label: entry.label.map(|l| classes[l].clone()), part }
    }
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

/// Groups of entries (indices), under the class that most of their entries have, each list in order of the groups'
/// names. An entry without a group is its own.
fn groups_by_class(entries: &[Entry], classes: usize) -> Vec<Vec<Vec<usize>>> {
    let mut groups: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate().filter(|(_, e)| e.label.is_some()) {
        let name = entry.group.as_deref().map_or((false, entry.path.as_str()), |group| (true, group));
        groups.entry(name).or_default().push(i);
    }
    let mut by_class = vec![Vec::new(); classes];
    for members in groups.into_values() {
        let mut votes = vec![0_usize; classes];
        members.iter().filter_map(|i| entries[*i].label).for_each(|label| votes[label] += 1);
        let most = (0..classes).rev().max_by_key(|class| votes[*class]).unwrap_or(0);
        by_class[most].push(members);
    }
    by_class
}

/// Hands a class's shuffled groups out, largest first, each to the part that still lacks most.
fn assign(mut groups: Vec<Vec<usize>>, fractions: Fractions, rng: &mut rng::Rng, parts: &mut [Option<Part>]) {
    groups.shuffle(rng);
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let total: usize = groups.iter().map(Vec::len).sum();
    let share = |fraction: f64| (total as f64 * fraction).round() as i64;
    let (val, test) = (share(fractions.val), share(fractions.test));
    // training comes first where parts lack the same, so that a class of one image is trained on
    let mut lacking =
        [(Part::Train, (total as i64 - val - test).max(1)), (Part::Val, val), (Part::Test, test)];
    for group in groups {
        let mut most = 0;
        for candidate in 1..lacking.len() {
            if lacking[candidate].1 > lacking[most].1 {
                most = candidate;
            }
        }
        lacking[most].1 -= group.len() as i64;
        for member in group {
            parts[member] = Some(lacking[most].0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open;

    fn entry(path: &str, label: Option<usize>, group: Option<&str>) -> Entry {
        Entry { path: path.to_owned(), label, part: None, group: group.map(str::to_owned) }
    }

    fn classes() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    /// 100 of the first class, 20 of the second.
    fn cells() -> Vec<Entry> {
        (0..120).map(|i| entry(&format!("{i:03}.png"), Some(usize::from(i >= 100)), None)).collect()
    }

    const FRACTIONS: Fractions = Fractions { val: 0.2, test: 0.1 };

    fn count(split: &Split, label: &str, part: Part) -> usize {
        split.rows.iter().filter(|r| r.label.as_deref() == Some(label) && r.part == part).count()
    }

    #[test]
    fn every_class_is_split_in_the_same_proportions() {
        let split = Split::stratified(&cells(), &classes(), FRACTIONS, 1).unwrap();
        assert_eq!(Part::ALL.map(|part| count(&split, "a", part)), [70, 20, 10]);
        assert_eq!(Part::ALL.map(|part| count(&split, "b", part)), [14, 4, 2]);
    }

    #[test]
    fn the_seed_decides_and_the_order_of_entries_does_not() {
        let parts = |entries: &[Entry], seed| -> BTreeMap<String, Part> {
            let split = Split::stratified(entries, &classes(), FRACTIONS, seed).unwrap();
            split.rows.into_iter().map(|r| (r.path, r.part)).collect()
        };
        let mut reversed = cells();
        reversed.reverse();
        assert_eq!(parts(&cells(), 1), parts(&reversed, 1));
        assert_ne!(parts(&cells(), 1), parts(&cells(), 2));
    }

    #[test]
    fn groups_are_never_torn_apart() {
        let grouped: Vec<Entry> = cells()
            .into_iter()
            .enumerate()
            .map(|(i, e)| Entry { group: Some((i % 24).to_string()), ..e })
            .collect();
        let split = Split::stratified(&grouped, &classes(), FRACTIONS, 3).unwrap();
        let mut parts: BTreeMap<&str, HashSet<Part>> = BTreeMap::new();
        for (entry, row) in grouped.iter().zip(&split.rows) {
            parts.entry(entry.group.as_deref().unwrap()).or_default().insert(row.part);
        }
        assert_eq!(parts.len(), 24);
        assert!(parts.values().all(|parts| parts.len() == 1));
        assert!(split.counts().iter().all(|count| *count > 0), "{:?}", split.counts());
    }

    #[test]
    fn a_class_of_one_image_is_trained_on_and_unlabelled_images_are_left_out() {
        let entries = [entry("1", Some(0), None), entry("2", None, None)];
        let split = Split::stratified(&entries, &classes(), Fractions { val: 0.6, test: 0.3 }, 0).unwrap();
        assert_eq!(split.counts(), [1, 0, 0]);
        assert!(Split::stratified(&entries[1..], &classes(), FRACTIONS, 0).is_err());
    }

    #[test]
    fn fractions_are_checked() {
        for (val, test) in [(-0.1, 0.2), (0.5, 0.5), (f64::NAN, 0.1)] {
            assert!(Split::stratified(&cells(), &classes(), Fractions { val, test }, 0).is_err());
        }
    }

    #[test]
    fn a_split_survives_a_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.csv");
        let split = Split::stratified(&cells(), &classes(), FRACTIONS, 1).unwrap();
        split.write(&path).unwrap();
        assert_eq!(Split::read(&path).unwrap().rows, split.rows);
    }

    #[test]
    fn bad_split_files_are_explained() {
        let parse = |text: &str| Split::parse(text.as_bytes(), Path::new("s.csv")).unwrap_err().to_string();
        assert!(parse("path,label\n").contains("s.csv: has no column `split` (found: path,label"));
        assert!(parse("path,split\na,train\na,val\n").contains("line 3: `a` is named twice"));
        assert!(parse("path,split\na,holdout\n").contains("line 2: part is `holdout`"));
    }

    #[test]
    fn a_split_of_numeric_labels_fits_the_data_under_a_models_class_names() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("m.csv");
        std::fs::write(&manifest, "path,label\n1,0\n2,1\n").unwrap();
        let source = open(&manifest).unwrap();
        let all_train = Fractions { val: 0.0, test: 0.0 };
        let split = Split::stratified(source.entries(), source.classes(), all_train, 0).unwrap();
        let source = source.with_classes(&classes(), crate::data::Unknown::Fail).unwrap();
        assert_eq!(split.indices(&source, Part::Train).unwrap(), [0, 1]);
    }

    #[test]
    fn a_split_must_fit_its_data() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("m.csv");
        std::fs::write(&manifest, "path,label\n1,a\n2,a\n3,b\n").unwrap();
        let source = open(&manifest).unwrap();
        let split = |text: &str| {
            Split::parse(format!("path,label,split\n{text}").as_bytes(), Path::new("s.csv")).unwrap()
        };
        let fails = |text: &str, part| split(text).indices(&source, part).unwrap_err().to_string();

        let good = split("1,a,train\n3,B,train\n");
        assert_eq!(good.indices(&source, Part::Train).unwrap(), [0, 2]);
        assert_eq!(good.ignored(&source), 1);
        assert!(fails("1,a,train\n", Part::Train).contains("class `b` has no image in the part `train`"));
        assert!(fails("1,a,train\n", Part::Val).contains("no image belongs to the part `val`"));
        assert!(
            fails("8,a,train\n9,a,val\n1,a,val\n", Part::Val)
                .contains("2 of its 3 files are not in the data, first: 8, 9")
        );
        assert!(
            fails("1,b,train\n", Part::Train)
                .contains("1 of its 1 files have another label in the data, first: 1")
        );
    }
}
