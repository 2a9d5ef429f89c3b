//! Layers and block operators on feature maps of shape `[batch, height, width, channels]`.
//!
//! Maps are channels-last everywhere: that is the layout the CPU kernels run on, and one that GPU back-ends accept as
//! a view. Parameters keep the shapes and names of PyTorch and timm, so that a state dictionary needs no renaming.
//!
//! Left out on purpose: anything that knows a whole network (see [`crate::model`]), a loss or a file.

mod cpu;
mod init;
mod layers;
mod ops;
mod pass;

pub(crate) use cpu::{Buffer, Parameter, Plain, Stored, recycle};
pub use cpu::{on_pool, predicting};
pub use init::Init;
pub use layers::{
    BatchNorm, Conv2d, Dense, Gate, Hidden, LayerNorm, Linear, Padding, ResponseNorm, SqueezeExcite,
};
pub(crate) use ops::total;
pub use ops::{
    Mixer, Residual, Unit, block, conv_act, flatten, global_average_pool, head, input, layer_norm, max_pool,
    mixer, pointwise,
};
pub use pass::{Activation, Pass, Precision, Prepared};
