//! Reads the bits of entropy-coded data (T.81 section F.2.2): stuffed zero bytes are removed, zero bits follow the end.

/// Reads bits, most significant first.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
    /// The next `count` bits, left-aligned, followed by zeros.
    buffer: u64,
    count: u32,
    /// Number of zero bits that were added after a marker or the end was reached.
    added: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0, buffer: 0, count: 0, added: 0 }
    }

    /// Fills the buffer to at least 32 bits.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(&[a, b, c, d]) = self.data.get(self.position..).and_then(|rest| rest.first_chunk::<4>())
            && a != 0xFF
            && b != 0xFF
            && c != 0xFF
            && d != 0xFF
        {
            self.buffer |= u64::from(u32::from_be_bytes([a, b, c, d])) << (32 - self.count);
            self.count += 32;
            self.position += 4;
            return;
        }
        while self.count <= 56 {
            let byte = match (self.data.get(self.position), self.data.get(self.position + 1)) {
                (Some(0xFF), Some(0x00)) => {
                    self.position += 2;
                    0xFF
                }
                (Some(0xFF) | None, _) => {
                    self.added += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.position += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits (1 to 16), without consuming them. Call [`Bits::refill`] first.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> usize {
        (self.buffer >> (64 - count)) as usize
    }

    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count.min(self.count);
    }

    /// Consumes a signed value of `size` bits (0 to 16): EXTEND(RECEIVE(size), size) of T.81 section F.2.2.1.
    #[inline]
    pub(super) fn extend(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = self.peek(size) as i32;
        self.skip(size);
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    /// Whether more bits were consumed than the data has.
    pub(super) fn overrun(&self) -> bool {
        self.added > self.count
    }

    /// Continues after the next restart marker; false if there is none.
    pub(super) fn restart(&mut self) -> bool {
        let Some(rest) = self.data.get(self.position..) else { return false };
        let marker = rest.windows(2).position(|pair| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7));
        let Some(offset) = marker else { return false };
        *self = Self::new(self.data.get(self.position + offset + 2..).unwrap_or_default());
        true
    }
}
