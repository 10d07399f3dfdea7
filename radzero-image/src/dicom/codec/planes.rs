//! Frames as codecs take and return them.

use radzero_format::Result;

use crate::refusal::damaged;

/// What the data set says about a frame. A codestream must agree before anything is allocated for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedFrame {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) components: usize,
    /// 8 or 16.
    pub(crate) bits_allocated: u32,
}

impl ExpectedFrame {
    pub(super) fn check_size(&self, columns: usize, rows: usize, components: usize) -> Result<()> {
        if (columns, rows, components) == (self.columns, self.rows, self.components) {
            return Ok(());
        }
        Err(damaged(format!(
            "a codestream of {} x {} pixels with {} components expected from the data set, {columns} x {rows} with {components} found",
            self.columns, self.rows, self.components
        )))
    }

    /// Refuses a codestream of more bits per sample than the data set allocates.
    pub(super) fn check_depth(&self, bits: u32) -> Result<()> {
        if bits <= self.bits_allocated {
            return Ok(());
        }
        Err(damaged(format!(
            "a codestream of at most {} bits a sample expected from the data set, {bits} found",
            self.bits_allocated
        )))
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }
}

/// One component of a frame, row by row, as bit patterns: only the data set knows whether they are signed.
#[derive(Debug)]
pub(crate) enum Plane {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

impl Plane {
    /// The plane as bytes if 8 bits are allocated, whatever its decoder returned. The high bytes hold at most an extended sign.
    pub(super) fn with_depth(self, bits_allocated: u32) -> Self {
        match self {
            Self::Words(words) if bits_allocated == 8 => {
                Self::Bytes(words.into_iter().map(|word| word as u8).collect())
            }
            plane => plane,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(samples) => samples.len(),
            Self::Words(samples) => samples.len(),
        }
    }
}

/// The colour space of a frame of three components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Rgb,
    /// YCbCr, of which only the luminance is needed.
    Luminance,
}

/// A decoded frame.
#[derive(Debug)]
pub(crate) struct DecodedFrame {
    /// One plane per component.
    pub(crate) planes: Vec<Plane>,
    /// The colour space that the codestream states; `None` if it leaves that to the data set.
    pub(crate) colours: Option<Colours>,
}
