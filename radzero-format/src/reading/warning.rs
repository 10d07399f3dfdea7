//! What a caller should know about how a radiograph was read. No warning holds a value of the file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something about a file that was worked around, assumed, or left undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// The image has an alpha channel, which was dropped.
    AlphaDropped,
    /// The file's EXIF orientation says that the picture should be turned, and it was not.
    OrientationNotApplied,
    /// The DICOM file has no file meta information; its encoding was found by looking.
    NoFileMeta,
    /// The file meta information names another encoding than the data set has; the one found was used.
    EncodingMismatch,
    /// Bits Stored is missing: Bits Allocated was assumed.
    BitsStoredAssumed,
    /// High Bit is missing: Bits Stored less 1 was assumed.
    HighBitAssumed,
    /// Pixel Representation is missing: unsigned was assumed.
    PixelRepresentationAssumed,
    /// Photometric Interpretation is missing: MONOCHROME2 was assumed.
    PhotometricAssumed,
    /// Samples have bits set outside the stored ones; they were masked.
    UnusedBitsSet,
    /// The file has several windows; the first was used.
    SeveralWindows,
    /// The file has windows beside a VOI LUT Sequence; the sequence was used.
    WindowsNotUsed,
    /// The window's width or centre is missing or not usable; it was left out.
    WindowInvalid,
    /// The VOI LUT Function is unknown; LINEAR was used.
    VoiFunctionUnknown,
    /// The file has rescale values beside a Modality LUT Sequence; the sequence was used.
    RescaleNotUsed,
    /// Rescale slope or intercept is not usable; both were left out.
    RescaleInvalid,
    /// A LUT's values need another number of bits than it declares; what they need was used.
    LutBitsCorrected,
    /// Padding pixels did not count for the least and greatest value.
    PaddingLeftOut,
    /// Negative stored values: the published rule takes their absolute value.
    NegativeValues,
    /// A colour image; its luminance was taken.
    ColourToLuminance,
    /// Raw detector data (FOR PROCESSING), read because that was allowed.
    ForProcessing,
    /// The transfer syntax is a compressed one, and the pixel data is not compressed; it was read as it is.
    NotCompressed,
    /// The JPEG codestream says that its colours are others than Photometric Interpretation does; the codestream was believed.
    ColoursOfCodestream,
    /// Every pixel came out as the same level: there is nothing to see.
    SingleLevel,
    /// A warning of a later version, read from a record.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlphaDropped => "the alpha channel was dropped",
            Self::OrientationNotApplied => "EXIF orientation was not applied",
            Self::NoFileMeta => "no file meta information: the encoding was found by looking",
            Self::EncodingMismatch => "the data set is not encoded as the file meta information says",
            Self::BitsStoredAssumed => "Bits Stored is missing: all allocated bits are used",
            Self::HighBitAssumed => "High Bit is missing: Bits Stored less 1 is used",
            Self::PixelRepresentationAssumed => "Pixel Representation is missing: unsigned is used",
            Self::PhotometricAssumed => "Photometric Interpretation is missing: MONOCHROME2 is used",
            Self::UnusedBitsSet => "bits outside the stored ones are set: they were masked",
            Self::SeveralWindows => "several windows: the first is used",
            Self::WindowsNotUsed => "a VOI LUT and windows: the LUT is used",
            Self::WindowInvalid => "the window is not usable",
            Self::VoiFunctionUnknown => "unknown VOI LUT Function: LINEAR is used",
            Self::RescaleNotUsed => "a modality LUT and rescale values: the LUT is used",
            Self::RescaleInvalid => "rescale slope or intercept is not usable",
            Self::LutBitsCorrected => "a LUT declares another number of bits than its values need",
            Self::PaddingLeftOut => "padding does not count for least and greatest value",
            Self::NegativeValues => "negative stored values: the reference rule takes their absolute value",
            Self::ColourToLuminance => "a colour image: its luminance is used",
            Self::ForProcessing => "raw detector data (FOR PROCESSING), not an image for presentation",
            Self::NotCompressed => "the pixel data is not compressed, although the transfer syntax says so",
            Self::ColoursOfCodestream => {
                "Photometric Interpretation contradicts the JPEG codestream, which is believed"
            }
            Self::SingleLevel => "every pixel has the same level: there is nothing to see",
            Self::Unknown => "a warning that this version does not know",
        })
    }
}
