//! The modality transform (PS3.3 section C.11.1): from stored values to values with a physical meaning.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;
use radzero_format::reading::{ModalityTransform, Warning};

use super::attributes::{Decimal, decimal, sequence_items};
use super::layout::Layout;
use super::lut::Lut;

/// The modality transform of an image.
#[derive(Debug)]
pub(super) enum Modality {
    Identity,
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

impl Modality {
    /// Reads the Modality LUT Sequence or, if there is none, rescale slope and intercept.
    pub(super) fn read(object: &InMemDicomObject, layout: &Layout, warnings: &mut Vec<Warning>) -> Result<Self> {
        let rescale = (decimal(object, tags::RESCALE_SLOPE), decimal(object, tags::RESCALE_INTERCEPT));
        let stated = rescale != (Decimal::Absent, Decimal::Absent);
        if let Some(item) = sequence_items(object, tags::MODALITY_LUT_SEQUENCE).first() {
            if stated {
                warnings.push(Warning::RescaleNotUsed);
            }
            return Lut::read(item, (tags::LUT_DESCRIPTOR, tags::LUT_DATA), layout.domain(), warnings).map(Self::Lut);
        }
        if !stated {
            return Ok(Self::Identity);
        }
        match (rescale.0.or(1.0), rescale.1.or(0.0)) {
            (Some(slope), Some(intercept)) if slope != 0.0 => Ok(Self::Rescale { slope, intercept }),
            _ => {
                warnings.push(Warning::RescaleInvalid);
                Ok(Self::Identity)
            }
        }
    }

    pub(super) fn apply(&self, stored: i32) -> f64 {
        match self {
            Self::Identity => stored.into(),
            Self::Rescale { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Lut(lut) => lut.entry(stored).into(),
        }
    }

    /// The least and the greatest value that an image of this layout can have after the transform.
    pub(super) fn domain(&self, layout: &Layout) -> (f64, f64) {
        let (least, greatest) = layout.domain();
        match self {
            Self::Identity => (least, greatest),
            Self::Rescale { slope, intercept } => {
                let (one, other) = (least * slope + intercept, greatest * slope + intercept);
                (one.min(other), one.max(other))
            }
            // Entries are unsigned, even if stored values are signed.
            Self::Lut(_) => (0.0, u16::MAX.into()),
        }
    }

    /// Which transform this is, for the record.
    pub(super) fn transform(&self) -> ModalityTransform {
        match self {
            Self::Identity => ModalityTransform::Identity,
            Self::Rescale { .. } => ModalityTransform::Rescale,
            Self::Lut(_) => ModalityTransform::Lut,
        }
    }
}
