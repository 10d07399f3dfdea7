//! The committed JSON Schema of a result is up to date, accepts real results, and rejects wrong ones.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use radzero_core::{Comparison, RadZero};
use radzero_format::record::result_schema;
use radzero_tests::models::Exported;
use serde_json::{Value, json};

fn committed() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/result.schema.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn result(model: &RadZero, file: &str, options: ReadOptions) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = model.infer(&options.open(path).unwrap(), &["There is edema", "There is a mass"]).unwrap();
    serde_json::to_value(Comparison::record(&found).unwrap()).unwrap()
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let remedy = "cargo run -p radzero-tests --bin result-schema > docs/result.schema.json";
    assert!(committed() == result_schema(), "out of date: {remedy}");
}

#[test]
fn real_results_are_valid_and_wrong_ones_are_not() {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("result.json", committed()).unwrap();
    let schema = compiler.compile("result.json", &mut schemas).unwrap();
    let check = |value: &Value| schemas.validate(value, schema).map_err(|error| error.to_string());
    let model = Exported::case("native").open();
    let display = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
    let frame = ReadOptions { frame: Some(1), ..ReadOptions::default() };
    for (file, options) in [
        ("golden/images/gray8.png", ReadOptions::default()),
        ("golden/images/rgba8.png", ReadOptions::default()),
        ("dicom/files/several_windows.dcm", display),
        ("dicom/files/voi_lut.dcm", display),
        ("dicom/files/frames_rle.dcm", frame),
    ] {
        let found = result(&model, file, options);
        assert_eq!(check(&found), Ok(()), "{file}");
    }
    let good = result(&model, "dicom/files/frames_rle.dcm", frame);
    let mut later = good.clone();
    later["surprise"] = 1.into();
    assert_eq!(check(&later), Ok(()), "a later version may add fields");
    for (pointer, wrong) in [
        ("/record", json!(2)),
        ("/width", json!(-1)),
        ("/model/hash", json!("ab")),
        ("/model/precision", json!("fp8")),
        ("/results/0/probability", json!(1.5)),
        ("/results/0/point", json!([1])),
        ("/provenance/image_encoder/device", json!("gpu")),
        ("/provenance/reading/transfer_syntax", json!("1.2.3")),
        ("/provenance/reading/warnings", json!([7])),
        ("/provenance/reading/intensity", json!("guess")),
        ("/provenance/tokens", json!("f8")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not there")) = wrong;
        assert!(check(&bad).is_err(), "{pointer}");
    }
}
