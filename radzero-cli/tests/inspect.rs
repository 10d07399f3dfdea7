//! `radzero inspect`: what it prints about a file, the picture, and no patient data unless asked.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use radzero_core::manifest::{GeometryKind, Resample};
use radzero_core::pixels::to_model;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use serde_json::{Value, json};

fn dicom(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/dicom/files");
    folder.join(format!("{name}.dcm")).to_str().unwrap().to_owned()
}

fn inspect(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_radzero")).arg("inspect").args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[test]
fn the_rule_that_ran_is_shown() {
    let output = inspect(&["--intensity", "display", &dicom("several_windows")]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "26 x 21",
        "dicom, Explicit VR Little Endian (1.2.840.10008.1.2.1)",
        "display: stored values, window 0 (LINEAR)",
        "several windows: the first is used",
        "body part chest",
        "view posterior-anterior",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn json_has_the_documented_fields() {
    let output = inspect(&["--json", "--intensity", "display", &dicom("monochrome1")]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["transfer_syntax"], "1.2.840.10008.1.2.1");
    assert_eq!(line["policy"], "display");
    let window = json!({ "window": { "index": 0, "function": "linear" } });
    assert_eq!(line["intensity"], json!({ "grayscale": { "modality": "identity", "voi": window, "inverted": true } }));
    assert_eq!(line["chest_radiograph"], true);
    assert_eq!(line["warnings"], json!([]));
    assert!(line.get("identifiers").is_none());
}

#[test]
fn the_picture_is_what_the_model_sees() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pictures");
    let output = inspect(&["--out", out.to_str().unwrap(), "--size", "14", "--intensity", "display", &dicom("window")]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let picture = image::open(out.join("window_model.png")).unwrap();
    let options = ReadOptions { intensity: IntensityPolicy::Display, ..ReadOptions::default() };
    let radiograph = options.open(dicom("window")).unwrap();
    let pixels = to_model(&radiograph, GeometryKind::Stretch, 14, Resample::Bicubic).unwrap();
    assert_eq!(picture.as_luma8().unwrap().as_raw()[..], pixels.as_slice().unwrap()[..14 * 14]);
}

#[test]
fn no_patient_data_unless_asked() {
    let names = ["window", "for_processing", "sr", "no_pixel_data", "jpeg_ls", "frames", "deflated", "wrong_syntax"];
    let files = names.map(dicom);
    let words: Vec<&str> = files.iter().map(String::as_str).collect();
    for flags in [&[][..], &["--json"], &["--json", "--intensity", "display"]] {
        let output = inspect(&[flags, &words].concat());
        assert_eq!(output.status.code(), Some(1), "some are refused");
        assert!(!said(&output).contains("SECRET"), "{}", said(&output));
    }
    let output = inspect(&["--phi", "--json", &dicom("deflated")]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["identifiers"]["patient_name"], "SECRET^NAME");
    assert!(said(&inspect(&["--phi", &dicom("window")])).contains("patient_id SECRET-ID"));
}
