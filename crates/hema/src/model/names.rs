//! Which architecture a name of another library stands for.

use hema_core::error::{nearest, squashed};

/// Libraries whose module paths stand before a name: `torchvision.models.resnet18`.
const LIBRARIES: &[&str] = &["timm", "torchvision", "keras", "tf", "tensorflow"];

/// A hint for a name that none of some architectures has: the one that torchvision, Keras or the hub call so,
/// or the nearest name.
pub fn suggest_among(name: &str, known: impl IntoIterator<Item = &'static str>) -> String {
    let known: Vec<&'static str> = known.into_iter().collect();
    let Some(found) = find(name, &known) else { return "`hema list models` names all there are".into() };
    if is_of_hub(name) {
        return format!("did you mean `{found}`? `model.weights=imagenet` starts it from timm's weights");
    }
    format!("did you mean `{found}`?")
}

/// Whether a name is the address of weights on the Hugging Face hub rather than of a file.
pub(crate) fn is_of_hub(name: &str) -> bool {
    name.starts_with("hf_hub:") || name.starts_with("hf-hub:") || name.starts_with("timm/")
}

/// The architecture of another library's name: without what stands around it, whatever its case and
/// separators, with or without `tf_` and the width `_100`; else the nearest.
fn find(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let bare = bare(name);
    let plain = |name: &str| {
        let name = squashed(name);
        let name = name.strip_prefix("tf").unwrap_or(&name);
        name.strip_suffix("100").unwrap_or(name).to_owned()
    };
    let same: Vec<&&str> = known.iter().filter(|known| plain(known) == plain(bare)).collect();
    // Keras writes names with capitals, and pads as TensorFlow does
    let is_kerass = bare.chars().any(char::is_uppercase);
    let chosen = same.iter().find(|known| known.starts_with("tf_") == is_kerass).or(same.first());
    chosen.map(|known| **known).or_else(|| nearest(bare, known.iter().copied()))
}

/// A name without the library before it and the tag of its weights behind it: the middle of
/// `hf_hub:timm/tf_efficientnetv2_b0.in1k`, the end of `torchvision.models.resnet18`.
fn bare(name: &str) -> &str {
    let name = name.rsplit([':', '/']).next().unwrap_or(name);
    match name.split_once('.') {
        Some((first, rest)) if LIBRARIES.contains(&first) => rest.rsplit('.').next().unwrap_or(rest),
        Some((first, _)) => first,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::suggest;

    #[test]
    fn names_of_other_libraries_lead_to_those_here() {
        for (name, expected) in [
            ("efficientnet_v2_s", "tf_efficientnetv2_s"),
            ("EfficientNetV2B0", "tf_efficientnetv2_b0"),
            ("EfficientNetB0", "tf_efficientnet_b0"),
            ("efficientnet-b0", "efficientnet_b0"),
            ("resnet-18", "resnet18"),
            ("ResNet50", "resnet50"),
            ("torchvision.models.resnet34", "resnet34"),
            ("keras.applications.ConvNeXtTiny", "convnext_tiny"),
            ("mobilenet_v3_small", "mobilenetv3_small_100"),
            ("MobileNetV3Large", "mobilenetv3_large_100"),
            ("tf_efficientnet_lite0", "efficientnet_lite0"),
            ("convnext_tinny", "convnext_tiny"),
        ] {
            assert_eq!(suggest(name), format!("did you mean `{expected}`?"));
        }
        for name in ["timm/tf_efficientnetv2_b0.in1k", "hf_hub:timm/tf_efficientnetv2_b0.in1k"] {
            assert!(
                suggest(name).starts_with("did you mean `tf_efficientnetv2_b0`? `model.weights=imagenet`")
            );
        }
        assert_eq!(suggest("tf_efficientnetv2_b0.in1k"), "did you mean `tf_efficientnetv2_b0`?");
        assert_eq!(suggest("xyz"), "`hema list models` names all there are");
    }
}
