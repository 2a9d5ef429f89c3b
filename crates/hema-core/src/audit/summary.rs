//! The record of an audit for people and programs: counts per check and per class, and every finding by
//! its path.

use serde::Serialize;

use super::checks::{CHECKS, by_hand};
use super::finding::{Action, Finding};
use super::findings_csv::FindingRecord;
#[cfg(doc)]
use super::findings_csv::findings_checksum;
use super::policy;
use super::run::{Audit, NOT_RUN};
use crate::data::{Notice, Source};
use crate::provenance::Provenance;
use crate::split::Part;

/// Format number of [`AuditRecord`]; raised when a field changes its meaning.
pub const AUDIT_FORMAT: u32 = 1;

/// Everything found in one data set, as `audit.json`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditRecord<'a> {
    /// Format number, see [`AUDIT_FORMAT`].
    pub format: u32,
    /// Version, command line, device and time that made this record.
    pub provenance: Provenance,
    /// Path of the data set, as given.
    pub data: String,
    /// The model that was asked, with the checksum of its contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The counts.
    #[serde(flatten)]
    pub summary: Summary,
    /// Checksum of the `findings.csv` that was written with it (see [`findings_checksum`]): one with another
    /// has been edited. None where findings were read, not made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings_checksum: Option<u32>,
    /// Every finding.
    pub findings: Vec<FindingRecord<'a>>,
    /// What of the data is not used, and what was assumed of it.
    pub notices: Vec<Notice>,
}

/// An audit in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Images in the data.
    pub images: u64,
    /// Images that the policy drops.
    pub drop: u64,
    /// Images that stay until a person has looked at them.
    pub review: u64,
    /// Every check, in the order of [`CHECKS`].
    pub checks: Vec<CheckSummary>,
    /// Every class in label order, then the images without a label where there are any.
    pub classes: Vec<ClassSummary>,
}

/// The counts of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckSummary {
    /// Name of the check.
    pub name: &'static str,
    /// Images found.
    pub images: u64,
    /// Images found that it drops.
    pub drop: u64,
    /// Images found that stay until a person has looked at them.
    pub review: u64,
    /// Images found that another check drops.
    pub elsewhere: u64,
    /// Findings about the data set as a whole.
    pub data_set: u64,
    /// Why the check was not run, if it was not.
    pub left_out: Option<&'static str>,
    /// The worst finding, by its position in the list.
    #[serde(skip)]
    pub worst: Option<usize>,
}

/// The images of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassSummary {
    /// Name of the class; `None` for the images without a label.
    pub name: Option<String>,
    /// Images in the data.
    pub before: Counts,
    /// Images that stay.
    pub after: Counts,
}

/// Number of images, in all and in each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Images in all, also those in no part.
    pub all: u64,
    /// Images of each part, in the order of [`Part::ALL`].
    pub parts: [u64; 3],
}

impl<'a> AuditRecord<'a> {
    /// The record of an audit of a source.
    pub fn new(source: &'a Source, audit: &'a Audit, provenance: Provenance) -> Self {
        Self {
            format: AUDIT_FORMAT,
            provenance,
            data: source.path().display().to_string(),
            model: None,
            summary: Summary::new(source, audit),
            findings_checksum: None,
            findings: audit.findings.iter().map(|finding| FindingRecord::new(finding, source)).collect(),
            notices: source.all_notices(),
        }
    }
}

impl AuditRecord<'_> {
    /// Number of faults of the data set as a whole that ask for something to be done.
    pub fn faults_of_the_set(&self) -> usize {
        let asks = |finding: &&FindingRecord| finding.action != Action::Keep.name();
        self.findings.iter().filter(|finding| finding.path.is_empty()).filter(asks).count()
    }
}

impl Summary {
    /// Counts findings, and images before and after the policy.
    pub fn new(source: &Source, audit: &Audit) -> Self {
        let Audit { findings, parts, left_out, .. } = audit;
        let kept = policy::kept(findings, source.len());
        let mut review = vec![false; source.len()];
        for finding in findings.iter().filter(|finding| finding.action == Action::Review) {
            finding.image.into_iter().for_each(|image| review[image] = kept[image]);
        }
        let count = |flags: &[bool], wanted| flags.iter().filter(|flag| **flag == wanted).count() as u64;
        Self {
            images: source.len() as u64,
            drop: count(&kept, false),
            review: count(&review, true),
            checks: CHECKS
                .iter()
                .map(|check| CheckSummary {
                    left_out: left_out.iter().find(|(name, _)| *name == check.name).map(|(_, why)| *why),
                    ..CheckSummary::new(check.name, findings, &kept)
                })
                .collect(),
            classes: classes(source, parts, &kept),
        }
    }

    /// Whether no check was run, as the findings were read from a file.
    pub fn is_read(&self) -> bool {
        self.checks.iter().all(|check| check.left_out == Some(NOT_RUN))
    }

    /// Names of the checks that were run and found nothing.
    pub fn nothing_found(&self) -> Vec<&'static str> {
        let silent = self.checks.iter().filter(|check| !check.found() && check.left_out.is_none());
        silent.map(|check| check.name).collect()
    }

    /// Names of the checks that were not run and have no finding, each with the reason; none where the
    /// findings were read from a file.
    pub fn not_looked_for(&self) -> Vec<(&'static str, &'static str)> {
        let is_program = |check: &&CheckSummary| check.name != by_hand::CHECK.name;
        let without = self.checks.iter().filter(|check| !check.found() && !self.is_read()).filter(is_program);
        without.filter_map(|check| Some((check.name, check.left_out?))).collect()
    }

    /// Whether images of some class belong to a part.
    pub fn is_split(&self) -> bool {
        self.classes.iter().any(|class| class.before.parts.iter().any(|count| *count > 0))
    }
}

impl CheckSummary {
    fn new(name: &'static str, findings: &[Finding], kept: &[bool]) -> Self {
        let mut own = Self {
            name,
            images: 0,
            drop: 0,
            review: 0,
            elsewhere: 0,
            data_set: 0,
            left_out: None,
            worst: None,
        };
        // an image that a check names twice counts once, by its strictest action
        let mut images: Vec<(usize, Action)> = Vec::new();
        for (i, finding) in findings.iter().enumerate().filter(|(_, finding)| finding.check == name) {
            own.worst.get_or_insert(i);
            match finding.image {
                Some(image) => images.push((image, finding.action)),
                None => own.data_set += 1,
            }
        }
        images.sort_unstable_by_key(|(image, action)| (*image, std::cmp::Reverse(*action)));
        images.dedup_by_key(|(image, _)| *image);
        let count = |wanted: fn(Action, bool) -> bool| {
            images.iter().filter(|(image, action)| wanted(*action, kept[*image])).count() as u64
        };
        Self {
            images: images.len() as u64,
            drop: count(|action, _| action == Action::Drop),
            review: count(|action, kept| action == Action::Review && kept),
            elsewhere: count(|action, kept| action != Action::Drop && !kept),
            ..own
        }
    }

    /// Whether the check found anything.
    pub fn found(&self) -> bool {
        self.worst.is_some()
    }
}

fn classes(source: &Source, parts: &[Option<Part>], kept: &[bool]) -> Vec<ClassSummary> {
    let names = source.classes().iter().cloned().map(Some).chain([None]);
    let mut classes: Vec<ClassSummary> = names
        .map(|name| ClassSummary { name, before: Counts::default(), after: Counts::default() })
        .collect();
    let unlabelled = classes.len() - 1;
    for ((entry, part), kept) in source.entries().iter().zip(parts).zip(kept) {
        let class = &mut classes[entry.label.unwrap_or(unlabelled)];
        class.before.add(*part);
        if *kept {
            class.after.add(*part);
        }
    }
    classes.retain(|class| class.name.is_some() || class.before.all > 0);
    classes
}

impl Counts {
    fn add(&mut self, part: Option<Part>) {
        self.all += 1;
        if let Some(part) = part {
            self.parts[part as usize] += 1;
        }
    }
}
