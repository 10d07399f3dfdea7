//! Bad model directories, prompts and devices end in a typed error that says what was expected and what was found.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use radzero_core::manifest::{Manifest, ModelDirectory, sha256_file};
use radzero_core::runtime::Placement;
use radzero_core::{Device, Error, ErrorKind, RadZero, Radiograph, Runtime};
use radzero_export::Target;
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// Checks that the model is refused; returns the message with its causes.
#[track_caller]
fn refused(directory: &Path) -> String {
    let error = RadZero::open(directory).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model, "{error:#}");
    format!("{error:#}")
}

/// Replaces a piece of the manifest's text; returns the error of opening the model.
fn refused_with(replace: &str, with: &str) -> Error {
    let exported = Exported::case("native");
    let file = exported.directory().join("radzero.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(replace), "{replace} is not in the manifest");
    std::fs::write(&file, text.replacen(replace, with, 1)).unwrap();
    RadZero::open(exported.directory()).map_or_else(|error| error, |_| panic!("{with} was accepted"))
}

/// Records the current sizes and hashes of the files in the manifest, so that only their content is wrong.
fn accept_files(directory: &Path) {
    let file = directory.join("radzero.json");
    let mut manifest = Manifest::from_json(&std::fs::read(&file).unwrap()).unwrap();
    for (name, record) in &mut manifest.files {
        *record = sha256_file(&directory.join(name), |_| {}).unwrap();
    }
    std::fs::write(file, manifest.to_json().unwrap()).unwrap();
}

#[test]
fn a_directory_without_a_manifest_is_refused() {
    let exported = Exported::case("native");
    let missing = exported.scratch().join("nowhere");
    assert!(refused(&missing).contains("nowhere"));
    assert!(refused(&exported.scratch().join("checkpoint")).contains("radzero.json"));
}

#[test]
fn a_damaged_manifest_is_refused() {
    let exported = Exported::case("native");
    let file = exported.directory().join("radzero.json");
    let whole = std::fs::read(&file).unwrap();
    for bytes in [&b""[..], b"{}", b"[1, 2]", b"\xff\xfe", &whole[..whole.len() / 2]] {
        std::fs::write(&file, bytes).unwrap();
        assert!(refused(&exported.directory()).contains("radzero.json"));
    }
}

#[test]
fn a_manifest_with_a_wrong_field_is_refused() {
    for (replace, with, hints) in [
        (r#""format_version": 1"#, r#""format_version": 2"#, ["version 1 expected", "2 found"]),
        (r#""format": "radzero-model""#, r#""format": "other""#, ["radzero-model", "other"]),
        (r#""precision": "fp32""#, r#""precision": "fp32", "requires": ["surprise"]"#, ["needs", "surprise"]),
        (r#""operators_version": 1"#, r#""operators_version": 2"#, ["operators of version 1 expected", "2 found"]),
        (r#""sha256": ""#, r#""sha256": "x"#, ["64 hexadecimal digits", "65 bytes found"]),
        (r#""precision": "fp32""#, r#""precision": "int3""#, ["unknown variant", "int3"]),
        (r#""geometry": "stretch""#, r#""geometry": "fold""#, ["unknown variant", "fold"]),
        (r#""grid": 3"#, r#""grid": 4"#, ["42", "grid 4"]),
        (r#""grid": 3"#, r#""grid": 18446744073709551615"#, ["42", "grid 18446744073709551615"]),
        (r#""hidden": 24"#, r#""hidden": 25"#, ["[batch, 10, 25]", "[batch, 10, 24]"]),
        (r#""temperature": 0.0"#, r#""temperature": -0.0"#, ["temperature -0.0", "positive"]),
    ] {
        let error = format!("{:#}", refused_with(replace, with));
        assert!(hints.iter().all(|hint| error.contains(hint)), "{with}: {error}");
    }
}

/// Alters the manifest with `change`; returns the error of opening the model.
fn refused_after(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let exported = Exported::case("native");
    let file = exported.directory().join("radzero.json");
    let mut manifest = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(&file, manifest.to_string()).unwrap();
    refused(&exported.directory())
}

/// 1 + grid x grid would overflow an integer.
#[test]
fn dimensions_that_overflow_are_refused() {
    let error = refused_after(|manifest| {
        let dimensions = &mut manifest["dimensions"];
        let grid = 1_u64 << 32;
        (dimensions["grid"], dimensions["patch_size"]) = (grid.into(), 14.into());
        dimensions["image_size"] = (14 * grid).into();
    });
    assert!(error.contains("image_size of at most 16384 expected, 60129542144 found"), "{error}");
}

/// Such a self-test would pass whatever the graphs compute.
#[test]
fn a_self_test_that_cannot_fail_is_refused() {
    let error = refused_after(|manifest| manifest["self_test"]["prompts"] = serde_json::json!([]));
    assert!(error.contains("self_test: at least one prompt expected, none found"), "{error}");
    for (tolerance, hint) in [(0.0, "tolerance 0"), (-1.0, "tolerance -1"), (1e39, "tolerance inf")] {
        let error = refused_after(|manifest| manifest["self_test"]["tolerance"] = tolerance.into());
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn a_file_that_is_used_but_not_listed_is_refused() {
    for name in [
        "image_encoder.onnx",
        "image_encoder.onnx.data",
        "text_encoder.onnx",
        "text_encoder.onnx.data",
        "tokenizer.json",
        "self_test.safetensors",
    ] {
        let error = refused_after(|manifest| {
            manifest["files"].as_object_mut().unwrap().remove(name).unwrap();
        });
        assert!(error.contains(&format!("{name} is used but not listed")), "{error}");
    }
}

#[test]
fn a_file_outside_the_directory_is_refused() {
    let exported = Exported::case("native");
    let file = exported.directory().join("radzero.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let record = manifest["files"]["tokenizer.json"].clone();
    manifest["files"]["../checkpoint/config.json"] = record;
    std::fs::write(&file, manifest.to_string()).unwrap();
    assert!(refused(&exported.directory()).contains("not a plain file name"));
}

#[test]
fn the_error_lists_all_missing_and_truncated_files() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    std::fs::remove_file(directory.join("tokenizer.json")).unwrap();
    let data = directory.join("image_encoder.onnx.data");
    let bytes = std::fs::read(&data).unwrap();
    std::fs::write(&data, &bytes[..bytes.len() / 2]).unwrap();
    let error = refused(&directory);
    assert!(error.contains("tokenizer.json: "), "{error}");
    assert!(
        error.contains(&format!("image_encoder.onnx.data: {} bytes expected, {} found", bytes.len(), bytes.len() / 2)),
        "{error}"
    );
}

#[test]
fn damaged_weights_are_found_by_their_hash_and_by_the_self_test() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    ModelDirectory::open(&directory).unwrap().verify_files(|_| {}).unwrap();
    for name in ["image_encoder.onnx.data", "text_encoder.onnx.data"] {
        let path = directory.join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        // Flips the signs of a stretch of weights in the middle.
        let middle = bytes.len() / 8 * 4;
        for sign in bytes[middle..middle + 8192].iter_mut().skip(3).step_by(4) {
            *sign ^= 0x80;
        }
        std::fs::write(&path, bytes).unwrap();
        let error = ModelDirectory::open(&directory).unwrap().verify_files(|_| {}).unwrap_err();
        assert!(error.kind() == ErrorKind::Model && error.to_string().contains(name), "{error}");
        let error = RadZero::open(&directory).unwrap().self_test().unwrap_err();
        assert!(error.kind() == ErrorKind::SelfTest && error.to_string().contains("self-test failed"), "{error}");
        std::fs::write(&path, whole).unwrap();
    }
    RadZero::open(&directory).unwrap().self_test().unwrap();
}

#[test]
fn a_graph_with_wrong_inputs_is_refused() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    // The text graph in place of the image graph.
    std::fs::copy(directory.join("text_encoder.onnx"), directory.join("image_encoder.onnx")).unwrap();
    accept_files(&directory);
    let error = refused(&directory);
    assert!(
        error.contains("pixels U8 [batch, 3, 42, 42]") && error.contains("input_ids I64 [prompts, length]"),
        "{error}"
    );

    std::fs::write(directory.join("image_encoder.onnx"), b"this is not ONNX").unwrap();
    accept_files(&directory);
    assert!(refused(&directory).contains("image_encoder.onnx"));
}

#[test]
fn a_tokenizer_that_does_not_fit_the_model_is_refused() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    let file = directory.join("tokenizer.json");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "{}").unwrap();
    accept_files(&directory);
    assert!(refused(&directory).contains("tokenizer.json"));

    let model = Exported::case("native");
    let vocabulary = model.open().manifest().dimensions.vocabulary;
    let word = "\"pneumonia\": ";
    let mut larger: serde_json::Value = serde_json::from_str(&whole).unwrap();
    larger["model"]["vocab"]["pneumonia"] = vocabulary.into();
    assert!(serde_json::to_string_pretty(&larger).unwrap().contains(word));
    std::fs::write(&file, larger.to_string()).unwrap();
    accept_files(&directory);
    let error = RadZero::open(&directory).unwrap().encode_prompts(&["There is pneumonia"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains(&format!("below {vocabulary} expected, {vocabulary} found")), "{error}");
}

#[test]
fn an_empty_or_too_long_prompt_is_refused() {
    let exported = Exported::case("native");
    let model = exported.open();
    for prompt in ["", " ", "\t\n", "\u{200b}"] {
        let error = model.encode_prompts(&["There is edema", prompt]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EmptyPrompt, "{prompt:?}: {error}");
        assert!(error.to_string().starts_with("prompt 2 of 2: ") && error.to_string().contains("empty"), "{error}");
    }
    let set = &exported.golden.prompts["160"];
    let error = model.encode_prompts(&[&set.over_long.text]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PromptTooLong);
    let expected = format!("a prompt of at most {} tokens expected, {} found", set.max_tokens, set.over_long.tokens);
    assert_eq!(error.to_string(), expected);
    let prompts = ["There is edema", "There is a mass", &set.over_long.text, "There is a nodule"];
    let error = model.encode_prompts(&prompts).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::PromptTooLong, format!("prompt 3 of 4: {expected}")));
}

/// One row of the word embeddings is NaN, which shows only in prompts with that word.
#[test]
fn a_text_embedding_that_is_not_finite_is_an_error() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    let model = exported.open();
    let (good, bad) = ("There is edema", "There is pneumonia");
    let (ours, others) = (model.tokenize(bad).unwrap(), model.tokenize(good).unwrap());
    let word = *ours.iter().find(|id| !others.contains(id)).unwrap() as usize;
    drop(model);

    let weights = std::fs::read(exported.scratch().join("checkpoint/model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let table = tensors.tensor("text_model.embeddings.word_embeddings.weight").unwrap();
    let length = table.data().len() / table.shape()[0];
    let row = &table.data()[word * length..][..length];
    let data = directory.join("text_encoder.onnx.data");
    let mut bytes = std::fs::read(&data).unwrap();
    let at = bytes.windows(length).position(|window| window == row).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&data, bytes).unwrap();

    let model = exported.open();
    // Twice, because the bad embedding must not be cached.
    for _ in 0..2 {
        let error = model.encode_prompts(&[good, bad]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inference);
        assert!(!format!("{error:#}").contains(bad), "a prompt may be report text: {error:#}");
        assert_eq!(error.to_string(), "prompt 2 of 2: the text graph returned values that are not finite");
    }
    model.encode_prompts(&[good]).unwrap();
}

#[test]
fn a_logit_that_is_not_finite_is_an_error() {
    let exported = Exported::case("native");
    let file = exported.directory().join("radzero.json");
    let mut manifest = Manifest::from_json(&std::fs::read(&file).unwrap()).unwrap();
    // The smallest positive number: dividing by it gives infinity.
    manifest.similarity.temperature = f32::from_bits(1);
    std::fs::write(&file, manifest.to_json().unwrap()).unwrap();
    let radiograph = Radiograph::open(golden_path("images/gray8.png")).unwrap();
    let error = exported.open().infer(&radiograph, &["There is edema"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inference);
    assert!(error.to_string().contains("not finite"), "{error}");
}

#[test]
fn encodings_of_different_models_cannot_be_compared() {
    let (one, other) = (Exported::case("native").open(), Exported::case("base").open());
    let radiograph = Radiograph::open(golden_path("images/gray8.png")).unwrap();
    let image = one.encode_image(&radiograph).unwrap();
    let prompts = other.encode_prompts(&["There is edema"]).unwrap();
    for model in [&one, &other] {
        let error = model.compare(&image, &prompts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherModel);
        assert!(error.to_string().contains(one.directory().hash().as_str()), "{error}");
    }
}

/// The expensive operators, which must not run on the CPU when another device was asked for.
const EXPENSIVE: [&str; 8] = [
    "Conv",
    "Gemm",
    "MatMul",
    "MultiHeadAttention",
    "Softmax",
    "LayerNormalization",
    "radzero:Linear",
    "radzero:Attention",
];

/// Without the device, opening a model on it must fail. With it, the placement must show that it runs the model. In no case may the
/// CPU take over.
#[test]
fn a_gpu_is_used_or_refused() {
    let (fused, portable) = (Exported::case("native"), portable());
    // Models with fused operators are refused for TensorRT and OpenVINO before the provider is tried.
    for (exported, devices) in [
        (&fused, &[Device::Cuda(0), Device::Cuda(7)][..]),
        (
            &portable,
            &[Device::Cuda(0), Device::Cuda(7), Device::TensorRt(0), Device::TensorRt(7), Device::OpenVino][..],
        ),
    ] {
        for &device in devices {
            match RadZero::builder(exported.directory()).device(device).open() {
                Ok(model) => {
                    runs_on(device, model.image_placement().unwrap());
                    runs_on(device, model.text_placement().unwrap());
                }
                Err(error) => says_what_is_missing(device, &error),
            }
        }
    }
}

#[track_caller]
fn runs_on(device: Device, placement: &Placement) {
    let found =
        |name: &str| placement.providers().find(|&(provider, _)| provider == name).map_or(0, |(_, nodes)| nodes);
    assert!(found(device.provider()) > 0, "{device}: {placement}");
    for (_, operators) in placement.operators().filter(|&(provider, _)| provider != device.provider()) {
        assert!(!EXPENSIVE.iter().any(|operator| operators.contains_key(*operator)), "{device}: {operators:?}");
    }
}

/// The error must come from the provider itself: an earlier one would prove nothing about the fallback to the CPU.
#[track_caller]
fn says_what_is_missing(device: Device, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
    let text = error.to_string();
    assert!(std::error::Error::source(error).is_some() || text.contains("NVIDIA_TF32_OVERRIDE"), "{text}");
    let compiled_in = Runtime::discover().unwrap().providers().unwrap().iter().any(|name| name == device.provider());
    let hints = match device {
        _ if !compiled_in => &["a library with"][..],
        Device::OpenVino => &["must lie beside the library"],
        _ => &["the NVIDIA driver, and CUDA", "NVIDIA_TF32_OVERRIDE"],
    };
    assert!(text.starts_with(&format!("{device} ")) && hints.iter().any(|hint| text.contains(hint)), "{text}");
}

fn portable() -> Exported {
    Exported::case_with("native", |options| options.target = Target::Portable)
}

/// As shown by `radzero doctor`, which tries each device with a graph of one matrix product.
#[test]
fn trying_a_device_never_falls_back_to_the_cpu() {
    let runtime = Runtime::discover().unwrap();
    let report = runtime.try_device(Device::Cpu);
    assert!(report.compiled_in && report.device == Device::Cpu);
    report.outcome.unwrap();
    for device in [Device::OpenVino, Device::OpenVinoBf16, Device::Cuda(0), Device::Cuda(7), Device::TensorRt(0)] {
        let report = runtime.try_device(device);
        assert_eq!(report.device, device);
        assert_eq!(report.compiled_in, runtime.providers().unwrap().iter().any(|name| name == device.provider()));
        match report.outcome {
            Ok(_) => assert!(report.compiled_in, "{device} works without its provider"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
                assert!(error.to_string().starts_with(&format!("{device} ")), "{error}");
                assert!(report.compiled_in || error.to_string().contains("; a library with"), "{error}");
            }
        }
    }
}

#[test]
fn the_provider_recorded_is_the_one_that_runs() {
    let model = Exported::case("native").open();
    assert_eq!(model.device(), Device::Cpu);
    for encoder in [model.image_encoder().unwrap(), model.text_encoder().unwrap()] {
        assert_eq!((encoder.device, encoder.provider.as_str()), (Device::Cpu, "CPUExecutionProvider"));
        assert_eq!(encoder.onnxruntime, model.runtime().version());
    }
    for placement in [model.image_placement().unwrap(), model.text_placement().unwrap()] {
        let providers: Vec<_> = placement.providers().collect();
        assert!(matches!(providers[..], [("CPUExecutionProvider", nodes)] if nodes > 10), "{providers:?}");
    }
}
