//! Which DICOM instance a radiograph is: what a result needs to point back at it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Frame;

/// Where a radiograph is from: its instance, series and study in a PACS, and how it lies on the patient. Without the person: no
/// name, number or date.
///
/// Read only where [`ReadOptions::source_reference`](super::ReadOptions) asks for it, from a file or a parsed object; a host that
/// knows better fills it itself. UIDs point to a patient in the right hands: [`Debug`](fmt::Debug) says whether there are any and not
/// what they are, and no result or record takes them in. Serialising writes them out, for whoever stores results beside
/// their source.
///
/// ```
/// use radzero_core::radiograph::SourceReference;
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
    /// Which frame, its index from 0; in references to frames DICOM counts from 1 (PS3.3 section 10.3).
    pub frame: Option<Frame>,
    /// Pixel Spacing (0028,0030) in mm: between rows, between columns. In the patient, or calibrated to it.
    pub pixel_spacing: Option<[f64; 2]>,
    /// Imager Pixel Spacing (0018,1164) in mm, in the same order: at the detector, where the patient is magnified.
    pub imager_pixel_spacing: Option<[f64; 2]>,
    /// Image Laterality (0020,0062), or Laterality (0020,0060) of the series.
    pub laterality: Option<Laterality>,
    /// Patient Orientation (0020,0020): where rows and columns lead, as `["L", "F"]`.
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
    /// U: unpaired, as the chest.
    Unpaired,
}

impl fmt::Debug for SourceReference {
    /// Which fields there are; never what UIDs say.
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
