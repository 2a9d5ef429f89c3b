//! A block's parts, arguments and results, and its passes.

use std::fmt;

use super::gated::Gated;
use crate::blocks::{
    ConvBnAct, ConvBnActGrads, ConvBnActParams, ConvBnActSaved, Filter, FoldedConvBnAct, InputGrad,
};
use crate::layers::{
    FoldedSqueeze, Gate, Map, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved, Stats, add_scaled,
};
use crate::parallel::{Workspace, check_len};
use crate::simd::{Act, Element};

/// A residual block: a chain of [`ConvBnAct`]s, perhaps with squeeze-excite before the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    convs: Vec<ConvBnAct>,
    squeeze: Option<SqueezeExcite>,
    /// The block's output.
    map: Map,
    pub(super) residual: Residual,
    /// Whether the sum is rectified.
    relu: bool,
}

/// The map that is added to the output of a [`Block`]'s last convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// None.
    None,
    /// The block's input.
    Input,
    /// Another map of the output's shape, such as a projection of the input.
    Other,
}

/// Parameters of a [`Block`].
#[derive(Clone, Debug)]
pub struct BlockParams<'a> {
    /// Parameters of each convolution, in order.
    pub convs: Vec<ConvBnActParams<'a>>,
    /// Parameters of squeeze-excite.
    pub squeeze: Option<SqueezeParams<'a>>,
}

/// Everything that a [`Block`]'s training forward pass reads, and its backward pass reads again.
#[derive(Clone, Copy, Debug)]
pub struct BlockInput<'a, E> {
    /// The input map.
    pub x: &'a [E],
    /// The map that [`Residual::Other`] adds to the output; the backward pass does not read it.
    pub shortcut: Option<&'a [E]>,
    /// The block's parameters.
    pub params: &'a BlockParams<'a>,
    /// Stochastic depth's factor of each image, 0 or 1 / (1 - rate) (Huang et al., 2016). Blocks that add
    /// nothing ignore it.
    pub drop_path_mask: Option<&'a [f32]>,
    /// Where the passes take their buffers from.
    pub workspace: &'a Workspace,
}

/// Everything that a [`Block`]'s backward pass reads and writes.
#[derive(Debug)]
pub struct BlockBackward<'a, E> {
    /// The forward pass's input.
    pub input: BlockInput<'a, E>,
    /// The forward pass's output. Only blocks that rectify their sum read it; for others it may be empty.
    pub y: &'a [E],
    /// Maps and statistics that the forward pass kept; their buffers go back to the workspace.
    pub saved: BlockSaved<E>,
    /// The gradient of the output; the pass works in this memory.
    pub d: &'a mut [E],
    /// Receives the gradient of the input, where it is wanted.
    pub dx: Option<&'a mut [E]>,
    /// Receives the gradient of the other map that is added, where it is wanted.
    pub dshortcut: Option<&'a mut [E]>,
}

/// Maps and statistics that a [`Block`]'s forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct BlockSaved<E> {
    /// Kept by each convolution, in order.
    pub convs: Vec<ConvBnActSaved<E>>,
    squeeze: Option<SqueezeSaved>,
}

impl<E: Element> BlockSaved<E> {
    /// Gives its buffers back, for a backward pass that computes them again.
    pub fn recycle(self, workspace: &Workspace) {
        for conv in self.convs {
            workspace.give(conv.pre);
        }
    }
}

/// Gradients of a [`Block`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockGrads {
    /// Gradients of each convolution's parameters, in order.
    pub convs: Vec<ConvBnActGrads>,
    /// Gradients of squeeze-excite's parameters.
    pub squeeze: Option<SqueezeGrads>,
}

/// A [`Block`]'s parameters for predictions on maps of `E`: normalisations folded into the convolutions,
/// weights in the kernels' order. It fits blocks of any batch and map with the same layers; others refuse it.
pub struct FoldedBlock<E> {
    convs: Vec<FoldedConvBnAct<E>>,
    squeeze: Option<FoldedSqueeze>,
}

impl<E: Element> fmt::Debug for FoldedBlock<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FoldedBlock of {} convolutions, {}", self.convs.len(), E::NAME)
    }
}

impl Block {
    /// A block of any chain of convolutions, with squeeze-excite over `reduced` channels before the last one
    /// where that is not 0.
    ///
    /// # Panics
    /// If there is no convolution, or one only where a gate stands between two, there is no kernel for one or
    /// it does not fit the next, or input and output are added and differ in shape.
    pub fn chain(convs: Vec<ConvBnAct>, reduced: usize, act: Act, residual: Residual) -> Self {
        let least = if reduced > 0 { 2 } else { 1 };
        assert!(convs.len() >= least, "found {} convolutions, expected {least} or more", convs.len());
        for conv in &convs {
            conv.filter.check_shape();
        }
        for pair in convs.windows(2) {
            let (out, input) = (pair[0].filter.out_shape(), pair[1].filter.in_shape());
            assert_eq!(out, input, "a convolution does not fit the next");
        }
        let (first, last) = (convs[0].filter, convs[convs.len() - 1].filter);
        if residual == Residual::Input {
            assert_eq!(
                first.in_shape(),
                last.out_shape(),
                "input and output, which are added, differ in shape"
            );
        }
        let output_of = |filter: Filter| {
            let [batch, height, width, channels] = filter.out_shape();
            Map { batch, pixels: height * width, channels }
        };
        let squeeze = (reduced > 0).then(|| {
            let map = output_of(convs[convs.len() - 2].filter);
            SqueezeExcite { map, reduced, act, gate: Gate::default() }
        });
        Self { map: output_of(last), convs, squeeze, residual, relu: false }
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

    /// Whether the sum is rectified; the backward pass then wants the output.
    pub fn rectifies(&self) -> bool {
        self.relu
    }

    /// The block's convolutions, in order.
    pub fn convs(&self) -> &[ConvBnAct] {
        &self.convs
    }

    /// The block's squeeze-excite.
    pub fn squeeze(&self) -> Option<&SqueezeExcite> {
        self.squeeze.as_ref()
    }

    /// Values in the input.
    pub fn in_len(&self) -> usize {
        self.convs[0].filter.in_len()
    }

    /// Values in the output.
    pub fn out_len(&self) -> usize {
        self.map.numel()
    }

    pub(super) fn run_forward<E: Element>(&self, input: &BlockInput<E>, y: &mut [E]) -> BlockSaved<E> {
        let BlockInput { x, params, workspace, .. } = *input;
        self.check(params);
        let last = self.convs.len() - 1;
        let mut convs = Vec::with_capacity(self.convs.len());
        let mut squeeze = None;
        let mut current: Option<Vec<E>> = None;
        for (i, (conv, conv_params)) in self.convs.iter().zip(&params.convs).enumerate() {
            let saved = conv.convolve(current.as_deref().unwrap_or(x), conv_params, workspace);
            if i == last {
                self.finish(input, &saved, y);
            } else {
                let mut out = workspace.take(conv.filter.out_len());
                match self.gated(params, &saved, i) {
                    Some(gated) => squeeze = Some(gated.forward(&mut out)),
                    None => conv.activate(conv_params, &saved, &mut out),
                }
                workspace.swap(&mut current, out);
            }
            convs.push(saved);
        }
        if let Some(done) = current {
            workspace.give(done);
        }
        BlockSaved { convs, squeeze }
    }

    /// The gated convolution, where that is number `i`.
    fn gated<'a, E>(
        &'a self,
        params: &'a BlockParams<'a>,
        saved: &'a ConvBnActSaved<E>,
        i: usize,
    ) -> Option<Gated<'a, E>> {
        let (layer, squeeze_params) = self.squeeze.as_ref().zip(params.squeeze.as_ref())?;
        let conv = (i + 2 == self.convs.len()).then(|| &self.convs[i])?;
        Some(Gated { conv, params: &params.convs[i], saved, layer, squeeze_params })
    }

    /// The block's output from the last convolution's, with the residual while each image is in the cache.
    fn finish<E: Element>(&self, input: &BlockInput<E>, saved: &ConvBnActSaved<E>, y: &mut [E]) {
        let last = self.convs.len() - 1;
        let (conv, params, mask) = (&self.convs[last], &input.params.convs[last], input.drop_path_mask);
        let Some(shortcut) = self.shortcut(input.x, input.shortcut) else {
            return conv.activate(params, saved, y);
        };
        mask.inspect(|mask| check_len("drop_path_mask", mask.len(), self.map.batch));
        let size = self.map.image();
        conv.norm(params).forward_chunks(&saved.pre, &saved.stats, size, y, |i, y| {
            add_scaled(&shortcut[i * size..][..size], mask.map_or(1.0, |mask| mask[i]), self.least(), y);
        });
    }

    /// The map that is added to the last convolution's output.
    fn shortcut<'a, E>(&self, x: &'a [E], other: Option<&'a [E]>) -> Option<&'a [E]> {
        match self.residual {
            Residual::None => None,
            Residual::Input => Some(x),
            Residual::Other => {
                let other = other.expect("a shortcut is expected: the block adds another map to its output");
                check_len("shortcut", other.len(), self.out_len());
                Some(other)
            }
        }
    }

    /// The least value of the sum.
    fn least(&self) -> f32 {
        if self.relu { 0.0 } else { f32::NEG_INFINITY }
    }

    pub(super) fn run_backward<E: Element>(&self, mut given: BlockBackward<E>) -> BlockGrads {
        self.check(given.input.params);
        self.check_made_of(given.saved.convs.len(), given.saved.squeeze.is_some(), "kept maps");
        let dx = self.backward_residual(&mut given);
        let BlockBackward { input: BlockInput { x, params, workspace, .. }, saved, d, .. } = given;
        let last = self.convs.len() - 1;
        let mut convs = Vec::with_capacity(self.convs.len());
        let mut squeeze = None;
        // the gradient of the output of the convolution at hand, from the second last on
        let mut current: Option<Vec<E>> = None;
        let mut norm = self.convs[last].backward_norm(&params.convs[last], &saved.convs[last], d);
        for i in (1..=last).rev() {
            let (before, params_before, saved_before) =
                (&self.convs[i - 1], &params.convs[i - 1], &saved.convs[i - 1]);
            let gate = self.gated(params, saved_before, i - 1).zip(saved.squeeze.as_ref());
            let mut input = workspace.take(before.filter.out_len());
            match &gate {
                Some((gated, kept)) => gated.activate(kept, &mut input),
                None => before.activate(params_before, saved_before, &mut input),
            }
            let mut next = workspace.take(input.len());
            let (d, into) = (current.as_deref().unwrap_or(d), InputGrad::Store(&mut next));
            convs.push(self.convs[i].backward_filter(&input, &params.convs[i], norm, d, into, workspace));
            norm = match gate {
                Some((gated, kept)) => {
                    let (squeeze_grads, norm) = gated.backward(kept, &input, &mut next);
                    squeeze = Some(squeeze_grads);
                    norm
                }
                None => before.backward_norm(params_before, saved_before, &mut next),
            };
            workspace.give(input);
            workspace.swap(&mut current, next);
        }
        let d = current.as_deref().unwrap_or(d);
        convs.push(self.convs[0].backward_filter(x, &params.convs[0], norm, d, dx, workspace));
        convs.reverse();
        if let Some(done) = current {
            workspace.give(done);
        }
        saved.recycle(workspace);
        BlockGrads { convs, squeeze }
    }

    /// Turns the gradient of the sum into that of the last convolution's output and hands it on to the map
    /// that was added. Returns where the first convolution's gradient of the input goes.
    fn backward_residual<'a, E: Element>(&self, given: &mut BlockBackward<'a, E>) -> InputGrad<'a, E> {
        let BlockBackward { input, y, d, dx, dshortcut, .. } = given;
        check_len("d", d.len(), self.out_len());
        if self.relu {
            self.map.keep_positive(y, d);
        }
        if let Some(dshortcut) = dshortcut {
            self.map.copy(d, dshortcut);
        }
        let dx = match dx.take() {
            None => InputGrad::Unwanted,
            Some(dx) if self.residual == Residual::Input => {
                self.map.copy(d, dx);
                InputGrad::Add(dx)
            }
            Some(dx) => InputGrad::Store(dx),
        };
        if let Some(mask) = input.drop_path_mask.filter(|_| self.residual != Residual::None) {
            self.map.scale_images(mask, d);
        }
        dx
    }

    pub(super) fn run_fold<E: Element>(&self, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<E> {
        self.check(params);
        assert_eq!(stats.len(), self.convs.len(), "statistics of each convolution expected");
        let convs = self.convs.iter().zip(&params.convs).zip(stats).map(|((c, p), s)| c.fold(p, s)).collect();
        let squeeze = self.squeeze.as_ref().zip(params.squeeze.as_ref());
        FoldedBlock { convs, squeeze: squeeze.map(|(layer, params)| layer.fold(params)) }
    }

    pub(super) fn run_infer<E: Element>(
        &self,
        x: &[E],
        shortcut: Option<&[E]>,
        folded: &FoldedBlock<E>,
        workspace: &Workspace,
        y: &mut [E],
    ) {
        self.check_made_of(folded.convs.len(), folded.squeeze.is_some(), "folded parameters");
        let last = self.convs.len() - 1;
        let mut current: Option<Vec<E>> = None;
        for (conv, folded) in self.convs[..last].iter().zip(&folded.convs) {
            let mut out = workspace.take(conv.filter.out_len());
            conv.infer(current.as_deref().unwrap_or(x), folded, &mut out);
            workspace.swap(&mut current, out);
        }
        if let (Some(layer), Some(folded)) = (&self.squeeze, &folded.squeeze) {
            layer.infer(current.as_deref_mut().expect("a gate stands between two convolutions"), folded);
        }
        self.convs[last].infer(current.as_deref().unwrap_or(x), &folded.convs[last], y);
        if let Some(done) = current {
            workspace.give(done);
        }
        if let Some(shortcut) = self.shortcut(x, shortcut) {
            self.map.add_at_least(shortcut, self.least(), y);
        }
    }

    #[track_caller]
    fn check(&self, params: &BlockParams) {
        self.check_made_of(params.convs.len(), params.squeeze.is_some(), "parameters");
        if let Some((layer, params)) = self.squeeze.as_ref().zip(params.squeeze.as_ref()) {
            layer.check(params);
        }
    }

    /// Checks that something, by its name, is of a block with the same layers.
    #[track_caller]
    fn check_made_of(&self, convs: usize, squeeze: bool, name: &str) {
        let (found, expected) = ((convs, squeeze), (self.convs.len(), self.squeeze.is_some()));
        assert_eq!(found, expected, "convolutions, and whether there is a gate, that {name} are of");
    }
}
