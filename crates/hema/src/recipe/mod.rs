//! The recipe: everything that decides a training run, as the TOML file a person writes.
//!
//! A table of the file is a struct and a key one of its fields, with a row that says which values it takes,
//! its default and its meaning (`key`). Reading, errors, writing, the reference and the JSON Schema follow
//! from the rows. Rules across keys are in `check`, reading a file and `--set` in `parse`, hints to what a
//! person probably meant in `slips`, the recipes that come with Hema in `shipped`.
//!
//! Left out on purpose: paths of data and of the run (a recipe is worth sharing), and anything of the machine
//! (device, threads), which never changes a result.

mod augment;
mod check;
mod data;
mod gate;
mod key;
mod loss;
mod model;
mod names;
mod of_weights;
mod operator;
mod parse;
mod places;
mod read;
mod schema;
mod select;
mod shipped;
mod slips;
mod space;
mod stage;
mod steps;
mod suite;
mod table;
mod top;

pub use augment::{Augment, Mix, Per, Pipeline};
pub use data::Data;
pub use gate::{Gate, LeastAccuracy, LeastCoverage, LeastRecall, MostError, NotWorse, read_gate};
pub use key::{Absent, Key, Kind, Range, Table, Word};
pub use loss::{ClassWeights, Distill, LabelledViews, Loss};
pub use model::{Model, Weights};
pub use names::{Listed, Named};
pub use operator::{AllOf, One, Operator, OperatorName, SomeOf};
pub(crate) use parse::SAVED;
pub use parse::read_text;
pub use places::KeyAt;
pub use schema::{SCHEMAS, Schema};
pub use select::{Average, Averaging, On, Select, Statistics};
pub use shipped::{SHIPPED, Shipped};
pub use slips::{OTHER_NAMES, key_called};
pub use space::Space;
pub use stage::{BatchNorm, Optimizer, Stage, Train};
pub use suite::read_suite;
pub use top::{Precision, Recipe};

#[cfg(test)]
mod tests;
