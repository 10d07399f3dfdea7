//! What a file says of itself: known terms only.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{items, text};
use super::fail;
use crate::error::Result;
use crate::radiograph::{BodyPart, Eligibility, ImageKind, Intent, Modality, View};

const COMPUTED: &str = "1.2.840.10008.5.1.4.1.1.1";
const DIGITAL: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const DIGITAL_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.1.1";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Objects that are no images, by the beginning of their SOP class.
const OTHERS: [(&str, &str); 8] = [
    ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation (SEG)"),
    ("1.2.840.10008.5.1.4.1.1.66", "raw data or a registration"),
    ("1.2.840.10008.5.1.4.1.1.11", "a presentation state (PR)"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "a key object selection (KO)"),
    ("1.2.840.10008.5.1.4.1.1.88", "a structured report (SR)"),
    ("1.2.840.10008.5.1.4.1.1.104", "an encapsulated document"),
    ("1.2.840.10008.5.1.4.1.1.481", "a radiotherapy object"),
    ("1.2.840.10008.5.1.4.1.1.9", "a waveform"),
];

/// Refuses what is no image, by name.
pub(super) fn refuse_other_objects(object: &InMemDicomObject) -> Result<()> {
    let class = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
    let under = |prefix: &str| class.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    // Radiotherapy images are images.
    let is_image = class == "1.2.840.10008.5.1.4.1.1.481.1";
    let by_class = OTHERS.iter().find(|(prefix, _)| under(prefix) && !is_image).map(|&(_, name)| name);
    let by_modality = || match text(object, tags::MODALITY)?.as_str() {
        "SEG" => Some("a segmentation (SEG)"),
        "PR" => Some("a presentation state (PR)"),
        "KO" => Some("a key object selection (KO)"),
        "SR" => Some("a structured report (SR)"),
        _ => None,
    };
    match by_class.or_else(by_modality) {
        Some(name) => Err(fail(format!("an image expected, {name} found"))),
        None => Ok(()),
    }
}

pub(super) fn eligibility(object: &InMemDicomObject) -> Eligibility {
    let kind = kind(object);
    Eligibility {
        kind,
        modality: match text(object, tags::MODALITY).as_deref() {
            Some("CR") => Modality::Cr,
            Some("DX") => Modality::Dx,
            Some("RG") => Modality::Rg,
            Some("OT") => Modality::Ot,
            Some(_) => Modality::Other,
            None => Modality::NotStated,
        },
        body_part: body_part(object),
        view: match text(object, tags::VIEW_POSITION).as_deref() {
            Some("PA") => View::PosteriorAnterior,
            Some("AP") => View::AnteriorPosterior,
            Some("LL" | "LLD" | "RL" | "RLD" | "LATERAL") => View::Lateral,
            Some("LLO" | "LPO" | "RLO" | "RPO" | "LAO" | "RAO") => View::Oblique,
            Some(_) => View::Other,
            None => View::NotStated,
        },
        intent: intent(object),
    }
}

fn kind(object: &InMemDicomObject) -> ImageKind {
    let Some(class) = text(object, tags::SOP_CLASS_UID) else { return ImageKind::NotStated };
    match class.as_str() {
        COMPUTED => ImageKind::ComputedRadiography,
        DIGITAL | DIGITAL_FOR_PROCESSING => ImageKind::DigitalRadiography,
        class if class.starts_with(SECONDARY_CAPTURE) => match text(object, tags::CONVERSION_TYPE).as_deref() {
            Some("DF") => ImageKind::DigitisedFilm,
            _ => ImageKind::SecondaryCapture,
        },
        _ => ImageKind::Other,
    }
}

fn body_part(object: &InMemDicomObject) -> BodyPart {
    let region = items(object, tags::ANATOMIC_REGION_SEQUENCE).first().and_then(|item| text(item, tags::CODE_VALUE));
    match (text(object, tags::BODY_PART_EXAMINED).as_deref(), region.as_deref()) {
        // Thorax in SNOMED CT, and in the older SNOMED that DICOM used.
        (Some("CHEST" | "THORAX"), _) | (None, Some("51185008" | "T-D3000")) => BodyPart::Chest,
        (None, None) => BodyPart::NotStated,
        _ => BodyPart::Other,
    }
}

fn intent(object: &InMemDicomObject) -> Intent {
    let by_class = || text(object, tags::SOP_CLASS_UID).is_some_and(|class| class == DIGITAL_FOR_PROCESSING);
    match text(object, tags::PRESENTATION_INTENT_TYPE).as_deref() {
        Some("FOR PRESENTATION") => Intent::ForPresentation,
        Some("FOR PROCESSING") => Intent::ForProcessing,
        _ if by_class() => Intent::ForProcessing,
        _ => Intent::NotStated,
    }
}
