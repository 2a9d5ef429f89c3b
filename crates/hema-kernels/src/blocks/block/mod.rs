//! A residual block of any kind as one function forward and one backward: a chain of [`Unit`]s, perhaps with squeeze-excite
//! before the last. MBConv is 1x1 expansion, depthwise, squeeze-excite, 1x1 projection; Fused-MBConv a k x k expansion and a
//! projection; a plain convolution a chain of one. Where asked, the input or another map is added to the output, with stochastic
//! depth's factor per image, and the sum rectified.
//!
//! Of the maps, only the convolutions' outputs are kept for backward. Activated maps are computed again: a training step's
//! maps are far larger than any cache, so a map kept costs writing it to memory and reading it back, while a short-lived
//! buffer, used again and again, never leaves the cache.

use crate::blocks::{FoldedUnit, InputGrad, Unit, UnitGrads, UnitParams, UnitSaved};
use crate::layers::{
    FoldedSqueeze, Gate, Map, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved, Stats, add_scaled,
    chunk, mean_image, scale_add_image, scale_image,
};
use crate::parallel;
use crate::parallel::{Workspace, check_len, par_chunks};
use crate::simd::{Act, Element, bf16};

/// A residual block: a chain of [`Unit`]s, perhaps with squeeze-excite before the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    units: Vec<Unit>,
    squeeze: Option<SqueezeExcite>,
    /// Of the block's output.
    map: Map,
    residual: Residual,
    /// Whether the sum is rectified.
    relu: bool,
}

/// What is added to the output of a [`Block`]'s last unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// Nothing.
    None,
    /// The block's input.
    Input,
    /// Another map of the output's shape, such as a projection of the input.
    Other,
}

/// Parameters of a [`Block`].
#[derive(Clone, Debug)]
pub struct BlockParams<'a> {
    /// Of each unit, in order.
    pub units: Vec<UnitParams<'a>>,
    /// Of squeeze-excite.
    pub squeeze: Option<SqueezeParams<'a>>,
}

/// What a [`Block`]'s forward pass keeps.
#[derive(Debug)]
pub struct BlockSaved<E> {
    /// Of each unit, in order.
    pub units: Vec<UnitSaved<E>>,
    squeeze: Option<SqueezeSaved>,
}

impl<E: Element> BlockSaved<E> {
    /// Gives its buffers back, for a backward pass that computes them again.
    pub fn recycle(self, workspace: &Workspace) {
        for unit in self.units {
            workspace.give(unit.pre);
        }
    }
}

/// Gradients of a [`Block`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockGrads {
    /// Of each unit, in order.
    pub units: Vec<UnitGrads>,
    /// Of squeeze-excite.
    pub squeeze: Option<SqueezeGrads>,
}

/// A [`Block`]'s parameters for inference on maps of `E`: normalisations folded into the convolutions, weights in the kernels'
/// order. It serves blocks of any batch and map.
pub struct FoldedBlock<E> {
    units: Vec<FoldedUnit<E>>,
    squeeze: Option<FoldedSqueeze>,
}

impl<E: Element> std::fmt::Debug for FoldedBlock<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "FoldedBlock of {} units, {}", self.units.len(), E::NAME)
    }
}

impl Block {
    /// Any chain of units, with squeeze-excite over `reduced` channels before the last one where that is not 0.
    ///
    /// # Panics
    /// If there is no unit, one does not fit the next, or input and output are added and differ in shape.
    pub fn chain(units: Vec<Unit>, reduced: usize, act: Act, residual: Residual) -> Self {
        let last = units.last().expect("a unit").filter;
        for pair in units.windows(2) {
            assert_eq!(pair[0].filter.out_len(), pair[1].filter.in_len(), "a unit does not fit the next");
        }
        let (first, skip) = (units[0].filter, residual == Residual::Input);
        assert!(!skip || first.in_len() == last.out_len(), "input and output differ in shape");
        let map_of = |len: usize, channels: usize| {
            let batch = last.batch();
            Map { batch, pixels: len / (batch * channels), channels }
        };
        let squeeze = (reduced > 0).then(|| {
            let before = units[units.len() - 2].filter;
            let map = map_of(before.out_len(), before.outputs());
            SqueezeExcite { map, reduced, act, gate: Gate::default() }
        });
        Self { map: map_of(last.out_len(), last.outputs()), units, squeeze, residual, relu: false }
    }

    /// The block with this function for the gates of its squeeze-excite.
    pub fn with_gate(mut self, gate: Gate) -> Self {
        if let Some(squeeze) = &mut self.squeeze {
            squeeze.gate = gate;
        }
        self
    }

    /// The block with `max(0, y)` after the sum.
    pub fn with_relu(self) -> Self {
        Self { relu: true, ..self }
    }

    /// Whether the sum is rectified; backward then wants the output.
    pub fn rectifies(&self) -> bool {
        self.relu
    }

    /// The block's units, in order.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The block's squeeze-excite.
    pub fn squeeze(&self) -> Option<&SqueezeExcite> {
        self.squeeze.as_ref()
    }

    /// Values in the input.
    pub fn in_len(&self) -> usize {
        self.units[0].filter.in_len()
    }

    /// Values in the output.
    pub fn out_len(&self) -> usize {
        self.map.numel()
    }

    /// Training forward pass. `shortcut` is what [`Residual::Other`] adds. `keep` is stochastic depth's factor of each image, 0 or
    /// 1 / (1 - rate); blocks that add nothing ignore it.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Compiled>(
        &self,
        x: &[E],
        shortcut: Option<&[E]>,
        params: &BlockParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [E],
    ) -> BlockSaved<E> {
        E::forward(self, x, shortcut, params, keep, workspace, y)
    }

    fn run_forward<E: Element>(
        &self,
        x: &[E],
        shortcut: Option<&[E]>,
        params: &BlockParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [E],
    ) -> BlockSaved<E> {
        self.check(params);
        let shortcut = self.shortcut(x, shortcut);
        let last = self.units.len() - 1;
        let mut units = Vec::with_capacity(self.units.len());
        let mut squeeze = None;
        let mut current: Option<Vec<E>> = None;
        for (i, (unit, unit_params)) in self.units.iter().zip(&params.units).enumerate() {
            let saved = unit.convolve(current.as_deref().unwrap_or(x), unit_params, workspace);
            if i == last {
                self.finish(shortcut, unit_params, keep, &saved, y);
            } else {
                let mut out = workspace.take(unit.filter.out_len());
                match (&self.squeeze, &params.squeeze) {
                    (Some(layer), Some(params)) if i + 1 == last => {
                        squeeze = Some(gated_forward(layer, unit, unit_params, params, &saved, &mut out));
                    }
                    _ => unit.activate(unit_params, &saved, &mut out),
                }
                workspace.swap(&mut current, out);
            }
            units.push(saved);
        }
        if let Some(done) = current {
            workspace.give(done);
        }
        BlockSaved { units, squeeze }
    }

    /// The block's output from the last convolution's, with the residual while each image is in the cache.
    fn finish<E: Element>(
        &self,
        shortcut: Option<&[E]>,
        params: &UnitParams,
        keep: Option<&[f32]>,
        saved: &UnitSaved<E>,
        y: &mut [E],
    ) {
        let unit = &self.units[self.units.len() - 1];
        let Some(shortcut) = shortcut else { return unit.activate(params, saved, y) };
        keep.inspect(|keep| check_len("keep", keep.len(), self.map.batch));
        let size = self.map.image();
        unit.norm(params).forward_chunks(&saved.pre, &saved.stats, size, y, |i, y| {
            add_scaled(&shortcut[i * size..][..size], keep.map_or(1.0, |keep| keep[i]), self.relu, y);
        });
    }

    /// What is added to the last unit's output.
    fn shortcut<'a, E>(&self, x: &'a [E], other: Option<&'a [E]>) -> Option<&'a [E]> {
        match self.residual {
            Residual::None => None,
            Residual::Input => Some(x),
            Residual::Other => {
                let other = other.expect("the block adds another map to its output");
                check_len("shortcut", other.len(), self.out_len());
                Some(other)
            }
        }
    }

    /// Backward pass: `d` holds the gradient of the output and is used up; `dx` receives that of `x`, where it is wanted, and
    /// `dshortcut` that of the other map a block adds. `x`, `params` and `keep` are the forward pass's, `y` its output, which only
    /// blocks that rectify their sum look at. The buffers of `saved` go back to the workspace.
    ///
    /// # Panics
    /// If a length does not match the shape.
    #[allow(clippy::too_many_arguments)] // the forward pass's arguments and four more
    pub fn backward<E: Compiled>(
        &self,
        x: &[E],
        y: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        saved: BlockSaved<E>,
        d: &mut [E],
        workspace: &Workspace,
        dx: Option<&mut [E]>,
        dshortcut: Option<&mut [E]>,
    ) -> BlockGrads {
        E::backward(self, x, y, params, keep, saved, d, workspace, dx, dshortcut)
    }

    #[allow(clippy::too_many_arguments)]
    fn run_backward<E: Element>(
        &self,
        x: &[E],
        y: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        saved: BlockSaved<E>,
        d: &mut [E],
        workspace: &Workspace,
        dx: Option<&mut [E]>,
        dshortcut: Option<&mut [E]>,
    ) -> BlockGrads {
        self.check(params);
        check_len("d", d.len(), self.out_len());
        if self.relu {
            self.map.keep_positive(y, d);
        }
        if let Some(dshortcut) = dshortcut {
            self.map.copy(d, dshortcut);
        }
        let mut units = Vec::with_capacity(self.units.len());
        let mut squeeze = None;
        let dx = match dx {
            None => InputGrad::Unwanted,
            Some(dx) if self.residual == Residual::Input => {
                self.map.copy(d, dx);
                InputGrad::Add(dx)
            }
            Some(dx) => InputGrad::Store(dx),
        };
        if let Some(keep) = keep.filter(|_| self.residual != Residual::None) {
            self.map.scale_images(keep, d);
        }
        let last = self.units.len() - 1;
        // set where a unit's normalisation is done already, together with the gate after it
        let mut ready = None;
        // the gradient of the output of the unit at hand, from the second one on
        let mut current: Option<Vec<E>> = None;
        for i in (1..self.units.len()).rev() {
            let (before, unit) = (&self.units[i - 1], &self.units[i]);
            let (params_before, saved_before) = (&params.units[i - 1], &saved.units[i - 1]);
            let mut input = workspace.take(before.filter.out_len());
            let mut next = workspace.take(input.len());
            let d = current.as_deref_mut().unwrap_or(d);
            let norm =
                ready.take().unwrap_or_else(|| unit.backward_norm(&params.units[i], &saved.units[i], d));
            let gating = match (&self.squeeze, &params.squeeze, &saved.squeeze) {
                (Some(layer), Some(params), Some(kept)) if i == last => Some((layer, params, kept)),
                _ => None,
            };
            match gating {
                Some((layer, _, kept)) => {
                    let (image, c) = (layer.map.image(), layer.map.channels);
                    let norm = before.norm(params_before);
                    norm.forward_chunks(&saved_before.pre, &saved_before.stats, image, &mut input, |i, y| {
                        scale_image(y, &kept.gate[i * c..][..c]);
                    });
                }
                None => before.activate(params_before, saved_before, &mut input),
            }
            let into = InputGrad::Store(&mut next);
            units.push(unit.backward_filter(&input, &params.units[i], norm, d, into, workspace));
            if let Some((layer, params, kept)) = gating {
                let (grads, dmean) = layer.backward(&input, params, kept, &next);
                squeeze = Some(grads);
                let (image, c) = (layer.map.image(), layer.map.channels);
                let images = (chunk(c) / image).max(1);
                let norm = before.norm(params_before);
                let stats = &saved_before.stats;
                ready = Some(norm.backward_chunks(
                    &saved_before.pre,
                    stats,
                    images * image,
                    &mut next,
                    |i, d| {
                        for (d, i) in d.chunks_exact_mut(image).zip(i * images..) {
                            scale_add_image(d, &kept.gate[i * c..][..c], &dmean[i * c..][..c]);
                        }
                    },
                ));
            }
            workspace.give(input);
            workspace.swap(&mut current, next);
        }
        let (first, params, kept) = (&self.units[0], &params.units[0], &saved.units[0]);
        let d = current.as_deref_mut().unwrap_or(d);
        let norm = ready.take().unwrap_or_else(|| first.backward_norm(params, kept, d));
        units.push(first.backward_filter(x, params, norm, d, dx, workspace));
        if let Some(done) = current {
            workspace.give(done);
        }
        units.reverse();
        for unit in saved.units {
            workspace.give(unit.pre);
        }
        BlockGrads { units, squeeze }
    }

    /// The block with constant statistics (one of `stats` per unit), for inference.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn fold<E: Compiled>(&self, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<E> {
        E::fold(self, params, stats)
    }

    fn run_fold<E: Element>(&self, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<E> {
        self.check(params);
        assert_eq!(stats.len(), self.units.len(), "statistics of each unit expected");
        let units = self.units.iter().zip(&params.units).zip(stats).map(|((u, p), s)| u.fold(p, s)).collect();
        let squeeze = self.squeeze.as_ref().zip(params.squeeze.as_ref());
        FoldedBlock { units, squeeze: squeeze.map(|(layer, params)| layer.fold(params)) }
    }

    /// Inference; `shortcut` as in [`Block::forward`].
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

    fn run_infer<E: Element>(
        &self,
        x: &[E],
        shortcut: Option<&[E]>,
        folded: &FoldedBlock<E>,
        workspace: &Workspace,
        y: &mut [E],
    ) {
        let last = self.units.len() - 1;
        let mut current: Option<Vec<E>> = None;
        for (unit, folded) in self.units[..last].iter().zip(&folded.units) {
            let mut out = workspace.take(unit.filter.out_len());
            unit.infer(current.as_deref().unwrap_or(x), folded, &mut out);
            workspace.swap(&mut current, out);
        }
        if let (Some(layer), Some(folded)) = (&self.squeeze, &folded.squeeze) {
            layer.infer(current.as_deref_mut().expect("a gate stands between two units"), folded);
        }
        self.units[last].infer(current.as_deref().unwrap_or(x), &folded.units[last], y);
        if let Some(done) = current {
            workspace.give(done);
        }
        if let Some(shortcut) = self.shortcut(x, shortcut) {
            self.map.add(shortcut, self.relu, y);
        }
    }

    #[track_caller]
    fn check(&self, params: &BlockParams) {
        assert_eq!(params.units.len(), self.units.len(), "parameters of each unit expected");
        assert_eq!(params.squeeze.is_some(), self.squeeze.is_some(), "parameters of squeeze-excite");
    }
}

/// A type of map that blocks are compiled for: `f32` and `bf16`.
#[allow(private_bounds)] // sealed
pub trait Compiled: Element + Functions {}

impl<E: Element + Functions> Compiled for E {}

/// A block's functions for one type of map, compiled in this crate: were the generic ones called from others, each would compile
/// every kernel again, for every instruction set.
#[allow(clippy::too_many_arguments)] // those of the functions of `Block`
pub(crate) trait Functions: Sized {
    fn forward(
        block: &Block,
        x: &[Self],
        shortcut: Option<&[Self]>,
        params: &BlockParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [Self],
    ) -> BlockSaved<Self>;
    fn backward(
        block: &Block,
        x: &[Self],
        y: &[Self],
        params: &BlockParams,
        keep: Option<&[f32]>,
        saved: BlockSaved<Self>,
        d: &mut [Self],
        workspace: &Workspace,
        dx: Option<&mut [Self]>,
        dshortcut: Option<&mut [Self]>,
    ) -> BlockGrads;
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

macro_rules! compiled {
    ($type:ty) => {
        // one job for the pool: each operator called from another thread would put that thread to sleep and wake it again
        impl Functions for $type {
            fn forward(
                block: &Block,
                x: &[Self],
                shortcut: Option<&[Self]>,
                params: &BlockParams,
                keep: Option<&[f32]>,
                workspace: &Workspace,
                y: &mut [Self],
            ) -> BlockSaved<Self> {
                parallel::step(|| block.run_forward(x, shortcut, params, keep, workspace, y))
            }
            fn backward(
                block: &Block,
                x: &[Self],
                y: &[Self],
                params: &BlockParams,
                keep: Option<&[f32]>,
                saved: BlockSaved<Self>,
                d: &mut [Self],
                workspace: &Workspace,
                dx: Option<&mut [Self]>,
                dshortcut: Option<&mut [Self]>,
            ) -> BlockGrads {
                parallel::step(|| block.run_backward(x, y, params, keep, saved, d, workspace, dx, dshortcut))
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
                parallel::step(|| block.run_infer(x, shortcut, folded, workspace, y));
            }
        }
    };
}
compiled!(f32);
compiled!(bf16);

/// `y` = the unit's activated and gated output, averaging each image while it is in the cache.
fn gated_forward<E: Element>(
    layer: &SqueezeExcite,
    unit: &Unit,
    unit_params: &UnitParams,
    params: &SqueezeParams,
    saved: &UnitSaved<E>,
    y: &mut [E],
) -> SqueezeSaved {
    let (image, c) = (layer.map.image(), layer.map.channels);
    let means = unit.norm(unit_params).forward_chunks(&saved.pre, &saved.stats, image, y, |_, y| {
        let mut mean = vec![0.0; c];
        mean_image(y, &mut mean);
        mean
    });
    let kept = layer.forward(means.concat(), params);
    par_chunks(y, image, |i, y| scale_image(y, &kept.gate[i * c..][..c]));
    kept
}

#[cfg(test)]
mod tests;
