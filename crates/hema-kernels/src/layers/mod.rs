//! Layers of networks, one file each: a forward pass, its gradients, and the kernels that only this layer
//! uses.
//!
//! Left out on purpose: anything that needs more than one layer (see [`blocks`](crate::blocks)).

mod conv;
mod depthwise;
mod layer_norm;
mod map;
mod max_pool;
mod norm;
mod response_norm;
mod squeeze;
mod stats;
mod window;

pub use conv::Conv2d;
pub(crate) use conv::PackedConv;
pub use depthwise::Depthwise;
pub(crate) use depthwise::PackedDepthwise;
pub use layer_norm::{LayerNorm, LayerNormGrads, RowStats};
pub use map::Map;
pub(crate) use map::{add_scaled, add_scaled_rows, mean_image, scale_add_image, scale_image};
pub use max_pool::MaxPool;
pub use norm::{Norm, NormGrads};
pub use response_norm::{ResponseNorm, ResponseNormGrads};
pub(crate) use squeeze::FoldedSqueeze;
pub use squeeze::{Gate, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved};
pub use stats::Stats;
pub(crate) use stats::{Partial, ROWS, check_rows, chunk};
pub use window::Pad;
