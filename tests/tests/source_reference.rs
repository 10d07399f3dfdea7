//! The identifiers of a radiograph's source are read only on request, and appear in no result.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use dicom_core::{DataElement, Tag, VR};
use radzero_core::radiograph::{Frame, Laterality, ReadOptions, SourceReference};
use radzero_core::{Comparison, Radiograph};
use radzero_tests::models::Exported;

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom/files").join(name)
}

#[test]
fn a_source_reference_is_read_only_on_request() {
    assert_eq!(Radiograph::open(file("plain.dcm")).unwrap().source(), None);
    let options = ReadOptions { source_reference: true, ..ReadOptions::default() };
    let radiograph = options.open(file("plain.dcm")).unwrap();
    let source = radiograph.source().unwrap();
    assert_eq!(source.sop_class_uid.as_deref(), Some("1.2.840.10008.5.1.4.1.1.1.1"));
    assert!(source.sop_instance_uid.is_some());
    assert_eq!(source.frame, Some(Frame { index: 0, count: 1 }));
    // The radiograph is the same with and without.
    let without = Radiograph::open(file("plain.dcm")).unwrap();
    assert_eq!((radiograph.levels(), radiograph.reading()), (without.levels(), without.reading()));

    let parsed = dicom_object::open_file(file("plain.dcm")).unwrap();
    let syntax = parsed.meta().transfer_syntax().to_owned();
    let read = options.read_dicom(&parsed, &syntax).unwrap();
    assert_eq!(read.source(), radiograph.source(), "a parsed object says the same as its file");

    // A file with all attributes of the reference.
    let folder = tempfile::tempdir().unwrap();
    let mut object = parsed;
    for (tag, vr, value) in [
        (Tag(0x0020, 0x000D), VR::UI, "1.2.3.1"),
        (Tag(0x0020, 0x000E), VR::UI, "1.2.3.2"),
        (Tag(0x0028, 0x0030), VR::DS, "0.14\\0.15"),
        (Tag(0x0018, 0x1164), VR::DS, "0.16\\0.17"),
        (Tag(0x0020, 0x0062), VR::CS, "U"),
        (Tag(0x0020, 0x0020), VR::CS, "L\\F"),
        (Tag(0x0010, 0x0010), VR::PN, "Doe^Jane"),
    ] {
        object.put(DataElement::new(tag, vr, value));
    }
    object.write_to_file(folder.path().join("all.dcm")).unwrap();
    let radiograph = options.open(folder.path().join("all.dcm")).unwrap();
    let found = radiograph.source().unwrap();
    assert_eq!(found.study_instance_uid.as_deref(), Some("1.2.3.1"));
    assert_eq!(found.series_instance_uid.as_deref(), Some("1.2.3.2"));
    assert_eq!((found.pixel_spacing, found.imager_pixel_spacing), (Some([0.14, 0.15]), Some([0.16, 0.17])));
    assert_eq!(found.laterality, Some(Laterality::Unpaired));
    assert_eq!(found.patient_orientation, Some(["L".into(), "F".into()]));
    assert!(!serde_json::to_string(found).unwrap().contains("Doe"));

    let frame = ReadOptions { frame: Some(2), ..options };
    assert_eq!(frame.open(file("frames.dcm")).unwrap().source().unwrap().frame, Some(Frame { index: 2, count: 3 }));
    // Image files have none.
    let png = radzero_tests::golden_path("images/gray8.png");
    assert_eq!(options.open(png).unwrap().source(), None);
}

#[test]
fn no_record_or_debug_text_contains_uids() {
    let mut source = SourceReference::default();
    source.study_instance_uid = Some("1.2.3.4567".into());
    source.pixel_spacing = Some([0.1, 0.2]);
    let radiograph = Radiograph::open(file("plain.dcm")).unwrap().with_source(source.clone());
    assert_eq!(radiograph.source(), Some(&source));
    let model = Exported::case("native").open();
    let found = model.infer(&radiograph, &["There is edema"]).unwrap();
    let record = serde_json::to_string(&Comparison::record(&found).unwrap()).unwrap();
    for text in [record, format!("{radiograph:?} {source:?} {found:?}")] {
        assert!(!text.contains("4567"), "{text}");
    }
    // The reference itself can be stored and read back.
    let json = serde_json::to_string(&source).unwrap();
    assert_eq!(serde_json::from_str::<SourceReference>(&json).unwrap(), source);
    assert!(json.contains("4567"));
}
