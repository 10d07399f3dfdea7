//! The rule that made the levels of a radiograph.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How stored samples became 8-bit levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IntensityRule {
    /// 8-bit levels, unchanged.
    Stored,
    /// The high byte of 16-bit colour samples, as Pillow reads them.
    HighByte,
    /// Stretched: the image's least value becomes 0 and its greatest 255, in the arithmetic of OpenCV's `normalize`.
    MinMax,
    /// Absolute value x 255 / greatest value, rounded half to even (DICOM MONOCHROME2).
    StoredMaximum,
    /// As [`IntensityRule::StoredMaximum`], then inverted (DICOM MONOCHROME1).
    StoredMaximumInverted,
    /// The luminance of a colour image (DICOM).
    Luminance,
    /// The DICOM grayscale chain: modality transform, then VOI transform, then at most one inversion.
    Grayscale {
        /// From stored values to values with a physical meaning.
        modality: ModalityTransform,
        /// From these values to levels.
        voi: VoiTransform,
        /// Whether MONOCHROME1 or Presentation LUT Shape INVERSE asked for the inversion.
        inverted: bool,
    },
}

/// The modality transform that ran (PS3.3 section C.11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModalityTransform {
    /// None: stored values are used.
    Identity,
    /// Rescale slope and intercept.
    Rescale,
    /// The Modality LUT Sequence.
    Lut,
}

/// The VOI transform (values of interest) that ran (PS3.3 section C.11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VoiTransform {
    /// From the least to the greatest value, padding excluded: the file has no VOI LUT or window, or the policy is min-max.
    MinMax,
    /// The first item of the VOI LUT Sequence.
    Lut,
    /// A window.
    Window {
        /// Which of the file's windows, from 0.
        index: usize,
        /// Its function.
        function: VoiFunction,
    },
}

/// The function of a window: the three that the standard enumerates (PS3.3 section C.11.2.1.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VoiFunction {
    /// LINEAR, or not stated.
    #[default]
    Linear,
    /// LINEAR_EXACT.
    LinearExact,
    /// SIGMOID.
    Sigmoid,
}

impl fmt::Display for IntensityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stored => "8-bit levels as stored",
            Self::HighByte => "high byte of 16-bit samples",
            Self::MinMax => "least to greatest value",
            Self::StoredMaximum => "stored value x 255 / greatest",
            Self::StoredMaximumInverted => "stored value x 255 / greatest, inverted",
            Self::Luminance => "luminance of colour",
            Self::Grayscale { modality, voi, inverted } => {
                f.write_str(match modality {
                    ModalityTransform::Identity => "stored values, ",
                    ModalityTransform::Rescale => "rescale slope and intercept, ",
                    ModalityTransform::Lut => "modality LUT, ",
                })?;
                match voi {
                    VoiTransform::MinMax => f.write_str("least to greatest value")?,
                    VoiTransform::Lut => f.write_str("VOI LUT")?,
                    VoiTransform::Window { index, function } => write!(
                        f,
                        "window {index} ({})",
                        match function {
                            VoiFunction::Linear => "LINEAR",
                            VoiFunction::LinearExact => "LINEAR_EXACT",
                            VoiFunction::Sigmoid => "SIGMOID",
                        }
                    )?,
                }
                return f.write_str(if *inverted { ", inverted" } else { "" });
            }
        })
    }
}
