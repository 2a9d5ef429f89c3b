//! Operators on the CPU: one call of a fused kernel forward, one backward, as a custom operation of Burn's
//! autodiff.
//!
//! The kernels take what Burn's `Flex` back-end holds, contiguous buffers, so nothing is copied on the way
//! in. Each operator returns `None` for tensors that are not on the CPU and for what its kernel cannot do (an
//! activation or a kind of convolution it lacks): that is left to the composition of Burn's own operations.
//!
//! Names of layers are the network's; those of the kernels' shapes stand with their crate, as
//! `kernels::Conv2d`.

mod block;
mod buffer;
mod conv;
mod convnext;
mod convert;
mod graph;
mod layer_norm;
mod pool;
mod shape;
#[cfg(test)]
mod tests;
mod threads;

pub(super) use block::block;
pub(crate) use buffer::{Buffer, Stored, recycle};
pub(super) use conv::conv_act;
pub(super) use convert::narrow;
pub(super) use convnext::convnext_block;
pub(crate) use graph::{Parameter, Plain};
pub(super) use layer_norm::layer_norm;
pub(super) use pool::{global_average_pool, max_pool};
pub use threads::{on_pool, predicting};
