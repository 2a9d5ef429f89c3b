//! Text that is read row by row: no more of it than a row may take between two rows.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Longest row of a table, in bytes.
const LONGEST_ROW: usize = 1 << 20;

/// Reads no more than it is allowed, so that a row without an end is an error.
pub(super) struct Metered<R> {
    inner: R,
    left: Rc<Cell<usize>>,
}

/// The bytes that may be read until the next row.
pub(super) struct Allowance(Rc<Cell<usize>>);

impl<R> Metered<R> {
    /// Text, and the allowance that its reader renews at every row.
    pub(super) fn new(inner: R) -> (Self, Allowance) {
        let left = Rc::new(Cell::new(LONGEST_ROW));
        (Self { inner, left: Rc::clone(&left) }, Allowance(left))
    }
}

impl Allowance {
    /// Allows for another row.
    pub(super) fn renew(&self) {
        self.0.set(LONGEST_ROW);
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        let left = self.left.get().checked_sub(read);
        let too_long = || {
            let message = format!("a row is longer than {} KiB, as none of a table is", LONGEST_ROW >> 10);
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        self.left.set(left.ok_or_else(too_long)?);
        Ok(read)
    }
}
