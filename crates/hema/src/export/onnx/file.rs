//! The file of a graph: its size, and its bytes one tensor after the other, so that the weights are never in
//! memory twice.

use std::io::{self, Write};

use hema_core::error::{Error, ErrorKind, Result};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::graph::{Content, Initializer};
use super::proto::{self, Model};

/// Most bytes of a file: the limit of protocol buffers, beyond which weights would lie beside the file.
const MOST_BYTES: u64 = (1 << 31) - 1;

/// Tags of the fields that are written one after the other.
const GRAPH: u32 = 7;
const INITIALIZER: u32 = 5;
const VALUES: u32 = 9;

/// A file that can be written: everything but the initializers, and these.
#[derive(Debug)]
pub(super) struct File {
    /// The model, whose graph has no initializers.
    pub(super) model: Model,
    pub(super) initializers: Vec<Initializer>,
}

impl File {
    /// Checks that the file is no larger than an ONNX file may be.
    ///
    /// # Errors
    /// Its size, and the limit.
    pub(super) fn check_size(&self) -> Result<()> {
        let size = self.size();
        if size <= MOST_BYTES {
            return Ok(());
        }
        Err(Error::new(format!(
            "an ONNX file of {size} bytes (expected at most {MOST_BYTES}, the limit of protocol buffers)"
        ))
        .hint("a network of fewer parameters fits; `hema export --to timm` and `--to codabench` know no such limit")
        .with_kind(ErrorKind::Unsupported))
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        let mut model = self.model.clone();
        model.graph = None;
        let graph = self.graph_size();
        model.encoded_len() as u64 + field_size(GRAPH, graph)
    }

    fn graph_size(&self) -> u64 {
        let head = self.model.graph.as_ref().map_or(0, |graph| graph.encoded_len() as u64);
        head + self
            .initializers
            .iter()
            .map(|tensor| field_size(INITIALIZER, tensor_size(tensor)))
            .sum::<u64>()
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The system's; weights whose number is not that of their sizes.
    pub(super) fn write(&self, w: &mut dyn Write) -> io::Result<()> {
        let mut model = self.model.clone();
        let graph = model.graph.take().unwrap_or_default();
        w.write_all(&model.encode_to_vec())?;
        w.write_all(&field_head(GRAPH, self.graph_size()))?;
        w.write_all(&graph.encode_to_vec())?;
        for tensor in &self.initializers {
            w.write_all(&field_head(INITIALIZER, tensor_size(tensor)))?;
            w.write_all(&head_of(tensor).encode_to_vec())?;
            w.write_all(&field_head(VALUES, tensor.bytes()))?;
            write_values(tensor, w)?;
        }
        Ok(())
    }
}

/// An initializer without its values.
fn head_of(tensor: &Initializer) -> proto::Tensor {
    proto::Tensor {
        dims: tensor.dims.iter().map(|side| *side as i64).collect(),
        element: tensor.element as i32,
        name: tensor.name.clone(),
        values: Vec::new(),
    }
}

fn tensor_size(tensor: &Initializer) -> u64 {
    head_of(tensor).encoded_len() as u64 + field_size(VALUES, tensor.bytes())
}

fn write_values(tensor: &Initializer, w: &mut dyn Write) -> io::Result<()> {
    match &tensor.content {
        Content::Bytes(bytes) => w.write_all(bytes),
        Content::Weights(make) => {
            let values = make();
            if 4 * values.len() as u64 != tensor.bytes() {
                return Err(io::Error::other(format!("{tensor:?} has {} values", values.len())));
            }
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            w.write_all(&bytes)
        }
    }
}

/// Tag and length before the bytes of a field.
fn field_head(tag: u32, length: u64) -> Vec<u8> {
    let mut head = Vec::new();
    encode_key(tag, WireType::LengthDelimited, &mut head);
    encode_varint(length, &mut head);
    head
}

fn field_size(tag: u32, length: u64) -> u64 {
    (key_len(tag) + encoded_len_varint(length)) as u64 + length
}
