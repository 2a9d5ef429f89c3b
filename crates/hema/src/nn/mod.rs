//! Layers and block operators on feature maps of shape `[batch, height, width, channels]`.
//!
//! Maps are channels-last everywhere: that is the layout the CPU kernels run on, and one that GPU back-ends
//! accept as a view. Parameters keep the shapes and names of PyTorch and timm, so that a state dictionary
//! needs no renaming.
//!
//! The floors, from the lowest: `activation` and `precision`; `pass`, the state of a forward pass; `layers`,
//! which hold parameters; `init`, which makes them; `blocks`, the arguments of block operators; `cpu`, the
//! kernels; `ops`, the block operators on tensors; `engine`, which networks call.
//!
//! Left out on purpose: anything that knows a whole network (see [`crate::model`]), a loss or a file.

mod activation;
mod blocks;
mod cpu;
mod engine;
mod init;
mod layers;
mod ops;
mod pass;
mod precision;
mod total;

pub use activation::Activation;
pub(crate) use activation::Gate;
pub(crate) use blocks::{ConvBnAct, ConvNextBlock, Residual};
pub(crate) use cpu::{Buffer, Parameter, Plain, Stored, recycle};
pub use cpu::{on_pool, predicting};
pub(crate) use engine::Engine;
pub(crate) use init::{Extent, Init};
pub(crate) use layers::{
    BatchNorm, Conv2d, Dense, Hidden, LayerNorm, Linear, Padding, ResponseNorm, SqueezeExcite,
};
#[cfg(test)]
pub(crate) use ops::global_average_pool;
pub use pass::{Pass, Prepared};
pub use precision::Precision;
pub(crate) use total::total;
