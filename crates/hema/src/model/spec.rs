//! The specification of a network: everything it takes to build one.

use std::fmt;

use hema_core::error::{Error, Result};
use serde::de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::nn::{Activation, Hidden, Init, Linear};

/// Most classes of a network, several times those of `ImageNet`'s largest form.
pub(crate) const MOST_CLASSES: usize = 100_000;
/// Largest side of a network's input, in pixels.
pub(crate) const MOST_PIXELS: usize = 4096;
/// Most units of a hidden layer of the head, several times those of the widest published classifiers.
pub(crate) const MOST_UNITS: usize = 65_536;

/// Everything it takes to build a network; stored in the bundle beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Architecture, a name out of [`architectures`](super::architectures).
    pub name: String,
    /// Number of classes.
    pub classes: usize,
    /// Side of the input images in pixels.
    pub size: usize,
    /// How many stages of the backbone are kept, from the first on; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<usize>,
    /// Widths of the hidden layers between features and classifier; empty for the classifier alone.
    pub head: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Batch normalisation after each hidden layer.
    pub head_batch_norm: bool,
    /// Dropout rates before the dense layers of the head, the last being the classifier's; a single rate
    /// holds for all.
    #[serde(deserialize_with = "one_or_several")]
    pub dropout: Vec<f64>,
    /// Stochastic-depth rate of the last block; earlier blocks get proportionally less.
    pub drop_path: f64,
}

impl ModelSpec {
    /// A network without a head of its own, dropout or stochastic depth, for images of `size` pixels.
    pub fn bare(name: &str, classes: usize, size: usize) -> Self {
        Self {
            name: name.into(),
            classes,
            size,
            stages: None,
            head: Vec::new(),
            activation: Activation::default(),
            head_batch_norm: false,
            dropout: vec![0.0],
            drop_path: 0.0,
        }
    }

    /// Checks the values that no architecture can take.
    ///
    /// # Errors
    /// The first number that is out of its range, by its field; a number of dropout rates that does not fit
    /// the head.
    pub(super) fn check(&self) -> Result<()> {
        check_range("classes", self.classes, 2, MOST_CLASSES)?;
        check_range("size", self.size, 1, MOST_PIXELS)?;
        self.head.iter().try_for_each(|width| check_range("head", *width, 1, MOST_UNITS))?;
        let (found, layers) = (self.dropout.len(), self.head.len() + 1);
        if found != 1 && found != layers {
            let expected =
                format!("one or {layers}: one for each layer of the head and one for the classifier");
            return Err(Error::new(format!("{found} dropout rates, expected {expected}")));
        }
        for (field, rate) in
            self.dropout.iter().map(|rate| ("dropout", rate)).chain([("drop_path", &self.drop_path)])
        {
            if !(0.0..1.0).contains(rate) {
                let expected = "0 or more and less than 1";
                return Err(Error::new(format!("`{field}` of the network is {rate}, expected {expected}")));
            }
        }
        Ok(())
    }

    /// A rate for each dense layer of the head, the classifier included.
    pub(super) fn dropout_rates(&self) -> Vec<f64> {
        match self.dropout[..] {
            [rate] => vec![rate; self.head.len() + 1],
            _ => self.dropout.clone(),
        }
    }

    /// How many of the backbone's `all` stages are kept. An architecture without stages to leave out has 0 of
    /// them.
    ///
    /// # Errors
    /// A number of stages that the architecture does not have.
    pub(super) fn kept(&self, all: usize) -> Result<usize> {
        match self.stages {
            None => Ok(all),
            Some(kept) if (1..=all).contains(&kept) => Ok(kept),
            Some(kept) => {
                let expected =
                    if all == 0 { "none, as it has no stages".into() } else { format!("1 to {all}") };
                Err(Error::new(format!("{kept} stages of {}, expected {expected}", self.name)))
            }
        }
    }

    /// The hidden layers and the classifier that every family ends in.
    pub(super) fn make_head(&self, features: usize, init: &mut Init) -> (Vec<Hidden>, Linear) {
        let hidden = init.hidden(features, &self.head, self.activation, self.head_batch_norm);
        let classifier = init.linear(self.head.last().copied().unwrap_or(features), self.classes);
        (hidden, classifier)
    }
}

fn check_range(field: &str, found: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::new(format!("`{field}` of the network is {found}, expected {least} to {most}")))
}

/// Reads a number or a list of numbers.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Numbers;
    impl<'de> Visitor<'de> for Numbers {
        type Value = Vec<f64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or a list of numbers")
        }
        fn visit_f64<E>(self, value: f64) -> Result<Vec<f64>, E> {
            Ok(vec![value])
        }
        fn visit_i64<E>(self, value: i64) -> Result<Vec<f64>, E> {
            Ok(vec![value as f64])
        }
        fn visit_u64<E>(self, value: u64) -> Result<Vec<f64>, E> {
            Ok(vec![value as f64])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<f64>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Numbers)
}
