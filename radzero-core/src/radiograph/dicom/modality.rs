//! Modality transform (PS3.3 section C.11.1): from stored values to values with a meaning.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{decimals, items};
use super::layout::Layout;
use super::lut::Lut;
use crate::error::Result;
use crate::radiograph::{ModalityTransform, Warning};

#[derive(Debug)]
pub(super) enum Modality {
    Identity,
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

impl Modality {
    pub(super) fn read(object: &InMemDicomObject, layout: &Layout, warnings: &mut Vec<Warning>) -> Result<Self> {
        let rescale = (decimals(object, tags::RESCALE_SLOPE), decimals(object, tags::RESCALE_INTERCEPT));
        let stated = rescale != (Some(Vec::new()), Some(Vec::new()));
        if let Some(item) = items(object, tags::MODALITY_LUT_SEQUENCE).first() {
            if stated {
                warnings.push(Warning::RescaleNotUsed);
            }
            return Lut::read(item, (tags::LUT_DESCRIPTOR, tags::LUT_DATA), layout.signed, warnings).map(Self::Lut);
        }
        if !stated {
            return Ok(Self::Identity);
        }
        let first = |values: Option<Vec<f64>>, default| values.map(|values| values.first().copied().unwrap_or(default));
        match (first(rescale.0, 1.0), first(rescale.1, 0.0)) {
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

    pub(super) fn transform(&self) -> ModalityTransform {
        match self {
            Self::Identity => ModalityTransform::Identity,
            Self::Rescale { .. } => ModalityTransform::Rescale,
            Self::Lut(_) => ModalityTransform::Lut,
        }
    }
}
