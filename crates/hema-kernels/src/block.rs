//! A residual block of any kind as one function forward and one backward: a chain of [`Unit`]s, perhaps with squeeze-excite
//! before the last. MBConv is 1x1 expansion, depthwise, squeeze-excite, 1x1 projection; Fused-MBConv a k x k expansion and a
//! projection; a plain convolution a chain of one. Where asked, the input is added to the output, with stochastic depth's
//! factor per image.
//!
//! Of the maps, only the convolutions' outputs are kept for backward. Activated maps are computed again: a training step's
//! maps are far larger than any cache, so a map kept costs writing it to memory and reading it back, while a short-lived
//! buffer, used again and again, never leaves the cache.

use crate::act::Act;
use crate::element::Element;
use crate::norm::{Stats, chunk};
use crate::pool::{Map, add_scaled, mean_image, scale_add_image, scale_image};
use crate::squeeze::{FoldedSqueeze, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved};
use crate::unit::{FoldedUnit, InputGrad, Unit, UnitGrads, UnitParams, UnitSaved};
use crate::workspace::Workspace;
use crate::{check_len, par_chunks};

/// A residual block: a chain of [`Unit`]s, perhaps with squeeze-excite before the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    units: Vec<Unit>,
    squeeze: Option<SqueezeExcite>,
    /// Of the block's output.
    map: Map,
    skip: bool,
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
    /// Any chain of units, with squeeze-excite over `reduced` channels before the last one where that is not 0. With `skip` the
    /// input is added to the output.
    ///
    /// # Panics
    /// If there is no unit, one does not fit the next, or `skip` joins maps of different shapes.
    pub fn chain(units: Vec<Unit>, reduced: usize, act: Act, skip: bool) -> Self {
        let last = units.last().expect("a unit").filter;
        for pair in units.windows(2) {
            assert_eq!(pair[0].filter.out_len(), pair[1].filter.in_len(), "a unit does not fit the next");
        }
        assert!(!skip || units[0].filter.in_len() == last.out_len(), "input and output differ in shape");
        let map_of = |len: usize, channels: usize| {
            let batch = last.batch();
            Map { batch, pixels: len / (batch * channels), channels }
        };
        let squeeze = (reduced > 0).then(|| {
            let before = units[units.len() - 2].filter;
            SqueezeExcite { map: map_of(before.out_len(), before.outputs()), reduced, act }
        });
        Self { map: map_of(last.out_len(), last.outputs()), units, squeeze, skip }
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

    /// Training forward pass. `keep` is stochastic depth's factor of each image, 0 or 1 / (1 - rate); blocks that do not add
    /// their input ignore it.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(
        &self,
        x: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [E],
    ) -> BlockSaved<E> {
        // one job for the pool: each operator called from another thread would put that thread to sleep and wake it again
        rayon::scope(|_| self.run_forward(x, params, keep, workspace, y))
    }

    fn run_forward<E: Element>(
        &self,
        x: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [E],
    ) -> BlockSaved<E> {
        self.check(params);
        let last = self.units.len() - 1;
        let mut units = Vec::with_capacity(self.units.len());
        let mut squeeze = None;
        let mut current: Option<Vec<E>> = None;
        for (i, (unit, unit_params)) in self.units.iter().zip(&params.units).enumerate() {
            let saved = unit.convolve(current.as_deref().unwrap_or(x), unit_params, workspace);
            if i == last {
                self.finish(x, unit_params, keep, &saved, y);
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
        x: &[E],
        params: &UnitParams,
        keep: Option<&[f32]>,
        saved: &UnitSaved<E>,
        y: &mut [E],
    ) {
        let unit = &self.units[self.units.len() - 1];
        if !self.skip {
            return unit.activate(params, saved, y);
        }
        keep.inspect(|keep| check_len("keep", keep.len(), self.map.batch));
        let size = self.map.image();
        unit.norm(params).forward_chunks(&saved.pre, &saved.stats, size, y, |i, y| {
            add_scaled(&x[i * size..][..size], keep.map_or(1.0, |keep| keep[i]), y);
        });
    }

    /// Backward pass: `d` holds the gradient of the output and is used up; `dx` receives that of `x`, where it is wanted.
    /// `x`, `params` and `keep` are the forward pass's. The buffers of `saved` go back to the workspace.
    ///
    /// # Panics
    /// If a length does not match the shape.
    #[allow(clippy::too_many_arguments)] // the forward pass's arguments and three more
    pub fn backward<E: Element>(
        &self,
        x: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        saved: BlockSaved<E>,
        d: &mut [E],
        workspace: &Workspace,
        dx: Option<&mut [E]>,
    ) -> BlockGrads {
        rayon::scope(|_| self.run_backward(x, params, keep, saved, d, workspace, dx))
    }

    #[allow(clippy::too_many_arguments)]
    fn run_backward<E: Element>(
        &self,
        x: &[E],
        params: &BlockParams,
        keep: Option<&[f32]>,
        saved: BlockSaved<E>,
        d: &mut [E],
        workspace: &Workspace,
        dx: Option<&mut [E]>,
    ) -> BlockGrads {
        self.check(params);
        check_len("d", d.len(), self.out_len());
        let mut units = Vec::with_capacity(self.units.len());
        let mut squeeze = None;
        let dx = match dx {
            None => InputGrad::Unwanted,
            Some(dx) if self.skip => {
                self.map.copy(d, dx);
                InputGrad::Add(dx)
            }
            Some(dx) => InputGrad::Store(dx),
        };
        if let Some(keep) = keep.filter(|_| self.skip) {
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
            units.push(unit.backward_filter(&input, &params.units[i], norm, d, into));
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
        units.push(first.backward_filter(x, params, norm, d, dx));
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
    pub fn fold<E: Element>(&self, params: &BlockParams, stats: &[Stats]) -> FoldedBlock<E> {
        self.check(params);
        assert_eq!(stats.len(), self.units.len(), "statistics of each unit expected");
        let units = self.units.iter().zip(&params.units).zip(stats).map(|((u, p), s)| u.fold(p, s)).collect();
        let squeeze = self.squeeze.as_ref().zip(params.squeeze.as_ref());
        FoldedBlock { units, squeeze: squeeze.map(|(layer, params)| layer.fold(params)) }
    }

    /// Inference.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn infer<E: Element>(&self, x: &[E], folded: &FoldedBlock<E>, workspace: &Workspace, y: &mut [E]) {
        rayon::scope(|_| self.run_infer(x, folded, workspace, y));
    }

    fn run_infer<E: Element>(&self, x: &[E], folded: &FoldedBlock<E>, workspace: &Workspace, y: &mut [E]) {
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
        if self.skip {
            self.map.add(x, y);
        }
    }

    #[track_caller]
    fn check(&self, params: &BlockParams) {
        assert_eq!(params.units.len(), self.units.len(), "parameters of each unit expected");
        assert_eq!(params.squeeze.is_some(), self.squeeze.is_some(), "parameters of squeeze-excite");
    }
}

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
mod tests {
    use super::{Block, BlockGrads, BlockParams};
    use crate::act::Act;
    use crate::conv::{Conv2d, Pad};
    use crate::depthwise::Depthwise;
    use crate::element::{Element, bf16};
    use crate::reference::{assert_close, map, values, wide};
    use crate::simd::testing::at_every_level;
    use crate::squeeze::SqueezeParams;
    use crate::unit::{Filter, Unit, UnitParams};
    use crate::workspace::Workspace;

    /// The block's input, then three tensors of each unit, then four of squeeze-excite.
    fn tensors(block: &Block) -> Vec<Vec<f32>> {
        let mut tensors = vec![values(block.in_len(), 1)];
        for (i, unit) in block.units().iter().enumerate() {
            let (seed, c) = (10 * i as u64, unit.filter.outputs());
            tensors.push(values(unit.filter.weight_len(), 2 + seed));
            tensors.push(values(c, 3 + seed).iter().map(|g| 1.0 + 0.3 * g).collect());
            tensors.push(values(c, 4 + seed));
        }
        if let Some(s) = block.squeeze() {
            let (c, r) = (s.map.channels, s.reduced);
            tensors.extend([c * r, r, c * r, c].iter().enumerate().map(|(i, n)| values(*n, 5 + i as u64)));
        }
        tensors
    }

    fn params<'a>(block: &Block, tensors: &'a [Vec<f32>]) -> BlockParams<'a> {
        let (units, squeeze) = tensors[1..].split_at(3 * block.units().len());
        let units = units
            .chunks(3)
            .map(|t| UnitParams { weight: &t[0], gamma: &t[1], beta: &t[2], fixed: None })
            .collect();
        let squeeze = (!squeeze.is_empty()).then(|| SqueezeParams {
            reduce_weight: &squeeze[0],
            reduce_bias: &squeeze[1],
            expand_weight: &squeeze[2],
            expand_bias: &squeeze[3],
        });
        BlockParams { units, squeeze }
    }

    fn in_order(dx: Vec<f32>, grads: BlockGrads) -> Vec<Vec<f32>> {
        let units = grads.units.into_iter().flat_map(|u| [u.weight, u.gamma, u.beta]);
        let squeeze = grads
            .squeeze
            .into_iter()
            .flat_map(|s| [s.reduce_weight, s.reduce_bias, s.expand_weight, s.expand_bias]);
        std::iter::once(dx).chain(units).chain(squeeze).collect()
    }

    const ACT: Act = Act::Silu;

    /// Chains of units on a map, made one unit at a time.
    struct Chain {
        batch: usize,
        size: [usize; 2],
        channels: usize,
        units: Vec<Unit>,
    }

    impl Chain {
        fn new(batch: usize, size: [usize; 2], channels: usize) -> Self {
            Self { batch, size, channels, units: vec![] }
        }

        fn push(mut self, filter: Filter, size: [usize; 2], channels: usize, act: Act) -> Self {
            self.units.push(Unit { filter, act, eps: 1e-3 });
            Self { size, channels, ..self }
        }

        fn dense(self, outputs: usize, kernel: usize, stride: usize, act: Act) -> Self {
            let ([height, width], batch, inputs) = (self.size, self.batch, self.channels);
            let pad = Pad::same(height, width, kernel, stride);
            let conv = Conv2d { batch, height, width, inputs, outputs, kernel, stride, pad };
            self.push(Filter::Dense(conv), [conv.out_height(), conv.out_width()], outputs, act)
        }

        fn depthwise(self, kernel: usize, stride: usize) -> Self {
            let ([height, width], batch, channels) = (self.size, self.batch, self.channels);
            let pad = Pad::same(height, width, kernel, stride);
            let conv = Depthwise { batch, height, width, channels, kernel, stride, pad };
            self.push(Filter::Depthwise(conv), [conv.out_height(), conv.out_width()], channels, ACT)
        }

        fn project(self, outputs: usize) -> Self {
            self.dense(outputs, 1, 1, Act::Identity)
        }

        fn block(self, reduced: usize, skip: bool) -> Block {
            Block::chain(self.units, reduced, ACT, skip)
        }
    }

    fn blocks() -> Vec<Block> {
        let on = |channels| Chain::new(3, [5, 6], channels);
        vec![
            on(3).dense(5, 3, 2, ACT).block(0, false),
            on(4).dense(4, 3, 1, ACT).block(0, true),
            on(4).dense(9, 3, 1, ACT).project(4).block(0, true),
            on(4).dense(16, 3, 2, ACT).project(6).block(0, false),
            on(4).dense(24, 1, 1, ACT).depthwise(5, 1).project(4).block(2, true),
            on(6).dense(18, 1, 1, ACT).depthwise(3, 2).project(4).block(3, false),
            on(6).depthwise(3, 1).project(6).block(0, true),
        ]
    }

    /// For each tensor, the slope of the loss along a direction, from the forward pass alone, against the gradient's.
    #[test]
    fn gradients_match_the_slopes_of_the_forward_pass() {
        at_every_level(|level| {
            for (number, block) in blocks().iter().enumerate() {
                let workspace = Workspace::default();
                let tensors = tensors(block);
                let dy = values(block.out_len(), 90);
                for keep in [None, Some([1.25, 0.0, 1.25].as_slice())] {
                    let loss = |tensors: &[Vec<f32>]| -> f64 {
                        let mut y = vec![9.0; dy.len()];
                        block.forward(&tensors[0], &params(block, tensors), keep, &workspace, &mut y);
                        y.iter().zip(&dy).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
                    };
                    let mut y = vec![9.0; dy.len()];
                    let given = params(block, &tensors);
                    let saved = block.forward(&tensors[0], &given, keep, &workspace, &mut y);
                    let (mut d, mut dx) = (dy.clone(), vec![9.0; block.in_len()]);
                    let grads =
                        block.backward(&tensors[0], &given, keep, saved, &mut d, &workspace, Some(&mut dx));
                    for (i, grad) in in_order(dx, grads).iter().enumerate() {
                        let direction = values(grad.len(), 91);
                        let along = |step: f32| {
                            let mut moved = tensors.clone();
                            moved[i].iter_mut().zip(&direction).for_each(|(t, d)| *t += step * d);
                            loss(&moved)
                        };
                        let slope = |step: f32| (along(step) - along(-step)) / (2.0 * f64::from(step));
                        // the error's leading term cancels
                        let expected = (4.0 * slope(0.004) - slope(0.008)) / 3.0;
                        let found: f64 =
                            grad.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
                        let size = grad.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt().max(0.05);
                        assert!(
                            (found - expected).abs() < 5e-3 * size,
                            "block {number} tensor {i} {}: found {found}, expected {expected}",
                            level.name()
                        );
                    }
                }
            }
        });
    }

    /// On the same input, narrow maps give the results of wide ones up to their rounding.
    #[test]
    fn bf16_agrees_with_fp32() {
        fn run<E: Element>(block: &Block, tensors: &[Vec<f32>], keep: Option<&[f32]>) -> Vec<Vec<f32>> {
            let workspace = Workspace::default();
            let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
            let (mut y, mut dx) = (map::<E>(block.out_len(), 1), map::<E>(x.len(), 2));
            let given = params(block, tensors);
            let saved = block.forward(&x, &given, keep, &workspace, &mut y);
            let stats: Vec<_> = saved.units.iter().map(|u| u.stats.clone()).collect();
            let mut d = map::<E>(y.len(), 90);
            let grads = block.backward(&x, &given, keep, saved, &mut d, &workspace, Some(&mut dx));
            let mut inferred = y.clone();
            let folded = block.fold(&given, &stats);
            block.infer(&x, &folded, &workspace, &mut inferred);
            let mut all = in_order(wide(&dx), grads);
            all.extend([wide(&y), wide(&inferred)]);
            all
        }
        at_every_level(|level| {
            for (number, block) in blocks().iter().enumerate() {
                let mut tensors = tensors(block);
                tensors.iter_mut().flatten().for_each(|x| *x = bf16::from_f32(*x).to_f32());
                for keep in [None, Some([1.25, 0.0, 1.25].as_slice())] {
                    let pairs =
                        run::<f32>(block, &tensors, keep).into_iter().zip(run::<bf16>(block, &tensors, keep));
                    for (i, (expected, found)) in pairs.enumerate() {
                        let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
                        let size = norm(&mut expected.iter().copied()).max(0.05);
                        let distance = norm(&mut expected.iter().zip(&found).map(|(e, f)| e - f)) / size;
                        let name = level.name();
                        // each map between input and result was rounded to eight bits
                        assert!(distance < 5e-2, "block {number} result {i} {name}: {distance}");
                    }
                }
            }
        });
    }

    /// Large enough to be cut into many tasks.
    #[test]
    fn the_number_of_threads_changes_nothing() {
        let run = |block: &Block, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (tensors, workspace) = (tensors(block), Workspace::default());
                let given = params(block, &tensors);
                let (mut y, mut dx) = (vec![9.0; block.out_len()], vec![9.0; block.in_len()]);
                let saved = block.forward(&tensors[0], &given, None, &workspace, &mut y);
                let mut d = values(y.len(), 90);
                let grads =
                    block.backward(&tensors[0], &given, None, saved, &mut d, &workspace, Some(&mut dx));
                (y, in_order(dx, grads))
            })
        };
        at_every_level(|_| {
            let on = || Chain::new(8, [13, 13], 24);
            let inverted = on().dense(100, 1, 1, ACT).depthwise(3, 1).project(24).block(6, true);
            for block in [inverted, on().dense(72, 3, 1, ACT).project(24).block(0, true)] {
                assert!(run(&block, 1) == run(&block, 5));
            }
        });
    }

    #[test]
    fn folded_blocks_give_the_same_output() {
        at_every_level(|level| {
            for (number, block) in blocks().iter().enumerate() {
                let workspace = Workspace::default();
                let tensors = tensors(block);
                let params = params(block, &tensors);
                let (mut y, mut inferred) = (vec![9.0; block.out_len()], vec![8.0; block.out_len()]);
                let saved = block.forward(&tensors[0], &params, None, &workspace, &mut y);
                let stats: Vec<_> = saved.units.into_iter().map(|u| u.stats).collect();
                let folded = block.fold(&params, &stats);
                block.infer(&tensors[0], &folded, &workspace, &mut inferred);
                assert_close(&format!("block {number} {}", level.name()), &inferred, &y, 1e-5);
            }
        });
    }
}
