//! Which rule is asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Which rule makes 8-bit levels of stored samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IntensityPolicy {
    /// What the published code does, and the model was trained and evaluated with: 8-bit images as they are, 16-bit gray from
    /// least to greatest, DICOM stored value x 255 / greatest, inverted for MONOCHROME1.
    #[default]
    Reference,
    /// What a radiologist's display shows of a DICOM file: modality transform, window or VOI LUT, presentation. Images have
    /// none of these and are read as by `reference`.
    Display,
    /// The least value becomes 0 and the greatest 255, rounded half to even: the published code's batch evaluation. In DICOM
    /// after the modality transform, before the inversion, and without padding.
    MinMax,
}

impl IntensityPolicy {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Reference, "reference"), (Self::Display, "display"), (Self::MinMax, "min-max")];
}

impl fmt::Display for IntensityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(policy, _)| policy == self);
        f.pad(found.map_or("", |(_, name)| name))
    }
}

impl FromStr for IntensityPolicy {
    type Err = Error;

    /// Exactly `reference`, `display` or `min-max`.
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|&(policy, _)| policy).ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("reference, display or min-max expected, {text:?} found"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_parse_strictly_and_round_trip() {
        for (policy, name) in IntensityPolicy::ALL {
            assert_eq!(name.parse::<IntensityPolicy>().unwrap(), policy);
            assert_eq!(policy.to_string(), name);
            assert_eq!(serde_json::to_value(policy).unwrap(), name);
            assert_eq!(serde_json::from_value::<IntensityPolicy>(name.into()).unwrap(), policy);
        }
        for text in ["", "Reference", "minmax", "min_max", "display "] {
            let error = text.parse::<IntensityPolicy>().unwrap_err();
            assert!(error.to_string().contains("reference, display or min-max expected"), "{error}");
        }
    }
}
