//! safetensors files: named arrays and a little text.
//!
//! Half-precision and double-precision files are read as `f32`, and `f32` is written.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use hema_core::error::{Error, Result};
use hema_core::file;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::state::{Array, StateDict};

/// Files above this are refused before they are read: 8 GiB, several times the largest model of the zoo.
const MAX_BYTES: u64 = 8 << 30;

/// The contents of a safetensors file.
#[derive(Clone, Debug, Default)]
pub struct TensorFile {
    /// The floating-point tensors. Integer tensors (PyTorch's batch counters) are left out.
    pub tensors: StateDict,
    /// The text entries of the header.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a safetensors file.
///
/// # Errors
/// A file that cannot be read, is no safetensors file, is cut short, or holds values that are not finite.
pub fn read(path: &Path) -> Result<TensorFile> {
    let mut source = file::open(path)?;
    let length = source.metadata().map_err(|e| Error::io(path, &e))?.len();
    if length > MAX_BYTES {
        return Err(Error::new(format!("{length} bytes, expected at most {MAX_BYTES}")).at(path));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    source.read_to_end(&mut bytes).map_err(|e| Error::io(path, &e))?;
    let invalid = |e: safetensors::SafeTensorError| {
        Error::new(format!("not a complete safetensors file: {e}"))
            .at(path)
            .hint("give a .safetensors file; if it is one, it was cut short: copy or download it again")
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(invalid)?;
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let views = SafeTensors::deserialize(&bytes).map_err(invalid)?;
    let mut tensors = StateDict::new();
    for (name, view) in views.iter() {
        if let Some(values) = decode(&view) {
            if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
                let found =
                    format!("tensor `{name}` holds {} at index {bad}, expected finite values", values[bad]);
                return Err(Error::new(found).at(path));
            }
            tensors.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
        }
    }
    Ok(TensorFile { tensors, metadata })
}

/// The values of a floating-point tensor as `f32`.
fn decode(view: &TensorView) -> Option<Vec<f32>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F64 => Some(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()),
        Dtype::BF16 => {
            let widen = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
            Some(bytes.as_chunks().0.iter().map(widen).collect())
        }
        Dtype::F16 => Some(bytes.as_chunks().0.iter().map(|b| half_to_f32(u16::from_le_bytes(*b))).collect()),
        _ => None,
    }
}

/// IEEE 754 half precision to single precision, exact.
fn half_to_f32(h: u16) -> f32 {
    let sign = u32::from(h >> 15) << 31;
    let exponent = u32::from(h >> 10) & 0x1f;
    let mantissa = u32::from(h) & 0x3ff;
    match exponent {
        0 => f32::from_bits(sign | (mantissa as f32 * 2f32.powi(-24)).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | (mantissa << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13)),
    }
}

/// Writes a safetensors file, whole or not at all.
///
/// # Errors
/// The path and the system's reason.
pub fn write(path: &Path, tensors: &StateDict, metadata: &BTreeMap<String, String>) -> Result<()> {
    let bytes: Vec<(&String, &Array, Vec<u8>)> = tensors
        .iter()
        .map(|(name, array)| (name, array, array.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, array, raw) in &bytes {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), raw)
            .map_err(|e| Error::new(format!("tensor `{name}` cannot be stored: {e}")).at(path))?;
        views.push((name.as_str(), view));
    }
    let whole = safetensors::serialize(views, Some(metadata.clone().into_iter().collect()))
        .map_err(|e| Error::new(format!("cannot be stored: {e}")).at(path))?;
    file::write_atomic(path, |w| w.write_all(&whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let tensors: StateDict =
            [("a.b".to_owned(), Array { shape: vec![2, 1], values: vec![1.5, -2.0] })].into();
        write(&path, &tensors, &[("hema".to_owned(), "{}".to_owned())].into()).unwrap();
        let file = read(&path).unwrap();
        assert_eq!(file.tensors, tensors);
        assert_eq!(file.metadata["hema"], "{}");

        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 4, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(
                read(&path).unwrap_err().to_string().contains("not a complete safetensors file"),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let tensors = [("a".to_owned(), Array { shape: vec![2], values: vec![1.0, f32::NAN] })].into();
        write(&path, &tensors, &BTreeMap::new()).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("tensor `a` holds NaN at index 1"));
    }

    #[test]
    fn half_precision_is_widened_exactly() {
        let cases: &[(u16, f32)] = &[
            (0, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (1, 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
        ];
        for &(bits, value) in cases {
            assert_eq!(half_to_f32(bits), value);
        }
    }
}
