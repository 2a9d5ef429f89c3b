//! Layers' shapes in the kernels' terms.

use hema_kernels as kernels;
use kernels::{Act, Filter, Pad};

use super::super::activation::Activation;
use super::super::layers::Conv2d;

/// The kernel of a convolution's shape on maps of this size; `None` where there is none.
pub(super) fn filter(conv: &Conv2d, batch: usize, height: usize, width: usize) -> Option<Filter> {
    let [outputs, inputs, kernel, _] = conv.weight.dims();
    let stride = conv.stride;
    let (top, bottom) = conv.padding.amount(height, kernel, stride);
    let (left, right) = conv.padding.amount(width, kernel, stride);
    let pad = Pad { top, left, bottom, right };
    if conv.groups == 1 {
        return Some(Filter::Dense(kernels::Conv2d {
            batch,
            height,
            width,
            inputs,
            outputs,
            kernel,
            stride,
            pad,
        }));
    }
    let supported = conv.groups == outputs && inputs == 1 && [3, 5, 7].contains(&kernel) && stride <= 2;
    supported.then_some(Filter::Depthwise(kernels::Depthwise {
        batch,
        height,
        width,
        channels: outputs,
        kernel,
        stride,
        pad,
    }))
}

/// The kernels' name of an activation; `None` where they lack it.
pub(super) fn act(activation: Activation) -> Option<Act> {
    match activation {
        Activation::Identity => Some(Act::Identity),
        Activation::Relu => Some(Act::Relu),
        Activation::Silu => Some(Act::Silu),
        Activation::Relu6 => Some(Act::Relu6),
        Activation::HardSwish => Some(Act::HardSwish),
        Activation::Elu | Activation::Gelu | Activation::LeakyRelu => None,
    }
}
