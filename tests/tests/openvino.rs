//! OpenVINO can be tested anywhere, as it needs no GPU. `RADZERO_OPENVINO_LIBRARY` names the folder with the libraries of the
//! `onnxruntime-openvino` wheel (`onnxruntime/capi`); without it these tests are skipped.
//!
//! This is a separate test binary because a process has one ONNX Runtime. The CPU's values come from the same library.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use ndarray::Array2;
use radzero_core::{Comparison, Device, EncodedImage, ErrorKind, RadZero, Radiograph, Runtime};
use radzero_export::Target;
use radzero_tests::models::Exported;
use radzero_tests::{golden_path, say_skipped};

const VARIABLE: &str = "RADZERO_OPENVINO_LIBRARY";

const SKIPPED: &str = "every test of OpenVINO, as RADZERO_OPENVINO_LIBRARY does not name its libraries";

/// Largest differences allowed, as in the golden tests: both compute in 32 bits and differ only in the order of sums.
const VALUE: f32 = 1e-4;
const MAP: f32 = 1e-5;

/// bfloat16 has 8 significant bits, so every factor of a product is up to 0.2 % off. Measured with OpenVINO 2025.4: tokens 0.5 %
/// (L2), logits 0.04, maps 0.009. Less than four times as much is allowed.
const BF16_TOKENS: f32 = 0.02;
const BF16_LOGIT: f32 = 0.15;
const BF16_MAP: f32 = 0.03;

/// The wheel's folder; `None` if the tests are to be skipped.
fn folder() -> Option<PathBuf> {
    let Some(path) = std::env::var_os(VARIABLE) else {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| say_skipped(SKIPPED));
        return None;
    };
    // The variable may be relative to the workspace, but cargo runs tests in the package's folder.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    Some(path.canonicalize().unwrap_or_else(|error| panic!("{VARIABLE}: {}: {error}", path.display())))
}

fn runtime() -> Option<Runtime> {
    Some(Runtime::load(folder()?).unwrap())
}

fn portable(case: &str) -> Exported {
    Exported::case_with(case, |options| options.target = Target::Portable)
}

fn open(exported: &Exported, runtime: &Runtime, device: Device) -> RadZero {
    RadZero::builder(exported.directory()).runtime(runtime.clone()).device(device).open().unwrap()
}

fn infer(exported: &Exported, case: &str, model: &RadZero) -> Vec<(EncodedImage, Vec<Comparison>)> {
    let golden = &exported.golden;
    let prompts = &golden.prompts[&golden.case(case).prompts].prompts;
    let prompts: Vec<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    let prompts = model.encode_prompts(&prompts).unwrap();
    ["gray8", "rgba8", "wide"]
        .iter()
        .map(|name| {
            let image =
                model.encode_image(&Radiograph::open(golden_path(&golden.images[*name].file)).unwrap()).unwrap();
            let found = model.compare(&image, &prompts).unwrap();
            (image, found)
        })
        .collect()
}

fn largest(found: impl IntoIterator<Item = f32>, expected: impl IntoIterator<Item = f32>) -> f32 {
    let differences = found.into_iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    differences.fold(0.0, |largest: f32, d| if d.is_nan() { f32::INFINITY } else { largest.max(d) })
}

/// The largest differences of logits and of maps.
fn apart(found: &[Comparison], expected: &[Comparison]) -> (f32, f32) {
    assert_eq!(found.len(), expected.len());
    let maps = found.iter().zip(expected).map(|(found, expected)| {
        let (found, expected) = (found.map(), expected.map());
        assert_eq!(found.values().dim(), expected.values().dim());
        largest(found.values().iter().copied(), expected.values().iter().copied())
    });
    let logits = largest(found.iter().map(Comparison::logit), expected.iter().map(Comparison::logit));
    (logits, maps.fold(0.0, f32::max))
}

/// Checks the devices and the placement of nodes that the model reports.
#[track_caller]
fn assert_runs_on(model: &RadZero, image: Device, text: Device) {
    assert_eq!((model.device(), model.text_encoder().unwrap().device), (image, text));
    for placement in [model.image_placement().unwrap(), model.text_placement().unwrap()] {
        let nodes = |name| placement.providers().find(|found| found.0 == name).map_or(0, |found| found.1);
        assert!(nodes("OpenVINOExecutionProvider") > 10, "{placement}");
        // The CPU may compute shapes.
        assert!(nodes("CPUExecutionProvider") < nodes("OpenVINOExecutionProvider") / 2, "{placement}");
    }
    assert_eq!(model.kernels(), None, "the project's own are the CPU's");
}

/// Checks that a result records the same.
#[track_caller]
fn assert_recorded(image: &EncodedImage, model: &RadZero) {
    let encoder = &image.record().encoder;
    assert_eq!(Some(encoder), model.image_encoder());
    assert_eq!((encoder.device, encoder.provider.as_str()), (model.device(), "OpenVINOExecutionProvider"));
    assert_eq!(encoder.kernels, None);
}

#[test]
fn values_equal_those_of_the_cpu() {
    let Some(runtime) = runtime() else { return };
    for case in ["base", "switches_cos", "dot"] {
        let exported = portable(case);
        let (exact, model) = (open(&exported, &runtime, Device::Cpu), open(&exported, &runtime, Device::OpenVino));
        assert_runs_on(&model, Device::OpenVino, Device::OpenVino);
        let expected = infer(&exported, case, &exact);
        for ((image, found), (exact, expected)) in infer(&exported, case, &model).iter().zip(&expected) {
            assert_recorded(image, &model);
            let tokens = largest(image.tokens().iter().copied(), exact.tokens().iter().copied());
            let (logits, maps) = apart(found, expected);
            assert!(tokens <= VALUE && logits <= VALUE, "{case}: tokens {tokens} apart, logits {logits}");
            assert!(maps <= MAP, "{case}: maps {maps} apart");
        }
        model.self_test().unwrap();
    }
}

#[test]
fn bfloat16_applies_to_the_image_graph_only_and_stays_close() {
    let Some(runtime) = runtime() else { return };
    let exported = portable("base");
    let (exact, model) = (open(&exported, &runtime, Device::Cpu), open(&exported, &runtime, Device::OpenVinoBf16));
    assert_runs_on(&model, Device::OpenVinoBf16, Device::OpenVino);
    let expected = infer(&exported, "base", &exact);
    for ((image, found), (exact, expected)) in infer(&exported, "base", &model).iter().zip(&expected) {
        assert_recorded(image, &model);
        let norm = |values: &Array2<f32>| values.iter().map(|value| value * value).sum::<f32>().sqrt();
        let tokens = norm(&(&image.tokens() - &exact.tokens())) / norm(&exact.tokens().to_owned());
        let (logits, maps) = apart(found, expected);
        println!("bf16: tokens {tokens} apart, logits {logits}, maps {maps}");
        assert!(tokens <= BF16_TOKENS, "tokens {tokens} apart");
        assert!(logits <= BF16_LOGIT && maps <= BF16_MAP, "logits {logits} apart, maps {maps}");
        // If tokens were equal, the option never reached OpenVINO. A processor without bfloat16 computes in 32 bits.
        assert!(!has_bf16() || tokens > 10.0 * VALUE, "tokens {tokens} apart");
    }
    let prompts = |model: &RadZero| model.encode_prompts(&["There is edema", "There is a mass"]).unwrap();
    for (found, expected) in prompts(&model).iter().zip(prompts(&exact)) {
        let apart = largest(found.embedding().iter().copied(), expected.embedding().iter().copied());
        assert!(apart <= VALUE, "{:?}: embeddings {apart} apart", found.text());
    }
}

fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[test]
fn fused_operators_are_refused_with_a_remedy() {
    let Some(runtime) = runtime() else { return };
    let exported = Exported::case("native");
    for device in [Device::OpenVino, Device::OpenVinoBf16] {
        let error = RadZero::builder(exported.directory()).runtime(runtime.clone()).device(device).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert_eq!(
            error.to_string(),
            format!("{device} needs a model exported with --target portable; this one is fp32 for target onnxruntime")
        );
    }
}

/// A damaged graph is an error of the model on any device.
#[test]
fn a_damaged_graph_is_not_blamed_on_the_device() {
    let Some(runtime) = runtime() else { return };
    let exported = portable("native");
    let file = exported.directory().join("image_encoder.onnx");
    let length = std::fs::metadata(&file).unwrap().len() as usize;
    std::fs::write(&file, vec![0xff; length]).unwrap();
    for device in [Device::Cpu, Device::OpenVino] {
        let error = RadZero::builder(exported.directory()).runtime(runtime.clone()).device(device).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        assert!(error.to_string().contains("image_encoder.onnx"), "{error}");
    }
}

/// OpenVINO works, but the manifest is wrong: the graph contains fused attention, which OpenVINO 2025.4 does not support and ONNX
/// Runtime silently runs on the CPU.
#[test]
fn a_session_that_falls_back_to_the_cpu_is_refused() {
    let Some(runtime) = runtime() else { return };
    let exported = Exported::int8("native");
    let file = exported.directory().join("radzero.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    manifest["target"] = "portable".into();
    manifest["precision"] = "fp32".into();
    manifest["quantization"] = serde_json::Value::Null;
    std::fs::write(&file, manifest.to_string()).unwrap();
    for device in [Device::OpenVino, Device::OpenVinoBf16] {
        let error = RadZero::builder(exported.directory()).runtime(runtime.clone()).device(device).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
        let expected = format!("image_encoder.onnx does not run on {device}: OpenVINOExecutionProvider expected, ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.to_string().contains("MultiHeadAttention on CPUExecutionProvider"), "{error}");
    }
}

#[test]
fn every_device_of_the_library_can_be_tried() {
    let Some(runtime) = runtime() else { return };
    for device in [Device::Cpu, Device::OpenVino, Device::OpenVinoBf16] {
        let report = runtime.try_device(device);
        assert!(report.compiled_in && report.device == device);
        report.outcome.unwrap();
    }
}

/// Runs `open-model`; returns whether it could open the model, and what it printed.
fn open_in_a_process(model: &Path, library: &Path, device: Device) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_open-model"));
    let output = command.arg(model).arg(library).arg(device.to_string()).output().unwrap();
    assert!(output.status.code().is_some(), "killed by a signal: {output:?}");
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// A library without the other files of the wheel still reports that it was built with OpenVINO.
#[test]
fn a_library_without_the_files_beside_it_is_refused() {
    let Some(folder) = folder() else { return };
    let exported = portable("native");
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll"].iter().any(|start| name.starts_with(start))
    };
    let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let library = files.find(is_library).unwrap_or_else(|| panic!("no library in {}", folder.display()));
    let alone = exported.scratch().join(library.file_name().unwrap());
    std::fs::copy(&library, &alone).unwrap();
    for device in [Device::OpenVino, Device::OpenVinoBf16] {
        let (opened, text) = open_in_a_process(&exported.directory(), &alone, device);
        assert!(!opened && text.starts_with(&format!("Provider: {device} cannot be used here; ")), "{text}");
        assert!(text.contains("must lie beside the library: "), "{text}");

        let (opened, text) = open_in_a_process(&exported.directory(), &folder, device);
        assert!(opened && text.contains(&format!(" image on {device}: OpenVINO")), "{text}");
        assert!(text.contains("; text on openvino: OpenVINO"), "{text}");
    }
}
