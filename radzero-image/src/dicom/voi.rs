//! The VOI transform (values of interest, PS3.3 section C.11.2): from values with a physical meaning to levels from 0 to 255.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;
use radzero_format::reading::{VoiFunction, VoiTransform, Warning};

use super::attributes::{Decimal, count_values, decimal, sequence_items, text};
use super::layout::Layout;
use super::lut::Lut;
use super::modality::Modality;

/// A VOI transform.
#[derive(Debug)]
pub(super) enum Voi {
    Lut(Lut),
    Window {
        index: usize,
        function: VoiFunction,
        centre: f64,
        width: f64,
    },
    /// From the least to the greatest value, padding excluded.
    Range {
        least: f64,
        greatest: f64,
    },
}

impl Voi {
    /// Reads the VOI LUT Sequence or, if there is none, the first window; `None` if the file has neither, or no valid window.
    pub(super) fn read(
        object: &InMemDicomObject,
        layout: &Layout,
        modality: &Modality,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Self>> {
        let (centre, width) = (decimal(object, tags::WINDOW_CENTER), decimal(object, tags::WINDOW_WIDTH));
        if let Some(item) = sequence_items(object, tags::VOILUT_SEQUENCE).first() {
            if centre != Decimal::Absent && width != Decimal::Absent {
                warnings.push(Warning::WindowsNotUsed);
            }
            let domain = modality.domain(layout);
            return Ok(Some(Self::Lut(Lut::read(item, (tags::LUT_DESCRIPTOR, tags::LUT_DATA), domain, warnings)?)));
        }
        if (centre, width) == (Decimal::Absent, Decimal::Absent) {
            return Ok(None);
        }
        if count_values(object, tags::WINDOW_CENTER).min(count_values(object, tags::WINDOW_WIDTH)) > 1 {
            warnings.push(Warning::SeveralWindows);
        }
        let function = match text(object, tags::VOILUT_FUNCTION).as_deref() {
            None | Some("LINEAR") => VoiFunction::Linear,
            Some("LINEAR_EXACT") => VoiFunction::LinearExact,
            Some("SIGMOID") => VoiFunction::Sigmoid,
            Some(_) => {
                warnings.push(Warning::VoiFunctionUnknown);
                VoiFunction::Linear
            }
        };
        let wide_enough = |width: f64| if function == VoiFunction::Linear { width >= 1.0 } else { width > 0.0 };
        match (centre, width) {
            (Decimal::Value(centre), Decimal::Value(width)) if wide_enough(width) => {
                Ok(Some(Self::Window { index: 0, function, centre, width }))
            }
            _ => {
                warnings.push(Warning::WindowInvalid);
                Ok(None)
            }
        }
    }

    /// The level of a value, in \[0, 255\], not rounded.
    pub(super) fn apply(&self, value: f64) -> f64 {
        let unit = match self {
            // The cast saturates beyond the range of i32, which gives the first or the last entry, as it should.
            Self::Lut(lut) => f64::from(lut.entry(value.round_ties_even() as i32)) / f64::from(lut.greatest()),
            Self::Window { function: VoiFunction::Linear, centre, width, .. } => {
                let (middle, range) = (centre - 0.5, width - 1.0);
                if value <= middle - range / 2.0 {
                    0.0
                } else if value > middle + range / 2.0 {
                    1.0
                } else {
                    (value - middle) / range + 0.5
                }
            }
            Self::Window { function: VoiFunction::LinearExact, centre, width, .. } => (value - centre) / width + 0.5,
            Self::Window { function: VoiFunction::Sigmoid, centre, width, .. } => {
                1.0 / (1.0 + (-4.0 * (value - centre) / width).exp())
            }
            Self::Range { least, greatest } => (value - least) / (greatest - least),
        };
        unit.clamp(0.0, 1.0) * 255.0
    }

    /// Which transform this is, for the record.
    pub(super) fn transform(&self) -> VoiTransform {
        match *self {
            Self::Lut(_) => VoiTransform::Lut,
            Self::Window { index, function, .. } => VoiTransform::Window { index, function },
            Self::Range { .. } => VoiTransform::MinMax,
        }
    }
}
