//! A convolution whose output squeeze-excite gates, image by image while each is in the cache.

use crate::blocks::{ConvBnAct, ConvBnActParams, ConvBnActSaved};
use crate::layers::{
    NormGrads, SqueezeExcite, SqueezeGrads, SqueezeParams, SqueezeSaved, chunk, mean_image, scale_add_image,
    scale_image,
};
use crate::parallel::par_chunks;
use crate::simd::Element;

/// A convolution, its parameters and kept maps, and the squeeze-excite after it.
pub(super) struct Gated<'a, E> {
    pub(super) conv: &'a ConvBnAct,
    pub(super) params: &'a ConvBnActParams<'a>,
    pub(super) saved: &'a ConvBnActSaved<E>,
    pub(super) layer: &'a SqueezeExcite,
    pub(super) squeeze_params: &'a SqueezeParams<'a>,
}

impl<E: Element> Gated<'_, E> {
    /// Values of an image of the gated map, and its channels.
    fn sizes(&self) -> (usize, usize) {
        (self.layer.map.image(), self.layer.map.channels)
    }

    /// `y` = the activated and gated output; returns the gates and the other values that the backward pass
    /// needs.
    pub(super) fn forward(&self, y: &mut [E]) -> SqueezeSaved {
        let ((image, channels), saved) = (self.sizes(), self.saved);
        let norm = self.conv.norm(self.params);
        let means = norm.forward_chunks(&saved.pre, &saved.stats, image, y, |_, y| {
            let mut mean = vec![0.0; channels];
            mean_image(y, &mut mean);
            mean
        });
        let kept = self.layer.forward(means.concat(), self.squeeze_params);
        par_chunks(y, image, |i, y| scale_image(y, &kept.gate[i * channels..][..channels]));
        kept
    }

    /// The output of [`Gated::forward`] again, where the gates are known.
    pub(super) fn activate(&self, kept: &SqueezeSaved, y: &mut [E]) {
        let ((image, channels), saved) = (self.sizes(), self.saved);
        self.conv.norm(self.params).forward_chunks(&saved.pre, &saved.stats, image, y, |i, y| {
            scale_image(y, &kept.gate[i * channels..][..channels]);
        });
    }

    /// Turns `d`, the gradient of the gated map `y`, into that of the convolution's output, before
    /// normalisation.
    pub(super) fn backward(&self, kept: &SqueezeSaved, y: &[E], d: &mut [E]) -> (SqueezeGrads, NormGrads) {
        let ((image, channels), saved) = (self.sizes(), self.saved);
        let (grads, dmean) = self.layer.backward(y, self.squeeze_params, kept, d);
        let images = (chunk(channels) / image).max(1);
        let ungate = |i: usize, d: &mut [E]| {
            for (d, i) in d.chunks_exact_mut(image).zip(i * images..) {
                let at = i * channels..(i + 1) * channels;
                scale_add_image(d, &kept.gate[at.clone()], &dmean[at]);
            }
        };
        let norm = self.conv.norm(self.params);
        (grads, norm.backward_chunks(&saved.pre, &saved.stats, images * image, d, ungate))
    }
}
