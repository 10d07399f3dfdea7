//! Drawings as DICOM files: 8-bit MONOCHROME2, uncompressed, without patient attributes.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use crate::drawn::Drawn;
use crate::error::{Error, Result};

const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
const DIGITAL_XRAY_FOR_PRESENTATION: &str = "1.2.840.10008.5.1.4.1.1.1.1";

/// Writes `drawn` to `path`.
///
/// # Errors
/// [`Error::Write`].
pub fn write(path: &Path, drawn: &Drawn) -> Result<()> {
    let mut object = InMemDicomObject::new_empty();
    let side = |side: u32| u16::try_from(side).map_err(Error::write(path));
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, side(drawn.height)?),
        (tags::COLUMNS, side(drawn.width)?),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    object.put(DataElement::new(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"));
    // Values have an even number of bytes.
    let mut levels = drawn.levels.clone();
    levels.resize(levels.len().next_multiple_of(2), 0);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(levels.into())));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(EXPLICIT_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(DIGITAL_XRAY_FOR_PRESENTATION)
        .media_storage_sop_instance_uid("2.25.1");
    let file = object.with_meta(meta).map_err(Error::write(path))?;
    file.write_to_file(path).map_err(Error::write(path))
}
