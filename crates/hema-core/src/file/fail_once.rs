//! A writer whose first failure is the only one that is told.

use std::io::{self, Seek, SeekFrom, Write};

/// Passes everything on until a write fails, and takes the rest without writing it. Around it, a writer that
/// completes its file when it is dropped, as that of zip archives, does not fail once more and say so by
/// itself.
pub struct FailOnce<W> {
    inner: W,
    has_failed: bool,
    /// Where the next byte goes, or would go.
    position: u64,
}

impl<W> FailOnce<W> {
    /// Writes to `inner`, which is at its beginning.
    pub fn new(inner: W) -> Self {
        Self { inner, has_failed: false, position: 0 }
    }

    /// The writer inside.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for FailOnce<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.has_failed { Ok(bytes.len()) } else { self.inner.write(bytes) };
        self.has_failed |= written.is_err();
        self.position += *written.as_ref().unwrap_or(&0) as u64;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.has_failed { Ok(()) } else { self.inner.flush() };
        self.has_failed |= flushed.is_err();
        flushed
    }
}

impl<W: Seek> Seek for FailOnce<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if self.has_failed {
            self.position = match to {
                SeekFrom::Start(position) => position,
                SeekFrom::Current(by) | SeekFrom::End(by) => self.position.saturating_add_signed(by),
            };
            return Ok(self.position);
        }
        let found = self.inner.seek(to);
        self.has_failed = found.is_err();
        self.position = *found.as_ref().unwrap_or(&self.position);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes four bytes in all.
    struct Full(u64);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            if self.0 > 4 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(self.0)
        }
    }

    #[test]
    fn what_fails_is_told_once_and_positions_go_on() {
        let mut writer = FailOnce::new(Full(0));
        assert_eq!(writer.write(b"abcd").unwrap(), 4);
        assert_eq!(writer.write(b"e").unwrap_err().kind(), io::ErrorKind::StorageFull);
        writer.write_all(b"fgh").unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.stream_position().unwrap(), 7);
        assert_eq!(writer.seek(SeekFrom::Start(2)).unwrap(), 2);
    }
}
