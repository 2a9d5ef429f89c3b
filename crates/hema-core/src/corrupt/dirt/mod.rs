//! Corruptions of the slide: dirt on it, on the lens or in the mounting medium.

pub(crate) mod bubble;
pub(crate) mod dust;
pub(crate) mod spatter;
pub(crate) mod stain_deposit;

use crate::image_op::table::Op;

/// Corruptions by dirt, in the order of `hema list corruptions`.
pub(crate) const DIRT: &[Op] =
    &[&stain_deposit::StainDeposit, &bubble::Bubble, &dust::Dust, &spatter::Spatter];
