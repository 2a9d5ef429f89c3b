//! The coded bytes between two markers, and the bits in them.

/// Zero bytes behind the coded ones, so that reading a word never stops short.
const PADDING: usize = 8;

/// Copies coded bytes up to the next marker, without the zeros that are stuffed in behind each `0xff`.
/// Returns the bytes from the marker on.
pub(super) fn unstuff<'a>(mut data: &'a [u8], coded: &mut Vec<u8>) -> &'a [u8] {
    coded.clear();
    loop {
        let plain = data.iter().position(|byte| *byte == 0xff).unwrap_or(data.len());
        coded.extend_from_slice(&data[..plain]);
        data = &data[plain..];
        if data.get(1) != Some(&0) {
            break;
        }
        coded.push(0xff);
        data = &data[2..];
    }
    coded.extend_from_slice(&[0; PADDING]);
    data
}

/// A reader of bits, the highest of a byte first. Behind the end there are zeros.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    /// Coded bytes, with the padding of [`unstuff`].
    bytes: &'a [u8],
    /// The next byte to take into the window.
    next: usize,
    /// The next bits, from the top.
    window: u64,
    /// How many bits of the window are there for sure.
    count: u32,
}

impl<'a> Bits<'a> {
    /// The bits of what [`unstuff`] made.
    pub(super) fn new(coded: &'a [u8]) -> Self {
        Self { bytes: coded, next: 0, window: 0, count: 0 }
    }

    /// Makes sure that 32 bits can be looked at or taken: the longest code, and the longest number behind it.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(word) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk) {
            self.window |= u64::from_be_bytes(*word) >> self.count;
        }
        // as many whole bytes as there is room for
        let taken = (63 - self.count) / 8;
        self.next += taken as usize;
        self.count += taken * 8;
    }

    /// The next `count` bits, at least one, not taken.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> usize {
        (self.window >> (64 - count)) as usize
    }

    /// Passes over bits that [`Bits::refill`] made sure of.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.window <<= count;
        self.count -= count;
    }

    /// Passes over any number of bits.
    pub(super) fn pass(&mut self, mut count: u32) {
        while count > 0 {
            self.refill();
            let now = count.min(self.count);
            self.skip(now);
            count -= now;
        }
    }

    /// Takes bits that [`Bits::refill`] made sure of, perhaps none.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> i32 {
        let value = self.window.checked_shr(64 - count).unwrap_or(0);
        self.skip(count);
        value as i32
    }

    /// Whether more bits were taken than there are.
    #[inline]
    pub(super) fn is_overdrawn(&self) -> bool {
        self.taken() > (self.bytes.len() - PADDING) * 8
    }

    fn taken(&self) -> usize {
        self.next * 8 - self.count as usize
    }

    /// The bytes of which bits were taken.
    pub(super) fn taken_bytes(&self) -> &'a [u8] {
        &self.bytes[..self.taken().div_ceil(8).min(self.bytes.len() - PADDING)]
    }

    /// Whole bytes left, when nothing but padding ought to be. Ones are padding however many, and so are
    /// zeros, where the byte taken last shows that the data itself did not end in zeros: cameras fill up
    /// their frames so.
    pub(super) fn left_over(&self) -> usize {
        let taken = self.taken_bytes();
        let left = &self.bytes[taken.len()..self.bytes.len() - PADDING];
        let fill =
            if taken.last().is_some_and(|last| *last != 0) { left.first().copied() } else { Some(0xff) };
        let is_padding = matches!(fill, None | Some(0 | 0xff)) && left.iter().all(|byte| Some(*byte) == fill);
        if is_padding { 0 } else { left.len() }
    }
}
