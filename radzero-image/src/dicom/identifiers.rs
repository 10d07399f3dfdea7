//! Reads identifiers of the patient and the study. No other module reads attributes of the patient.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use radzero_format::Result;

use super::attributes::text;
use super::{dataset, header};
use crate::guard::catch_panic;

/// The identifiers, with the names they are listed under.
const ATTRIBUTES: [(Tag, &str); 11] = [
    (tags::PATIENT_NAME, "patient_name"),
    (tags::PATIENT_ID, "patient_id"),
    (tags::PATIENT_BIRTH_DATE, "patient_birth_date"),
    (tags::PATIENT_SEX, "patient_sex"),
    (tags::ACCESSION_NUMBER, "accession_number"),
    (tags::STUDY_DATE, "study_date"),
    (tags::STUDY_DESCRIPTION, "study_description"),
    (tags::INSTITUTION_NAME, "institution_name"),
    (tags::STUDY_INSTANCE_UID, "study_instance_uid"),
    (tags::SERIES_INSTANCE_UID, "series_instance_uid"),
    (tags::SOP_INSTANCE_UID, "sop_instance_uid"),
];

/// Replaces a value whose characters cannot be decoded reliably: a wrong name is worse than none.
const UNREADABLE: &str = "(in a character set that is not supported)";

const ESCAPE: char = '\u{1B}';

/// Character sets beyond ASCII that the parser supports (PS3.3 section C.12.1.1.2).
const CHARACTER_SETS: [&str; 28] = [
    "ISO_IR 13",
    "ISO_IR 87",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 109",
    "ISO_IR 110",
    "ISO_IR 126",
    "ISO_IR 127",
    "ISO_IR 138",
    "ISO_IR 144",
    "ISO_IR 149",
    "ISO_IR 166",
    "ISO_IR 192",
    "ISO 2022 IR 13",
    "ISO 2022 IR 58",
    "ISO 2022 IR 87",
    "ISO 2022 IR 100",
    "ISO 2022 IR 101",
    "ISO 2022 IR 109",
    "ISO 2022 IR 110",
    "ISO 2022 IR 126",
    "ISO 2022 IR 127",
    "ISO 2022 IR 138",
    "ISO 2022 IR 144",
    "ISO 2022 IR 149",
    "ISO 2022 IR 166",
    "GB18030",
    "GBK",
];

/// Identifiers of a DICOM file: protected health information.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifiers(Vec<(&'static str, String)>);

impl Identifiers {
    /// Name and value of each identifier that the file has.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for Identifiers {
    /// Shows how many there are, never their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifiers").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// Reads the identifiers from the content of a DICOM file. Reading a radiograph never reads them.
///
/// # Errors
/// An error whose kind [is about the image](crate::ErrorKind::is_image) if the content is not a DICOM file, or damaged.
pub fn identifiers(bytes: &[u8]) -> Result<Identifiers> {
    catch_panic("the identifiers cannot be read: the file is damaged", || read(bytes))
}

fn read(bytes: &[u8]) -> Result<Identifiers> {
    let header = header::read(bytes, &mut Vec::new())?;
    let data = header.data_set(bytes)?;
    // The parser decodes text by the character set only if that attribute is among the wanted ones.
    let wanted: Vec<Tag> = ATTRIBUTES.iter().map(|&(tag, _)| tag).chain([tags::SPECIFIC_CHARACTER_SET]).collect();
    let (object, _) = dataset::read(&data, header.encoding, &wanted)?;
    let known = text(&object, tags::SPECIFIC_CHARACTER_SET).is_some_and(|name| CHARACTER_SETS.contains(&name.as_str()));
    let value = |tag| {
        let value = text(&object, tag)?;
        // An escape sequence changes the character set within a value (PS3.5 section 6.1.2.5); the parser does not support that.
        let readable = value.is_ascii() || known;
        Some(if readable && !value.contains(ESCAPE) { value } else { UNREADABLE.to_owned() })
    };
    Ok(Identifiers(ATTRIBUTES.iter().filter_map(|&(tag, name)| Some((name, value(tag)?))).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The patient's name as read from a data set with this Specific Character Set.
    fn name(characters: &[u8], name: &[u8]) -> String {
        let mut data = Vec::new();
        for (tag, letters, value) in [([0x08, 0, 0x05, 0], b"CS", characters), ([0x10, 0, 0x10, 0], b"PN", name)] {
            data.extend(tag);
            data.extend(letters);
            data.extend((value.len() as u16).next_multiple_of(2).to_le_bytes());
            data.extend(value);
            data.extend(&b" "[..value.len() % 2]);
        }
        identifiers(&data).unwrap().iter().next().unwrap().1.to_owned()
    }

    #[test]
    fn names_are_decoded_by_the_character_set() {
        assert_eq!(name(b"ISO_IR 192", "Müller^Jörg".as_bytes()), "Müller^Jörg");
        assert_eq!(name(b"ISO_IR 100", b"M\xFCller^J\xF6rg"), "Müller^Jörg");
        assert_eq!(name(b"ISO_IR 144", &[0xBB, 0xEE, 0xDA, 0x63]), "Люкc");
        assert_eq!(name(b"GB18030", &[0xCD, 0xF5]), "王");
        assert_eq!(name(b"ISO_IR 192\\ISO_IR 100", "Jörg".as_bytes()), "Jörg");
        assert_eq!(name(b"", b"Smith^John"), "Smith^John");
    }

    #[test]
    fn undecodable_names_are_not_shown() {
        // No character set, an unknown one, and a change within the value.
        assert_eq!(name(b"", b"M\xFCller"), UNREADABLE);
        assert_eq!(name(b"ISO_IR 999", b"M\xFCller"), UNREADABLE);
        assert_eq!(name(b"\\ISO 2022 IR 87", b"Yamada^Tarou=\x1B$B;3ED\x1B(B"), UNREADABLE);
    }
}
