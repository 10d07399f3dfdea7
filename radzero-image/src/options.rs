//! How a radiograph is to be read.

use radzero_format::reading::IntensityPolicy;
use serde::{Deserialize, Serialize};

/// How a radiograph is to be read. The default does what the published code does.
///
/// The options apply in this order:
///
/// 1. `allow_for_processing`: DICOM images of raw detector data are refused unless this is set
/// 2. `frame`: this frame is decoded
/// 3. `intensity`: its samples become 8-bit levels
/// 4. `apply_exif_orientation`: a PNG or JPEG image is rotated or mirrored
///
/// ```no_run
/// use radzero_image::{IntensityPolicy, ReadOptions};
///
/// # fn main() -> radzero_image::Result<()> {
/// let options = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
/// let radiograph = options.open("chest.dcm")?;
/// println!("{} {:?}", radiograph.intensity(), radiograph.warnings());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// How stored samples become 8-bit levels.
    pub intensity: IntensityPolicy,
    /// Which frame of a DICOM file to read, from 0. If `None`, a file of several frames is refused.
    pub frame: Option<usize>,
    /// Whether to read DICOM images whose SOP class or Presentation Intent Type is FOR PROCESSING: raw detector data that is not
    /// meant for viewing, and unlike what the model was trained on.
    pub allow_for_processing: bool,
    /// Whether to apply the EXIF orientation of PNG and JPEG files. The published code does not.
    pub apply_exif_orientation: bool,
    /// Whether to keep the UIDs, spacing, laterality and orientation of a DICOM file
    /// ([`Radiograph::source`](crate::Radiograph::source)), for results that must refer back to it.
    pub source_reference: bool,
}
