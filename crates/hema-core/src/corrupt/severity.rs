//! Severities as parameters, and lengths of the published benchmarks as lengths in an image.

use crate::sample::Image;

/// The parameter at a strength, given its values at severities 0 (the identity) to 5; linear between them.
pub(crate) fn at_strength(parameters: [f32; 6], strength: f32) -> f32 {
    let severity = strength.clamp(0.0, 1.0) * 5.0;
    let below = (severity as usize).min(4);
    let (from, to) = (parameters[below], parameters[below + 1]);
    from + (severity - below as f32) * (to - from)
}

/// The length in this image of one pixel of a picture of 224 pixels.
pub(crate) fn pixel_at_224(image: &Image) -> f32 {
    image.width().min(image.height()) as f32 / 224.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_severity_meets_its_parameter_exactly() {
        let parameters = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
        for severity in 0..=5u8 {
            let strength = f32::from(severity) / 5.0;
            assert_eq!(at_strength(parameters, strength), parameters[usize::from(severity)]);
        }
        assert!((at_strength(parameters, 0.1) - 0.95).abs() < 1e-6);
    }
}
