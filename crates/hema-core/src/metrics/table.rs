//! The table of all metrics.

use super::accuracy::ACCURACY;
use super::auroc::AUROC;
use super::balanced_accuracy::BALANCED_ACCURACY;
use super::brier::BRIER;
use super::classwise_ece::CLASSWISE_ECE;
use super::ece::ECE;
use super::ece_mass::ECE_MASS;
use super::macro_f1::MACRO_F1;
use super::metric::{Metric, Place};
use super::nll::NLL;
use crate::error::{Error, Result, suggest};

/// Every metric, in the order of `hema list metrics`, of files and of tables.
pub const METRICS: &[Metric] =
    &[ACCURACY, BALANCED_ACCURACY, MACRO_F1, AUROC, NLL, BRIER, ECE, ECE_MASS, CLASSWISE_ECE];

/// The metric of this name.
///
/// # Errors
/// An unknown name, with the closest known one as a hint.
pub fn find(name: &str) -> Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| {
        Error::new(format!("unknown metric `{name}`"))
            .hint(suggest(name, METRICS.iter().map(|metric| metric.name)))
    })
}

/// The metrics that are shown in a place, in the order of [`METRICS`].
pub fn shown_in(place: Place) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(move |metric| metric.is_shown_in(place))
}
