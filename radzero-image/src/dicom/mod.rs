//! DICOM: `dicom-rs` parses the data set, [`codec`] decompresses frames, and the grayscale chain makes levels of them.
//!
//! Steps: [`header`] (encoding) -> [`dataset`] (attributes, and where the pixel data is) -> [`layout`] (how samples are stored) ->
//! [`frame`] (the samples of one frame) -> [`grayscale`] or [`colour`] (8-bit levels).
//!
//! Messages contain no attribute values, except those that describe the image itself (sizes, bits, transfer syntax).

mod attributes;
mod codec;
mod colour;
mod dataset;
mod eligibility;
mod frame;
mod grayscale;
mod header;
mod identifiers;
mod layout;
mod lut;
mod modality;
mod samples;
mod source;
mod voi;

use dicom_object::InMemDicomObject;
use radzero_format::reading::{Frame, Origin, TransferSyntax, Warning};
use radzero_format::record::ReadingRecord;
use radzero_format::{Error, ErrorKind, Result};

use self::dataset::PixelData;
pub use self::identifiers::{Identifiers, identifiers};
use self::layout::{Layout, Photometric};
use crate::eligibility::Intent;
use crate::guard::check_size;
use crate::options::ReadOptions;
use crate::radiograph::{OwnedLevels, Radiograph};
use crate::refusal::not_an_image;
use crate::source::SourceReference;

/// Reads a radiograph from the content of a file.
pub(crate) fn decode(bytes: &[u8], options: &ReadOptions) -> Result<Radiograph> {
    let mut warnings = Vec::new();
    let header = header::read(bytes, &mut warnings)?;
    let data = header.data_set(bytes)?;
    let mut wanted = dataset::IMAGE_ATTRIBUTES.to_vec();
    if options.source_reference {
        wanted.extend(source::ATTRIBUTES);
    }
    let (attributes, pixels) = dataset::read(&data, header.encoding, &wanted)?;
    radiograph(&attributes, pixels.as_ref(), header.syntax, options, warnings)
}

/// Reads a radiograph from a parsed object.
pub(crate) fn decode_object(object: &InMemDicomObject, syntax: &str, options: &ReadOptions) -> Result<Radiograph> {
    let syntax = header::supported_syntax(syntax)?;
    radiograph(object, PixelData::of_object(object)?.as_ref(), syntax, options, Vec::new())
}

fn radiograph(
    attributes: &InMemDicomObject,
    pixels: Option<&PixelData<'_>>,
    syntax: TransferSyntax,
    options: &ReadOptions,
    mut warnings: Vec<Warning>,
) -> Result<Radiograph> {
    eligibility::refuse_non_images(attributes)?;
    let eligibility = eligibility::read(attributes);
    if eligibility.intent == Intent::ForProcessing {
        if !options.allow_for_processing {
            let message = "raw detector data (FOR PROCESSING), which is read only where that is allowed";
            return Err(Error::new(ErrorKind::ForProcessing, message));
        }
        warnings.push(Warning::ForProcessing);
    }
    let pixels = pixels.ok_or_else(|| not_an_image("the DICOM file holds no pixel data: it is not an image"))?;
    let layout = Layout::read(attributes, &mut warnings)?;
    check_size(layout.columns, layout.rows)?;
    let frame = choose_frame(layout.frames, options.frame)?;
    let samples = frame::read(pixels, &layout, syntax, frame, &mut warnings)?;
    let (levels, rule) = match layout.photometric {
        Photometric::Monochrome1 | Photometric::Monochrome2 => {
            grayscale::to_levels(attributes, samples.plane()?, &layout, options.intensity, &mut warnings)?
        }
        _ => colour::to_levels(attributes, samples, &layout, options.intensity, &mut warnings)?,
    };
    let mut reading = ReadingRecord::new(Origin::Dicom, options.intensity, rule);
    reading.transfer_syntax = Some(syntax);
    reading.frame = Some(frame);
    reading.warnings = warnings;
    let mut radiograph = Radiograph::new(OwnedLevels::Gray(levels), reading)?;
    radiograph.eligibility = Some(eligibility);
    if options.source_reference {
        radiograph.source = Some(SourceReference { frame: Some(frame), ..source::read(attributes) });
    }
    Ok(radiograph)
}

/// The frame that was asked for, or the only one.
fn choose_frame(count: usize, index: Option<usize>) -> Result<Frame> {
    let message = match index {
        None if count == 1 => return Ok(Frame { index: 0, count }),
        Some(index) if index < count => return Ok(Frame { index, count }),
        None => format!("a single frame expected, {count} found: choose one, from 0 to {}", count - 1),
        Some(index) => format!("frame {index} asked for, frames 0 to {} found", count - 1),
    };
    Err(Error::new(ErrorKind::FrameChoice, message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dicom_core::value::PrimitiveValue;
    use dicom_core::{DataElement, VR, dicom_value};
    use dicom_dictionary_std::tags;
    use dicom_object::FileMetaTableBuilder;
    use ndarray::{Array2, array};

    use radzero_format::reading::{IntensityPolicy, IntensityRule, Levels};

    const UNCOMPRESSED: [&str; 3] = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"];

    /// An image of 2 rows and 3 columns with 12 bits stored, for tests to change.
    fn image() -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1_u16),
            (tags::ROWS, 2),
            (tags::COLUMNS, 3),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 12),
            (tags::HIGH_BIT, 11),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        }
        object.put(DataElement::new(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"));
        put_pixels(&mut object, &[0, 510, 1020, 2040, 4080, 1020]);
        object
    }

    fn put_pixels(object: &mut InMemDicomObject, values: &[u16]) {
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values.into())));
    }

    fn read_as(object: InMemDicomObject, syntax: &str) -> Result<Radiograph> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(syntax)
            .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.1.1")
            .media_storage_sop_instance_uid("1.2.3");
        let mut bytes = Vec::new();
        object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
        Radiograph::from_bytes(&bytes)
    }

    fn read(object: InMemDicomObject) -> Result<Radiograph> {
        read_as(object, UNCOMPRESSED[1])
    }

    fn levels(radiograph: Radiograph) -> Array2<u8> {
        match radiograph.levels() {
            Levels::Gray(levels) => levels.to_owned(),
            _ => Array2::zeros((0, 0)),
        }
    }

    const EXPECTED: [[u8; 3]; 2] = [[0, 32, 64], [128, 255, 64]];

    #[test]
    fn every_uncompressed_transfer_syntax() {
        for syntax in UNCOMPRESSED {
            let radiograph = read_as(image(), syntax).unwrap();
            assert_eq!(radiograph.transfer_syntax().unwrap().uid(), syntax);
            assert_eq!(levels(radiograph), array![EXPECTED[0], EXPECTED[1]], "{syntax}");
        }
    }

    #[test]
    fn a_parsed_object_gives_the_same() {
        let object = image();
        let radiograph = ReadOptions::default().read_dicom(&object, UNCOMPRESSED[1]).unwrap();
        assert_eq!(radiograph, read(object).unwrap());
        let error = ReadOptions::default().read_dicom(&image(), "1.2.840.10008.1.2.4.100").unwrap_err();
        assert!(error.to_string().contains("1.2.840.10008.1.2.4.100"), "{error}");
    }

    #[test]
    fn a_frame_is_chosen_by_its_index() {
        let mut object = image();
        object.put(DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, "2"));
        put_pixels(&mut object, &[9, 9, 9, 9, 9, 9, 0, 510, 1020, 2040, 4080, 1020]);
        let at = |frame| ReadOptions { frame, ..ReadOptions::default() }.read_dicom(&object, UNCOMPRESSED[1]);
        assert_eq!(levels(at(Some(1)).unwrap()), array![EXPECTED[0], EXPECTED[1]]);
        assert_eq!(at(Some(1)).unwrap().frame(), Some(Frame { index: 1, count: 2 }));
        assert!(at(None).unwrap_err().to_string().contains("2 found: choose one, from 0 to 1"));
        assert!(at(Some(2)).unwrap_err().to_string().contains("frame 2 asked for, frames 0 to 1 found"));
    }

    #[test]
    fn raw_data_is_read_only_where_allowed() {
        let mut object = image();
        object.put(DataElement::new(tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PROCESSING"));
        assert!(read(object.clone()).unwrap_err().to_string().contains("FOR PROCESSING"));
        let options = ReadOptions { allow_for_processing: true, ..ReadOptions::default() };
        let radiograph = options.read_dicom(&object, UNCOMPRESSED[1]).unwrap();
        assert_eq!(radiograph.warnings(), [Warning::ForProcessing]);
        assert_eq!(radiograph.eligibility().unwrap().intent, Intent::ForProcessing);
    }

    #[test]
    fn other_objects_are_refused_by_name() {
        for (class, name) in [
            ("1.2.840.10008.5.1.4.1.1.66.4", "SEG"),
            ("1.2.840.10008.5.1.4.1.1.11.1", "PR"),
            ("1.2.840.10008.5.1.4.1.1.88.33", "SR"),
            ("1.2.840.10008.5.1.4.1.1.88.59", "KO"),
        ] {
            let mut object = image();
            object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, class));
            assert!(read(object).unwrap_err().to_string().contains(name), "{class}");
        }
    }

    #[test]
    fn deep_nesting_and_false_lengths_cost_nothing() {
        // Nested sequences of undefined length, and a value of 4 GB.
        let mut bytes = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100".to_vec();
        for _ in 0..100_000 {
            bytes.extend(b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff");
        }
        assert!(Radiograph::from_bytes(&bytes).unwrap_err().kind().is_image());
        let mut bytes = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100".to_vec();
        bytes.extend(b"\x28\x00\x06\x30OW\0\0\xfe\xff\xff\xff\0\0");
        assert!(Radiograph::from_bytes(&bytes).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn an_image_without_contrast_gives_a_warning() {
        let mut object = image();
        object.put(DataElement::new(tags::WINDOW_CENTER, VR::DS, "30000"));
        object.put(DataElement::new(tags::WINDOW_WIDTH, VR::DS, "10"));
        let options = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
        assert_eq!(options.read_dicom(&object, UNCOMPRESSED[1]).unwrap().warnings(), [Warning::SingleLevel]);
        assert_eq!(read(object).unwrap().warnings(), []);
    }

    #[test]
    fn monochrome1_is_inverted() {
        let mut object = image();
        object.put(DataElement::new(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1 "));
        let radiograph = read(object).unwrap();
        assert_eq!(radiograph.intensity(), IntensityRule::StoredMaximumInverted);
        assert_eq!(levels(radiograph), array![EXPECTED[0], EXPECTED[1]].map(|level| 255 - level));
    }

    #[test]
    fn bits_outside_the_stored_ones_do_not_count() {
        let mut object = image();
        put_pixels(&mut object, &[0xF000, 0xA000 | 510, 1020, 2040, 0x1000 | 4080, 1020]);
        assert_eq!(levels(read(object).unwrap()), array![EXPECTED[0], EXPECTED[1]]);
        let mut object = image();
        object.put(DataElement::new(tags::HIGH_BIT, VR::US, PrimitiveValue::from(15_u16)));
        put_pixels(&mut object, &[0, 510, 1020, 2040, 4080, 1020].map(|value| value << 4 | 7));
        assert_eq!(levels(read(object).unwrap()), array![EXPECTED[0], EXPECTED[1]]);
    }

    #[test]
    fn signed_values_keep_their_sign() {
        let mut object = image();
        object.put(DataElement::new(tags::PIXEL_REPRESENTATION, VR::US, PrimitiveValue::from(1_u16)));
        // -1020 in 12 bits.
        put_pixels(&mut object, &[0, 255, 2040, 1020, 0x0FFF & (-1020_i16 as u16), 0]);
        assert_eq!(levels(read(object).unwrap()), array![[0, 32, 255], [128, 128, 0]]);
    }

    #[test]
    fn eight_bits() {
        let mut object = image();
        for (tag, value) in [(tags::BITS_ALLOCATED, 8_u16), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7)] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        }
        for vr in [VR::OB, VR::OW] {
            object.put(DataElement::new(tags::PIXEL_DATA, vr, dicom_value!(U8, [0, 1, 2, 3, 4, 255])));
            assert_eq!(levels(read(object.clone()).unwrap()), array![[0, 1, 2], [3, 4, 255]], "{vr:?}");
        }
    }

    #[test]
    fn errors_say_why_an_image_is_not_read() {
        let number = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
        let text = |tag, value: &str| DataElement::new(tag, VR::CS, PrimitiveValue::from(value));
        for (element, hint) in [
            (number(tags::SAMPLES_PER_PIXEL, 3), "1 samples per pixel expected for Monochrome2, 3 found"),
            (text(tags::PHOTOMETRIC_INTERPRETATION, "PALETTE COLOR"), "palette"),
            (text(tags::PHOTOMETRIC_INTERPRETATION, "HSV"), "HSV is not supported"),
            (text(tags::PHOTOMETRIC_INTERPRETATION, "DOE^JANE"), "interpretation is unknown"),
            (DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, "2"), "single frame expected, 2 found"),
            (number(tags::BITS_ALLOCATED, 32), "8 or 16 bits allocated expected, 32 found"),
            (number(tags::BITS_STORED, 17), "17"),
            (number(tags::HIGH_BIT, 10), "high bit 10"),
            (number(tags::ROWS, 3), "18 bytes of pixel data expected, 12 found"),
            (number(tags::ROWS, 0), "3 x 0"),
            (number(tags::COLUMNS, 60_000), "60000 x 2"),
        ] {
            let mut object = image();
            object.put(element);
            let error = read(object).unwrap_err();
            assert!(error.kind().is_image());
            assert!(error.to_string().contains(hint), "{hint}: {error}");
        }
        let mut object = image();
        object.remove_element(tags::PIXEL_DATA);
        assert!(read(object).unwrap_err().to_string().contains("no pixel data"));
        let mut object = image();
        put_pixels(&mut object, &[0; 6]);
        assert!(read(object).unwrap_err().to_string().contains("no stored value is positive"));
        // MPEG2, a video.
        let error = read_as(image(), "1.2.840.10008.1.2.4.100").unwrap_err();
        assert!(error.to_string().contains("1.2.840.10008.1.2.4.100"), "{error}");
    }
}
