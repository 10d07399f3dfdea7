//! Warnings about how a radiograph was read. None contains a value from the file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that was assumed, worked around or left undone when a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// The image has an alpha channel, which was dropped.
    AlphaDropped,
    /// The file states an EXIF orientation, which was not applied.
    OrientationNotApplied,
    /// The DICOM file has no file meta information; its encoding was guessed from its content.
    NoFileMeta,
    /// The data set is not encoded as the file meta information says; the actual encoding was used.
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
    /// The window's width or centre is missing or invalid; the window was ignored.
    WindowInvalid,
    /// The VOI LUT Function is unknown; LINEAR was used.
    VoiFunctionUnknown,
    /// The file has rescale values beside a Modality LUT Sequence; the sequence was used.
    RescaleNotUsed,
    /// Rescale slope or intercept is invalid; both were ignored.
    RescaleInvalid,
    /// A LUT declares another number of bits than its values need; the needed number was used.
    LutBitsCorrected,
    /// Padding pixels were excluded from the least and the greatest value.
    PaddingLeftOut,
    /// Some stored values are negative; the published rule takes their absolute value.
    NegativeValues,
    /// The image is in colour; its luminance was used.
    ColourToLuminance,
    /// The image is raw detector data (FOR PROCESSING), read because that was allowed.
    ForProcessing,
    /// The transfer syntax is compressed but the pixel data is not; it was read as uncompressed.
    NotCompressed,
    /// The JPEG codestream contradicts Photometric Interpretation about the colour space; the codestream was followed.
    ColoursOfCodestream,
    /// Every pixel has the same level: there is nothing to see.
    SingleLevel,
    /// A warning of a later version, found in a record.
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
