//! State dictionaries: every parameter and running statistic of a network by name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use hema_core::error::{Error, Result};

use crate::model::Network;

/// A named tensor's values, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// `shape.product()` values.
    pub values: Vec<f32>,
}

/// Arrays by name, in name order.
pub type StateDict = BTreeMap<String, Array>;

/// Shapes by name, in name order.
pub(crate) type Shapes = BTreeMap<String, Vec<usize>>;

/// Follows a traversal and knows the PyTorch name of the parameter in hand.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// Enters a field; the variants of an enum are no part of a name.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    pub(crate) fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// The name of the parameter in hand.
    pub(crate) fn current(&self) -> String {
        self.0.join(".")
    }
}

/// Whether a name belongs to a running statistic, which no gradient reaches.
pub(crate) fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

/// Every parameter and running statistic of a network.
pub fn state_dict(network: &Network) -> StateDict {
    let mut state = StateDict::new();
    // a running statistic may lag behind by one batch until the network is asked for its final state
    each_tensor(&network.valid(), |name, shape, values| {
        state.insert(name, Array { shape, values: values() });
    });
    state
}

/// The shape of every parameter and running statistic of a network, which may be an outline.
pub(crate) fn shapes(network: &Network) -> Shapes {
    let mut shapes = Shapes::new();
    each_tensor(network, |name, shape, _| drop(shapes.insert(name, shape)));
    shapes
}

/// Hands over the name, the shape and, where it asks for them, the values of every tensor of a network.
fn each_tensor(network: &impl Module, found: impl FnMut(String, Vec<usize>, &dyn Fn() -> Vec<f32>)) {
    struct Visit<F> {
        names: Names,
        found: F,
    }
    impl<F: FnMut(String, Vec<usize>, &dyn Fn() -> Vec<f32>)> ModuleVisitor for Visit<F> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.names.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.names.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let values =
                || tensor.clone().into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default();
            (self.found)(self.names.current(), tensor.dims().to_vec(), &values);
        }
    }
    network.visit(&mut Visit { names: Names::default(), found });
}

/// Checks that tensors are those of a network, by their names and shapes.
///
/// # Errors
/// The first name that only one side has, or the first shape that differs.
pub(crate) fn check_shapes(found: &Shapes, expected: &Shapes) -> Result<()> {
    let missing = expected.keys().find(|name| !found.contains_key(*name));
    let unexpected = found.keys().find(|name| !expected.contains_key(*name));
    if let Some(name) = missing.or(unexpected) {
        return Err(misfit(name));
    }
    match found.iter().find(|(name, shape)| expected[*name] != **shape) {
        None => Ok(()),
        Some((name, shape)) => Err(wrong_shape(name, shape, &expected[name])),
    }
}

/// A tensor of another shape than the network's.
pub(super) fn wrong_shape(name: &str, found: &[usize], expected: &[usize]) -> Error {
    Error::new(format!("tensor `{name}` has shape {found:?}, expected {expected:?}"))
        .hint("the file belongs to another architecture, head or number of classes")
}

/// The names that loading left over on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Names that the network has and the dictionary lacks.
    pub missing: Vec<String>,
    /// Names that the dictionary has and the network lacks.
    pub unexpected: Vec<String>,
}

/// The error of a tensor that only a network or only its file has.
fn misfit(name: &str) -> Error {
    Error::new(format!("its tensors do not fit its architecture, first `{name}`"))
}

/// Copies arrays into all of a network's parameters.
///
/// # Errors
/// A shape that differs; a name that only one side has.
pub(crate) fn load_all(network: Network, state: &StateDict) -> Result<Network> {
    let (network, report) = load(network, state)?;
    match report.missing.first().or(report.unexpected.first()) {
        None => Ok(network),
        Some(name) => Err(misfit(name)),
    }
}

/// Copies arrays into the network's parameters of the same name and shape.
///
/// # Errors
/// A shape that differs; the first such name with both shapes.
pub fn load(network: Network, state: &StateDict) -> Result<(Network, LoadReport)> {
    struct Apply<'a> {
        names: Names,
        state: &'a StateDict,
        seen: Vec<String>,
        missing: Vec<String>,
        wrong: Option<Error>,
    }
    impl ModuleMapper for Apply<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.names.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.names.exit(container);
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.names.current();
            let Some(array) = self.state.get(&name) else {
                self.missing.push(name);
                return param;
            };
            let expected = param.dims().to_vec();
            if array.shape != expected {
                self.wrong.get_or_insert(wrong_shape(&name, &array.shape, &expected));
                return param;
            }
            self.seen.push(name);
            param.map(|old| {
                let data = TensorData::new(array.values.clone(), array.shape.clone());
                let device = old.device().without_autodiff();
                let fresh = Tensor::from_data(data, &device);
                if old.is_autodiff() {
                    Tensor::from_inner(fresh).set_require_grad(old.is_require_grad())
                } else {
                    fresh
                }
            })
        }
    }
    let mut apply = Apply { names: Names::default(), state, seen: vec![], missing: vec![], wrong: None };
    let network = network.map(&mut apply);
    if let Some(error) = apply.wrong {
        return Err(error);
    }
    let mut seen = apply.seen;
    seen.sort_unstable();
    let unexpected = state.keys().filter(|name| seen.binary_search(name).is_err()).cloned().collect();
    Ok((network, LoadReport { missing: apply.missing, unexpected }))
}

/// Number of values that training can change: parameters without running statistics.
pub fn count_trainable(network: &Network) -> usize {
    let trainable = shapes(network).into_iter().filter(|(name, _)| !is_statistic(name));
    trainable.map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

/// The norm of every parameter's gradient; zero for one that the backward pass did not reach.
pub(crate) fn gradient_norms(network: &Network, grads: &burn::tensor::Gradients) -> BTreeMap<String, f64> {
    struct Norms<'a> {
        names: Names,
        grads: &'a burn::tensor::Gradients,
        of_parameter: BTreeMap<String, f64>,
    }
    impl ModuleVisitor for Norms<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.names.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.names.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.names.current();
            if !is_statistic(&name) {
                let square = param
                    .val()
                    .grad(self.grads)
                    .map_or(0.0, |g| g.into_data().iter::<f64>().map(|g| g * g).sum());
                self.of_parameter.insert(name, f64::sqrt(square));
            }
        }
    }
    let mut visitor = Norms { names: Names::default(), grads, of_parameter: BTreeMap::new() };
    network.visit(&mut visitor);
    visitor.of_parameter
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::tests::spec;

    #[test]
    fn a_network_survives_the_round_trip_and_reports_what_is_left_over() {
        let device = Device::flex();
        let first = Network::new(&spec("tf_efficientnetv2_b0"), 1, &device).unwrap();
        let second = Network::new(&spec("tf_efficientnetv2_b0"), 2, &device).unwrap();
        let mut state = state_dict(&first);
        assert_ne!(state, state_dict(&second));
        let (second, report) = load(second, &state).unwrap();
        assert_eq!(state_dict(&second), state);
        assert_eq!(report, LoadReport::default());

        let bias = state.remove("classifier.bias").unwrap();
        state.insert("extra".into(), bias);
        let (_, report) = load(second, &state).unwrap();
        assert_eq!(report.missing, ["classifier.bias"]);
        assert_eq!(report.unexpected, ["extra"]);
    }

    #[test]
    fn a_wrong_shape_is_an_error_that_names_both() {
        let network = Network::new(&spec("cnn_gap"), 1, &Device::flex()).unwrap();
        let state = [("classifier.bias".to_owned(), Array { shape: vec![3], values: vec![0.0; 3] })].into();
        let error = load(network, &state).unwrap_err().to_string();
        assert_eq!(error, "tensor `classifier.bias` has shape [3], expected [8]");
    }
}
