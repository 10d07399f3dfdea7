//! Every example runs, and does what its first lines say.

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
    // ORT_DYLIB_PATH may be relative to the root, from where the programs are run by hand.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(program).args(arguments).args(sentences).current_dir(root).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
fn every_example_runs() {
    let model = radzero_models::phantom().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (model, image, stored) = (model.path(), file("golden/images/gray8.png"), folder.path().join("stored"));

    let printed = run(env!("CARGO_BIN_EXE_ask"), &[&model, &image], &SENTENCES);
    let record: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(record["results"][1]["prompt"], SENTENCES[1]);

    run(env!("CARGO_BIN_EXE_stored"), &[Path::new("encode"), &model, &image, &stored], &[]);
    let printed = run(env!("CARGO_BIN_EXE_stored"), &[Path::new("ask"), &model, &stored], &SENTENCES);
    for (line, result) in printed.lines().zip(record["results"].as_array().unwrap()) {
        let probability: f64 = line.split(' ').next().unwrap().parse().unwrap();
        // Stored in 16 bits, printed with three digits.
        assert!((probability - result["probability"].as_f64().unwrap()).abs() < 2e-3, "{line} {result}");
        assert!(line.ends_with(result["prompt"].as_str().unwrap()), "{line}");
    }
    assert_eq!(printed.lines().count(), 2);

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
    let printed = run(env!("CARGO_BIN_EXE_dicom-host"), &[&model, &dicom], &SENTENCES[..1]);
    assert!(
        printed.contains("\"origin\":\"dicom\"")
            && printed.contains("refers to its image by 3 of 3 UIDs, spacing Some([0.139"),
        "{printed}"
    );
    assert!(!printed.contains("1.2.3.1"), "{printed}");

    let printed = run(env!("CARGO_BIN_EXE_beside-ort"), &[&model, &image], &SENTENCES[..1]);
    assert!(printed.contains("the host's session takes input_ids, attention_mask"), "{printed}");
    assert!(printed.contains("radzero: 0."), "{printed}");
}
