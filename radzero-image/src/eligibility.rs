//! What a DICOM file states about its image: whether it is a chest radiograph. Reported, never guessed.

use serde::Serialize;

/// What a DICOM file states about its image. Only known terms are kept, never text from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Eligibility {
    /// Kind of image, from the SOP class (and Conversion Type for secondary captures).
    pub kind: ImageKind,
    /// Modality.
    pub modality: Modality,
    /// Body part, from Body Part Examined or Anatomic Region Sequence.
    pub body_part: BodyPart,
    /// View, from View Position.
    pub view: View,
    /// Presentation intent, from Presentation Intent Type; a SOP class for processing takes precedence.
    pub intent: Intent,
}

impl Eligibility {
    /// Whether this is a projection radiograph of the chest; `None` if the file does not say enough. Unknown terms count as not
    /// stated.
    #[must_use]
    pub fn is_chest_radiograph(&self) -> Option<bool> {
        match (self.kind, self.modality, self.body_part) {
            (_, _, BodyPart::Other) | (ImageKind::Other, ..) | (_, Modality::Other, _) => Some(false),
            (
                ImageKind::ComputedRadiography | ImageKind::DigitalRadiography | ImageKind::DigitisedFilm,
                Modality::Cr | Modality::Dx | Modality::Rg | Modality::Ot | Modality::NotStated,
                BodyPart::Chest,
            ) => Some(true),
            _ => None,
        }
    }
}

/// Kind of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageKind {
    /// Computed Radiography Image Storage.
    ComputedRadiography,
    /// Digital X-Ray Image Storage, for presentation or for processing.
    DigitalRadiography,
    /// A secondary capture that says it is a digitised film.
    DigitisedFilm,
    /// Another secondary capture.
    SecondaryCapture,
    /// Another SOP class of the standard.
    Other,
    /// A private SOP class, whose content is not known.
    Unknown,
    /// No SOP class is stated.
    NotStated,
}

/// Modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Modality {
    /// CR.
    Cr,
    /// DX.
    Dx,
    /// RG, radiographic imaging with film.
    Rg,
    /// OT, which secondary captures often have.
    Ot,
    /// Another modality of the standard.
    Other,
    /// An unknown term.
    Unknown,
    /// No modality is stated.
    NotStated,
}

/// Body part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BodyPart {
    /// The chest.
    Chest,
    /// Another body part.
    Other,
    /// An unknown term or code.
    Unknown,
    /// No body part is stated.
    NotStated,
}

/// View position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum View {
    /// PA.
    PosteriorAnterior,
    /// AP.
    AnteriorPosterior,
    /// LL, LLD, RL, RLD or LATERAL.
    Lateral,
    /// LLO, LPO, RLO, RPO, LAO or RAO.
    Oblique,
    /// An unknown term.
    Unknown,
    /// No view is stated.
    NotStated,
}

/// Presentation intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Intent {
    /// FOR PRESENTATION.
    ForPresentation,
    /// FOR PROCESSING.
    ForProcessing,
    /// No intent is stated.
    NotStated,
}
