//! The kernel of a block against the composition of Burn operations.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};

use super::{block, conv_act, convnext_block, layer_norm};
use crate::nn::activation::{Activation, Gate};
use crate::nn::blocks::{ConvBnAct, ConvNextBlock, Residual};
use crate::nn::init::Init;
use crate::nn::layers::{BatchNorm, Conv2d, Dense, LayerNorm, Padding, ResponseNorm, SqueezeExcite};
use crate::nn::ops::{composition, convnext_composition, convolve};
use crate::nn::pass::Pass;
use crate::nn::precision::{Precision, stored};

/// Kind, kernel, stride, channels, squeeze-and-excitation, shortcut.
type Case = (&'static str, usize, usize, [usize; 2], Option<Gate>, bool);

const SOFT: Option<Gate> = Some(Gate::Sigmoid);

const CASES: &[Case] = &[
    ("conv", 3, 1, [5, 5], None, true),
    ("conv", 3, 2, [3, 7], None, false),
    ("fused", 3, 2, [4, 6], None, false),
    ("fused", 3, 1, [8, 8], None, true),
    ("mb", 3, 1, [8, 8], SOFT, true),
    ("mb", 5, 2, [6, 9], SOFT, false),
    ("mb", 3, 1, [4, 4], None, true),
    ("hard", 5, 1, [8, 8], Some(Gate::HardSigmoid), true),
    ("flat", 3, 1, [8, 8], SOFT, true),
];

#[derive(Module, Debug)]
struct Parts {
    convs: Vec<Conv2d>,
    bns: Vec<BatchNorm>,
    se: Option<SqueezeExcite>,
    #[module(skip)]
    act: Activation,
}

impl Parts {
    fn new(
        kind: &str,
        kernel: usize,
        stride: usize,
        [i, o]: [usize; 2],
        se: Option<Gate>,
        device: &Device,
    ) -> Self {
        let mut init = Init::new(7, device);
        let wide = 3 * i;
        let convs = match kind {
            "conv" => vec![init.conv(i, o, kernel, stride, Padding::Same, 1)],
            "fused" => vec![
                init.conv(i, wide, kernel, stride, Padding::Same, 1),
                init.conv(wide, o, 1, 1, Padding::Same, 1),
            ],
            "flat" => vec![
                init.conv(i, i, kernel, stride, Padding::Symmetric, i),
                init.conv(i, o, 1, 1, Padding::Same, 1),
            ],
            _ => vec![
                init.conv(i, wide, 1, 1, Padding::Same, 1),
                init.conv(wide, wide, kernel, stride, Padding::Same, wide),
                init.conv(wide, o, 1, 1, Padding::Same, 1),
            ],
        };
        let bns = convs.iter().map(|c| init.batch_norm(c.weight.dims()[0])).collect();
        let gated = if kind == "flat" { i } else { wide };
        let act = if kind == "hard" { Activation::HardSwish } else { Activation::Silu };
        let se = se.map(|gate| init.squeeze_excite(gated, 2, act, gate));
        Self { convs, bns, se, act }
    }

    fn units(&self) -> Vec<ConvBnAct<'_>> {
        let last = self.convs.len() - 1;
        let act = |i| if i == last && last > 0 { Activation::Identity } else { self.act };
        let pairs = self.convs.iter().zip(&self.bns).enumerate();
        pairs.map(|(i, (conv, bn))| ConvBnAct { conv, bn, act: act(i) }).collect()
    }
}

fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let difference: f32 = (found - expected.clone()).abs().max().into_scalar();
    let scale: f32 = expected.abs().max().into_scalar();
    assert!(difference <= 1e-4 * scale.max(1e-2), "{what}: off by {difference} of {scale}");
}

#[test]
fn the_kernel_agrees_with_the_composition_gradients_included() {
    for frozen in [false, true] {
        compare(frozen);
    }
}

fn compare(frozen: bool) {
    let device = Device::flex().autodiff();
    for &(kind, kernel, stride, channels, se, shortcut) in CASES {
        let what = format!("{kind} {kernel} {stride} {channels:?} {se:?} {shortcut} frozen: {frozen}");
        let [fused, composed] = [0, 1].map(|_| {
            let mut parts = Parts::new(kind, kernel, stride, channels, se, &device);
            for bn in &mut parts.bns {
                bn.training = burn::module::Param::from_bool(!frozen);
            }
            parts
        });
        let data =
            Tensor::<4>::random([3, 7, 6, channels[0]], Distribution::Normal(0.0, 1.0), &device).into_data();
        let [x1, x2] = [0, 1].map(|_| Param::from_tensor(Tensor::<4>::from_data(data.clone(), &device)));
        let keep = shortcut.then(|| vec![0.0, 1.25, 1.25]);
        let residual = shortcut.then(|| Residual::input(0.2));
        let pass = Pass::train(0, 0);

        let (units, se) = (fused.units(), fused.se.as_ref());
        let y1 = block(&x1.val(), &units, se, residual.as_ref(), keep.as_deref(), &pass).unwrap();
        let (units, se) = (composed.units(), composed.se.as_ref());
        let y2 = composition(x2.val(), &units, se, residual.clone(), keep, &pass);
        assert_close(y1.clone(), y2.clone(), &what);
        let weights = Tensor::<4>::random(y1.dims(), Distribution::Normal(0.0, 1.0), &device);
        let g1 = (y1 * weights.clone()).sum().backward();
        let g2 = (y2 * weights).sum().backward();

        assert_close(x1.val().grad(&g1).unwrap(), x2.val().grad(&g2).unwrap(), &format!("{what}: input"));
        let pairs = fused.convs.iter().zip(&composed.convs).zip(fused.bns.iter().zip(&composed.bns));
        for ((c1, c2), (b1, b2)) in pairs {
            let grad = |c: &Conv2d, g| c.weight.val().grad(g).unwrap();
            assert_close(grad(c1, &g1), grad(c2, &g2), &format!("{what}: convolution"));
            for (p1, p2) in [(&b1.weight, &b2.weight), (&b1.bias, &b2.bias)] {
                let what = format!("{what}: normalisation");
                assert_close(p1.val().grad(&g1).unwrap(), p2.val().grad(&g2).unwrap(), &what);
            }
            assert_close(b1.running_mean.value_sync(), b2.running_mean.value_sync(), &what);
            assert_close(b1.running_var.value_sync(), b2.running_var.value_sync(), &what);
        }
        if let (Some(s1), Some(s2)) = (&fused.se, &composed.se) {
            for (c1, c2) in [(&s1.conv_reduce, &s2.conv_reduce), (&s1.conv_expand, &s2.conv_expand)] {
                let what = format!("{what}: squeeze-excite");
                assert_close(c1.weight.val().grad(&g1).unwrap(), c2.weight.val().grad(&g2).unwrap(), &what);
                let [b1, b2] = [c1, c2].map(|c| c.bias.as_ref().unwrap().val());
                assert_close(b1.grad(&g1).unwrap(), b2.grad(&g2).unwrap(), &what);
            }
        }

        // prediction, with the statistics that training has moved
        let (fused, composed) = (fused.valid(), composed.valid());
        let pass = Pass::predict();
        let x = x1.val().inner();
        let y1 = block(&x, &fused.units(), fused.se.as_ref(), residual.as_ref(), None, &pass).unwrap();
        let y2 = composition(x, &composed.units(), composed.se.as_ref(), residual, None, &pass);
        assert_close(y1, y2, &format!("{what}: prediction"));
    }
}

#[test]
fn the_composition_of_narrow_maps_agrees_with_that_of_wide_ones() {
    let device = crate::device::of_tests().autodiff();
    if Precision::Bf16.check(&device).is_err() {
        return; // a graphics card that has no arithmetic in bf16
    }
    for &(kind, kernel, stride, channels, se, shortcut) in CASES {
        let data =
            Tensor::<4>::random([3, 7, 6, channels[0]], Distribution::Normal(0.0, 1.0), &device).into_data();
        let [wide, narrow] = [DType::F32, DType::BF16].map(|dtype| {
            let parts = Parts::new(kind, kernel, stride, channels, se, &device);
            let x = Param::from_tensor(Tensor::<4>::from_data(data.clone(), &device));
            let residual = shortcut.then(|| Residual::input(0.0));
            let pass = Pass::train(0, 0);
            let y =
                composition(stored(x.val(), dtype), &parts.units(), parts.se.as_ref(), residual, None, &pass);
            assert_eq!(y.dtype(), dtype);
            let y = stored(y, DType::F32);
            // a plain sum of squares would be constant behind a normalisation
            let slopes = Tensor::<1, burn::tensor::Int>::arange(0..y.shape().num_elements() as i64, &device)
                .float()
                .sin();
            let grads = (y.clone() * slopes.reshape(y.dims())).sum().backward();
            let of_weight = parts.convs[0].weight.val().grad(&grads).unwrap().flatten::<1>(0, 3);
            [y.inner().flatten::<1>(0, 3), x.val().grad(&grads).unwrap().flatten::<1>(0, 3), of_weight]
        });
        for ((wide, narrow), what) in wide.into_iter().zip(narrow).zip(["output", "input", "weight"]) {
            let norm = |x: Tensor<1>| x.square().sum().into_scalar::<f32>().sqrt();
            let off = norm(narrow - wide.clone()) / norm(wide);
            assert!(
                (1e-4..5e-2).contains(&off),
                "{kind} {kernel} {stride}: {what} is off by {off} of its norm"
            );
        }
    }
}

#[cfg(any(feature = "gpu", feature = "cuda"))]
#[test]
fn blocks_on_a_card_agree_with_those_on_the_processor() {
    let [processor, card] = [Device::flex(), crate::device::of_tests()].map(Device::autodiff);
    let mut failures = Vec::new();
    for (case, training) in CASES.iter().flat_map(|case| [(case, true), (case, false)]) {
        let &(kind, kernel, stride, channels, se, shortcut) = case;
        let data = Tensor::<4>::random([3, 7, 6, channels[0]], Distribution::Normal(0.0, 1.0), &processor);
        let data = data.into_data();
        let [expected, found] = [&processor, &card].map(|device| {
            let parts = Parts::new(kind, kernel, stride, channels, se, device);
            let x = Param::from_tensor(Tensor::<4>::from_data(data.clone(), device));
            let residual = shortcut.then(|| Residual::input(0.0));
            let pass = if training { Pass::train(0, 0) } else { Pass::predict() };
            let y = composition(x.val(), &parts.units(), parts.se.as_ref(), residual, None, &pass);
            let values = y.shape().num_elements() as i64;
            let slopes = Tensor::<1, burn::tensor::Int>::arange(0..values, device).float().sin();
            let grads = (y.clone() * slopes.reshape(y.dims())).sum().backward();
            let flat = |x: Tensor<4>| x.flatten::<1>(0, 3).into_data().try_into_vec::<f32>().unwrap();
            let weights = parts.convs.iter().map(|conv| flat(conv.weight.val().grad(&grads).unwrap()));
            [flat(y.inner()), flat(x.val().grad(&grads).unwrap())]
                .into_iter()
                .chain(weights)
                .collect::<Vec<_>>()
        });
        for (part, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
            let difference = norm(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
            let off = difference / norm(&mut expected.iter().copied());
            // imitated cards round exponentials and roots coarsely
            if off.is_nan() || off > 2e-3 {
                failures
                    .push(format!("{case:?}, training {training}: part {part} is off by {off} of its norm"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The layers of a `ConvNeXt` block.
#[derive(Module, Debug)]
struct ConvNextParts {
    stem: Conv2d,
    stem_norm: LayerNorm,
    depthwise: Conv2d,
    norm: LayerNorm,
    expand: Dense,
    response: Option<ResponseNorm>,
    project: Dense,
    scale: Option<Param<Tensor<1>>>,
}

impl ConvNextParts {
    /// Parts of a `ConvNeXt` block: of the first version with a layer scale, of the second with response
    /// normalisation.
    fn new(is_second: bool, device: &Device) -> Self {
        let mut init = Init::new(7, device);
        let response = is_second.then(|| ResponseNorm {
            weight: init.scales(24, 0.8),
            bias: init.scales(24, 0.3),
            ..init.response_norm(24)
        });
        Self {
            stem: init.patches(3, 6, 2),
            stem_norm: init.layer_norm(6),
            depthwise: init.depthwise_with_bias(6, 7, Padding::Symmetric),
            norm: init.layer_norm(6),
            expand: init.dense(6, 24, true),
            response,
            project: init.dense(24, 6, false),
            scale: (!is_second).then(|| init.scales(6, 0.7)),
        }
    }

    fn layers(&self) -> ConvNextBlock<'_> {
        ConvNextBlock {
            depthwise: &self.depthwise,
            norm: &self.norm,
            expand: &self.expand,
            response: self.response.as_ref(),
            project: &self.project,
            scale: self.scale.as_ref(),
        }
    }
}

#[test]
fn convnexts_kernels_agree_with_their_compositions_gradients_included() {
    for is_second in [false, true] {
        compare_convnext_blocks(is_second);
    }
}

fn compare_convnext_blocks(is_second: bool) {
    let device = Device::flex().autodiff();
    let [fused, composed] = [0, 1].map(|_| ConvNextParts::new(is_second, &device));
    let data = Tensor::<4>::random([3, 10, 12, 3], Distribution::Normal(0.0, 1.0), &device).into_data();
    let [x1, x2] = [0, 1].map(|_| Param::from_tensor(Tensor::<4>::from_data(data.clone(), &device)));
    let pass = Pass::train(0, 0);
    let keep = vec![1.25, 0.0, 1.25];

    let run = |parts: &ConvNextParts, x: Tensor<4>, is_fused: bool, pass: &Pass, keep: Option<Vec<f32>>| {
        if is_fused {
            let x = layer_norm(&conv_act(&x, &parts.stem, Activation::Identity).unwrap(), &parts.stem_norm)
                .unwrap();
            convnext_block(&x, &parts.layers(), keep.as_deref(), pass).unwrap()
        } else {
            let x = parts.stem_norm.forward(convolve(x, &parts.stem));
            convnext_composition(x, &parts.layers(), keep)
        }
    };
    let y1 = run(&fused, x1.val(), true, &pass, Some(keep.clone()));
    let y2 = run(&composed, x2.val(), false, &pass, Some(keep));
    assert_close(y1.clone(), y2.clone(), "output");
    let weights = Tensor::<4>::random(y1.dims(), Distribution::Normal(0.0, 1.0), &device);
    let g1 = (y1 * weights.clone()).sum().backward();
    let g2 = (y2 * weights).sum().backward();
    assert_close(x1.val().grad(&g1).unwrap(), x2.val().grad(&g2).unwrap(), "input");
    for (c1, c2) in [(&fused.stem, &composed.stem), (&fused.depthwise, &composed.depthwise)] {
        assert_close(c1.weight.val().grad(&g1).unwrap(), c2.weight.val().grad(&g2).unwrap(), "convolution");
        let [b1, b2] = [c1, c2].map(|conv| conv.bias.as_ref().unwrap().val());
        assert_close(b1.grad(&g1).unwrap(), b2.grad(&g2).unwrap(), "convolution's bias");
    }
    let norms = [(&fused.stem_norm, &composed.stem_norm), (&fused.norm, &composed.norm)];
    for (p1, p2) in norms.iter().flat_map(|(n1, n2)| [(&n1.weight, &n2.weight), (&n1.bias, &n2.bias)]) {
        assert_close(p1.val().grad(&g1).unwrap(), p2.val().grad(&g2).unwrap(), "normalisation");
    }
    for (d1, d2) in [(&fused.expand, &composed.expand), (&fused.project, &composed.project)] {
        match (d1, d2) {
            (Dense::Conv(c1), Dense::Conv(c2)) => {
                assert_close(c1.weight.val().grad(&g1).unwrap(), c2.weight.val().grad(&g2).unwrap(), "dense");
            }
            (Dense::Linear(l1), Dense::Linear(l2)) => {
                assert_close(l1.weight.val().grad(&g1).unwrap(), l2.weight.val().grad(&g2).unwrap(), "dense");
                assert_close(
                    l1.bias.val().grad(&g1).unwrap(),
                    l2.bias.val().grad(&g2).unwrap(),
                    "dense bias",
                );
            }
            _ => panic!("made alike"),
        }
    }
    if let (Some(s1), Some(s2)) = (&fused.scale, &composed.scale) {
        assert_close(s1.val().grad(&g1).unwrap(), s2.val().grad(&g2).unwrap(), "scale");
    }
    if let (Some(r1), Some(r2)) = (&fused.response, &composed.response) {
        for (p1, p2) in [(&r1.weight, &r2.weight), (&r1.bias, &r2.bias)] {
            assert_close(p1.val().grad(&g1).unwrap(), p2.val().grad(&g2).unwrap(), "response");
        }
    }

    let (fused, composed) = (fused.valid(), composed.valid());
    let pass = Pass::predict();
    let y1 = run(&fused, x1.val().inner(), true, &pass, None);
    let y2 = run(&composed, x2.val().inner(), false, &pass, None);
    assert_close(y1, y2, "prediction");
}

#[test]
fn a_channel_that_shows_nothing_has_a_gradient() {
    let device = Device::flex().autodiff();
    let mut init = Init::new(7, &device);
    let norm = ResponseNorm { weight: init.scales(2, 1.0), ..init.response_norm(2) };
    let x = Param::from_tensor(Tensor::<4>::from_data([[[[3.0, 0.0], [4.0, 0.0]]]], &device));
    let y = norm.forward(x.val());
    let values = |x: Tensor<4>| x.into_data().try_into_vec::<f32>().unwrap();
    // shares of 2 and 0 of a mean response of 2.5
    let close = |found: Vec<f32>, expected: [f32; 4]| {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-4), "{found:?}");
    };
    close(values(y.clone().inner()), [9.0, 0.0, 12.0, 0.0]);
    close(values(x.val().grad(&y.sum().backward()).unwrap()), [3.0, 1.0, 3.0, 1.0]);
}

#[test]
fn a_convolution_with_bias_and_relu_agrees_with_its_composition_gradients_included() {
    let device = Device::flex().autodiff();
    for (kernel, stride, padding) in [(3, 1, Padding::Valid), (3, 2, Padding::Same), (1, 1, Padding::Valid)] {
        for act in [Activation::Identity, Activation::Relu] {
            let what = format!("{kernel} {stride} {padding:?} {act:?}");
            let [c1, c2] = [0, 1].map(|_| {
                let mut conv = Init::new(7, &device).conv_with_bias(5, 9, kernel, stride, padding);
                let bias = (0..9).map(|i| i as f32 / 9.0 - 0.5).collect();
                conv.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(bias, [9]), &device)));
                conv
            });
            let data = Tensor::<4>::random([3, 7, 6, 5], Distribution::Normal(0.0, 1.0), &device).into_data();
            let [x1, x2] = [0, 1].map(|_| Param::from_tensor(Tensor::<4>::from_data(data.clone(), &device)));
            let y1 = conv_act(&x1.val(), &c1, act).unwrap();
            let y2 = act.apply(convolve(x2.val(), &c2));
            assert_close(y1.clone(), y2.clone(), &what);
            let plain = conv_act(&x1.val().inner(), &c1.valid(), act).unwrap();
            assert_close(plain, y2.clone().inner(), &format!("{what}: prediction"));
            // squared, so that somebody else looks at the output's gradient too
            let weights = Tensor::<4>::random(y1.dims(), Distribution::Normal(0.0, 1.0), &device);
            let g1 = (y1.clone() * y1 * weights.clone()).sum().backward();
            let g2 = (y2.clone() * y2 * weights).sum().backward();
            for (p1, p2, part) in [(&x1, &x2, "input"), (&c1.weight, &c2.weight, "weight")] {
                let [d1, d2] = [p1.val().grad(&g1).unwrap(), p2.val().grad(&g2).unwrap()];
                assert_close(d1, d2, &format!("{what}: {part}"));
            }
            let [b1, b2] = [&c1, &c2].map(|conv| conv.bias.as_ref().unwrap().val());
            assert_close(b1.grad(&g1).unwrap(), b2.grad(&g2).unwrap(), &format!("{what}: bias"));
        }
    }
}
