//! Operators that do the same thing under several names. By them one knows which kinds of trouble a training
//! recipe has shown a model: a score under trouble that it was trained on says less about trouble nobody
//! thought of.

use crate::augment::policy;

/// Operators that do the same thing to an image under several names, a row a kind.
const RELATED: &[&[&str]] = &[
    &["brightness", "brightness-up", "brightness-down", "imagenet-brightness"],
    &["contrast", "contrast-up", "contrast-down", "imagenet-contrast"],
    &["saturation", "saturate", "colour-degenerate", "imagenet-saturate"],
    &["defocus-blur", "gaussian-blur", "imagenet-defocus-blur"],
    &["motion-blur", "imagenet-motion-blur"],
    &["gaussian-noise", "shot-noise", "speckle-noise", "imagenet-gaussian-noise"],
    &["jpeg", "imagenet-jpeg", "webp"],
    &["elastic", "elastic-transform"],
    &["zoom", "resized-crop"],
    &["cutout", "random-erasing"],
    &["affine", "rotate", "shear-x", "shear-y", "translate-x", "translate-y", "zoom"],
];

/// Whether one of the training's operators or policies does what this operator does.
pub fn trained_on(operator: &str, training: &[String]) -> bool {
    training.iter().any(|name| match policy::kind(name) {
        Some(kind) => kind.operators.iter().any(|name| is_related(operator, name)),
        None => is_related(operator, name),
    })
}

fn is_related(a: &str, b: &str) -> bool {
    a == b || RELATED.iter().any(|kind| kind.contains(&a) && kind.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::AUGMENTATIONS;
    use crate::augment::policy::POLICIES;
    use crate::corrupt::CORRUPTIONS;

    #[test]
    fn every_name_is_that_of_an_operator() {
        let known: Vec<&str> = AUGMENTATIONS.iter().chain(CORRUPTIONS).map(|op| op.name()).collect();
        let of_policies = POLICIES.iter().flat_map(|kind| kind.operators);
        for name in RELATED.iter().copied().flatten().chain(of_policies) {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn a_policy_trains_on_what_it_chooses_from() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(trained_on("jpeg", &names(&["rotate", "jpeg"])));
        assert!(trained_on("brightness-up", &names(&["rand-m9-n3"])));
        assert!(!trained_on("motion-blur", &names(&["rand-m9-n3", "flip-horizontal"])));
        assert!(!trained_on("jpeg", &[]));
    }
}
