//! A residual block of any kind as one function forward and one backward.
//!
//! A block is a chain of [`ConvBnAct`]s, perhaps with squeeze-excite before the last. MBConv is 1x1
//! expansion, depthwise convolution, squeeze-excite, 1x1 projection; Fused-MBConv a k x k expansion and a
//! projection; a plain convolution a chain of one. Where asked, the input or another map is added to the
//! output, with stochastic depth's factor per image, and the sum rectified.
//!
//! The convolutions' outputs are the only maps kept for the backward pass. Activated maps are computed again:
//! a training step's maps are far larger than any cache, so a map kept costs writing it to memory and reading
//! it back, while a short-lived buffer, used again and again, never leaves the cache.

mod chain;
mod compiled;
mod gated;

#[cfg(test)]
mod tests;

pub use chain::{
    Block, BlockBackward, BlockGrads, BlockInput, BlockParams, BlockSaved, FoldedBlock, Residual,
};
pub use compiled::Compiled;
