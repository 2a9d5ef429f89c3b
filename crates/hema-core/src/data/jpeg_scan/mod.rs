//! Whether a JPEG file is whole: every block of every scan is there, in valid codes, with nothing left over.
//!
//! The decoder fills what is missing with grey and reports success, in its strict mode too. So the coded data
//! is gone through once more here, without making pixels of it: codes are read and blocks counted, in
//! sequential and progressive files (ITU-T T.81). This finds data that ends early, was overwritten or lacks
//! bytes, restart markers out of order, and scans that never came. Left out on purpose: damage that leaves
//! the number of blocks as it was, such as single flipped bits; nothing in the file tells it from a picture.
//!
//! `bits` reads bits and `huffman` codes; `tables` and `frame` keep what the headers say; `scan` goes over a
//! scan, whose blocks `sequential` and `progressive` read; `fault` words what is wrong.

mod bits;
mod fault;
mod frame;
mod huffman;
mod progressive;
mod scan;
mod sequential;
mod tables;

use self::fault::Fault;
use self::frame::{Frame, Parameters};
use self::scan::Scan;
use self::tables::Tables;
use crate::error::{Error, Result};

/// Most scans of a file, as in the decoder. Each may go over all blocks with little data.
const MAX_SCANS: usize = 100;

/// Most blocks of a picture that is judged: those of the largest that is decoded, in four colours.
const MAX_BLOCKS: usize = 1 << 24;

const HUFFMAN_TABLES: u8 = 0xc4;
const QUANTISATION_TABLES: u8 = 0xdb;
const RESTART_INTERVAL: u8 = 0xdd;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
/// Baseline, extended sequential and progressive frames.
const FRAMES: std::ops::RangeInclusive<u8> = 0xc0..=0xc2;
const PROGRESSIVE: u8 = 0xc2;

/// Checks that a JPEG file is whole. Those that are not decoded anyway (12 bits, arithmetic coding, too
/// large) pass.
///
/// # Errors
/// The first fault, and where it is.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let truncated = || Error::new("is a truncated JPEG image (it ends before its end-of-image marker)");
    let damaged = |fault: Fault| Error::new(format!("is a damaged JPEG image: {fault}"));
    let mut state = State::default();
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let (marker, after) = next_marker(rest).ok_or_else(truncated)?;
        if marker == END_OF_IMAGE {
            return state.frame.map_or(Ok(()), |frame| frame.check_complete().map_err(damaged));
        }
        let (segment, behind) = segment(after).ok_or_else(truncated)?;
        if marker == START_OF_SCAN {
            let has_end = || behind.windows(2).any(|pair| pair == [0xff, END_OF_IMAGE]);
            let fault = |fault| if has_end() { damaged(fault) } else { truncated() };
            rest = state.check_scan(segment, behind).map_err(fault)?;
        } else {
            state.read_header(marker, segment).map_err(damaged)?;
            rest = behind;
        }
    }
}

/// The size of a picture, and what decoding it takes beside its pixels.
pub(super) struct Announced {
    /// Width and height in pixels.
    pub(super) size: (u64, u64),
    /// 1 for grey.
    pub(super) components: u64,
    /// Coefficients that are kept until the last scan.
    pub(super) coefficients: u64,
}

/// What the headers before the first scan say; `None` where they end early or are of a kind that is not
/// decoded.
pub(super) fn announced(bytes: &[u8]) -> Option<Announced> {
    let mut rest = bytes.get(2..)?;
    let mut found: Option<(Frame, [u8; 4])> = None;
    loop {
        let (marker, after) = next_marker(rest)?;
        let (segment, behind) = segment(after)?;
        if FRAMES.contains(&marker) {
            found = Some((Frame::read(segment, marker == PROGRESSIVE)?, *segment.get(1..)?.first_chunk()?));
        } else if marker == START_OF_SCAN {
            let (frame, [h0, h1, w0, w1]) = found?;
            let side = |bytes| u64::from(u16::from_be_bytes(bytes));
            let is_one_scan = !frame.progressive && usize::from(*segment.first()?) == frame.components.len();
            return Some(Announced {
                size: (side([w0, w1]), side([h0, h1])),
                components: frame.components.len() as u64,
                coefficients: if is_one_scan { 0 } else { frame.coefficients() },
            });
        }
        rest = behind;
    }
}

/// What the headers so far have said.
#[derive(Default)]
struct State {
    tables: Tables,
    /// `None` before a frame of a kind that is judged.
    frame: Option<Frame>,
    scans: usize,
}

impl State {
    fn read_header(&mut self, marker: u8, segment: &[u8]) -> Result<(), Fault> {
        let read = match marker {
            HUFFMAN_TABLES => self.tables.read_huffman(segment),
            QUANTISATION_TABLES => self.tables.read_quantisation(segment),
            RESTART_INTERVAL => self.tables.read_restart_interval(segment),
            marker if FRAMES.contains(&marker) && segment.first() == Some(&8) => {
                self.frame = Frame::read(segment, marker == PROGRESSIVE);
                let read = self.frame.as_ref().map(|_| ());
                self.frame.take_if(|frame| frame.blocks() > MAX_BLOCKS);
                read
            }
            _ => Some(()),
        };
        read.ok_or(Fault::Header(marker))
    }

    /// Goes over the coded data of a scan and returns the bytes behind it, or those behind its header when it
    /// cannot be judged.
    fn check_scan<'a>(&mut self, header: &[u8], data: &'a [u8]) -> Result<&'a [u8], Fault> {
        let Some(frame) = &mut self.frame else { return Ok(data) };
        self.scans += 1;
        if self.scans > MAX_SCANS {
            return Err(Fault::TooManyScans(MAX_SCANS));
        }
        let parameters = Parameters::read(header, frame).ok_or(Fault::Header(START_OF_SCAN))?;
        let Some(scan) = Scan::new(&parameters, frame, &self.tables) else {
            self.frame = None;
            return Ok(data);
        };
        frame.announce(&parameters)?;
        let fault = |(unit, flaw)| Fault::In { scan: self.scans, unit, units: scan.units(), flaw };
        scan.check(data, frame).map_err(fault)
    }
}

/// The next marker and the bytes behind it. Bytes that belong to no segment are passed over, and so are
/// restart markers.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.windows(2).position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xff | 0xd0..=0xd7))?;
    Some((bytes[start + 1], &bytes[start + 2..]))
}

/// A segment without its length, and the bytes behind it.
fn segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes(*bytes.first_chunk()?));
    let (segment, behind) = bytes.split_at_checked(length)?;
    Some((segment.get(2..)?, behind))
}
