//! Operations in Burn's autodiff graph.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor};
use hema_kernels::Workspace;

use super::buffer::{Buffer, Stored, WORKSPACE};
use crate::nn::pass::Pass;

/// Tensors that a convolution or a layer normalisation depends on: its input, weight and bias.
pub(super) const OF_LAYER: usize = 3;

/// How a parameter of any rank becomes a `T`.
pub(crate) trait Parameter<T> {
    /// The tensor as a `T`; `None` where it is not on the CPU.
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<T>;
}

/// Makes plain buffers of parameters.
pub(crate) struct Plain;

impl Parameter<Buffer> for Plain {
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<Buffer> {
        Some(tensor.without_autodiff().try_into_primitive::<Flex>().ok()?.to_contiguous())
    }
}

/// Makes buffers of parameters, with their place in the autodiff graph.
pub(super) struct Tracked;

impl Parameter<(Buffer, NodeGuard)> for Tracked {
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<(Buffer, NodeGuard)> {
        let (buffer, guard) = tensor.try_into_primitive::<Autodiff<Flex>>().ok()?.into_parts();
        Some((buffer.to_contiguous(), guard))
    }
}

/// The maps that a forward pass keeps for the backward pass, which takes them. Nothing where they are
/// computed again.
pub(super) type Saved<S> = Arc<Mutex<Option<S>>>;

/// Keeps the maps of a forward pass, or gives their buffers back where the backward pass computes them again.
pub(super) fn keep_or_recycle<S>(saved: S, pass: &Pass, recycle: impl FnOnce(S, &Workspace)) -> Saved<S> {
    let kept = if pass.recomputes() {
        recycle(saved, &WORKSPACE);
        None
    } else {
        Some(saved)
    };
    Arc::new(Mutex::new(kept))
}

/// Takes the maps that a forward pass kept, if it kept any.
pub(super) fn take_saved<S>(saved: &Saved<S>) -> Option<S> {
    saved.lock().ok().and_then(|mut saved| saved.take())
}

type TrackedTensor = FloatTensor<Autodiff<Flex>>;

/// Registers an operation on `N` tensors, whose result is `y`, with autodiff; nothing where there are not `N`
/// of them.
pub(super) fn register<B, S, const N: usize>(
    backward: B,
    guards: impl TryInto<[NodeGuard; N]>,
    state: S,
    y: Buffer,
) -> Option<TrackedTensor>
where
    B: Backward<Flex, N, State = S>,
    S: Clone + Send + Debug + 'static,
{
    let prepared = backward.prepare::<NoCheckpointing>(guards.try_into().ok()?);
    Some(match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    })
}

/// Tensors' buffers, shapes and places in the graph.
pub(super) fn split(tensors: Vec<(Buffer, NodeGuard)>) -> (Vec<Buffer>, Vec<Shape>, Vec<NodeGuard>) {
    let (buffers, guards): (Vec<Buffer>, Vec<NodeGuard>) = tensors.into_iter().unzip();
    let shapes = buffers.iter().map(|buffer| buffer.layout().shape().clone()).collect();
    (buffers, shapes, guards)
}

/// The result of an operation in its place in the graph.
pub(super) fn tracked<const D: usize>(y: Option<TrackedTensor>) -> Option<Tensor<D>> {
    y.map(Tensor::from_primitive::<Autodiff<Flex>>)
}

/// A tensor's place in the graph, where its gradient is wanted, and its shape.
pub(super) type Target = (Option<NodeId>, Shape);

/// Registers the gradients of the tensors that want one.
pub(super) fn register_gradients<E: Stored>(
    grads: &mut Gradients,
    targets: impl IntoIterator<Item = Target>,
    gradients: impl IntoIterator<Item = Vec<E>>,
) {
    for ((parent, shape), gradient) in targets.into_iter().zip(gradients) {
        if let Some(parent) = parent {
            grads.register::<Flex>(parent, E::buffer(gradient, shape));
        }
    }
}
