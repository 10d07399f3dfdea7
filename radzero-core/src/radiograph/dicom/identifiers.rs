//! Who and what a file is about: the one place that reads attributes of a patient.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::text;
use super::{dataset, header};
use crate::error::Result;
use crate::radiograph::guard::guarded;

const WANTED: [(Tag, &str); 11] = [
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

/// Identifiers of a DICOM file: protected health information.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifiers(Vec<(&'static str, String)>);

impl Identifiers {
    /// Name and value of those that the file has.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for Identifiers {
    /// How many there are; never what they say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifiers").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// The identifiers in the content of a DICOM file. Reading a radiograph never reads them.
///
/// # Errors
/// [`ErrorKind::Image`](crate::ErrorKind::Image) if the content is no DICOM file or damaged.
pub fn identifiers(bytes: &[u8]) -> Result<Identifiers> {
    guarded("the identifiers cannot be read: the file is damaged", || read(bytes))
}

fn read(bytes: &[u8]) -> Result<Identifiers> {
    let header = header::read(bytes, &mut Vec::new())?;
    let data = header.data_set(bytes)?;
    let (object, _) = dataset::read(&data, header.encoding, &WANTED.map(|(tag, _)| tag))?;
    Ok(Identifiers(WANTED.iter().filter_map(|&(tag, name)| Some((name, text(&object, tag)?))).collect()))
}
