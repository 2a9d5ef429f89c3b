//! Blocks of networks: several layers as one function forward and one backward, which keeps few maps in
//! between.

mod block;
mod conv_bn_act;
mod convnext;

pub use block::{
    Block, BlockBackward, BlockGrads, BlockInput, BlockParams, BlockSaved, Compiled, FoldedBlock, Residual,
};
pub(crate) use conv_bn_act::FoldedConvBnAct;
pub use conv_bn_act::{ConvBnAct, ConvBnActGrads, ConvBnActParams, ConvBnActSaved, Filter, InputGrad};
pub use convnext::{
    ConvNextBackward, ConvNextBlock, ConvNextGrads, ConvNextInput, ConvNextParams, ConvNextSaved,
    FoldedConvNext,
};
