//! Synthetic DX files with one difficulty each: the levels of each policy equal those of DCMTK and of the published rule
//! (`tests/dicom`).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use radzero_core::Radiograph;
use radzero_core::radiograph::{IntensityPolicy, IntensityRule, ReadOptions, Warning};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    file: String,
    /// Levels by which decoders of this lossy file may differ.
    #[serde(default)]
    tolerance: u8,
    reference: Option<String>,
    display: Option<String>,
    min_max: Option<String>,
    #[serde(default)]
    rows: usize,
    #[serde(default)]
    columns: usize,
    /// The VOI transform that the display rule must report; likewise the next two.
    voi: Option<String>,
    modality: Option<String>,
    #[serde(default)]
    inverted: bool,
    #[serde(default)]
    warnings: Vec<String>,
    frame: Option<usize>,
    #[serde(default, rename = "allow_for_processing")]
    allow_for_processing: bool,
    /// Part of the error message, for a file that must be refused.
    error: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dicom")
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&std::fs::read(folder().join("expected.json")).unwrap()).unwrap()
}

fn levels(radiograph: &Radiograph) -> Vec<u8> {
    radiograph.levels().interleaved().into_iter().step_by(3).collect()
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

impl Case {
    fn options(&self, intensity: IntensityPolicy) -> ReadOptions {
        let allow_for_processing = self.allow_for_processing;
        ReadOptions { intensity, frame: self.frame, allow_for_processing, ..ReadOptions::default() }
    }

    fn expectations(&self) -> impl Iterator<Item = (IntensityPolicy, Vec<u8>)> {
        [
            (IntensityPolicy::Reference, &self.reference),
            (IntensityPolicy::Display, &self.display),
            (IntensityPolicy::MinMax, &self.min_max),
        ]
        .into_iter()
        .filter_map(|(policy, levels)| Some((policy, hex(levels.as_ref()?))))
    }
}

#[test]
fn levels_equal_those_of_the_published_rule_and_of_dcmtk() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in cases().iter().filter(|case| case.error.is_none()) {
        for (policy, expected) in case.expectations() {
            let radiograph = match case.options(policy).open(folder().join(&case.file)) {
                Ok(radiograph) => radiograph,
                Err(error) => {
                    wrong.push(format!("{} {policy}: {error}", case.name));
                    continue;
                }
            };
            assert_eq!((radiograph.height(), radiograph.width()), (case.rows, case.columns), "{}", case.name);
            assert_eq!(radiograph.policy(), policy);
            let found = levels(&radiograph);
            let largest = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            // DCMTK truncates where the rule rounds, which is one level at most.
            let allowed = if policy == IntensityPolicy::Display { 1 } else { 0 } + case.tolerance;
            if largest > allowed {
                wrong.push(format!("{} {policy}: {largest} levels off, {allowed} allowed", case.name));
            }
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{compared} compared\n{}", wrong.join("\n"));
    assert!(compared > 100, "only {compared} compared");
}

#[test]
fn the_intensity_rule_and_the_warnings_are_reported() {
    for case in cases().iter().filter(|case| case.error.is_none()) {
        let read = |policy| case.options(policy).open(folder().join(&case.file)).unwrap();
        let shown = read(IntensityPolicy::Display);
        if let Some(voi) = &case.voi {
            let rule = serde_json::to_value(shown.intensity()).unwrap();
            let grayscale = &rule["grayscale"];
            let found = match &grayscale["voi"] {
                Value::Object(window) => window.keys().next().cloned().unwrap(),
                other => other.as_str().unwrap().to_owned(),
            };
            assert_eq!(&found, voi, "{}: {rule}", case.name);
            assert_eq!(grayscale["modality"], case.modality.as_deref().unwrap_or("identity"), "{}: {rule}", case.name);
            assert_eq!(grayscale["inverted"], case.inverted, "{}: {rule}", case.name);
        }
        let reference = read(IntensityPolicy::Reference);
        let mut found: Vec<Warning> = [shown.warnings(), reference.warnings()].concat();
        found.dedup();
        let found: Vec<Value> = found.iter().map(|warning| json!(warning)).collect();
        for warning in &case.warnings {
            assert!(found.contains(&json!(warning)), "{}: {warning} expected, {found:?} found", case.name);
        }
        for warning in &found {
            let expected = case.warnings.iter().any(|expected| warning == expected);
            assert!(expected, "{}: {warning} found, {:?} expected", case.name, case.warnings);
        }
        assert!(!matches!(reference.intensity(), IntensityRule::Grayscale { .. }), "{}", case.name);
    }
}

#[test]
fn the_error_of_a_refused_file_gives_the_reason() {
    let mut refused = 0;
    for case in cases() {
        let Some(hint) = &case.error else { continue };
        let error = case.options(IntensityPolicy::Display).open(folder().join(&case.file)).unwrap_err();
        assert!(error.kind().is_image(), "{}: {error}", case.name);
        assert!(error.to_string().contains(hint), "{}: {error}", case.name);
        refused += 1;
    }
    assert!(refused >= 8, "{refused}");
}

#[test]
fn a_chest_radiograph_is_recognised_by_its_attributes() {
    let open = |name: &str| Radiograph::open(folder().join("files").join(name)).unwrap();
    let chest = open("window.dcm");
    assert_eq!(
        serde_json::to_value(chest.eligibility().unwrap()).unwrap(),
        json!({
            "kind": "digital-radiography", "modality": "dx", "body_part": "chest", "view": "posterior-anterior",
            "intent": "for-presentation",
        })
    );
    assert_eq!(chest.eligibility().unwrap().is_chest_radiograph(), Some(true));
    assert_eq!(open("rgb.dcm").eligibility().unwrap().is_chest_radiograph(), None);
}
