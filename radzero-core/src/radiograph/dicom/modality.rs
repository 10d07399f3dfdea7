//! Modality transform (PS3.3 section C.11.1): from stored values to values with a meaning.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;

use super::attributes::{Decimal, decimal, items};
use super::layout::Layout;
use super::lut::Lut;
use crate::radiograph::{ModalityTransform, Warning};

#[derive(Debug)]
pub(super) enum Modality {
    Identity,
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

impl Modality {
    pub(super) fn read(object: &InMemDicomObject, layout: &Layout, warnings: &mut Vec<Warning>) -> Result<Self> {
        let rescale = (decimal(object, tags::RESCALE_SLOPE), decimal(object, tags::RESCALE_INTERCEPT));
        let stated = rescale != (Decimal::Absent, Decimal::Absent);
        if let Some(item) = items(object, tags::MODALITY_LUT_SEQUENCE).first() {
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

    /// Least and greatest value that can come out, of an image of this layout.
    pub(super) fn domain(&self, layout: &Layout) -> (f64, f64) {
        let (least, greatest) = layout.domain();
        match self {
            Self::Identity => (least, greatest),
            Self::Rescale { slope, intercept } => {
                let (one, other) = (least * slope + intercept, greatest * slope + intercept);
                (one.min(other), one.max(other))
            }
            // Entries are unsigned, whatever the stored values are.
            Self::Lut(_) => (0.0, u16::MAX.into()),
        }
    }

    pub(super) fn transform(&self) -> ModalityTransform {
        match self {
            Self::Identity => ModalityTransform::Identity,
            Self::Rescale { .. } => ModalityTransform::Rescale,
            Self::Lut(_) => ModalityTransform::Lut,
        }
    }
}
