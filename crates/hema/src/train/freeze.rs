//! The part of a network that a stage trains: which weights get gradients, and which batch
//! normalisations use their batch.

use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use hema_core::error::{Error, Result, suggest};

use crate::model::{Network, Parts};
use crate::recipe::{BatchNorm, Stage, Train};
use crate::weights::Names;

/// Sets up a network for a stage.
///
/// # Errors
/// `train = { from = ... }` with a module that the network lacks.
pub(super) fn prepare(network: Network, stage: &Stage) -> Result<Network> {
    let parts = network.parts();
    let mut mapper = Prepare { stage, parts, names: Names::default(), reached: false, modules: vec![] };
    let network = network.map(&mut mapper);
    match &stage.train {
        Train::From(module) if !mapper.reached => {
            Err(Error::new(format!("stage `{}`: the network has no module `{module}`", stage.name))
                .hint(suggest(module, outer_modules(&mapper.modules))))
        }
        _ => Ok(network),
    }
}

/// The modules worth naming: those that hold something, and no deeper than `blocks.3`.
fn outer_modules(met: &[String]) -> impl Iterator<Item = &str> {
    let holds_something = |name: &str| {
        met.iter().any(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let outer = move |name: &&str| !name.is_empty() && name.split('.').count() <= 2 && holds_something(name);
    met.iter().map(String::as_str).filter(outer)
}

struct Prepare<'a> {
    stage: &'a Stage,
    parts: &'static Parts,
    names: Names,
    /// The module that training starts from has been met.
    reached: bool,
    /// Every module met, for the error.
    modules: Vec<String>,
}

impl ModuleMapper for Prepare<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
        let current = self.names.current();
        if let Train::From(module) = &self.stage.train {
            self.reached |= current == *module;
            self.modules.push(current);
        }
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.names.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let trained = match &self.stage.train {
            Train::All => true,
            Train::Head => self.parts.is_head(&self.names.current()),
            Train::From(_) => self.reached,
        };
        param.set_require_grad(trained)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        let uses_batch =
            self.parts.is_head(&self.names.current()) || self.stage.batch_norm == BatchNorm::Train;
        flag.with_value(uses_batch)
    }
}
