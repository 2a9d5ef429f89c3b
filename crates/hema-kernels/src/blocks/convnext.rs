//! A `ConvNeXt` block as one function forward and one backward: depthwise convolution, layer normalisation, two dense layers
//! with a GELU between them, a factor for each channel, and the way around (Liu et al., 2022). The second version has no
//! factors; it normalises the responses of the hidden channels instead (Woo et al., 2023).
//!
//! Kept between the passes are the outputs of the depthwise convolution and of both dense layers, of the second one only where
//! its factors need it; the normalised map and the activation are computed again, which costs less than reading them would.

use crate::layers::{
    Conv2d, Depthwise, LayerNorm, Map, PackedConv, Pad, ResponseNorm, RowStats, add_scaled_rows,
};
use crate::parallel;
use crate::parallel::{Workspace, check_len};
use crate::simd::{Act, Element};

/// The shape of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixer {
    /// The depthwise convolution, which keeps height and width.
    pub depthwise: Depthwise,
    /// Channels between the dense layers.
    pub hidden: usize,
    /// Added to the variance by the normalisation.
    pub eps: f32,
}

/// Parameters of a [`Mixer`].
#[derive(Clone, Copy, Debug)]
pub struct MixerParams<'a> {
    /// (channels, 1, kernel, kernel)
    pub depthwise_weight: &'a [f32],
    /// (channels)
    pub depthwise_bias: &'a [f32],
    /// (channels)
    pub norm_weight: &'a [f32],
    /// (channels)
    pub norm_bias: &'a [f32],
    /// (hidden, channels)
    pub expand_weight: &'a [f32],
    /// (hidden)
    pub expand_bias: &'a [f32],
    /// Over the hidden channels, in the second version.
    pub response: Option<ResponseNorm<'a>>,
    /// (channels, hidden)
    pub project_weight: &'a [f32],
    /// (channels)
    pub project_bias: &'a [f32],
    /// (channels), in the first version.
    pub scale: Option<&'a [f32]>,
}

/// What the forward pass keeps.
#[derive(Debug)]
pub struct MixerSaved<E> {
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

impl<E: Element> MixerSaved<E> {
    /// Gives its buffers back, for a backward pass that computes them again.
    pub fn recycle(self, workspace: &Workspace) {
        for map in [self.spread, self.hidden].into_iter().chain(self.projected) {
            workspace.give(map);
        }
    }
}

/// Gradients of the parameters that there are, in the order of [`MixerParams`].
#[derive(Clone, Debug, PartialEq)]
pub struct MixerGrads(pub Vec<Vec<f32>>);

/// A [`ResponseNorm`] that has its parameters.
struct FoldedResponse {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

/// A block's layers for inference: the factors folded into the second dense layer.
pub struct FoldedMixer<E> {
    depthwise_weight: Vec<f32>,
    depthwise_bias: Vec<f32>,
    norm_weight: Vec<f32>,
    norm_bias: Vec<f32>,
    expand: PackedConv<E>,
    expand_bias: Vec<f32>,
    response: Option<FoldedResponse>,
    project: PackedConv<E>,
    project_bias: Vec<f32>,
}

impl Mixer {
    /// Values in the input, and in the output.
    pub fn len(&self) -> usize {
        self.depthwise.in_len()
    }

    /// There is no input.
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

    fn norm<'a>(&self, params: &MixerParams<'a>) -> LayerNorm<'a> {
        LayerNorm { weight: params.norm_weight, bias: params.norm_bias, eps: self.eps }
    }

    /// The factors of an image: the block's, times that of stochastic depth.
    fn factors(&self, scale: Option<&[f32]>, keep: Option<&[f32]>, image: usize) -> Vec<f32> {
        let keep = keep.map_or(1.0, |keep| keep[image]);
        match scale {
            Some(scale) => scale.iter().map(|scale| scale * keep).collect(),
            None => vec![keep; self.depthwise.channels],
        }
    }

    /// `y` = `x` + the layers' result, each image of which is multiplied by its `keep`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(
        &self,
        x: &[E],
        params: &MixerParams,
        keep: Option<&[f32]>,
        workspace: &Workspace,
        y: &mut [E],
    ) -> MixerSaved<E> {
        check_len("x", x.len(), self.len());
        check_len("y", y.len(), self.len());
        let mut spread = workspace.take(self.len());
        self.depthwise.forward(
            x,
            params.depthwise_weight,
            Some(params.depthwise_bias),
            Act::Identity,
            &mut spread,
        );
        let mut normal = workspace.take(self.len());
        let stats = self.norm(params).forward(&spread, &mut normal);
        let mut hidden = workspace.take(self.expand().out_len());
        self.expand().forward(
            &normal,
            params.expand_weight,
            Some(params.expand_bias),
            Act::Identity,
            &mut hidden,
        );
        let mut active = workspace.take(hidden.len());
        Act::Gelu.forward(&hidden, &mut active);
        let norms = params.response.map(|response| response.forward(&self.map(self.hidden), &mut active));
        // the normalised map has been used
        let mut projected = normal;
        self.project().forward(
            &active,
            params.project_weight,
            Some(params.project_bias),
            Act::Identity,
            &mut projected,
        );
        workspace.give(active);
        let image = self.map(self.depthwise.channels).image();
        parallel::for_each(y.chunks_mut(image).enumerate(), |(i, y)| {
            let at = i * image..(i + 1) * image;
            add_scaled_rows(&x[at.clone()], &projected[at], &self.factors(params.scale, keep, i), y);
        });
        let projected = if params.scale.is_some() {
            Some(projected)
        } else {
            workspace.give(projected);
            None
        };
        MixerSaved { spread, stats, hidden, norms, projected }
    }

    /// Gradients: of the parameters, and of the input into `dx`, from that of the output.
    ///
    /// # Panics
    /// If a length does not match the shape.
    #[allow(clippy::too_many_arguments)] // what a backward pass is given, and where its results go
    pub fn backward<E: Element>(
        &self,
        x: &[E],
        params: &MixerParams,
        keep: Option<&[f32]>,
        saved: MixerSaved<E>,
        dy: &[E],
        workspace: &Workspace,
        dx: Option<&mut [E]>,
    ) -> MixerGrads {
        let MixerSaved { spread, stats, hidden, norms, projected } = saved;
        let channels = self.depthwise.channels;
        let (narrow, wide) = (self.map(channels), self.map(self.hidden));

        let scale = projected.as_ref().map(|projected| self.grad_scale(dy, projected, keep));
        let mut dprojected = projected.unwrap_or_else(|| workspace.take(self.len()));
        narrow.copy(dy, &mut dprojected);
        let factors: Vec<f32> = (0..narrow.batch).flat_map(|i| self.factors(params.scale, keep, i)).collect();
        narrow.scale(&mut dprojected, &factors);
        let project_bias = narrow.sums(&dprojected);

        let mut active = workspace.take(hidden.len());
        Act::Gelu.forward(&hidden, &mut active);
        let mut dactive = workspace.take(hidden.len());
        self.project().grad_input(&dprojected, params.project_weight, &mut dactive);
        let response = params.response.zip(norms).map(|(response, norms)| {
            let found = response.backward(&wide, &active, &norms, &mut dactive);
            response.apply(&wide, &norms, &mut active);
            found
        });
        let mut project_weight = vec![0.0; params.project_weight.len()];
        self.project().grad_weight(&active, &dprojected, &mut project_weight);
        // the activation has been used
        let mut dhidden = active;
        Act::Gelu.backward(&hidden, &dactive, &mut dhidden);
        workspace.give(dactive);
        workspace.give(hidden);
        let expand_bias = wide.sums(&dhidden);

        let mut normal = workspace.take(spread.len());
        self.norm(params).forward(&spread, &mut normal);
        let mut expand_weight = vec![0.0; params.expand_weight.len()];
        self.expand().grad_weight(&normal, &dhidden, &mut expand_weight);
        workspace.give(normal);
        let mut dspread = dprojected;
        self.expand().grad_input(&dhidden, params.expand_weight, &mut dspread);
        workspace.give(dhidden);
        let norm = self.norm(params).backward(&spread, &stats, &mut dspread);
        workspace.give(spread);

        let depthwise_bias = narrow.sums(&dspread);
        let mut depthwise_weight = vec![0.0; params.depthwise_weight.len()];
        self.depthwise.grad_weight(x, &dspread, &mut depthwise_weight);
        if let Some(dx) = dx {
            self.depthwise.grad_input(&dspread, params.depthwise_weight, dx);
            narrow.add(dy, false, dx);
        }
        workspace.give(dspread);
        let mut all =
            vec![depthwise_weight, depthwise_bias, norm.weight, norm.bias, expand_weight, expand_bias];
        all.extend(response.into_iter().flat_map(|found| [found.weight, found.bias]));
        all.extend([project_weight, project_bias]);
        all.extend(scale);
        MixerGrads(all)
    }

    /// The gradient of the factors.
    fn grad_scale<E: Element>(&self, dy: &[E], projected: &[E], keep: Option<&[f32]>) -> Vec<f32> {
        let map = self.map(self.depthwise.channels);
        let mut products = vec![0.0; map.batch * map.channels];
        map.dot(dy, projected, &mut products);
        let mut scale = vec![0.0; map.channels];
        for (i, products) in products.chunks_exact(map.channels).enumerate() {
            let keep = keep.map_or(1.0, |keep| keep[i]);
            scale.iter_mut().zip(products).for_each(|(sum, product)| *sum += keep * product);
        }
        scale
    }

    /// The layers for inference.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn fold<E: Element>(&self, params: &MixerParams) -> FoldedMixer<E> {
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
        FoldedMixer {
            depthwise_weight: params.depthwise_weight.to_vec(),
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

    /// The block, keeping nothing.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn infer<E: Element>(&self, x: &[E], folded: &FoldedMixer<E>, workspace: &Workspace, y: &mut [E]) {
        check_len("x", x.len(), self.len());
        check_len("y", y.len(), self.len());
        let bias = Some(folded.depthwise_bias.as_slice());
        self.depthwise.forward(x, &folded.depthwise_weight, bias, Act::Identity, y);
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
        self.map(self.depthwise.channels).add(x, false, y);
        workspace.give(normal);
        workspace.give(hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::{Mixer, MixerParams};
    use crate::layers::{Depthwise, Pad, ResponseNorm};
    use crate::parallel::Workspace;
    use crate::simd::{Element, bf16};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, assert_slope, map, values, wide};

    fn mixer(batch: usize, [height, width]: [usize; 2], channels: usize) -> Mixer {
        let depthwise = Depthwise { batch, height, width, channels, kernel: 7, stride: 1, pad: Pad::all(3) };
        Mixer { depthwise, hidden: 4 * channels, eps: 1e-3 }
    }

    /// The input, then the parameters of each of the two versions.
    fn tensors(mixer: &Mixer) -> [Vec<Vec<f32>>; 2] {
        let (c, h) = (mixer.depthwise.channels, mixer.hidden);
        let first = [mixer.len(), c * 49, c, c, c, c * h, h, c * h, c, c];
        let second = [mixer.len(), c * 49, c, c, c, c * h, h, h, h, c * h, c];
        [&first[..], &second[..]]
            .map(|lengths| lengths.iter().enumerate().map(|(i, n)| values(*n, i as u64 + 1)).collect())
    }

    fn params(t: &[Vec<f32>]) -> MixerParams<'_> {
        let (response, rest) = match t.len() {
            10 => (None, &t[7..]),
            _ => (Some(ResponseNorm { weight: &t[7], bias: &t[8], eps: 1e-3 }), &t[9..]),
        };
        MixerParams {
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
    fn for_mixers(mut f: impl FnMut(&str, &Mixer, Vec<Vec<f32>>)) {
        for mixer in [mixer(3, [5, 6], 4), mixer(2, [3, 3], 9), mixer(1, [1, 1], 16), mixer(2, [8, 7], 20)] {
            for (version, tensors) in (1..).zip(tensors(&mixer)) {
                let name = format!("{mixer:?}, version {version}");
                at_every_level(|level| f(&format!("{name}, {}", level.name()), &mixer, tensors.clone()));
            }
        }
    }

    /// Output, and gradients of the input and the parameters.
    fn run<E: Element>(mixer: &Mixer, tensors: &[Vec<f32>], keep: Option<&[f32]>) -> Vec<Vec<f32>> {
        let workspace = Workspace::default();
        let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
        let (mut y, mut dx) = (map::<E>(x.len(), 70), map::<E>(x.len(), 71));
        let saved = mixer.forward(&x, &params(tensors), keep, &workspace, &mut y);
        let dy = map::<E>(y.len(), 90);
        let grads = mixer.backward(&x, &params(tensors), keep, saved, &dy, &workspace, Some(&mut dx));
        [wide(&y), wide(&dx)].into_iter().chain(grads.0).collect()
    }

    #[test]
    fn gradients_match_the_slopes_of_the_forward_pass() {
        for_mixers(|name, mixer, tensors| {
            let dropped: Vec<f32> =
                (0..mixer.depthwise.batch).map(|i| if i == 1 { 0.0 } else { 1.25 }).collect();
            for keep in [None, Some(dropped.as_slice())] {
                let dy = values(mixer.len(), 90);
                let loss = |tensors: &[Vec<f32>]| -> f64 {
                    let mut y = vec![0.0; dy.len()];
                    mixer.forward(&tensors[0], &params(tensors), keep, &Workspace::default(), &mut y);
                    y.iter().zip(&dy).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
                };
                let grads = run::<f32>(mixer, &tensors, keep);
                assert_eq!(grads[1..].len(), tensors.len());
                for (i, grad) in grads[1..].iter().enumerate() {
                    assert_slope(&format!("{name} tensor {i}"), &tensors, i, grad, 1e-2, loss);
                }
            }
        });
    }

    #[test]
    fn bf16_agrees_with_fp32() {
        for_mixers(|name, mixer, mut tensors| {
            tensors.iter_mut().flatten().for_each(|x| *x = bf16::from_f32(*x).to_f32());
            let pairs = run::<f32>(mixer, &tensors, None).into_iter().zip(run::<bf16>(mixer, &tensors, None));
            for (i, (expected, found)) in pairs.enumerate() {
                let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
                let size = norm(&mut expected.iter().copied()).max(0.05);
                let distance = norm(&mut expected.iter().zip(&found).map(|(e, f)| e - f)) / size;
                assert!(distance < 5e-2, "{name} result {i}: {distance}");
            }
        });
    }

    #[test]
    fn folded_mixers_give_the_same_output() {
        fn compare<E: Element>(name: &str, mixer: &Mixer, tensors: &[Vec<f32>], tolerance: f32) {
            let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
            let (mut y, mut inferred) = (map::<E>(x.len(), 1), map::<E>(x.len(), 2));
            let workspace = Workspace::default();
            mixer.forward(&x, &params(tensors), None, &workspace, &mut y);
            mixer.infer(&x, &mixer.fold(&params(tensors)), &workspace, &mut inferred);
            assert_close(&format!("{name} {}", E::NAME), &wide(&inferred), &wide(&y), tolerance);
        }
        for_mixers(|name, mixer, tensors| {
            compare::<f32>(name, mixer, &tensors, 1e-5);
            compare::<bf16>(name, mixer, &tensors, 3e-2);
        });
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let mixer = mixer(8, [13, 13], 24);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| tensors(&mixer).map(|tensors| run::<f32>(&mixer, &tensors, None)))
        };
        at_every_level(|_| assert!(run(1) == run(5)));
    }
}
