//! Every example runs, and gives what its first lines promise.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;

const SENTENCES: [&str; 2] = ["There is nodule", "There is mass"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name)
}

#[track_caller]
fn run(program: &str, arguments: &[&Path], sentences: &[&str]) -> String {
    // As cargo sets it, from where the programs are run by hand.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(program).args(arguments).args(sentences).current_dir(root).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn every_example_runs() {
    let model = radzero_models::phantom().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (model, image, stored) = (model.path(), file("golden/images/gray8.png"), folder.path().join("stored"));

    let said = run(env!("CARGO_BIN_EXE_ask"), &[&model, &image], &SENTENCES);
    let record: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(record["results"][1]["prompt"], SENTENCES[1]);

    run(env!("CARGO_BIN_EXE_stored"), &[Path::new("encode"), &model, &image, &stored], &[]);
    let said = run(env!("CARGO_BIN_EXE_stored"), &[Path::new("ask"), &model, &stored], &SENTENCES);
    for (line, result) in said.lines().zip(record["results"].as_array().unwrap()) {
        let probability: f64 = line.split(' ').next().unwrap().parse().unwrap();
        // Stored in 16 bits, printed with three digits.
        assert!((probability - result["probability"].as_f64().unwrap()).abs() < 2e-3, "{line} {result}");
        assert!(line.ends_with(result["prompt"].as_str().unwrap()), "{line}");
    }
    assert_eq!(said.lines().count(), 2);

    let dicom = folder.path().join("chest.dcm");
    let mut object = dicom_object::open_file(file("dicom/files/plain.dcm")).unwrap();
    for (tag, vr, value) in [
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3.1"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.2"),
        (tags::IMAGER_PIXEL_SPACING, VR::DS, "0.139\\0.139"),
    ] {
        object.put(DataElement::new(tag, vr, value));
    }
    object.write_to_file(&dicom).unwrap();
    let said = run(env!("CARGO_BIN_EXE_dicom-host"), &[&model, &dicom], &SENTENCES[..1]);
    assert!(
        said.contains("\"origin\":\"dicom\"")
            && said.contains("refers to its image by 3 of 3 UIDs, spacing Some([0.139"),
        "{said}"
    );
    assert!(!said.contains("1.2.3.1"), "{said}");

    let said = run(env!("CARGO_BIN_EXE_beside-ort"), &[&model, &image], &SENTENCES[..1]);
    assert!(said.contains("the host's session takes input_ids, attention_mask"), "{said}");
    assert!(said.contains("radzero: 0."), "{said}");
}
