//! The intensity policies: how samples are to become 8-bit levels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// How the stored samples of an image become 8-bit levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IntensityPolicy {
    /// As the published code does, and as the model was trained and evaluated. Levels are kept. Gray DICOM images: stored value x
    /// 255 / greatest, inverted for MONOCHROME1.
    #[default]
    Reference,
    /// As a radiologist's display shows a DICOM image. Levels are kept. Gray DICOM images: modality transform, VOI LUT or window,
    /// presentation.
    Display,
    /// From the least value to the greatest, as in the published code's batch evaluation. Levels are stretched to 0 to 255, all
    /// channels as one. Gray DICOM images: modality transform, stretched without padding, presentation.
    MinMax,
}

/// What a policy does. Readers apply these rules, and policies differ in nothing else.
///
/// Under every policy, alpha is dropped, 16-bit gray images are stretched from the least to the greatest value, 16-bit colour
/// images are read by their high byte, and colour DICOM images by their luminance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyRules {
    /// For 8-bit levels: those of images other than DICOM, and the luminance of colour DICOM images.
    pub levels: LevelsRule,
    /// For the stored values of gray DICOM images.
    pub grayscale: GrayscaleRule,
}

/// What becomes of 8-bit levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelsRule {
    /// They are kept.
    Keep,
    /// They are stretched, all channels as one: the least becomes 0 and the greatest 255. This leaves 16-bit gray images, which
    /// were stretched already, as they are.
    Stretch,
}

/// How the stored values of a gray DICOM image become 8-bit levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrayscaleRule {
    /// Stored value x 255 / greatest, inverted for MONOCHROME1, as the published code does.
    StoredMaximum,
    /// The grayscale chain with the file's VOI LUT or window; if it has neither, from the least to the greatest value.
    DisplayChain,
    /// The grayscale chain from the least to the greatest value, whatever VOI LUT or window the file has.
    MinMaxChain,
}

/// The definition of a policy.
struct Definition {
    name: &'static str,
    about: &'static str,
    rules: PolicyRules,
}

impl IntensityPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Display, Self::MinMax];

    /// Defines the policies: name, short description and rules. A new one is a variant, an entry of [`ALL`](Self::ALL) and an arm
    /// here; its serde name is the variant's in kebab case, which must be `name`.
    const fn definition(self) -> Definition {
        match self {
            Self::Reference => Definition {
                name: "reference",
                about: "as the model was trained",
                rules: PolicyRules { levels: LevelsRule::Keep, grayscale: GrayscaleRule::StoredMaximum },
            },
            Self::Display => Definition {
                name: "display",
                about: "as on a radiologist's screen",
                rules: PolicyRules { levels: LevelsRule::Keep, grayscale: GrayscaleRule::DisplayChain },
            },
            Self::MinMax => Definition {
                name: "min-max",
                about: "from the least value to the greatest",
                rules: PolicyRules { levels: LevelsRule::Stretch, grayscale: GrayscaleRule::MinMaxChain },
            },
        }
    }

    /// The name: what it parses from, prints as and serialises to.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// A short description, for help texts.
    #[must_use]
    pub const fn about(self) -> &'static str {
        self.definition().about
    }

    /// What the policy does.
    #[must_use]
    pub const fn rules(self) -> PolicyRules {
        self.definition().rules
    }
}

impl fmt::Display for IntensityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for IntensityPolicy {
    type Err = Error;

    /// Parses a [name](Self::name), exactly as written.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == text).ok_or_else(|| {
            let [first @ .., last] = Self::ALL.map(Self::name);
            Error::new(ErrorKind::Argument, format!("{} or {last} expected, {text:?} found", first.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of all policies as serde knows them: those of the enum's variants, in order.
    fn serde_names() -> Vec<String> {
        let error = serde_json::from_value::<IntensityPolicy>("none of them".into()).unwrap_err().to_string();
        let (_, expected) = error.split_once("expected one of ").unwrap();
        expected.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
    }

    #[test]
    fn all_has_every_variant_under_its_serde_name() {
        assert_eq!(serde_names(), IntensityPolicy::ALL.map(IntensityPolicy::name));
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_schema_has_the_names() {
        let schema = schemars::schema_for!(IntensityPolicy).to_value();
        let names: Vec<&str> =
            schema["oneOf"].as_array().unwrap().iter().map(|variant| variant["const"].as_str().unwrap()).collect();
        assert_eq!(names, IntensityPolicy::ALL.map(IntensityPolicy::name));
    }

    #[test]
    fn policies_differ_in_their_names_and_rules() {
        for (index, policy) in IntensityPolicy::ALL.into_iter().enumerate() {
            assert!(!policy.about().is_empty(), "{policy}");
            for other in &IntensityPolicy::ALL[..index] {
                assert_ne!(policy.name(), other.name());
                assert_ne!(policy.rules(), other.rules(), "{policy} and {other}");
            }
        }
    }

    #[test]
    fn policies_parse_strictly_and_round_trip() {
        for policy in IntensityPolicy::ALL {
            let name = policy.name();
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
