//! The weather of `ImageNet-C`: of use for comparison with its literature, not for microscopes.

pub(crate) mod fog;
pub(crate) mod frost;
pub(crate) mod snow;

use crate::image_op::table::Op;

/// Corruptions by weather, in the order of `hema list corruptions`.
pub(crate) const WEATHER: &[Op] = &[&snow::Snow, &frost::Frost, &fog::Fog];
