//! Reads a [`SourceReference`] from its attributes.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{text, text_values};
use crate::source::{Laterality, SourceReference};

/// The attributes needed, beyond those read from every image.
pub(super) const ATTRIBUTES: [Tag; 8] = [
    tags::SOP_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::PIXEL_SPACING,
    tags::IMAGER_PIXEL_SPACING,
    tags::LATERALITY,
    tags::IMAGE_LATERALITY,
    tags::PATIENT_ORIENTATION,
];

/// Greatest length of a UID in characters (PS3.5 section 9.1).
const MAX_UID: usize = 64;

/// Reads the reference. Fields whose attributes are absent or invalid are `None`; the frame is left to the caller.
pub(super) fn read(object: &InMemDicomObject) -> SourceReference {
    SourceReference {
        sop_class_uid: uid(object, tags::SOP_CLASS_UID),
        sop_instance_uid: uid(object, tags::SOP_INSTANCE_UID),
        series_instance_uid: uid(object, tags::SERIES_INSTANCE_UID),
        study_instance_uid: uid(object, tags::STUDY_INSTANCE_UID),
        frame: None,
        pixel_spacing: spacing(object, tags::PIXEL_SPACING),
        imager_pixel_spacing: spacing(object, tags::IMAGER_PIXEL_SPACING),
        laterality: laterality(object, tags::IMAGE_LATERALITY).or_else(|| laterality(object, tags::LATERALITY)),
        patient_orientation: orientation(object),
    }
}

/// A valid UID, or `None`.
fn uid(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let plain = |uid: &String| uid.len() <= MAX_UID && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text(object, tag).filter(plain)
}

/// Two positive numbers, or `None`.
fn spacing(object: &InMemDicomObject, tag: Tag) -> Option<[f64; 2]> {
    let numbers: Vec<f64> = text_values(object, tag).iter().map(|value| value.parse().ok()).collect::<Option<_>>()?;
    let numbers: [f64; 2] = numbers.try_into().ok()?;
    numbers.iter().all(|number| number.is_finite() && *number > 0.0).then_some(numbers)
}

fn laterality(object: &InMemDicomObject, tag: Tag) -> Option<Laterality> {
    Some(match text(object, tag)?.as_str() {
        "R" => Laterality::Right,
        "L" => Laterality::Left,
        "B" => Laterality::Both,
        "U" => Laterality::Unpaired,
        _ => return None,
    })
}

/// Two directions, in the letters of PS3.3 section C.7.6.1.1.1, or `None`.
fn orientation(object: &InMemDicomObject) -> Option<[String; 2]> {
    let directions: [String; 2] = text_values(object, tags::PATIENT_ORIENTATION).try_into().ok()?;
    let known = |direction: &String| {
        (1..=4).contains(&direction.len()) && direction.bytes().all(|letter| b"ALPRFHTDVECRXO".contains(&letter))
    };
    directions.iter().all(known).then_some(directions)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dicom_core::{DataElement, VR};

    fn object() -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        for (tag, vr, value) in [
            (tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.1.1"),
            (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3\0"),
            (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.4"),
            (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.5"),
            (tags::PIXEL_SPACING, VR::DS, "0.139 \\0.14"),
            (tags::IMAGER_PIXEL_SPACING, VR::DS, "0.15\\0.16"),
            (tags::LATERALITY, VR::CS, "L "),
            (tags::PATIENT_ORIENTATION, VR::CS, "L\\F"),
        ] {
            object.put(DataElement::new(tag, vr, value));
        }
        object
    }

    #[test]
    fn every_field_comes_from_its_attribute() {
        let found = read(&object());
        assert_eq!(found.sop_class_uid.as_deref(), Some("1.2.840.10008.5.1.4.1.1.1.1"));
        assert_eq!(found.sop_instance_uid.as_deref(), Some("1.2.3"));
        assert_eq!(found.series_instance_uid.as_deref(), Some("1.2.4"));
        assert_eq!(found.study_instance_uid.as_deref(), Some("1.2.5"));
        assert_eq!(found.pixel_spacing, Some([0.139, 0.14]));
        assert_eq!(found.imager_pixel_spacing, Some([0.15, 0.16]));
        assert_eq!(found.laterality, Some(Laterality::Left));
        assert_eq!(found.patient_orientation, Some(["L".into(), "F".into()]));
        let mut image = object();
        image.put(DataElement::new(tags::IMAGE_LATERALITY, VR::CS, "U"));
        assert_eq!(read(&image).laterality, Some(Laterality::Unpaired), "the image's own outweighs the series'");
    }

    #[test]
    fn invalid_values_are_left_out() {
        for (tag, vr, value) in [
            (tags::SOP_INSTANCE_UID, VR::UI, "DOE^JANE"),
            (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4"),
            (tags::PIXEL_SPACING, VR::DS, "0.139"),
            (tags::PIXEL_SPACING, VR::DS, "0.139\\-1"),
            (tags::IMAGER_PIXEL_SPACING, VR::DS, "x\\y"),
            (tags::LATERALITY, VR::CS, "LEFT"),
            (tags::PATIENT_ORIENTATION, VR::CS, "L"),
            (tags::PATIENT_ORIENTATION, VR::CS, "DOE\\JANE"),
        ] {
            let mut changed = object();
            changed.put(DataElement::new(tag, vr, value));
            let found = read(&changed);
            assert_ne!(found, read(&object()), "{value}");
            let json = serde_json::to_string(&found).unwrap();
            assert!(!json.contains("DOE") && !json.contains("-1"), "{json}");
        }
        assert_eq!(read(&InMemDicomObject::new_empty()), SourceReference::default());
    }
}
