//! Scores of a set of predictions.
//!
//! [`score`] computes everything an evaluation records. A metric, a single number among the scores, is one
//! file here and one row of [`METRICS`]: by that row it is computed, written to files, logged, printed,
//! chosen by (`select.metric`) and reported.
//!
//! Means over classes ([`Over::Classes`]) are taken over the classes that have images, in every metric and
//! place alike. A class without an image has nothing that could be found: counting it as 0 would let the list
//! of classes decide the score, and counting it only where something was predicted to be of it would let two
//! models be scored over different classes. Predictions of such a class lower the scores of the classes that
//! the images are of.
//!
//! Left out on purpose: anything that needs more than labels and probabilities, and averages weighted by
//! class size, which hide the rare classes.

// all metrics have one signature, also those that are always defined
#![allow(clippy::unnecessary_wraps)]

mod interval;
mod mean;
mod outcomes;
mod paired;
mod percent;
mod predictions;

mod confusion;
mod one_vs_rest;
mod reliability;

mod excluded;
mod honest;
mod kept;
mod selective;

mod tally;

mod metric;

mod accuracy;
mod auroc;
mod balanced_accuracy;
mod brier;
mod classwise_ece;
mod ece;
mod ece_mass;
mod macro_f1;
mod nll;

mod table;

mod values;

mod scores;

mod if_calibrated;
mod resampled;

#[cfg(test)]
mod tests;

pub use accuracy::ACCURACY;
pub use auroc::AUROC;
pub use balanced_accuracy::BALANCED_ACCURACY;
pub use brier::BRIER;
pub use classwise_ece::CLASSWISE_ECE;
pub use confusion::ClassScores;
pub use ece::ECE;
pub use ece_mass::ECE_MASS;
pub use excluded::{Excluded, ExcludedClass};
pub use honest::calibration_error_by_chance;
pub use if_calibrated::{OF_CALIBRATION, ranges_if_calibrated};
pub use interval::{of_mean as interval_of_mean, of_mean_difference as interval_of_mean_difference, wilson};
pub use kept::{Kept, THRESHOLDS, is_sure, kept_by_threshold, kept_under_all};
pub use macro_f1::MACRO_F1;
pub use mean::mean;
pub use metric::{Metric, Notation, Over, Place};
pub use nll::NLL;
pub use outcomes::Outcomes;
pub use paired::paired_p_value;
pub use percent::{probability_in_percent, share_in_percent};
pub use predictions::{Predictions, argmax};
pub use reliability::ReliabilityBin;
pub use resampled::with_intervals;
pub use scores::{Scores, by_name, score};
pub use selective::{REFERRED, RISK, Selective};
pub use table::{METRICS, find, shown_in};
pub use values::MetricValues;
