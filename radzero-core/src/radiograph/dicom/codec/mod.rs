//! Compressed frames to planes of stored samples, one codec a file.

mod jpeg;
mod jpeg2000;
mod rle;

use radzero_format::Result;

use crate::radiograph::TransferSyntax;
use crate::radiograph::guard::guarded;
use crate::radiograph::refusal::{damaged, unsupported};

/// What the data set says of a frame; a codestream must agree before anything is allocated for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) components: usize,
    /// 8 or 16.
    pub(super) bits_allocated: u32,
}

impl Expected {
    fn check(&self, columns: usize, rows: usize, components: usize) -> Result<()> {
        if (columns, rows, components) == (self.columns, self.rows, self.components) {
            return Ok(());
        }
        Err(damaged(format!(
            "a codestream of {} x {} pixels with {} components expected from the data set, {columns} x {rows} with {components} found",
            self.columns, self.rows, self.components
        )))
    }

    /// A codestream of more bits than its samples are allocated contradicts the data set.
    fn check_depth(&self, bits: u32) -> Result<()> {
        if bits <= self.bits_allocated {
            return Ok(());
        }
        Err(damaged(format!(
            "a codestream of at most {} bits a sample expected from the data set, {bits} found",
            self.bits_allocated
        )))
    }

    fn pixels(&self) -> usize {
        self.rows * self.columns
    }
}

/// One component of a frame, row by row; bit patterns, as the data set and not the codec knows the sign.
#[derive(Debug)]
pub(super) enum Plane {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

impl Plane {
    /// Samples of 8 bits as bytes, whichever way their decoder holds them: a sign carried on upwards is no part of them.
    fn fitted(self, bits_allocated: u32) -> Self {
        match self {
            Self::Words(words) if bits_allocated == 8 => {
                Self::Bytes(words.into_iter().map(|word| word as u8).collect())
            }
            plane => plane,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(samples) => samples.len(),
            Self::Words(samples) => samples.len(),
        }
    }
}

/// What the three components of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Rgb,
    /// Luminance first, then chrominances.
    Luminance,
}

/// A decoded frame.
#[derive(Debug)]
pub(super) struct Decoded {
    /// One entry a component.
    pub(super) planes: Vec<Plane>,
    /// What the codestream says of them; `None` where it leaves that to the data set.
    pub(super) colours: Option<Colours>,
}

/// Decodes one frame.
pub(super) fn decode(syntax: TransferSyntax, stream: &[u8], expected: &Expected) -> Result<Decoded> {
    let decoder = match syntax {
        TransferSyntax::Rle => rle::decode,
        TransferSyntax::JpegBaseline
        | TransferSyntax::JpegExtended
        | TransferSyntax::JpegLossless
        | TransferSyntax::JpegLosslessFirstOrder => jpeg::decode,
        TransferSyntax::Jpeg2000Lossless | TransferSyntax::Jpeg2000 => jpeg2000::decode,
        TransferSyntax::JpegLs | TransferSyntax::JpegLsNearLossless => {
            // dicom-rs decodes it by its feature `charls`, which builds that library: no C++ compiler for a reader of X-rays.
            return Err(unsupported(format!(
                "transfer syntax {syntax} is not supported: its decoder, CharLS, is a C++ library; decompress the file first"
            )));
        }
        TransferSyntax::ImplicitLittleEndian
        | TransferSyntax::ExplicitLittleEndian
        | TransferSyntax::ExplicitBigEndian
        | TransferSyntax::DeflatedLittleEndian => {
            return Err(damaged("the pixel data is encapsulated although its transfer syntax is uncompressed"));
        }
        other => return Err(unsupported(format!("transfer syntax {other} is not supported"))),
    };
    let mut decoded = guarded("the decoder gave up on the codestream", || decoder(stream, expected))?;
    if decoded.planes.len() != expected.components
        || decoded.planes.iter().any(|plane| plane.len() != expected.pixels())
    {
        return Err(damaged("the decoder returned another number of samples than the image has"));
    }
    decoded.planes = decoded.planes.into_iter().map(|plane| plane.fitted(expected.bits_allocated)).collect();
    Ok(decoded)
}
