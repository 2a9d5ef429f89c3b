//! An audit from beginning to end: every image is measured, then every check is run on the measurements.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::check::{Check, Evidence, ModelEvidence, Need, Threshold};
use super::checks::{CHECKS, PICTURE_CHECKS, altered_duplicate, find_check, foreign_cluster, near_duplicate};
use super::copies::duplicates::Duplicates;
use super::copies::found::{Copies, Differences};
use super::copies::groups::{LARGEST_DIFFERENCE, best_groups};
use super::finding::Finding;
use super::findings_csv::read_findings;
use super::measurements::Measurements;
use super::measurements::fingerprint::Fingerprint;
use super::measurements::measured::Measured;
use super::measurements::square::Square;
use super::policy;
use crate::data::Source;
use crate::error::Result;
use crate::split::{Part, Split};

/// Images that are being measured at a time: enough to keep all threads busy.
const IN_FLIGHT: usize = 1024;

/// Why a check was left out whose findings were read from a file.
pub(super) const NOT_RUN: &str = "not run again";

/// The result of an audit.
pub struct Audit {
    /// Everything found, in the order of [`CHECKS`], worst first within a check, clusters together.
    pub findings: Vec<Finding>,
    /// The measurements of every entry, or why it could not be read; empty where nothing was measured.
    pub measured: Measurements,
    /// The part every entry belongs to, where the data is split.
    pub parts: Vec<Option<Part>>,
    /// Names of the checks that were left out, each with the reason.
    pub left_out: Vec<(&'static str, &'static str)>,
    /// The groups of copies, for checks that are run later.
    pub(crate) duplicates: Duplicates,
}

impl Audit {
    /// An audit made before, from its `findings.csv`, perhaps edited. Nothing is measured, no check is run.
    ///
    /// # Errors
    /// As [`read_findings`]; a split of the data's own that cannot be read.
    pub fn read(path: &Path, source: &Source) -> Result<Self> {
        let findings = read_findings(path, source)?;
        let left_out = CHECKS.iter().map(|check| (check.name, NOT_RUN)).collect();
        let (parts, duplicates) = (parts(source, None)?, Duplicates::default());
        Ok(Self { findings, measured: Measurements::new(0)?, parts, left_out, duplicates })
    }

    /// Sets of two or more images that show the same picture, as [`copies()`] gives them, with those that are
    /// cropped or turned where these were looked for.
    pub fn copies(&self) -> Vec<Vec<usize>> {
        self.duplicates.sets()
    }

    /// Adds a model's opinion of the images: of [`CHECKS`], those that need a model are run.
    ///
    /// # Errors
    /// Measurements that cannot be read again.
    pub fn with_model(
        mut self,
        source: &Source,
        model: &ModelEvidence,
        thresholds: &[Threshold],
    ) -> Result<Self> {
        let Self { measured, parts, duplicates, .. } = &self;
        let kept = policy::kept(&self.findings, source.len());
        let evidence = Evidence { source, parts, measured, duplicates, model: Some(model), kept };
        let (findings, left_out) = run(evidence, thresholds, |check| check.needs == Need::Model)?;
        let is_run = |name: &str| CHECKS.iter().any(|check| check.name == name && check.needs == Need::Model);
        self.findings.retain(|finding| !is_run(finding.check));
        self.left_out.retain(|(name, _)| !is_run(name));
        self.findings.extend(findings);
        self.left_out.extend(left_out);
        // as if all checks had been run at once
        let row = |name: &str| CHECKS.iter().position(|check| check.name == name);
        self.findings.sort_by_key(|finding| row(finding.check));
        self.left_out.sort_by_key(|(name, _)| row(name));
        Ok(self)
    }
}

/// Measures every image of `source` and runs every check. `split` is the split that leaks are looked for in,
/// by default the data's own; `model` is a model's opinion of the images. `progress` is called with the
/// number of images measured.
///
/// # Errors
/// A shared file that cannot be read any further; a split that does not fit the data; an unknown check in
/// `thresholds`.
pub fn audit(
    source: &Source,
    split: Option<&Split>,
    model: Option<&ModelEvidence>,
    thresholds: &[Threshold],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Audit> {
    judge(source, split, measure_all(source, progress)?, model, thresholds, &|_| ())
}

/// Runs every check on a source whose images have been measured, see [`audit`]. Of images that were measured
/// closely, `progress` is called with how many have been compared with others that may be cropped or turned.
///
/// # Errors
/// A split of the data's own that cannot be read; an unknown check in `thresholds`; measurements that cannot
/// be read again.
pub fn judge(
    source: &Source,
    split: Option<&Split>,
    measured: Measurements,
    model: Option<&ModelEvidence>,
    thresholds: &[Threshold],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Audit> {
    for threshold in thresholds {
        find_check(&threshold.check)?;
    }
    let parts = parts(source, split)?;
    let duplicates = find_duplicates(source, &parts, &measured, thresholds, progress)?;
    let kept = vec![true; source.len()];
    let evidence =
        Evidence { source, parts: &parts, measured: &measured, duplicates: &duplicates, model, kept };
    let (findings, left_out) = run(evidence, thresholds, |_| true)?;
    Ok(Audit { findings, measured, parts, left_out, duplicates })
}

/// The groups of copies, by the thresholds of the checks that report them.
pub(super) fn find_duplicates(
    source: &Source,
    parts: &[Option<Part>],
    measured: &Measurements,
    thresholds: &[Threshold],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Duplicates> {
    let [near, altered] =
        [near_duplicate::CHECK, altered_duplicate::CHECK].map(|c| c.threshold_among(thresholds));
    let differences = Differences { near, altered };
    let faulty = || faulty(source, parts, measured);
    let copies = Copies::find(source, parts, measured, differences, &faulty, progress)?;
    Ok(Duplicates::judge(source, copies, foreign_cluster::CHECK.threshold_among(thresholds)))
}

/// Groups of two or more entries that show the same picture: equal pixels, or the same after another
/// compression, another size, a flip, quarter turns or a change of brightness. What belongs together must not
/// be torn apart by a split. Of each group the copy that an audit would keep comes first, the others in
/// ascending order.
///
/// # Errors
/// Measurements that cannot be read again; a shared file of the source that cannot be read any further.
pub fn copies(source: &Source, measured: &Measurements) -> Result<Vec<Vec<usize>>> {
    let parts = vec![None; source.len()];
    let groups =
        best_groups(source, measured, &parts, LARGEST_DIFFERENCE, &|| faulty(source, &parts, measured))?;
    Ok(groups.iter().map(|group| group.images().collect()).collect())
}

/// Whether a check of single pictures finds each image.
fn faulty(source: &Source, parts: &[Option<Part>], measured: &Measurements) -> Result<Vec<bool>> {
    let mut faulty = vec![false; source.len()];
    let (duplicates, kept) = (Duplicates::default(), vec![true; source.len()]);
    let evidence = Evidence { source, parts, measured, duplicates: &duplicates, model: None, kept };
    for check in PICTURE_CHECKS {
        for finding in (check.run)(check, &evidence, check.threshold)? {
            finding.image.into_iter().for_each(|image| faulty[image] = true);
        }
    }
    Ok(faulty)
}

/// Findings, and the checks that could not be run with the reason.
type Found = (Vec<Finding>, Vec<(&'static str, &'static str)>);

/// Runs the checks that are wanted, in the order of [`CHECKS`]: each knows what those before it drop.
fn run(mut evidence: Evidence, thresholds: &[Threshold], wanted: impl Fn(&Check) -> bool) -> Result<Found> {
    let (mut findings, mut left_out) = (Vec::new(), Vec::new());
    for check in CHECKS.iter().filter(|check| wanted(check)) {
        let threshold = check.threshold_among(thresholds);
        if let Some(why) = check.left_out(&evidence, threshold) {
            left_out.push((check.name, why));
            continue;
        }
        let found = (check.run)(check, &evidence, threshold)?;
        policy::drop_found(&mut evidence.kept, &found);
        findings.extend(found);
    }
    Ok((findings, left_out))
}

/// The part of every entry: by the split given, else by the data's own.
fn parts(source: &Source, split: Option<&Split>) -> Result<Vec<Option<Part>>> {
    let inside;
    let split = if split.is_some() {
        split
    } else {
        inside = source.read_split_inside()?;
        inside.as_ref()
    };
    Ok(split.map_or_else(|| vec![None; source.len()], |split| split.parts(source)))
}

/// Measures every image, on all threads; of an image that cannot be read the reason is kept.
///
/// # Errors
/// A shared file that cannot be read any further, a full disk.
pub fn measure_all(source: &Source, progress: &(dyn Fn(usize) + Sync)) -> Result<Measurements> {
    measure(source, Measurements::new(source.len())?, progress)
}

/// Measures every image as [`measure_all`] does, and keeps what is needed to find copies that are cropped or
/// turned by odd angles: 4 KB an image, in a temporary file. To [`judge`] them then takes longer.
///
/// # Errors
/// The errors of [`measure_all`].
pub fn measure_closely(source: &Source, progress: &(dyn Fn(usize) + Sync)) -> Result<Measurements> {
    measure(source, Measurements::new(source.len())?.with_squares()?, progress)
}

fn measure(
    source: &Source,
    mut measurements: Measurements,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Measurements> {
    let keeps_squares = measurements.has_squares();
    let done = AtomicUsize::new(0);
    source.visit(
        &source.reading_order(None)?,
        IN_FLIGHT,
        |_, picture| {
            let found = picture.map(|picture| {
                let square = keeps_squares.then(|| Square::of(&picture.image));
                (Measured::of(&picture), Fingerprint::of(&picture), square)
            });
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            found
        },
        |image, found| measurements.set(image, found),
    )?;
    Ok(measurements)
}
