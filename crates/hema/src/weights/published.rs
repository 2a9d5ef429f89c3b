//! The weights that are published for the zoo: the repositories of timm's on the Hugging Face hub that have
//! them, their licences, and the normalisation of the images that they were trained on.
//!
//! They are the ones that timm 1.0.31 takes for `pretrained=True`, and the facts are from its configurations.
//! Several were trained on more than `ImageNet`'s thousand classes before: the tag tells (`in21k`, `in12k`,
//! `jft`). Left out on purpose: timm's other tags, which are used like any file.

use std::path::Path;

use hema_core::preprocess::Preprocess;

use super::hub_cache::folder_name;

/// Published weights of one architecture.
#[derive(Debug)]
pub struct Published {
    /// The architecture, a name of [`crate::model::architectures`].
    pub model: &'static str,
    /// The name of these weights in timm, beside the architecture's.
    pub tag: &'static str,
    /// Their licence, by its SPDX name.
    pub licence: &'static str,
    /// Red, green and blue that were subtracted from pixels in 0 to 1.
    pub mean: [f32; 3],
    /// Red, green and blue that the difference was divided by.
    pub std: [f32; 3],
}

/// Normalised by the mean and standard deviation of `ImageNet`'s pixels.
const fn by_imagenet(model: &'static str, tag: &'static str) -> Published {
    let (mean, std) = (Preprocess::IMAGENET_MEAN, Preprocess::IMAGENET_STD);
    Published { model, tag, licence: "apache-2.0", mean, std }
}

/// Normalised to -1 to 1.
const fn by_half(model: &'static str, tag: &'static str) -> Published {
    Published { mean: [0.5; 3], std: [0.5; 3], ..by_imagenet(model, tag) }
}

/// Normalised as by [`by_imagenet`], from authors who allow no commercial use.
const fn non_commercial(model: &'static str, tag: &'static str) -> Published {
    Published { licence: "cc-by-nc-4.0", ..by_imagenet(model, tag) }
}

/// All published weights, in the zoo's order.
pub const PUBLISHED: &[Published] = &[
    by_imagenet("resnet18", "a1_in1k"),
    by_imagenet("resnet34", "a1_in1k"),
    by_imagenet("resnet50", "a1_in1k"),
    by_imagenet("mobilenetv3_small_100", "lamb_in1k"),
    by_imagenet("mobilenetv3_large_100", "ra_in1k"),
    by_imagenet("efficientnet_b0", "ra_in1k"),
    by_half("efficientnet_b1", "ra4_e3600_r240_in1k"),
    by_imagenet("efficientnet_b2", "ra_in1k"),
    by_imagenet("efficientnet_b3", "ra2_in1k"),
    by_imagenet("efficientnet_b4", "ra2_in1k"),
    by_imagenet("efficientnet_b5", "sw_in12k_ft_in1k"),
    by_imagenet("tf_efficientnet_b0", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b1", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b2", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b3", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b4", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b5", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b6", "ns_jft_in1k"),
    by_imagenet("tf_efficientnet_b7", "ns_jft_in1k"),
    by_imagenet("efficientnet_lite0", "ra_in1k"),
    by_imagenet("tf_efficientnetv2_b0", "in1k"),
    by_imagenet("tf_efficientnetv2_b1", "in1k"),
    by_imagenet("tf_efficientnetv2_b2", "in1k"),
    by_half("tf_efficientnetv2_b3", "in21k_ft_in1k"),
    by_half("tf_efficientnetv2_s", "in21k_ft_in1k"),
    by_half("tf_efficientnetv2_m", "in21k_ft_in1k"),
    by_half("tf_efficientnetv2_l", "in21k_ft_in1k"),
    by_half("tf_efficientnetv2_xl", "in21k_ft_in1k"),
    by_imagenet("convnext_atto", "d2_in1k"),
    by_imagenet("convnext_femto", "d1_in1k"),
    by_imagenet("convnext_pico", "d1_in1k"),
    by_imagenet("convnext_nano", "in12k_ft_in1k"),
    by_imagenet("convnext_tiny", "in12k_ft_in1k"),
    by_imagenet("convnext_small", "in12k_ft_in1k"),
    by_imagenet("convnext_base", "fb_in22k_ft_in1k"),
    by_imagenet("convnext_large", "fb_in22k_ft_in1k"),
    by_imagenet("convnext_xlarge", "fb_in22k_ft_in1k"),
    non_commercial("convnextv2_atto", "fcmae_ft_in1k"),
    non_commercial("convnextv2_femto", "fcmae_ft_in1k"),
    non_commercial("convnextv2_pico", "fcmae_ft_in1k"),
    non_commercial("convnextv2_nano", "fcmae_ft_in22k_in1k"),
    non_commercial("convnextv2_tiny", "fcmae_ft_in22k_in1k"),
    non_commercial("convnextv2_base", "fcmae_ft_in22k_in1k"),
    non_commercial("convnextv2_large", "fcmae_ft_in22k_in1k"),
    non_commercial("convnextv2_huge", "fcmae_ft_in22k_in1k_384"),
];

impl Published {
    /// The weights that are published for an architecture.
    pub fn of_model(model: &str) -> Option<&'static Self> {
        PUBLISHED.iter().find(|published| published.model == model)
    }

    /// The weights that a file holds, by its name or the name of its place in the hub's cache.
    pub fn of_file(path: &Path) -> Option<&'static Self> {
        let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).collect();
        PUBLISHED.iter().find(|published| {
            let file = published.file_name();
            let folder = folder_name(&published.repository());
            names.last() == Some(&file.as_str()) || names.contains(&folder.as_str())
        })
    }

    /// The repository on the hub.
    pub fn repository(&self) -> String {
        format!("timm/{}.{}", self.model, self.tag)
    }

    /// Whether their licence keeps commercial use out.
    pub fn is_non_commercial(&self) -> bool {
        self.licence.split('-').any(|term| term == "nc")
    }

    /// Their licence, and the uses that it keeps out.
    pub fn terms(&self) -> String {
        let licence = self.licence;
        if self.is_non_commercial() {
            format!("{licence}, not for commercial use")
        } else {
            licence.to_owned()
        }
    }

    /// The name of their file outside the hub's cache.
    pub fn file_name(&self) -> String {
        format!("{}.{}.safetensors", self.model, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architectures;

    #[test]
    fn every_row_is_of_an_architecture_in_the_zoos_order() {
        let zoo: Vec<&str> = architectures().map(|architecture| architecture.name).collect();
        let places: Vec<usize> =
            PUBLISHED.iter().map(|p| zoo.iter().position(|name| *name == p.model).unwrap()).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    }

    #[test]
    fn a_licence_says_what_it_keeps_out() {
        let of = |model: &str| Published::of_model(model).unwrap().terms();
        assert_eq!(of("convnext_tiny"), "apache-2.0");
        assert_eq!(of("convnextv2_tiny"), "cc-by-nc-4.0, not for commercial use");
    }

    #[test]
    fn a_file_is_known_by_its_name_or_by_its_place() {
        let of = |path: &str| Published::of_file(Path::new(path)).map(|published| published.model);
        assert_eq!(of("weights/tf_efficientnetv2_s.in21k_ft_in1k.safetensors"), Some("tf_efficientnetv2_s"));
        let hub = "hub/models--timm--efficientnet_b1.ra4_e3600_r240_in1k/snapshots/1/model.safetensors";
        assert_eq!(of(hub), Some("efficientnet_b1"));
        assert_eq!(of("weights/efficientnet_b1.ft_in1k.safetensors"), None);
        assert_eq!(of("hub/models--timm--efficientnet_b1.ft_in1k/snapshots/1/model.safetensors"), None);
    }
}
