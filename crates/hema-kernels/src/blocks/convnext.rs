//! A `ConvNeXt` block as one function forward and one backward: depthwise convolution, layer normalisation,
//! two dense layers with a GELU between them, a factor for each channel, and the way around (Liu et al.,
//! 2022). The second version has no factors; it normalises the responses of the hidden channels instead (Woo
//! et al., 2023).
//!
//! Kept between the passes are the outputs of the depthwise convolution and of both dense layers, of the
//! second one only where its factors need it; the normalised map and the activation are computed again, which
//! costs less than reading them would.

use crate::layers::{
    Conv2d, Depthwise, LayerNorm, Map, PackedConv, PackedDepthwise, Pad, ResponseNorm, RowStats,
    add_scaled_rows,
};
use crate::parallel;
use crate::parallel::{Workspace, check_len};
use crate::simd::{Act, Element};

/// The shape of a `ConvNeXt` block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvNextBlock {
    /// The depthwise convolution, which keeps height and width.
    pub depthwise: Depthwise,
    /// Channels between the dense layers.
    pub hidden: usize,
    /// Added to the variance by the normalisation.
    pub eps: f32,
}

/// Parameters of a [`ConvNextBlock`].
#[derive(Clone, Copy, Debug)]
pub struct ConvNextParams<'a> {
    /// Filters of the depthwise convolution, (channels, 1, kernel, kernel).
    pub depthwise_weight: &'a [f32],
    /// Bias of the depthwise convolution, (channels).
    pub depthwise_bias: &'a [f32],
    /// Factor of the normalisation, (channels).
    pub norm_weight: &'a [f32],
    /// Offset of the normalisation, (channels).
    pub norm_bias: &'a [f32],
    /// Weights of the first dense layer, (hidden, channels).
    pub expand_weight: &'a [f32],
    /// Bias of the first dense layer, (hidden).
    pub expand_bias: &'a [f32],
    /// Normalisation of the hidden channels' responses, in the second version.
    pub response: Option<ResponseNorm<'a>>,
    /// Weights of the second dense layer, (channels, hidden).
    pub project_weight: &'a [f32],
    /// Bias of the second dense layer, (channels).
    pub project_bias: &'a [f32],
    /// Factor of each channel of the result, (channels), in the first version.
    pub scale: Option<&'a [f32]>,
}

/// Everything that a [`ConvNextBlock`]'s training forward pass reads, and its backward pass reads again.
#[derive(Clone, Copy, Debug)]
pub struct ConvNextInput<'a, E> {
    /// The input map.
    pub x: &'a [E],
    /// The block's parameters.
    pub params: &'a ConvNextParams<'a>,
    /// Stochastic depth's factor of each image, 0 or 1 / (1 - rate) (Huang et al., 2016).
    pub drop_path_mask: Option<&'a [f32]>,
    /// Where the passes take their buffers from.
    pub workspace: &'a Workspace,
}

/// Everything that a [`ConvNextBlock`]'s backward pass reads and writes.
#[derive(Debug)]
pub struct ConvNextBackward<'a, E> {
    /// The forward pass's input.
    pub input: ConvNextInput<'a, E>,
    /// Maps and statistics that the forward pass kept; their buffers go back to the workspace.
    pub saved: ConvNextSaved<E>,
    /// The gradient of the output.
    pub dy: &'a [E],
    /// Receives the gradient of the input, where it is wanted.
    pub dx: Option<&'a mut [E]>,
}

/// Maps and statistics that a [`ConvNextBlock`]'s forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct ConvNextSaved<E> {
    /// Output of the depthwise convolution.
    spread: Vec<E>,
    stats: Vec<RowStats>,
    /// Output of the first dense layer.
    hidden: Vec<E>,
    /// Norms of the hidden channels, where they are normalised.
    norms: Option<Vec<f32>>,
    /// Output of the second dense layer, where factors follow.
    projected: Option<Vec<E>>,
}

impl<E: Element> ConvNextSaved<E> {
    /// Gives its buffers back, for a backward pass that computes them again.
    pub fn recycle(self, workspace: &Workspace) {
        for map in [self.spread, self.hidden].into_iter().chain(self.projected) {
            workspace.give(map);
        }
    }
}

/// Gradients of a [`ConvNextBlock`]'s parameters, of those that there are, in the order of
/// [`ConvNextParams`].
#[derive(Clone, Debug, PartialEq)]
pub struct ConvNextGrads(pub Vec<Vec<f32>>);

/// A [`ResponseNorm`] that has its parameters.
struct FoldedResponse {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

/// A [`ConvNextBlock`]'s layers for predictions: the factors folded into the second dense layer.
pub struct FoldedConvNext<E> {
    /// Channels, hidden channels and depthwise kernel.
    sizes: [usize; 3],
    depthwise_weight: PackedDepthwise,
    depthwise_bias: Vec<f32>,
    norm_weight: Vec<f32>,
    norm_bias: Vec<f32>,
    expand: PackedConv<E>,
    expand_bias: Vec<f32>,
    response: Option<FoldedResponse>,
    project: PackedConv<E>,
    project_bias: Vec<f32>,
}

impl ConvNextBlock {
    /// Values in the input, and in the output.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn len(&self) -> usize {
        self.depthwise.in_len()
    }

    /// Whether the input has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn map(&self, channels: usize) -> Map {
        let Depthwise { batch, height, width, .. } = self.depthwise;
        Map { batch, pixels: height * width, channels }
    }

    /// A dense layer of every pixel.
    fn dense(&self, inputs: usize, outputs: usize) -> Conv2d {
        let Depthwise { batch, height, width, .. } = self.depthwise;
        Conv2d { batch, height, width, inputs, outputs, kernel: 1, stride: 1, pad: Pad::default() }
    }

    fn expand(&self) -> Conv2d {
        self.dense(self.depthwise.channels, self.hidden)
    }

    fn project(&self) -> Conv2d {
        self.dense(self.hidden, self.depthwise.channels)
    }

    fn norm<'a>(&self, params: &ConvNextParams<'a>) -> LayerNorm<'a> {
        LayerNorm { weight: params.norm_weight, bias: params.norm_bias, eps: self.eps }
    }

    fn sizes(&self) -> [usize; 3] {
        [self.depthwise.channels, self.hidden, self.depthwise.kernel]
    }

    /// Checks that there is a kernel for the depthwise convolution, and the input's length against it.
    #[track_caller]
    fn check_shape<E>(&self, x: &[E]) {
        let depthwise = self.depthwise;
        depthwise.check();
        assert!(
            [depthwise.out_height(), depthwise.out_width()] == [depthwise.height, depthwise.width],
            "found {depthwise:?}, expected a convolution that keeps height and width"
        );
        check_len("x", x.len(), self.len());
    }

    /// Checks that there are kernels for the dense layers, and the parameters' lengths against the shape.
    #[track_caller]
    fn check_params(&self, params: &ConvNextParams) {
        self.expand().check();
        let (channels, dense) = (self.depthwise.channels, self.expand().weight_len());
        for (name, values, expected) in [
            ("depthwise_weight", params.depthwise_weight, self.depthwise.weight_len()),
            ("depthwise_bias", params.depthwise_bias, channels),
            ("norm_weight", params.norm_weight, channels),
            ("norm_bias", params.norm_bias, channels),
            ("expand_weight", params.expand_weight, dense),
            ("expand_bias", params.expand_bias, self.hidden),
            ("project_weight", params.project_weight, dense),
            ("project_bias", params.project_bias, channels),
        ] {
            check_len(name, values.len(), expected);
        }
        if let Some(response) = params.response {
            check_len("weight of the response", response.weight.len(), self.hidden);
            check_len("bias of the response", response.bias.len(), self.hidden);
        }
        params.scale.inspect(|scale| check_len("scale", scale.len(), channels));
    }

    /// Checks what both passes read.
    #[track_caller]
    fn check<E>(&self, input: &ConvNextInput<E>) {
        self.check_shape(input.x);
        self.check_params(input.params);
        input.drop_path_mask.inspect(|mask| check_len("drop_path_mask", mask.len(), self.depthwise.batch));
    }

    /// The factors of an image: the block's, times that of stochastic depth.
    fn factors(&self, scale: Option<&[f32]>, mask: Option<&[f32]>, image: usize) -> Vec<f32> {
        let by = mask.map_or(1.0, |mask| mask[image]);
        match scale {
            Some(scale) => scale.iter().map(|scale| scale * by).collect(),
            None => vec![by; self.depthwise.channels],
        }
    }

    /// Training forward pass: `y` = `x` + the layers' result, each image of which is multiplied by its factor
    /// of stochastic depth.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(&self, input: &ConvNextInput<E>, y: &mut [E]) -> ConvNextSaved<E> {
        let ConvNextInput { x, params, drop_path_mask, workspace } = *input;
        self.check(input);
        check_len("y", y.len(), self.len());
        let mut spread = workspace.take(self.len());
        let bias = Some(params.depthwise_bias);
        self.depthwise.forward(x, params.depthwise_weight, bias, Act::Identity, &mut spread);
        let mut normal = workspace.take(self.len());
        let stats = self.norm(params).forward(&spread, &mut normal);
        let mut hidden = workspace.take(self.expand().out_len());
        let bias = Some(params.expand_bias);
        self.expand().forward(&normal, params.expand_weight, bias, Act::Identity, &mut hidden);
        let mut active = workspace.take(hidden.len());
        Act::Gelu.forward(&hidden, &mut active);
        let norms = params.response.map(|response| response.forward(&self.map(self.hidden), &mut active));
        // the normalised map has been used
        let mut projected = normal;
        let bias = Some(params.project_bias);
        self.project().forward(&active, params.project_weight, bias, Act::Identity, &mut projected);
        workspace.give(active);
        let image = self.map(self.depthwise.channels).image();
        parallel::for_each(y.chunks_mut(image).enumerate(), |(i, y)| {
            let at = i * image..(i + 1) * image;
            let factors = self.factors(params.scale, drop_path_mask, i);
            add_scaled_rows(&x[at.clone()], &projected[at], &factors, y);
        });
        let projected = if params.scale.is_some() {
            Some(projected)
        } else {
            workspace.give(projected);
            None
        };
        ConvNextSaved { spread, stats, hidden, norms, projected }
    }

    /// Backward pass: writes the gradient of the input to where the arguments say and returns those of the
    /// parameters.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn backward<E: Element>(&self, given: ConvNextBackward<E>) -> ConvNextGrads {
        let ConvNextBackward { input, saved, dy, dx } = given;
        let ConvNextInput { x, params, drop_path_mask, workspace } = input;
        let ConvNextSaved { spread, stats, hidden, norms, projected } = saved;
        self.check(&input);
        assert!(
            (norms.is_some(), projected.is_some()) == (params.response.is_some(), params.scale.is_some()),
            "the kept maps are of a block with other parameters"
        );
        check_len("hidden", hidden.len(), self.expand().out_len());
        check_len("dy", dy.len(), self.len());
        let map = self.map(self.depthwise.channels);

        let scale = projected.as_ref().map(|projected| self.grad_scale(dy, projected, drop_path_mask));
        let mut dprojected = projected.unwrap_or_else(|| workspace.take(self.len()));
        map.copy(dy, &mut dprojected);
        let factors: Vec<f32> =
            (0..map.batch).flat_map(|i| self.factors(params.scale, drop_path_mask, i)).collect();
        map.scale(&mut dprojected, &factors);
        let (dhidden, project) = self.backward_project(&dprojected, hidden, norms, params, workspace);
        let (dspread, expand) =
            self.backward_expand(dhidden, (&spread, &stats), params, workspace, dprojected);
        workspace.give(spread);

        let depthwise_bias = map.sums(&dspread);
        let mut depthwise_weight = vec![0.0; params.depthwise_weight.len()];
        self.depthwise.grad_weight(x, &dspread, &mut depthwise_weight);
        if let Some(dx) = dx {
            self.depthwise.grad_input(&dspread, params.depthwise_weight, dx);
            map.add(dy, dx);
        }
        workspace.give(dspread);
        let depthwise = [depthwise_weight, depthwise_bias];
        ConvNextGrads(depthwise.into_iter().chain(expand).chain(project).chain(scale).collect())
    }

    /// Backward through the second dense layer, the normalised responses and the activation: the gradient of
    /// the first dense layer's output, and those of the parameters passed on the way, in their order.
    fn backward_project<E: Element>(
        &self,
        dprojected: &[E],
        hidden: Vec<E>,
        norms: Option<Vec<f32>>,
        params: &ConvNextParams,
        workspace: &Workspace,
    ) -> (Vec<E>, Vec<Vec<f32>>) {
        let map = self.map(self.hidden);
        let bias = self.map(self.depthwise.channels).sums(dprojected);
        let mut active = workspace.take(hidden.len());
        Act::Gelu.forward(&hidden, &mut active);
        let mut dactive = workspace.take(hidden.len());
        self.project().grad_input(dprojected, params.project_weight, &mut dactive);
        let response = params.response.zip(norms).map(|(response, norms)| {
            let found = response.backward(&map, &active, &norms, &mut dactive);
            response.apply(&map, &norms, &mut active);
            [found.weight, found.bias]
        });
        let mut weight = vec![0.0; params.project_weight.len()];
        self.project().grad_weight(&active, dprojected, &mut weight);
        // the activation has been used
        let mut dhidden = active;
        Act::Gelu.backward(&hidden, &dactive, &mut dhidden);
        workspace.give(dactive);
        workspace.give(hidden);
        (dhidden, response.into_iter().flatten().chain([weight, bias]).collect())
    }

    /// Backward through the first dense layer and the normalisation before it, whose input and statistics are
    /// `spread`: the gradient of that input, in the memory `into`, and those of the parameters passed on the
    /// way, in their order.
    fn backward_expand<E: Element>(
        &self,
        dhidden: Vec<E>,
        (spread, stats): (&[E], &[RowStats]),
        params: &ConvNextParams,
        workspace: &Workspace,
        into: Vec<E>,
    ) -> (Vec<E>, [Vec<f32>; 4]) {
        let bias = self.map(self.hidden).sums(&dhidden);
        let mut normal = workspace.take(spread.len());
        self.norm(params).forward(spread, &mut normal);
        let mut weight = vec![0.0; params.expand_weight.len()];
        self.expand().grad_weight(&normal, &dhidden, &mut weight);
        workspace.give(normal);
        let mut dspread = into;
        self.expand().grad_input(&dhidden, params.expand_weight, &mut dspread);
        workspace.give(dhidden);
        let norm = self.norm(params).backward(spread, stats, &mut dspread);
        (dspread, [norm.weight, norm.bias, weight, bias])
    }

    /// The gradient of the factors.
    fn grad_scale<E: Element>(&self, dy: &[E], projected: &[E], mask: Option<&[f32]>) -> Vec<f32> {
        let map = self.map(self.depthwise.channels);
        let mut products = vec![0.0; map.batch * map.channels];
        map.dot(dy, projected, &mut products);
        let mut scale = vec![0.0; map.channels];
        for (i, products) in products.chunks_exact(map.channels).enumerate() {
            let by = mask.map_or(1.0, |mask| mask[i]);
            scale.iter_mut().zip(products).for_each(|(sum, product)| *sum += by * product);
        }
        scale
    }

    /// The layers for predictions.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn fold<E: Element>(&self, params: &ConvNextParams) -> FoldedConvNext<E> {
        self.check_params(params);
        let (mut weight, mut bias) = (params.project_weight.to_vec(), params.project_bias.to_vec());
        let rows = weight.chunks_exact_mut(self.hidden).zip(&mut bias);
        for ((row, bias), scale) in rows.zip(self.factors(params.scale, None, 0)) {
            row.iter_mut().chain([bias]).for_each(|value| *value *= scale);
        }
        let owned = |norm: ResponseNorm| FoldedResponse {
            weight: norm.weight.to_vec(),
            bias: norm.bias.to_vec(),
            eps: norm.eps,
        };
        FoldedConvNext {
            sizes: self.sizes(),
            depthwise_weight: self.depthwise.pack(params.depthwise_weight),
            depthwise_bias: params.depthwise_bias.to_vec(),
            norm_weight: params.norm_weight.to_vec(),
            norm_bias: params.norm_bias.to_vec(),
            expand: self.expand().pack(params.expand_weight),
            expand_bias: params.expand_bias.to_vec(),
            response: params.response.map(owned),
            project: self.project().pack(&weight),
            project_bias: bias,
        }
    }

    /// Prediction: writes the output to `y`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn infer<E: Element>(&self, x: &[E], folded: &FoldedConvNext<E>, workspace: &Workspace, y: &mut [E]) {
        self.check_shape(x);
        check_len("y", y.len(), self.len());
        assert_eq!(folded.sizes, self.sizes(), "channels, hidden channels and kernel of folded parameters");
        let bias = Some(folded.depthwise_bias.as_slice());
        self.depthwise.forward_packed(x, &folded.depthwise_weight, bias, Act::Identity, y);
        let mut normal = workspace.take(self.len());
        let norm = LayerNorm { weight: &folded.norm_weight, bias: &folded.norm_bias, eps: self.eps };
        norm.forward(y, &mut normal);
        let mut hidden = workspace.take(self.expand().out_len());
        let bias = Some(folded.expand_bias.as_slice());
        self.expand().forward_packed(&normal, &folded.expand, bias, Act::Gelu, &mut hidden);
        if let Some(FoldedResponse { weight, bias, eps }) = &folded.response {
            ResponseNorm { weight, bias, eps: *eps }.forward(&self.map(self.hidden), &mut hidden);
        }
        let bias = Some(folded.project_bias.as_slice());
        self.project().forward_packed(&hidden, &folded.project, bias, Act::Identity, y);
        self.map(self.depthwise.channels).add(x, y);
        workspace.give(normal);
        workspace.give(hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::{ConvNextBackward, ConvNextBlock, ConvNextInput, ConvNextParams};
    use crate::layers::{Depthwise, Pad, ResponseNorm};
    use crate::parallel::Workspace;
    use crate::simd::{Element, bf16};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, assert_slope, map, values, wide};

    fn block(batch: usize, [height, width]: [usize; 2], channels: usize) -> ConvNextBlock {
        let depthwise = Depthwise { batch, height, width, channels, kernel: 7, stride: 1, pad: Pad::all(3) };
        ConvNextBlock { depthwise, hidden: 4 * channels, eps: 1e-3 }
    }

    /// The input, then the parameters of each of the two versions.
    fn tensors(block: &ConvNextBlock) -> [Vec<Vec<f32>>; 2] {
        let (c, h) = (block.depthwise.channels, block.hidden);
        let first = [block.len(), c * 49, c, c, c, c * h, h, c * h, c, c];
        let second = [block.len(), c * 49, c, c, c, c * h, h, h, h, c * h, c];
        [&first[..], &second[..]]
            .map(|lengths| lengths.iter().enumerate().map(|(i, n)| values(*n, i as u64 + 1)).collect())
    }

    fn params(t: &[Vec<f32>]) -> ConvNextParams<'_> {
        let (response, rest) = match t.len() {
            10 => (None, &t[7..]),
            _ => (Some(ResponseNorm { weight: &t[7], bias: &t[8], eps: 1e-3 }), &t[9..]),
        };
        ConvNextParams {
            depthwise_weight: &t[1],
            depthwise_bias: &t[2],
            norm_weight: &t[3],
            norm_bias: &t[4],
            expand_weight: &t[5],
            expand_bias: &t[6],
            response,
            project_weight: &rest[0],
            project_bias: &rest[1],
            scale: rest.get(2).map(Vec::as_slice),
        }
    }

    /// Calls `f` with a name, a block and its tensors, for all blocks.
    fn for_blocks(mut f: impl FnMut(&str, &ConvNextBlock, Vec<Vec<f32>>)) {
        for block in [block(3, [5, 6], 4), block(2, [3, 3], 9), block(1, [1, 1], 16), block(2, [8, 7], 20)] {
            for (version, tensors) in (1..).zip(tensors(&block)) {
                let name = format!("{block:?}, version {version}");
                at_every_level(|level| f(&format!("{name}, {}", level.name()), &block, tensors.clone()));
            }
        }
    }

    /// Output, and gradients of the input and the parameters.
    fn run<E: Element>(block: &ConvNextBlock, tensors: &[Vec<f32>], mask: Option<&[f32]>) -> Vec<Vec<f32>> {
        let workspace = Workspace::default();
        let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
        let (mut y, mut dx) = (map::<E>(x.len(), 70), map::<E>(x.len(), 71));
        let params = params(tensors);
        let input = ConvNextInput { x: &x, params: &params, drop_path_mask: mask, workspace: &workspace };
        let saved = block.forward(&input, &mut y);
        let dy = map::<E>(y.len(), 90);
        let grads = block.backward(ConvNextBackward { input, saved, dy: &dy, dx: Some(&mut dx) });
        [wide(&y), wide(&dx)].into_iter().chain(grads.0).collect()
    }

    #[test]
    fn gradients_match_the_slopes_of_the_forward_pass() {
        for_blocks(|name, block, tensors| {
            let dropped: Vec<f32> =
                (0..block.depthwise.batch).map(|i| if i == 1 { 0.0 } else { 1.25 }).collect();
            for mask in [None, Some(dropped.as_slice())] {
                let dy = values(block.len(), 90);
                let loss = |tensors: &[Vec<f32>]| -> f64 {
                    let mut y = vec![0.0; dy.len()];
                    let (x, params, workspace) = (&tensors[0], &params(tensors), &Workspace::default());
                    block.forward(&ConvNextInput { x, params, drop_path_mask: mask, workspace }, &mut y);
                    y.iter().zip(&dy).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
                };
                let grads = run::<f32>(block, &tensors, mask);
                assert_eq!(grads[1..].len(), tensors.len());
                for (i, grad) in grads[1..].iter().enumerate() {
                    assert_slope(&format!("{name} tensor {i}"), &tensors, i, grad, 1e-2, loss);
                }
            }
        });
    }

    #[test]
    fn bf16_agrees_with_fp32() {
        for_blocks(|name, block, mut tensors| {
            tensors.iter_mut().flatten().for_each(|x| *x = bf16::from_f32(*x).to_f32());
            let pairs = run::<f32>(block, &tensors, None).into_iter().zip(run::<bf16>(block, &tensors, None));
            for (i, (expected, found)) in pairs.enumerate() {
                let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
                let size = norm(&mut expected.iter().copied()).max(0.05);
                let distance = norm(&mut expected.iter().zip(&found).map(|(e, f)| e - f)) / size;
                assert!(distance < 5e-2, "{name} result {i}: {distance}");
            }
        });
    }

    #[test]
    fn folded_blocks_give_the_same_output() {
        fn compare<E: Element>(name: &str, block: &ConvNextBlock, tensors: &[Vec<f32>], tolerance: f32) {
            let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
            let (mut y, mut inferred) = (map::<E>(x.len(), 1), map::<E>(x.len(), 2));
            let workspace = Workspace::default();
            let params = params(tensors);
            let input = ConvNextInput { x: &x, params: &params, drop_path_mask: None, workspace: &workspace };
            block.forward(&input, &mut y);
            block.infer(&x, &block.fold(&params), &workspace, &mut inferred);
            assert_close(&format!("{name} {}", E::NAME), &wide(&inferred), &wide(&y), tolerance);
        }
        for_blocks(|name, block, tensors| {
            compare::<f32>(name, block, &tensors, 1e-5);
            compare::<bf16>(name, block, &tensors, 3e-2);
        });
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let block = block(8, [13, 13], 24);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| tensors(&block).map(|tensors| run::<f32>(&block, &tensors, None)))
        };
        at_every_level(|_| assert!(run(1) == run(5)));
    }
}
