//! Which DICOM instance a radiograph is, for results that must refer back to it.

use std::fmt;

use radzero_format::reading::Frame;
use serde::{Deserialize, Serialize};

/// Where a radiograph comes from: its instance, series and study in a PACS, its spacing, and its orientation to the patient. It
/// holds no name, patient number or date.
///
/// Filled from a DICOM file or object only if [`ReadOptions::source_reference`](crate::ReadOptions::source_reference) is set; a
/// host may also fill it itself. Because UIDs can identify a patient to those with access to the archive, [`Debug`](fmt::Debug)
/// shows only whether they are present, and no result or record contains them. Serialising does write them out, for hosts that
/// store results beside their source.
///
/// ```
/// use radzero_image::SourceReference;
///
/// let mut source = SourceReference::default();
/// source.sop_instance_uid = Some("1.2.3.4".into());
/// assert!(!format!("{source:?}").contains("1.2.3.4"));
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceReference {
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: Option<String>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: Option<String>,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: Option<String>,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: Option<String>,
    /// Which frame, with its index from 0. DICOM's own frame references count from 1 (PS3.3 section 10.3).
    pub frame: Option<Frame>,
    /// Pixel Spacing (0028,0030) in mm, between rows and between columns: in the patient, or calibrated.
    pub pixel_spacing: Option<[f64; 2]>,
    /// Imager Pixel Spacing (0018,1164) in mm, in the same order: at the detector, where the patient appears magnified.
    pub imager_pixel_spacing: Option<[f64; 2]>,
    /// Image Laterality (0020,0062), or Laterality (0020,0060) of the series.
    pub laterality: Option<Laterality>,
    /// Patient Orientation (0020,0020): the directions of rows and columns, for example `["L", "F"]`.
    pub patient_orientation: Option<[String; 2]>,
}

/// Side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Laterality {
    /// R.
    Right,
    /// L.
    Left,
    /// B: both.
    Both,
    /// U: an unpaired body part, such as the chest.
    Unpaired,
}

impl fmt::Debug for SourceReference {
    /// Shows whether UIDs are present, never their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uid = |uid: &Option<String>| if uid.is_some() { "(a UID)" } else { "none" };
        f.debug_struct("SourceReference")
            .field("sop_class_uid", &uid(&self.sop_class_uid))
            .field("sop_instance_uid", &uid(&self.sop_instance_uid))
            .field("series_instance_uid", &uid(&self.series_instance_uid))
            .field("study_instance_uid", &uid(&self.study_instance_uid))
            .field("frame", &self.frame)
            .field("pixel_spacing", &self.pixel_spacing)
            .field("imager_pixel_spacing", &self.imager_pixel_spacing)
            .field("laterality", &self.laterality)
            .field("patient_orientation", &self.patient_orientation.is_some())
            .finish()
    }
}
