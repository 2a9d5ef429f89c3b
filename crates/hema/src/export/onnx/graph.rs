//! A graph of ONNX while it is built: nodes in the order in which they are computed, constants and weights.
//!
//! Weights are made when the file is written, so that the graph of a network's outline, whose weights have no
//! values, tells everything else about the file. Left out on purpose: what the nodes compute together.

use std::collections::HashMap;
use std::fmt;

use super::proto::{Attribute, Element, Node};

/// The name of a tensor in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value(pub(super) String);

/// A tensor that the file holds.
pub(super) struct Initializer {
    pub(super) name: String,
    pub(super) element: Element,
    pub(super) dims: Vec<usize>,
    pub(super) content: Content,
}

/// Values of an initializer.
pub(super) enum Content {
    /// As they stand in the file.
    Bytes(Vec<u8>),
    /// Weights, made when they are written.
    Weights(Box<dyn Fn() -> Vec<f32>>),
}

/// A graph without its inputs and outputs.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) initializers: Vec<Initializer>,
    /// Names of constants that are there, by element, sizes and bytes: each is kept once.
    constants: HashMap<(i32, Vec<usize>, Vec<u8>), Value>,
    /// Start of the names of a member's weights and values.
    pub(super) prefix: String,
}

impl fmt::Debug for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.dims)
    }
}

impl Initializer {
    /// Bytes of its values in the file.
    pub(super) fn bytes(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Weights(_) => 4 * self.dims.iter().map(|side| *side as u64).product::<u64>(),
        }
    }
}

impl Graph {
    /// An operator without attributes.
    pub(super) fn op<const N: usize>(&mut self, operator: &str, inputs: [&Value; N]) -> Value {
        self.op_with(operator, inputs, Vec::new())
    }

    /// An operator of one output.
    pub(super) fn op_with<const N: usize>(
        &mut self,
        operator: &str,
        inputs: [&Value; N],
        attributes: Vec<Attribute>,
    ) -> Value {
        let name = format!("{}{}_{}", self.prefix, operator.to_lowercase(), self.nodes.len());
        self.nodes.push(Node {
            inputs: inputs.iter().map(|input| input.0.clone()).collect(),
            outputs: vec![name.clone()],
            name: name.clone(),
            operator: operator.to_owned(),
            attributes,
        });
        Value(name)
    }

    /// An operator of a value and a number.
    pub(super) fn with_number(&mut self, operator: &str, x: &Value, number: f32) -> Value {
        let number = self.number(number);
        self.op(operator, [x, &number])
    }

    /// Values held between two numbers.
    pub(super) fn clip(&mut self, x: &Value, [least, most]: [f32; 2]) -> Value {
        let (least, most) = (self.number(least), self.number(most));
        self.op("Clip", [x, &least, &most])
    }

    /// Another type of element.
    pub(super) fn cast(&mut self, x: &Value, element: Element) -> Value {
        self.op_with("Cast", [x], vec![Attribute::of_int("to", element as i64)])
    }

    /// The axes in this order.
    pub(super) fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.op_with("Transpose", [x], vec![Attribute::of_ints("perm", order)])
    }

    /// A sum over axes, which remain with one value.
    pub(super) fn sum(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op_with("ReduceSum", [x, &axes], vec![Attribute::of_int("keepdims", 1)])
    }

    /// Another reduction over axes, which remain with one value: `ReduceMean`, `ReduceMax`, ...
    pub(super) fn reduce(&mut self, operator: &str, x: &Value, axes: &[i64]) -> Value {
        self.op_with(operator, [x], vec![Attribute::of_ints("axes", axes), Attribute::of_int("keepdims", 1)])
    }

    /// The values at some positions of an axis.
    pub(super) fn gather(&mut self, x: &Value, positions: &Value, axis: i64) -> Value {
        self.op_with("Gather", [x, positions], vec![Attribute::of_int("axis", axis)])
    }

    /// Values put together along an axis.
    pub(super) fn concat(&mut self, parts: &[Value], axis: i64) -> Value {
        let joined = self.op_with("Concat", [], vec![Attribute::of_int("axis", axis)]);
        if let Some(node) = self.nodes.last_mut() {
            node.inputs = parts.iter().map(|part| part.0.clone()).collect();
        }
        joined
    }

    /// Probabilities of the last axis.
    pub(super) fn softmax(&mut self, x: &Value) -> Value {
        self.op_with("Softmax", [x], vec![Attribute::of_int("axis", -1)])
    }

    /// Gives a value the name of an output.
    pub(super) fn name_output(&mut self, value: &Value, name: &str) {
        let renamed = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
        renamed.filter(|known| **known == value.0).for_each(|known| name.clone_into(known));
    }

    /// A number.
    pub(super) fn number(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// A constant of numbers.
    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Element::Float, dims.to_vec(), bytes)
    }

    /// A constant list of whole numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> Value {
        self.ints_of(&[values.len()], values)
    }

    /// A constant of whole numbers.
    pub(super) fn ints_of(&mut self, dims: &[usize], values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Element::Int64, dims.to_vec(), bytes)
    }

    fn constant(&mut self, element: Element, dims: Vec<usize>, bytes: Vec<u8>) -> Value {
        let key = (element as i32, dims.clone(), bytes.clone());
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let value = Value(format!("constant_{}", self.initializers.len()));
        self.constants.insert(key, value.clone());
        self.keep(value.0.clone(), element, dims, Content::Bytes(bytes));
        value
    }

    /// Weights of a network, by a word for their layer.
    pub(super) fn weights(
        &mut self,
        layer: &str,
        dims: &[usize],
        make: impl Fn() -> Vec<f32> + 'static,
    ) -> Value {
        let name = format!("{}{layer}_{}", self.prefix, self.initializers.len());
        self.keep(name.clone(), Element::Float, dims.to_vec(), Content::Weights(Box::new(make)));
        Value(name)
    }

    fn keep(&mut self, name: String, element: Element, dims: Vec<usize>, content: Content) {
        self.initializers.push(Initializer { name, element, dims, content });
    }
}
