//! A block's passes, compiled in this crate for each type of map: were the generic ones called from other
//! crates, each of these would compile every kernel again, for every instruction set.

use super::chain::{Block, BlockBackward, BlockGrads, BlockInput, BlockParams, BlockSaved, FoldedBlock};
use crate::layers::Stats;
use crate::parallel::{Workspace, step};
use crate::simd::{Element, bf16};

/// A type of map that blocks are compiled for: `f32` or `bf16`.
#[allow(private_bounds)] // sealed
pub trait Compiled: Element + Passes {}

impl<E: Element + Passes> Compiled for E {}

impl Block {
    /// Training forward pass: writes the output to `y` and returns the maps that the backward pass needs
    /// besides the input.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Compiled>(&self, input: &BlockInput<E>, y: &mut [E]) -> BlockSaved<E> {
        E::forward(self, input, y)
    }

    /// Backward pass: writes the gradients of the maps to where the arguments say and returns those of the
    /// parameters.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn backward<E: Compiled>(&self, given: BlockBackward<E>) -> BlockGrads {
        E::backward(self, given)
    }

    /// The block with constant statistics (one of `stats` for each convolution), for predictions.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn fold<E: Compiled>(&self, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<E> {
        E::fold(self, params, stats)
    }

    /// Prediction: writes the output to `y`; `shortcut` is the map that
    /// [`Residual::Other`](super::Residual::Other) adds.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn infer<E: Compiled>(
        &self,
        x: &[E],
        shortcut: Option<&[E]>,
        folded: &FoldedBlock<E>,
        workspace: &Workspace,
        y: &mut [E],
    ) {
        E::infer(self, x, shortcut, folded, workspace, y);
    }
}

/// The passes of a block on one type of map, each as one job for the pool: every operator called from another
/// thread would put that thread to sleep and wake it again.
pub(crate) trait Passes: Sized {
    fn forward(block: &Block, input: &BlockInput<Self>, y: &mut [Self]) -> BlockSaved<Self>;
    fn backward(block: &Block, given: BlockBackward<Self>) -> BlockGrads;
    fn fold(block: &Block, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<Self>;
    fn infer(
        block: &Block,
        x: &[Self],
        shortcut: Option<&[Self]>,
        folded: &FoldedBlock<Self>,
        workspace: &Workspace,
        y: &mut [Self],
    );
}

macro_rules! passes {
    ($type:ty) => {
        impl Passes for $type {
            fn forward(block: &Block, input: &BlockInput<Self>, y: &mut [Self]) -> BlockSaved<Self> {
                step(|| block.run_forward(input, y))
            }
            fn backward(block: &Block, given: BlockBackward<Self>) -> BlockGrads {
                step(|| block.run_backward(given))
            }
            fn fold(block: &Block, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<Self> {
                block.run_fold(params, stats)
            }
            fn infer(
                block: &Block,
                x: &[Self],
                shortcut: Option<&[Self]>,
                folded: &FoldedBlock<Self>,
                workspace: &Workspace,
                y: &mut [Self],
            ) {
                step(|| block.run_infer(x, shortcut, folded, workspace, y));
            }
        }
    };
}
passes!(f32);
passes!(bf16);
