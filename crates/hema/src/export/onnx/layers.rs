//! The layers of networks as nodes. Maps are `[n, channels, h, w]`, as ONNX has them; a batch normalisation
//! is folded into the convolution before it, and a block's scale into its last dense layer.

use std::f32::consts::SQRT_2;

use burn::module::Param;
use burn::tensor::Tensor;

use super::graph::{Graph, Value};
use super::proto::Attribute;
use crate::nn::{
    Activation, BatchNorm, Conv2d, ConvBnAct, ConvNextBlock, Dense, Engine, Gate, Hidden, LayerNorm, Linear,
    Padding, Residual, ResponseNorm, SqueezeExcite,
};

/// Feature maps `[n, channels, side, side]`.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) value: Value,
    /// Pixels a side.
    pub(super) side: usize,
}

/// Axes of a map with the channels last, and back.
const CHANNELS_LAST: [i64; 4] = [0, 2, 3, 1];
const CHANNELS_FIRST: [i64; 4] = [0, 3, 1, 2];

impl Engine for Graph {
    type Map = Map;
    type Rows = Value;

    fn input(&mut self, x: Map) -> Map {
        x
    }

    fn block(
        &mut self,
        x: Map,
        units: &[ConvBnAct],
        se: Option<&SqueezeExcite>,
        residual: Option<Residual<Map>>,
    ) -> Map {
        let mut y = x.clone();
        for (i, unit) in units.iter().enumerate() {
            if let (Some(se), true) = (se, i + 1 == units.len()) {
                y.value = self.squeeze_excite(&y.value, se);
            }
            y = self.convolve(&y, unit.conv, Some(unit.bn));
            y.value = self.activate(unit.act, y.value);
        }
        let Some(residual) = residual else { return y };
        let other = residual.other.unwrap_or(x);
        y.value = self.op("Add", [&y.value, &other.value]);
        if residual.relu {
            y.value = self.activate(Activation::Relu, y.value);
        }
        y
    }

    fn convnext_block(&mut self, x: Map, layers: &ConvNextBlock, _: f64) -> Map {
        let mixed = self.convolve(&x, layers.depthwise, None);
        let y = self.transpose(&mixed.value, &CHANNELS_LAST);
        let y = self.normalize(&y, layers.norm);
        let y = self.dense(&y, layers.expand, None);
        let mut y = self.activate(Activation::Gelu, y);
        if let Some(response) = layers.response {
            y = self.respond(&y, response);
        }
        let y = self.dense(&y, layers.project, layers.scale.map(Param::val).as_ref());
        let y = self.transpose(&y, &CHANNELS_FIRST);
        Map { value: self.op("Add", [&x.value, &y]), ..x }
    }

    fn conv_act(&mut self, x: Map, conv: &Conv2d, act: Activation) -> Map {
        let y = self.convolve(&x, conv, None);
        Map { value: self.activate(act, y.value), ..y }
    }

    fn layer_norm(&mut self, x: Map, layer: &LayerNorm) -> Map {
        let y = self.transpose(&x.value, &CHANNELS_LAST);
        let y = self.normalize(&y, layer);
        Map { value: self.transpose(&y, &CHANNELS_FIRST), ..x }
    }

    fn max_pool(&mut self, x: Map, kernel: usize, stride: usize, padding: Padding) -> Map {
        let (window, side) = window(x.side, kernel, stride, padding);
        Map { value: self.op_with("MaxPool", [&x.value], window), side }
    }

    fn global_average_pool(&mut self, x: Map) -> Value {
        let pooled = self.op("GlobalAveragePool", [&x.value]);
        self.rows(&pooled)
    }

    fn flatten(&mut self, x: Map) -> Value {
        let y = self.transpose(&x.value, &CHANNELS_LAST);
        self.rows(&y)
    }

    fn dense_act(&mut self, x: Value, conv: &Conv2d, act: Activation) -> Value {
        let [out, inputs, ..] = conv.weight.dims();
        let weight = conv.weight.val().reshape([out, inputs]);
        let y = self.gemm(&x, weight, conv.bias.as_ref().map(Param::val));
        self.activate(act, y)
    }

    fn norm_rows(&mut self, x: Value, layer: &LayerNorm) -> Value {
        self.normalize(&x, layer)
    }

    fn head(&mut self, x: Value, hidden: &[Hidden], classifier: &Linear, _: &[f64]) -> Value {
        let mut x = x;
        for Hidden { fc, bn, act } in hidden {
            x = self.gemm(&x, fc.weight.val(), Some(fc.bias.val()));
            x = self.activate(*act, x);
            if let Some(bn) = bn {
                x = self.rescale(&x, &Fold::of(bn));
            }
        }
        self.gemm(&x, classifier.weight.val(), Some(classifier.bias.val()))
    }
}

impl Graph {
    /// A convolution, with the normalisation after it folded in.
    fn convolve(&mut self, x: &Map, conv: &Conv2d, bn: Option<&BatchNorm>) -> Map {
        let [out, inputs, kernel, _] = conv.weight.dims();
        let (weight, fold) = (conv.weight.val(), bn.map(Fold::of));
        let (tensor, scales) = (weight.clone(), fold.clone());
        let weight = self.weights("conv_weight", &[out, inputs, kernel, kernel], move || {
            let mut values = values(&tensor);
            if let Some(fold) = &scales {
                scale_rows(&mut values, &fold.scale_and_shift().0);
            }
            values
        });
        let bias = conv.bias.as_ref().map(Param::val);
        let bias = (bias.is_some() || fold.is_some()).then(|| {
            self.weights("conv_bias", &[out], move || {
                let bias = bias.as_ref().map_or_else(|| vec![0.0; out], values);
                let Some(fold) = &fold else { return bias };
                let (scale, shift) = fold.scale_and_shift();
                let folded = bias.iter().zip(scale.iter().zip(shift));
                folded.map(|(bias, (scale, shift))| (f64::from(*bias) * scale + shift) as f32).collect()
            })
        });
        let (mut attributes, side) = window(x.side, kernel, conv.stride, conv.padding);
        attributes.push(Attribute::of_int("group", conv.groups as i64));
        let value = match bias {
            Some(bias) => self.op_with("Conv", [&x.value, &weight, &bias], attributes),
            None => self.op_with("Conv", [&x.value, &weight], attributes),
        };
        Map { value, side }
    }

    fn squeeze_excite(&mut self, x: &Value, se: &SqueezeExcite) -> Value {
        let pooled = Map { value: self.op("GlobalAveragePool", [x]), side: 1 };
        let reduced = self.convolve(&pooled, &se.conv_reduce, None).value;
        let reduced = Map { value: self.activate(se.act, reduced), side: 1 };
        let gate = self.convolve(&reduced, &se.conv_expand, None).value;
        let gate = match se.gate {
            Gate::Sigmoid => self.op("Sigmoid", [&gate]),
            Gate::HardSigmoid => {
                let slope = [Attribute::of_float("alpha", 1.0 / 6.0), Attribute::of_float("beta", 0.5)];
                self.op_with("HardSigmoid", [&gate], slope.into())
            }
        };
        self.op("Mul", [x, &gate])
    }

    fn activate(&mut self, act: Activation, x: Value) -> Value {
        match act {
            Activation::Identity => x,
            Activation::Relu => self.op("Relu", [&x]),
            Activation::Silu => {
                let gate = self.op("Sigmoid", [&x]);
                self.op("Mul", [&x, &gate])
            }
            Activation::Elu => self.op_with("Elu", [&x], vec![Attribute::of_float("alpha", 1.0)]),
            Activation::Gelu => {
                // the form that runtimes know and compute at once
                let y = self.with_number("Div", &x, SQRT_2);
                let y = self.op("Erf", [&y]);
                let y = self.with_number("Add", &y, 1.0);
                let y = self.op("Mul", [&x, &y]);
                self.with_number("Mul", &y, 0.5)
            }
            Activation::LeakyRelu => {
                self.op_with("LeakyRelu", [&x], vec![Attribute::of_float("alpha", 0.01)])
            }
            Activation::Relu6 => self.clip(&x, [0.0, 6.0]),
            Activation::HardSwish => self.op("HardSwish", [&x]),
        }
    }

    /// Layer normalisation over the last axis.
    fn normalize(&mut self, x: &Value, layer: &LayerNorm) -> Value {
        let (weight, bias) = (layer.weight.val(), layer.bias.val());
        let dims = weight.dims();
        let weight = self.weights("norm_weight", &dims, move || values(&weight));
        let bias = self.weights("norm_bias", &dims, move || values(&bias));
        let attributes =
            vec![Attribute::of_int("axis", -1), Attribute::of_float("epsilon", layer.eps as f32)];
        self.op_with("LayerNormalization", [x, &weight, &bias], attributes)
    }

    /// Global response normalisation of maps with the channels last.
    fn respond(&mut self, x: &Value, layer: &ResponseNorm) -> Value {
        let (weight, bias) = (layer.weight.val(), layer.bias.val());
        let dims = weight.dims();
        let norms = self.reduce("ReduceL2", x, &[1, 2]);
        let mean = self.reduce("ReduceMean", &norms, &[3]);
        let mean = self.with_number("Add", &mean, layer.eps as f32);
        let shares = self.op("Div", [&norms, &mean]);
        let weight = self.weights("response_weight", &dims, move || values(&weight));
        let bias = self.weights("response_bias", &dims, move || values(&bias));
        let y = self.op("Mul", [x, &shares]);
        let y = self.op("Mul", [&y, &weight]);
        let y = self.op("Add", [&y, &bias]);
        self.op("Add", [x, &y])
    }

    /// A dense layer of the last axis, its results multiplied by a scale each where there are any.
    fn dense(&mut self, x: &Value, layer: &Dense, scale: Option<&Tensor<1>>) -> Value {
        let (weight, bias) = layer.weight_and_bias();
        let [out, inputs] = weight.dims();
        let (of_weight, of_bias) = (scale.cloned(), scale.cloned());
        let weight = self.weights("dense_weight", &[inputs, out], move || {
            transposed(&scaled(values(&weight), of_weight.as_ref()), inputs)
        });
        let y = self.op("MatMul", [x, &weight]);
        let Some(bias) = bias else { return y };
        let bias = self.weights("dense_bias", &[out], move || scaled(values(&bias), of_bias.as_ref()));
        self.op("Add", [&y, &bias])
    }

    /// A dense layer of rows, by weights `[out, in]`.
    fn gemm(&mut self, x: &Value, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Value {
        let [out, inputs] = weight.dims();
        let weight = self.weights("dense_weight", &[out, inputs], move || values(&weight));
        let transposed = vec![Attribute::of_int("transB", 1)];
        match bias {
            Some(bias) => {
                let bias = self.weights("dense_bias", &[out], move || values(&bias));
                self.op_with("Gemm", [x, &weight, &bias], transposed)
            }
            None => self.op_with("Gemm", [x, &weight], transposed),
        }
    }

    /// A batch normalisation of rows.
    fn rescale(&mut self, x: &Value, fold: &Fold) -> Value {
        let dims = fold.weight.dims();
        let (of_scale, of_shift) = (fold.clone(), fold.clone());
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        let scale = self.weights("batch_scale", &dims, move || narrow(of_scale.scale_and_shift().0));
        let shift = self.weights("batch_shift", &dims, move || narrow(of_shift.scale_and_shift().1));
        let y = self.op("Mul", [x, &scale]);
        self.op("Add", [&y, &shift])
    }

    /// All values of each image in a row.
    pub(super) fn rows(&mut self, x: &Value) -> Value {
        self.op_with("Flatten", [x], vec![Attribute::of_int("axis", 1)])
    }
}

/// A batch normalisation in prediction: a scale and a shift for each channel.
#[derive(Clone)]
struct Fold {
    weight: Tensor<1>,
    bias: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    eps: f64,
}

impl Fold {
    fn of(bn: &BatchNorm) -> Self {
        Self {
            weight: bn.weight.val(),
            bias: bn.bias.val(),
            mean: bn.running_mean.value_sync(),
            variance: bn.running_var.value_sync(),
            eps: bn.eps,
        }
    }

    fn scale_and_shift(&self) -> (Vec<f64>, Vec<f64>) {
        let [weight, bias, mean, variance] =
            [&self.weight, &self.bias, &self.mean, &self.variance].map(values);
        let each = (0..weight.len()).map(|i| {
            let scale = f64::from(weight[i]) / (f64::from(variance[i]) + self.eps).sqrt();
            (scale, f64::from(bias[i]) - f64::from(mean[i]) * scale)
        });
        each.unzip()
    }
}

/// Attributes of a window that moves over a map, and the side of what it makes.
fn window(side: usize, kernel: usize, stride: usize, padding: Padding) -> (Vec<Attribute>, usize) {
    let (before, after) = padding.amount(side, kernel, stride);
    let attributes = vec![
        Attribute::of_ints("kernel_shape", &[kernel as i64; 2]),
        Attribute::of_ints("strides", &[stride as i64; 2]),
        Attribute::of_ints("pads", &[before, before, after, after].map(|pad| pad as i64)),
    ];
    (attributes, (side + before + after).saturating_sub(kernel) / stride + 1)
}

/// The values of a tensor, row by row.
fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().iter().collect()
}

/// Multiplies every row of a matrix by its scale.
fn scale_rows(values: &mut [f32], scales: &[f64]) {
    let width = values.len() / scales.len();
    for (row, scale) in values.chunks_exact_mut(width).zip(scales) {
        for value in row {
            *value = (f64::from(*value) * scale) as f32;
        }
    }
}

/// A matrix whose rows were multiplied by their scales, where there are any.
fn scaled(mut values: Vec<f32>, scales: Option<&Tensor<1>>) -> Vec<f32> {
    if let Some(scales) = scales {
        let scales: Vec<f64> = self::values(scales).into_iter().map(f64::from).collect();
        scale_rows(&mut values, &scales);
    }
    values
}

/// Columns as rows, of a matrix with rows of this length.
fn transposed(values: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| values.iter().skip(column).step_by(width).copied()).collect()
}
