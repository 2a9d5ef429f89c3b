//! CPU kernels for convolutional networks on plain slices.
//!
//! Maps are contiguous in **NHWC** order (channels last), of `f32` or [`bf16`](Element); parameters and their
//! gradients are `f32`, weights in torch's order, (O, I, kh, kw). Every operator has a forward pass, the
//! gradients a training step needs, and a plain reference it is tested against.
//!
//! The modules are floors, each of which imports from those before it alone: `parallel`, `simd`, `products`,
//! `layers`, `blocks`; `images`, `optim` and `dot` stand beside the upper three.
//!
//! Work is cut into tasks by the shape of the problem alone and partial sums are added in a fixed order, so
//! results do not depend on the number of threads. Buffers of the wrong length, and shapes, kept maps and
//! folded parameters that do not fit each other, are errors of the calling program and panic: no safe
//! function reads or writes beyond its buffers, whatever its arguments.

// explicit SIMD and tasks that write disjoint parts of one buffer need it; no other crate of the workspace
// may
#![allow(unsafe_code)]
// kernels are generic functions that must be merged into their entry points, or they lose the target features
#![allow(clippy::inline_always)]
// register tiles are arrays walked by loops of constant length, several arrays by one index
#![allow(clippy::needless_range_loop)]

mod blocks;
mod dot;
mod images;
mod layers;
mod optim;
mod parallel;
mod products;
mod simd;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use blocks::{
    Block, BlockBackward, BlockGrads, BlockInput, BlockParams, BlockSaved, Compiled, ConvBnAct,
    ConvBnActGrads, ConvBnActParams, ConvBnActSaved, ConvNextBackward, ConvNextBlock, ConvNextGrads,
    ConvNextInput, ConvNextParams, ConvNextSaved, Filter, FoldedBlock, FoldedConvNext, InputGrad, Residual,
};
pub use dot::dot;
pub use images::{
    Border, COLOUR_BITS, ColourMatrix, STEPS, Table, bilinear, map_bytes, map_pixels, mix_channels, sharpen,
};
pub use layers::{
    Conv2d, Depthwise, Gate, LayerNorm, LayerNormGrads, Map, MaxPool, Norm, NormGrads, Pad, ResponseNorm,
    ResponseNormGrads, RowStats, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved, Stats,
};
pub use optim::{AdamW, Lion, lerp, sum_of_squares};
pub use parallel::{CacheLines, Workspace, step, step_here};
pub use simd::{Act, Element, Level, bf16, level, narrow};
