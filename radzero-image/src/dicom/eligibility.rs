//! Refuses DICOM objects that are not images, and reads what an image states about itself, in known terms only.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use radzero_format::Result;

use super::attributes::{sequence_items, text};
use crate::eligibility::{BodyPart, Eligibility, ImageKind, Intent, Modality, View};
use crate::refusal::not_an_image;

// SOP classes of image storage.
const COMPUTED: &str = "1.2.840.10008.5.1.4.1.1.1";
const DIGITAL: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const DIGITAL_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.1.1";
/// The classes of raw detector data: digital, mammography, intra-oral.
const FOR_PROCESSING: [&str; 3] =
    [DIGITAL_FOR_PROCESSING, "1.2.840.10008.5.1.4.1.1.1.2.1", "1.2.840.10008.5.1.4.1.1.1.3.1"];
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const RADIOTHERAPY_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.481.1";

/// The prefix of all UIDs of the standard.
const STANDARD: &str = "1.2.840.10008";

/// Objects that are not images: prefix of the SOP class, and name.
const NON_IMAGES: [(&str, &str); 8] = [
    ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation (SEG)"),
    ("1.2.840.10008.5.1.4.1.1.66", "raw data or a registration"),
    ("1.2.840.10008.5.1.4.1.1.11", "a presentation state (PR)"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "a key object selection (KO)"),
    ("1.2.840.10008.5.1.4.1.1.88", "a structured report (SR)"),
    ("1.2.840.10008.5.1.4.1.1.104", "an encapsulated document"),
    ("1.2.840.10008.5.1.4.1.1.481", "a radiotherapy object"),
    ("1.2.840.10008.5.1.4.1.1.9", "a waveform"),
];

/// Whether a UID is `prefix`, or `prefix` followed by a dot and more.
fn is_under(uid: &str, prefix: &str) -> bool {
    uid.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Refuses objects that are not images.
///
/// # Errors
/// For such an object, with its name.
pub(super) fn refuse_non_images(object: &InMemDicomObject) -> Result<()> {
    let class = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
    let is_image = class == RADIOTHERAPY_IMAGE;
    let by_class = NON_IMAGES.iter().find(|(prefix, _)| is_under(&class, prefix) && !is_image).map(|&(_, name)| name);
    let by_modality = || match text(object, tags::MODALITY)?.as_str() {
        "SEG" => Some("a segmentation (SEG)"),
        "PR" => Some("a presentation state (PR)"),
        "KO" => Some("a key object selection (KO)"),
        "SR" => Some("a structured report (SR)"),
        _ => None,
    };
    match by_class.or_else(by_modality) {
        Some(name) => Err(not_an_image(format!("an image expected, {name} found"))),
        None => Ok(()),
    }
}

/// Reads what the object states about its image.
pub(super) fn read(object: &InMemDicomObject) -> Eligibility {
    Eligibility {
        kind: image_kind(object),
        modality: match text(object, tags::MODALITY).as_deref() {
            Some("CR") => Modality::Cr,
            Some("DX") => Modality::Dx,
            Some("RG") => Modality::Rg,
            Some("OT") => Modality::Ot,
            Some(term) if OTHER_MODALITIES.contains(&term) => Modality::Other,
            Some(_) => Modality::Unknown,
            None => Modality::NotStated,
        },
        body_part: body_part(object),
        view: match text(object, tags::VIEW_POSITION).as_deref() {
            Some("PA") => View::PosteriorAnterior,
            Some("AP") => View::AnteriorPosterior,
            Some("LL" | "LLD" | "RL" | "RLD" | "LATERAL") => View::Lateral,
            Some("LLO" | "LPO" | "RLO" | "RPO" | "LAO" | "RAO") => View::Oblique,
            Some(_) => View::Unknown,
            None => View::NotStated,
        },
        intent: intent(object),
    }
}

fn image_kind(object: &InMemDicomObject) -> ImageKind {
    let Some(class) = text(object, tags::SOP_CLASS_UID) else { return ImageKind::NotStated };
    match class.as_str() {
        COMPUTED => ImageKind::ComputedRadiography,
        DIGITAL | DIGITAL_FOR_PROCESSING => ImageKind::DigitalRadiography,
        class if is_under(class, SECONDARY_CAPTURE) => match text(object, tags::CONVERSION_TYPE).as_deref() {
            Some("DF") => ImageKind::DigitisedFilm,
            _ => ImageKind::SecondaryCapture,
        },
        class if is_under(class, STANDARD) => ImageKind::Other,
        _ => ImageKind::Unknown,
    }
}

/// Terms for other modalities that make images, retired ones included (PS3.3 section C.7.3.1.1.1).
#[rustfmt::skip]
const OTHER_MODALITIES: [&str; 43] = [
    "AR", "BI", "BMD", "CD", "CF", "CP", "CS", "CT", "DD", "DF", "DG", "DM", "DS", "EC", "EPS", "ES", "FA", "FS", "GM", "IO",
    "IVOCT", "IVUS", "LP", "LS", "MA", "MG", "MR", "MS", "NM", "OP", "OPT", "PT", "PX", "RF", "RTIMAGE", "SM", "ST", "TG", "US",
    "VF", "VL", "XA", "XC",
];

/// Terms for body parts other than the chest in projection radiographs (PS3.16 annex L). Terms that may include the chest, such
/// as WHOLEBODY, are not listed.
#[rustfmt::skip]
const OTHER_BODY_PARTS: [&str; 61] = [
    "ABDOMEN", "ABDOMENPELVIS", "ACJOINT", "ANKLE", "ARM", "BLADDER", "BREAST", "BUTTOCK", "CALCANEUS", "CALF", "CERVIX",
    "CHEEK", "CLAVICLE", "COCCYX", "COLON", "CSPINE", "CTSPINE", "ELBOW", "EXTREMITY", "EYE", "FACE", "FEMUR", "FINGER",
    "FOOT", "FOREARM", "HAND", "HEAD", "HEADNECK", "HIP", "HUMERUS", "JAW", "KIDNEY", "KNEE", "LEG", "LSPINE", "LSSPINE",
    "MANDIBLE", "MAXILLA", "NECK", "ORBIT", "PATELLA", "PELVIS", "PELVISLOWEXTREMT", "RADIUS", "RADIUSULNA", "SCAPULA",
    "SELLA", "SHOULDER", "SIJOINT", "SINUS", "SKULL", "SPINE", "SSPINE", "STOMACH", "THIGH", "THUMB", "TIBIAFIBULA",
    "TMJ", "TOE", "ULNA", "WRIST",
];

/// The body part. Unknown terms decide nothing: devices write protocol names, other languages and lower case here.
fn body_part(object: &InMemDicomObject) -> BodyPart {
    let stated = text(object, tags::BODY_PART_EXAMINED);
    match stated.as_deref() {
        Some("CHEST" | "THORAX") => BodyPart::Chest,
        Some(part) if OTHER_BODY_PARTS.contains(&part) => BodyPart::Other,
        _ if is_thorax(object) => BodyPart::Chest,
        Some(_) => BodyPart::Unknown,
        None if sequence_items(object, tags::ANATOMIC_REGION_SEQUENCE).is_empty() => BodyPart::NotStated,
        None => BodyPart::Unknown,
    }
}

/// Whether the anatomic region is the thorax in SNOMED CT, or in the older SNOMED codes that DICOM used. A code counts only with
/// its coding scheme.
fn is_thorax(object: &InMemDicomObject) -> bool {
    let Some(item) = sequence_items(object, tags::ANATOMIC_REGION_SEQUENCE).first() else { return false };
    let (scheme, code) = (text(item, tags::CODING_SCHEME_DESIGNATOR), text(item, tags::CODE_VALUE));
    matches!(
        (scheme.as_deref(), code.as_deref()),
        (Some("SCT"), Some("51185008")) | (Some("SRT" | "SNM3" | "99SDM"), Some("T-D3000"))
    )
}

/// The presentation intent. Either the SOP class or the attribute makes an image raw detector data.
fn intent(object: &InMemDicomObject) -> Intent {
    let class = text(object, tags::SOP_CLASS_UID).unwrap_or_default();
    match text(object, tags::PRESENTATION_INTENT_TYPE).as_deref() {
        _ if FOR_PROCESSING.contains(&class.as_str()) => Intent::ForProcessing,
        Some("FOR PROCESSING") => Intent::ForProcessing,
        Some("FOR PRESENTATION") => Intent::ForPresentation,
        _ => Intent::NotStated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, VR};

    fn stating(part: &str, code: &[(&str, &str)]) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        object.put(DataElement::new(tags::BODY_PART_EXAMINED, VR::CS, part));
        let items: Vec<InMemDicomObject> = code
            .iter()
            .map(|&(scheme, value)| {
                let mut item = InMemDicomObject::new_empty();
                item.put(DataElement::new(tags::CODE_VALUE, VR::SH, value));
                item.put(DataElement::new(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme));
                item
            })
            .collect();
        if !items.is_empty() {
            object.put(DataElement::new(tags::ANATOMIC_REGION_SEQUENCE, VR::SQ, DataSetSequence::from(items)));
        }
        object
    }

    #[test]
    fn only_known_terms_say_what_the_body_part_is() {
        for (part, code, expected) in [
            ("CHEST", &[][..], BodyPart::Chest),
            ("HAND", &[], BodyPart::Other),
            ("HAND", &[("SCT", "51185008")], BodyPart::Other),
            ("TORAX AP", &[], BodyPart::Unknown),
            ("chest", &[], BodyPart::Unknown),
            ("WHOLEBODY", &[], BodyPart::Unknown),
            ("TORAX AP", &[("SCT", "51185008")], BodyPart::Chest),
            ("", &[], BodyPart::NotStated),
            ("", &[("SRT", "T-D3000")], BodyPart::Chest),
            ("", &[("SNM3", "T-D3000")], BodyPart::Chest),
            // Codes of other schemes mean something else.
            ("", &[("99LOCAL", "51185008")], BodyPart::Unknown),
            ("", &[("SCT", "T-D3000")], BodyPart::Unknown),
        ] {
            assert_eq!(body_part(&stating(part, code)), expected, "{part} {code:?}");
        }
    }

    #[test]
    fn classes_are_told_by_whole_components() {
        let of = |class: &str| {
            let mut object = stating("CHEST", &[]);
            object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, class));
            (image_kind(&object), intent(&object))
        };
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.7").0, ImageKind::SecondaryCapture);
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.7.2").0, ImageKind::SecondaryCapture);
        // Visible light photography, ophthalmology.
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.77.1.4").0, ImageKind::Other);
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.78.1").0, ImageKind::Other);
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.1.1.1").1, Intent::ForProcessing);
        assert_eq!(of("1.2.840.10008.5.1.4.1.1.1.2.1").1, Intent::ForProcessing);
    }

    #[test]
    fn unknown_terms_decide_nothing() {
        let of = |class: &str, modality: &str, part: &str| {
            let mut object = stating(part, &[]);
            object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, class));
            object.put(DataElement::new(tags::MODALITY, VR::CS, modality));
            read(&object).is_chest_radiograph()
        };
        for (class, modality, part, expected) in [
            (DIGITAL, "DX", "CHEST", Some(true)),
            (DIGITAL, "", "CHEST", Some(true)),
            (DIGITAL, "DX", "TORAX AP", None),
            (DIGITAL, "DX", "", None),
            (DIGITAL, "XRAY", "CHEST", None),
            ("1.2.3.4", "DX", "CHEST", None),
            (SECONDARY_CAPTURE, "OT", "CHEST", None),
            (DIGITAL, "DX", "HAND", Some(false)),
            (DIGITAL, "CT", "CHEST", Some(false)),
            ("1.2.840.10008.5.1.4.1.1.2", "CT", "CHEST", Some(false)),
        ] {
            assert_eq!(of(class, modality, part), expected, "{class} {modality} {part}");
        }
    }

    #[test]
    fn a_class_for_processing_outweighs_the_intent() {
        let mut object = stating("CHEST", &[]);
        object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, DIGITAL_FOR_PROCESSING));
        object.put(DataElement::new(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION"));
        assert_eq!(intent(&object), Intent::ForProcessing);
    }
}
