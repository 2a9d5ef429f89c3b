//! Learning rates by depth: the further a layer is from the head, the less it learns (Clark et al., 2020; the
//! usual way to fine-tune a pretrained network).

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::model::Network;
use crate::weights::Names;

/// The factor of every parameter's learning rate, by its name: `decay` to the power of its distance from the
/// last layer. A block is a layer; the stem is one, and all that follows the blocks is the last.
pub(super) fn factors(network: &Network, decay: f64) -> BTreeMap<String, f64> {
    let parts = network.parts();
    let names = parameter_names(network);
    let mut count = 0;
    let mut block = None;
    let mut layers = Vec::new();
    for name in &names {
        let here = parts.block_of(name);
        if here.is_some() && here != block {
            count += 1;
            block = here;
        }
        // all that follows the blocks is the last layer, whose number is not known yet
        let is_stem = count == 0 && !parts.is_head(name);
        layers.push((here.is_some() || is_stem).then_some(count));
    }
    let last = count + 1;
    let factor = |layer: Option<i32>| decay.powi(last - layer.unwrap_or(last));
    names.into_iter().zip(layers.into_iter().map(factor)).collect()
}

/// The names of all parameters, in the network's order.
fn parameter_names(network: &Network) -> Vec<String> {
    #[derive(Default)]
    struct Collect {
        names: Names,
        all: Vec<String>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.names.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.names.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
            self.all.push(self.names.current());
        }
    }
    let mut collect = Collect::default();
    network.visit(&mut collect);
    collect.all
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::tests::spec;

    #[test]
    fn rates_fall_from_the_head_to_the_stem_block_by_block() {
        for (name, stem, first, last, head, blocks) in [
            (
                "tf_efficientnetv2_b0",
                "conv_stem.weight",
                "blocks.0.0.conv.weight",
                "blocks.5.7.bn3.bias",
                "conv_head.weight",
                21,
            ),
            ("resnet18", "bn1.weight", "layer1.0.conv1.weight", "layer4.1.bn2.bias", "fc.bias", 8),
            // three ways down count as blocks
            (
                "convnext_atto",
                "stem.0.weight",
                "stages.0.blocks.0.gamma",
                "stages.3.blocks.1.gamma",
                "head.norm.weight",
                15,
            ),
        ] {
            let network = Network::new(&spec(name), 0, &Device::flex()).unwrap();
            let factors = factors(&network, 0.5);
            let distance = |parameter: &str| -factors[parameter].log2();
            assert_eq!(distance(head), 0.0, "{name}");
            assert_eq!(distance(last), 1.0, "{name}");
            assert_eq!(distance(first), f64::from(blocks), "{name}");
            assert_eq!(distance(stem), f64::from(blocks + 1), "{name}");
        }
        let plain = Network::new(&spec("cnn_gap"), 0, &Device::flex()).unwrap();
        for (name, factor) in factors(&plain, 0.5) {
            let expected = if plain.parts().is_head(&name) { 1.0 } else { 0.5 };
            assert_eq!(factor, expected, "a network without blocks is all stem: {name}");
        }
    }
}
