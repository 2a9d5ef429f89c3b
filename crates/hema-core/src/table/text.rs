//! The encodings that tables come in: UTF-8, with or without a byte order mark, and UTF-16 of either order.

use std::io::{BufRead, BufReader, Cursor, Read};

use crate::error::{Error, Result};

/// Bytes of a table that are looked at before anything is read: its header must end in them.
const START: usize = 64 << 10;
/// Largest table in UTF-16, in bytes: it is decoded as a whole.
const LARGEST_UTF16: u64 = 64 << 20;

/// The orders of two bytes.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// The text in UTF-8, without a byte order mark and with lines that end in a line feed. Other text than
/// UTF-16 is handed on as it is.
pub(super) fn decoded(bytes: impl Read + 'static) -> Result<Box<dyn BufRead>> {
    let io = |e: std::io::Error| Error::new(format!("cannot be read: {e}")).with_kind(e.kind().into());
    let mut bytes = BufReader::with_capacity(START, bytes);
    let start = bytes.fill_buf().map_err(io)?;
    let (order, mark) = match start {
        [0xef, 0xbb, 0xbf, ..] => (None, 3),
        [0xff, 0xfe, ..] => (Some(Order::Little), 2),
        [0xfe, 0xff, ..] => (Some(Order::Big), 2),
        // a header begins with a letter of ASCII, or a quote
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => (Some(Order::Little), 0),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => (Some(Order::Big), 0),
        _ => (None, 0),
    };
    bytes.consume(mark);
    let text: Box<dyn Read> = match order {
        None => Box::new(bytes),
        Some(order) => {
            let mut utf16 = Vec::new();
            bytes.take(LARGEST_UTF16 + 1).read_to_end(&mut utf16).map_err(io)?;
            if utf16.len() as u64 > LARGEST_UTF16 {
                let message = format!("has more than {} MiB in UTF-16", LARGEST_UTF16 >> 20);
                return Err(Error::new(message).hint("save the table in UTF-8"));
            }
            Box::new(Cursor::new(from_utf16(&utf16, order)?))
        }
    };
    Ok(Box::new(BufReader::with_capacity(START, LineFeeds { text, after_return: false, quoted: false })))
}

/// Text in which every row ends in a line feed alone, whatever system it was written on: lines can be
/// counted.
struct LineFeeds {
    text: Box<dyn Read>,
    /// The last byte was a carriage return, which may have a line feed to it.
    after_return: bool,
    /// What stands in quotes stays as it is.
    quoted: bool,
}

impl Read for LineFeeds {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.text.read(out)?;
            let mut kept = 0;
            for i in 0..read {
                let byte = out[i];
                if !(byte == b'\n' && self.after_return) {
                    out[kept] = if byte == b'\r' && !self.quoted { b'\n' } else { byte };
                    kept += 1;
                }
                self.after_return = byte == b'\r' && !self.quoted;
                self.quoted ^= byte == b'"';
            }
            // nothing left of a few bytes is not the end
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

fn from_utf16(bytes: &[u8], order: Order) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| match order {
        Order::Little => u16::from_le_bytes(*pair),
        Order::Big => u16::from_be_bytes(*pair),
    });
    let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err(Error::new("begins like UTF-16 text and is none").hint("save the table in UTF-8")),
    }
}
