//! Blocks of networks.

mod block;
mod conv_bn_act;
mod convnext;

pub use block::{Block, BlockGrads, BlockParams, BlockSaved, Compiled, FoldedBlock, Residual};
pub(crate) use conv_bn_act::FoldedUnit;
pub use conv_bn_act::{Filter, InputGrad, Unit, UnitGrads, UnitParams, UnitSaved};
pub use convnext::{FoldedMixer, Mixer, MixerGrads, MixerParams, MixerSaved};
