//! A host decodes a transfer syntax that this crate does not, and reads the samples by its rules.

#![cfg(feature = "dicom")]
#![allow(clippy::unwrap_used, missing_docs)]

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use radzero_image::{Radiograph, ReadOptions};

fn file(name: &str) -> String {
    format!("{}/../tests/dicom/files/{name}.dcm", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_host_may_decode_what_is_refused() {
    let error = Radiograph::open(file("jpeg_ls")).unwrap_err().to_string();
    assert!(error.contains("JPEG-LS Lossless (1.2.840.10008.1.2.4.80) is not supported: its decoder"), "{error}");
    // The same image, uncompressed, stands for the output of a host's decoder.
    let plain = dicom_object::open_file(file("plain")).unwrap();
    let samples = plain.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
    let mut object = dicom_object::open_file(file("jpeg_ls")).unwrap();
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.into())));
    let radiograph = ReadOptions::default().read_dicom(&object, uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    assert_eq!(radiograph, Radiograph::open(file("plain")).unwrap());
}
