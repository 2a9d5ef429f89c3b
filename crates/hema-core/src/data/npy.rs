//! Numpy arrays: the header of a `.npy` file and the numbers behind it.
//!
//! Left out on purpose: object arrays (they are Python programs in disguise), structured, text, complex and
//! half-precision arrays.

use std::io::{self, Read};

use crate::error::{Error, Result};

/// Longest header accepted; numpy itself warns above 10,000 bytes.
const MAX_HEADER: usize = 1 << 16;

/// The header of a `.npy` file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes before the first number.
    pub(super) len: u64,
}

/// The type of an array's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dtype {
    pub(super) kind: NumberKind,
    /// Bytes of one number.
    pub(super) size: usize,
    big_endian: bool,
}

/// Families of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NumberKind {
    Unsigned,
    Signed,
    Float,
}

impl Header {
    /// Reads a header of format 1, 2 or 3.
    pub(super) fn read(reader: &mut dyn Read) -> Result<Self> {
        let (text, len) = read_dictionary(reader)?;
        Self::parse(&text, len)
    }

    /// Parses the Python dictionary that a header is.
    fn parse(text: &str, len: u64) -> Result<Self> {
        let dtype = match type_name(text)? {
            Some(name) => Dtype::parse(name)?,
            None => return Err(Error::new("is a structured array (expected plain numbers)")),
        };
        let fortran_order = value(text, "fortran_order")?.starts_with("True");
        let header = Self { dtype, fortran_order, shape: shape(text)?, len };
        header.data_len()?;
        Ok(header)
    }

    /// Bytes of all numbers together.
    pub(super) fn data_len(&self) -> Result<u64> {
        let product = self.shape.iter().try_fold(self.dtype.size, |product, side| product.checked_mul(*side));
        let product = product.filter(|bytes| i64::try_from(*bytes).is_ok());
        product.map(|bytes| bytes as u64).ok_or_else(|| {
            Error::new(format!("claims the shape {}, more than any memory holds", shape_text(&self.shape)))
        })
    }
}

/// Reads the Python dictionary that a header is, and its length with all before it.
fn read_dictionary(reader: &mut dyn Read) -> Result<(String, u64)> {
    let short = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => Error::new("ends within its header"),
        kind => Error::new(format!("cannot be read: {e}")).with_kind(kind.into()),
    };
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(short)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(Error::new("does not begin like a numpy array"));
    }
    let (len, prefix) = match start[6] {
        1 => {
            let mut len = [0; 2];
            reader.read_exact(&mut len).map_err(short)?;
            (usize::from(u16::from_le_bytes(len)), 10)
        }
        2 | 3 => {
            let mut len = [0; 4];
            reader.read_exact(&mut len).map_err(short)?;
            (u32::from_le_bytes(len) as usize, 12)
        }
        version => {
            return Err(Error::new(format!("has numpy format version {version} (expected 1, 2 or 3)")));
        }
    };
    if len > MAX_HEADER {
        return Err(Error::new(format!("claims a header of {len} bytes (at most {MAX_HEADER} are read)")));
    }
    let mut text = vec![0; len];
    reader.read_exact(&mut text).map_err(short)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), (prefix + len) as u64))
}

/// The text after a key of the dictionary.
fn value<'a>(text: &'a str, key: &str) -> Result<&'a str> {
    let (_, after) = text
        .split_once(&format!("'{key}':"))
        .ok_or_else(|| Error::new(format!("has no `{key}` in its header")))?;
    Ok(after.trim_start())
}

/// The name of the type, such as `<f4`; `None` for a structured one.
fn type_name(text: &str) -> Result<Option<&str>> {
    let quoted = value(text, "descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    Ok(quoted.map(|(name, _)| name))
}

fn shape(text: &str) -> Result<Vec<usize>> {
    value(text, "shape")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .and_then(|(inside, _)| {
            let sides = inside.split(',').map(str::trim).filter(|side| !side.is_empty());
            sides.map(|side| side.trim_end_matches('L').parse().ok()).collect::<Option<Vec<usize>>>()
        })
        .ok_or_else(|| Error::new("has no readable `shape` in its header"))
}

/// Reads a list of texts, at most `most`, each of at most 1,000 characters; `None` when the array holds
/// something else.
pub(super) fn read_texts(reader: &mut dyn Read, most: usize) -> Result<Option<Vec<String>>> {
    let (text, _) = read_dictionary(reader)?;
    let longest = type_name(&text)?.and_then(|name| name.strip_prefix("<U")?.parse().ok());
    let (Some(longest @ 1..=1000), [count]) = (longest, &shape(&text)?[..]) else { return Ok(None) };
    if *count > most {
        return Ok(None);
    }
    let mut bytes = vec![0; count * longest * 4];
    reader.read_exact(&mut bytes).map_err(|e| Error::inside(&e, || Error::new("ends within its texts")))?;
    let character = |bytes: &[u8; 4]| char::from_u32(u32::from_le_bytes(*bytes)).unwrap_or('\u{fffd}');
    let one = |bytes: &[u8]| {
        let characters: String = bytes.as_chunks().0.iter().map(character).collect();
        characters.trim_end_matches('\0').to_owned()
    };
    Ok(Some(bytes.chunks_exact(longest * 4).map(one).collect()))
}

impl Dtype {
    fn parse(name: &str) -> Result<Self> {
        if name.contains('O') {
            return Err(Error::new("holds Python objects (pickle), which are not read")
                .hint("save it as plain numbers, for example `np.savez(path, images=np.stack(images))`"));
        }
        let known = || {
            let (order, rest) = name.split_at_checked(1)?;
            let (kind, size) = rest.split_at_checked(1)?;
            let size: usize = size.parse().ok()?;
            let kind = match (kind, size) {
                ("u", 1 | 2 | 4 | 8) => NumberKind::Unsigned,
                ("i", 1 | 2 | 4 | 8) => NumberKind::Signed,
                ("f", 4 | 8) => NumberKind::Float,
                _ => return None,
            };
            matches!(order, "<" | ">" | "|" | "=").then_some(Self { kind, size, big_endian: order == ">" })
        };
        known().ok_or_else(|| {
            Error::new(format!("holds numbers of type `{name}` (expected integers, float32 or float64)"))
        })
    }

    /// Whether the numbers are plain bytes, ready to use.
    pub(super) fn is_u8(self) -> bool {
        self.kind == NumberKind::Unsigned && self.size == 1
    }

    /// The largest number of the type, 1 for floating-point ones.
    pub(super) fn largest(self) -> f64 {
        let bits = self.size as i32 * 8;
        match self.kind {
            NumberKind::Unsigned => 2_f64.powi(bits) - 1.0,
            NumberKind::Signed => 2_f64.powi(bits - 1) - 1.0,
            NumberKind::Float => 1.0,
        }
    }

    /// Calls `each` with every number in `bytes`; 64-bit integers beyond 2^53 lose their last digits.
    pub(super) fn numbers(self, bytes: &[u8], each: impl FnMut(f64)) {
        match (self.kind, self.size) {
            (NumberKind::Unsigned, 1) => self.read(bytes, |b: [u8; 1]| f64::from(b[0]), each),
            (NumberKind::Unsigned, 2) => self.read(bytes, |b| f64::from(u16::from_le_bytes(b)), each),
            (NumberKind::Unsigned, 4) => self.read(bytes, |b| f64::from(u32::from_le_bytes(b)), each),
            (NumberKind::Unsigned, _) => self.read(bytes, |b| u64::from_le_bytes(b) as f64, each),
            (NumberKind::Signed, 1) => self.read(bytes, |b| f64::from(i8::from_le_bytes(b)), each),
            (NumberKind::Signed, 2) => self.read(bytes, |b| f64::from(i16::from_le_bytes(b)), each),
            (NumberKind::Signed, 4) => self.read(bytes, |b| f64::from(i32::from_le_bytes(b)), each),
            (NumberKind::Signed, _) => self.read(bytes, |b| i64::from_le_bytes(b) as f64, each),
            (NumberKind::Float, 4) => self.read(bytes, |b| f64::from(f32::from_le_bytes(b)), each),
            (NumberKind::Float, _) => self.read(bytes, f64::from_le_bytes, each),
        }
    }

    fn read<const N: usize>(self, bytes: &[u8], value: impl Fn([u8; N]) -> f64, mut each: impl FnMut(f64)) {
        let (numbers, _) = bytes.as_chunks::<N>();
        for number in numbers {
            let mut number = *number;
            if self.big_endian {
                number.reverse();
            }
            each(value(number));
        }
    }
}

/// The bytes before the numbers of an array in C order, as numpy writes them: format 1, a multiple of 64.
pub(super) fn header(dtype: &str, shape: &[usize]) -> Vec<u8> {
    const BEFORE: usize = 10;
    let text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {}, }}", shape_text(shape));
    // a line feed ends it
    let len = (BEFORE + text.len() + 1).next_multiple_of(64) - BEFORE;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((len as u16).to_le_bytes());
    bytes.extend(format!("{text:<width$}\n", width = len - 1).bytes());
    bytes
}

/// A shape as numpy prints it.
pub(super) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        sides => format!("({})", sides.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
