//! safetensors files: named arrays and a little text.
//!
//! Half-precision and double-precision files are read as `f32`; `f32` is written, or half precision. A file's
//! header is read and checked first ([`Header`]), so that a caller can refuse tensors before they take any
//! memory. What is written here carries a checksum of its text and tensors, which is verified whenever the
//! file is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use hema_core::error::{Error, Result};
use hema_core::file;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo, TensorView};

use super::state::{Array, Shapes, StateDict};
use crate::memory;

/// Files above this are refused before they are read: 8 GiB, several times the largest model of the zoo.
pub(crate) const MAX_BYTES: u64 = 8 << 30;
/// Longest header that is read: what the format allows. Those of models are long by the prints of the images
/// that they have seen.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes before the header, which say its length.
const LENGTH: u64 = 8;
/// Text entry that holds the checksum.
const CHECKSUM: &str = "hema-checksum";

/// The contents of a safetensors file.
#[derive(Clone, Debug, Default)]
pub struct TensorFile {
    /// The floating-point tensors. Integer tensors (PyTorch's batch counters) are left out.
    pub tensors: StateDict,
    /// The text entries of the header, but for the checksum.
    pub metadata: BTreeMap<String, String>,
    /// CRC-32C of the text entries and these tensors, to tell files apart.
    pub checksum: u32,
    /// Whether the file says the same checksum; one that says another is not read.
    pub is_checked: bool,
}

/// An open safetensors file whose tensors are not read yet. Their places in the file are known to be whole
/// and apart.
#[derive(Debug)]
pub(crate) struct Header {
    path: PathBuf,
    source: Source,
    /// The text entries, but for the checksum.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The checksum that the file says.
    checksum: Option<String>,
    /// The floating-point tensors.
    tensors: BTreeMap<String, TensorInfo>,
    /// Position of the first tensor's first byte.
    start: u64,
}

/// The bytes of a safetensors file, wherever they are.
#[derive(Debug)]
enum Source {
    File(File),
    Memory(Cursor<&'static [u8]>),
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Memory(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Memory(bytes) => bytes.seek(to),
        }
    }
}

/// How the values of tensors are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// All in 32 bits.
    Single,
    /// Matrices and kernels rounded to IEEE half precision: weights are small numbers, of which its 11 bits
    /// keep eight times as much as those of bfloat16. Vectors (biases, the weights and statistics of
    /// normalisation) are few and stay in 32 bits.
    Half,
}

/// Reads a safetensors file.
///
/// # Errors
/// A file that cannot be read, is no safetensors file, is cut short, does not match its checksum, or holds
/// values that are not finite or more of them than the machine has memory for.
pub fn read(path: &Path) -> Result<TensorFile> {
    Header::read(path)?.read_tensors()
}

impl Header {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, or is cut short.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = file::open(path)?;
        let length = file.metadata().map_err(|e| Error::io(path, &e))?.len();
        Self::read_from(Source::File(file), length, path)
    }

    /// Reads the header of a file that the program carries, which is called `name` in errors.
    ///
    /// # Errors
    /// Bytes that are no safetensors file.
    pub(crate) fn of_bytes(bytes: &'static [u8], name: &Path) -> Result<Self> {
        Self::read_from(Source::Memory(Cursor::new(bytes)), bytes.len() as u64, name)
    }

    fn read_from(mut source: Source, length: u64, path: &Path) -> Result<Self> {
        if length > MAX_BYTES {
            return Err(Error::new(format!("{length} bytes, expected at most {MAX_BYTES}")).at(path));
        }
        let (header, start) = parse_header(&mut source, length).map_err(|e| {
            Error::new(format!("not a complete safetensors file: {e}"))
                .at(path)
                .hint("give a .safetensors file; if it is one, it was cut short: copy or download it again")
        })?;
        let is_float =
            |info: &TensorInfo| matches!(info.dtype, Dtype::F32 | Dtype::F64 | Dtype::BF16 | Dtype::F16);
        let mut metadata: BTreeMap<String, String> =
            header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(Self {
            path: path.to_owned(),
            source,
            checksum: metadata.remove(CHECKSUM),
            metadata,
            tensors: header
                .tensors()
                .into_iter()
                .filter(|(_, info)| is_float(info))
                .map(|(name, info)| (name, info.clone()))
                .collect(),
            start,
        })
    }

    /// Shapes of the floating-point tensors.
    pub(crate) fn shapes(&self) -> Shapes {
        self.tensors.iter().map(|(name, info)| (name.clone(), info.shape.clone())).collect()
    }

    /// Reads the tensors and verifies the checksum.
    ///
    /// # Errors
    /// A file that cannot be read or has changed since it was opened; a checksum of other contents; values
    /// that are not finite, or more of them than the machine has memory for.
    pub(crate) fn read_tensors(mut self) -> Result<TensorFile> {
        let values: u64 = self.tensors.values().map(|info| info.shape.iter().product::<usize>() as u64).sum();
        memory::check(4 * values, "its tensors").map_err(|e| e.at(&self.path))?;
        let mut checksum = Checksum::of_text(&self.metadata);
        let mut tensors = StateDict::new();
        let mut bytes = Vec::new();
        for (name, info) in &self.tensors {
            let (from, to) = info.data_offsets;
            bytes.resize(to - from, 0);
            self.source
                .seek(SeekFrom::Start(self.start + from as u64))
                .and_then(|_| self.source.read_exact(&mut bytes))
                .map_err(|e| Error::io(&self.path, &e))?;
            checksum.add(name, info.dtype, &info.shape, &bytes);
            let array = Array { shape: info.shape.clone(), values: decode(info.dtype, &bytes) };
            check_finite(name, &array).map_err(|e| e.at(&self.path))?;
            tensors.insert(name.clone(), array);
        }
        let is_checked = match &self.checksum {
            Some(expected) if *expected != checksum.text() => {
                return Err(Error::new("its contents do not match their checksum")
                    .at(&self.path)
                    .hint("it was damaged or edited after it was written: copy it again, or make it anew"));
            }
            expected => expected.is_some(),
        };
        Ok(TensorFile { tensors, metadata: self.metadata, checksum: checksum.0, is_checked })
    }
}

/// Reads the header of a file of so many bytes; also gives where its tensors start.
fn parse_header(source: &mut Source, length: u64) -> Result<(Metadata, u64), SafeTensorError> {
    if length < LENGTH {
        return Err(SafeTensorError::HeaderTooSmall);
    }
    let mut long = [0; LENGTH as usize];
    source.read_exact(&mut long)?;
    let long = u64::from_le_bytes(long);
    if long > MAX_HEADER {
        return Err(SafeTensorError::HeaderTooLarge);
    }
    if LENGTH + long > length {
        return Err(SafeTensorError::InvalidHeaderLength);
    }
    let mut json = vec![0; long as usize];
    source.read_exact(&mut json)?;
    let json = std::str::from_utf8(&json).map_err(SafeTensorError::InvalidHeader)?;
    // offsets that overlap, leave gaps or do not fit their shapes are refused here
    let header: Metadata =
        serde_json::from_str(json).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    let start = LENGTH + long;
    if header.data_len() as u64 != length - start {
        return Err(SafeTensorError::MetadataIncompleteBuffer);
    }
    Ok((header, start))
}

fn check_finite(name: &str, array: &Array) -> Result<()> {
    match array.values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let found = array.values[index];
            Err(Error::new(format!("tensor `{name}` holds {found} at index {index}, expected finite values")))
        }
    }
}

/// CRC-32C (Castagnoli et al., 1993) of texts and tensors, whatever their order in a file. It finds damage;
/// it is no proof of who wrote a file, which no checksum inside the file can be.
struct Checksum(u32);

impl Checksum {
    /// The checksum of a file's text entries.
    fn of_text(metadata: &BTreeMap<String, String>) -> Self {
        let mut checksum = Self(0);
        for (key, value) in metadata {
            checksum.append(key.as_bytes());
            checksum.append(value.as_bytes());
        }
        checksum
    }

    /// Adds a tensor; they come in the order of their names.
    fn add(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) {
        self.append(name.as_bytes());
        self.append(format!("{dtype:?} {shape:?}").as_bytes());
        self.append(bytes);
    }

    /// Adds bytes and their number, so that no other pieces come to the same.
    fn append(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        self.0 = crc32c::crc32c_append(crc32c::crc32c_append(self.0, &length), bytes);
    }

    /// The checksum as a file says it.
    fn text(&self) -> String {
        format!("crc32c:{:08x}", self.0)
    }
}

/// The values of a floating-point tensor as `f32`.
fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let pairs = || bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair));
    match dtype {
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::BF16 => pairs().map(|half| f32::from_bits(u32::from(half) << 16)).collect(),
        Dtype::F16 => pairs().map(|half| f16::from_bits(half).to_f32()).collect(),
        _ => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}

/// The bytes of a tensor, and what they are.
fn encode(name: &str, array: &Array, packing: Packing) -> Result<(Dtype, Vec<u8>)> {
    if packing == Packing::Single || array.shape.len() < 2 {
        return Ok((Dtype::F32, array.values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }
    let mut bytes = Vec::with_capacity(2 * array.values.len());
    for value in &array.values {
        let half = f16::from_f32(*value);
        if !half.is_finite() {
            return Err(Error::new(format!("tensor `{name}` holds {value}, too large for 16 bits")));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok((Dtype::F16, bytes))
}

/// Writes a safetensors file with its checksum, whole or not at all.
///
/// # Errors
/// The path and the system's reason.
pub fn write(path: &Path, tensors: &StateDict, metadata: &BTreeMap<String, String>) -> Result<()> {
    write_as(path, tensors, metadata, Packing::Single)
}

/// Writes a safetensors file as [`write()`] does, its values stored in this way.
///
/// # Errors
/// The path and the system's reason; a value beyond the range of the packing.
pub fn write_as(
    path: &Path,
    tensors: &StateDict,
    metadata: &BTreeMap<String, String>,
    packing: Packing,
) -> Result<()> {
    let mut packed = Vec::with_capacity(tensors.len());
    for (name, array) in tensors {
        let (dtype, bytes) = encode(name, array, packing).map_err(|e| e.at(path))?;
        packed.push((name, array, dtype, bytes));
    }
    let mut metadata = metadata.clone();
    metadata.remove(CHECKSUM);
    let mut checksum = Checksum::of_text(&metadata);
    let mut views = Vec::with_capacity(packed.len());
    for (name, array, dtype, raw) in &packed {
        checksum.add(name, *dtype, &array.shape, raw);
        let view = TensorView::new(*dtype, array.shape.clone(), raw)
            .map_err(|e| Error::new(format!("tensor `{name}` cannot be stored: {e}")).at(path))?;
        views.push((name.as_str(), view));
    }
    metadata.insert(CHECKSUM.to_owned(), checksum.text());
    let whole = safetensors::serialize(views, Some(metadata.into_iter().collect()))
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
        assert!(file.is_checked);

        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 4, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(
                read(&path).unwrap_err().to_string().contains("not a complete safetensors file"),
                "{cut}"
            );
        }
    }

    /// A file of this header and these bytes behind it.
    fn file_of(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn a_byte_that_is_flipped_anywhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let array = Array { shape: vec![2, 2], values: vec![1.5, -2.0, 0.25, 8.0] };
        let tensors = [("a".to_owned(), array.clone()), ("b".to_owned(), array)].into();
        write(&path, &tensors, &[("hema".to_owned(), "some text".to_owned())].into()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let expected = read(&path).unwrap();
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[index] ^= 1 << bit;
                std::fs::write(&path, &flipped).unwrap();
                if let Ok(found) = read(&path) {
                    // an entry of another name is none: callers ask for it
                    let kept = found.tensors == expected.tensors && found.metadata == expected.metadata;
                    assert!(kept || !found.is_checked, "byte {index}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_file_of_other_software_has_no_checksum_and_is_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let header = r#"{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
            "n":{"dtype":"I64","shape":[],"data_offsets":[4,12]},
            "a":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]}}"#;
        let data = [&1.5_f32.to_le_bytes()[..], &7_i64.to_le_bytes(), &[0, 0x40, 0x80, 0x3f]].concat();
        std::fs::write(&path, file_of(header, &data)).unwrap();
        let file = read(&path).unwrap();
        assert!(!file.is_checked && file.tensors.len() == 2);
        assert_eq!((&file.tensors["b"].values, &file.tensors["a"].values), (&vec![1.5], &vec![2.0, 1.0]));
    }

    #[test]
    fn headers_that_lie_are_refused_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let tensor = |name: &str, shape: &str, offsets: &str| {
            format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
        };
        let huge = usize::MAX;
        for tensors in [
            // gaps, overlaps, offsets beyond the file or that wrap, shapes of another size
            tensor("a", "[1]", "[4,8]"),
            [tensor("a", "[2]", "[0,8]"), tensor("b", "[1]", "[4,8]")].join(","),
            tensor("a", "[4]", "[0,16]"),
            tensor("a", "[3]", "[0,8]"),
            tensor("a", &format!("[{huge},{huge}]"), "[0,8]"),
            tensor("a", "[2]", &format!("[{huge},8]")),
            tensor("a", "[2]", "[8,0]"),
            tensor("a", "[-2]", "[0,8]"),
            "[".repeat(100_000),
        ] {
            std::fs::write(&path, file_of(&format!("{{{tensors}}}"), &[0; 8])).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("not a complete safetensors file"), "{tensors:.80}: {error}");
        }
        for long in [MAX_HEADER + 1, u64::MAX, u64::MAX - 7] {
            std::fs::write(&path, [&long.to_le_bytes(), &[b' '; 16][..]].concat()).unwrap();
            assert!(read(&path).unwrap_err().to_string().ends_with("header too large"));
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
    fn matrices_are_rounded_to_half_the_size_and_vectors_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let matrix = |values: Vec<f32>| Array { shape: vec![values.len(), 1], values };
        let fine = 1.0 + 2f32.powi(-20);
        let vector = Array { shape: vec![1], values: vec![fine] };
        let tensors = [("m".to_owned(), matrix(vec![fine, -0.123, 1e-9])), ("v".to_owned(), vector)];
        write_as(&path, &tensors.clone().into(), &BTreeMap::new(), Packing::Half).unwrap();
        let file = read(&path).unwrap();
        assert!(file.is_checked);
        assert_eq!(file.tensors["v"], tensors[1].1);
        let halves = &file.tensors["m"].values;
        assert!(halves[0] == 1.0 && (halves[1] + 0.123).abs() < 1e-4 && halves[2] == 0.0, "{halves:?}");

        let huge = [("m".to_owned(), matrix(vec![1e5]))].into();
        let error = write_as(&path, &huge, &BTreeMap::new(), Packing::Half).unwrap_err().to_string();
        assert!(error.ends_with("tensor `m` holds 100000, too large for 16 bits"), "{error}");
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
            assert_eq!(decode(Dtype::F16, &bits.to_le_bytes()), [value]);
        }
    }
}
