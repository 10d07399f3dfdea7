//! Exported models in Python: ONNX's checker accepts every graph, and plain ONNX Runtime computes what the library computes.
//!
//! Both tests need `python3` with a few packages, and are skipped without: see [`script`].

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{Array1, Array2, ArrayBase, Data, Dimension};
use radzero_core::{RadZero, Radiograph};
use radzero_export::{ExportOptions, PositionConvention, Precision, Target, export};
use radzero_tests::golden::Golden;
use radzero_tests::models::write_checkpoint;
use radzero_tests::{golden_path, say_skipped};

/// If set, a missing package fails the tests instead of skipping them.
const NO_SKIP: &str = "RADZERO_NO_SKIP";

/// Both compute in 32 bits and differ in the order of sums alone.
const TOKEN: f32 = 1e-5;
const LOGIT: f32 = 1e-4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn phantom() -> PathBuf {
    root().join("models/phantom")
}

/// A Python script of this repository, ready to run; `None` if `python3` lacks a module and the test is to be skipped.
fn script(file: &str, modules: &str, requirements: &str) -> Option<Command> {
    let found = Command::new("python3").args(["-c", &format!("import {modules}")]).current_dir(root()).output();
    if !found.is_ok_and(|output| output.status.success()) {
        let reason = format!("python3 cannot import {modules}: python3 -m pip install -r {requirements}");
        assert!(std::env::var_os(NO_SKIP).is_none(), "{NO_SKIP} is set, and {reason}");
        say_skipped(&format!("{file}, as {reason}"));
        return None;
    }
    let mut command = Command::new("python3");
    command.current_dir(root()).arg(file);
    Some(command)
}

#[track_caller]
fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A folder of radiographs to calibrate on.
fn calibration(folder: &Path) -> PathBuf {
    let images = folder.join("calibration");
    std::fs::create_dir(&images).unwrap();
    for image in ["gray8.png", "wide.png"] {
        std::fs::copy(golden_path(format!("images/{image}")), images.join(image)).unwrap();
    }
    images
}

#[test]
fn the_checker_of_onnx_accepts_every_graph() {
    let Some(mut command) = script("tests/graphs/check_model.py", "onnx.checker", "tests/graphs/requirements.txt")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let images = calibration(folder.path());

    let mut checkpoints = vec![("phantom".to_owned(), phantom())];
    let golden = Golden::load();
    // Both conventions are exported below.
    for case in golden.cases.iter().filter(|case| !case.name.ends_with("size_convention")) {
        let checkpoint = folder.path().join(&case.name);
        write_checkpoint(case, &checkpoint);
        checkpoints.push((case.name.clone(), checkpoint));
    }
    let kinds = [
        (Precision::Fp32, Target::OnnxRuntime),
        (Precision::Fp16, Target::OnnxRuntime),
        (Precision::Int8, Target::OnnxRuntime),
        (Precision::Fp32, Target::Portable),
        (Precision::Fp16, Target::Portable),
    ];
    let mut graphs = 0;
    for (name, checkpoint) in &checkpoints {
        for (precision, target) in kinds {
            for convention in [PositionConvention::Offset, PositionConvention::Size] {
                // The convention changes values alone, so that one precision is enough.
                if convention == PositionConvention::Size && precision != Precision::Fp32 {
                    continue;
                }
                let model = folder.path().join(format!("{name} {precision} {target} {convention:?}"));
                let mut options = ExportOptions::new(checkpoint, &model);
                (options.precision, options.target, options.position_embedding) = (precision, target, convention);
                options.calibration = (precision == Precision::Int8).then(|| images.clone());
                export(&options, |_| {}).unwrap_or_else(|error| panic!("{}: {error}", model.display()));
                command.args(["image_encoder.onnx", "text_encoder.onnx"].map(|graph| model.join(graph)));
                graphs += 2;
            }
        }
    }
    assert_eq!(run(command).lines().count(), graphs);
}

/// Largest absolute difference.
fn worst<A: Data<Elem = f32>, B: Data<Elem = f32>, D: Dimension>(one: &ArrayBase<A, D>, two: &ArrayBase<B, D>) -> f32 {
    assert_eq!(one.shape(), two.shape());
    one.iter().zip(two).fold(0.0, |worst, (one, two)| worst.max((one - two).abs()))
}

#[test]
fn plain_onnx_runtime_computes_the_same() {
    let modules = "numpy, onnxruntime, PIL, tokenizers";
    let Some(mut command) = script("examples/python/tokens.py", modules, "examples/python/requirements.txt") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("model");
    export(&ExportOptions::new(phantom(), &directory), |_| {}).unwrap();
    let image = golden_path("images/gray8.png");
    let sentences = ["There is nodule", "There is a small left pleural effusion"];
    command.args([&directory, &image]).args(sentences).arg("--save").arg(folder.path());
    let said = run(command);

    let model = RadZero::open(&directory).unwrap();
    let encoded = model.encode_image(&Radiograph::open(&image).unwrap()).unwrap();
    let prompts = model.encode_prompts(&sentences).unwrap();
    let saved = |name: &str| folder.path().join(format!("{name}.npy"));
    let tokens: Array2<f32> = ndarray_npy::read_npy(saved("tokens")).unwrap();
    let difference = worst(&tokens, &encoded.tokens());
    assert!(difference < TOKEN, "{difference}");
    let embeddings: Array2<f32> = ndarray_npy::read_npy(saved("embeddings")).unwrap();
    let logits: Array1<f32> = ndarray_npy::read_npy(saved("logits")).unwrap();
    let compared = model.compare(&encoded, &prompts).unwrap();
    assert_eq!((said.lines().count(), compared.len()), (sentences.len(), sentences.len()));
    for (index, (line, found)) in said.lines().zip(&compared).enumerate() {
        let difference = worst(&embeddings.row(index), &prompts[index].embedding());
        assert!(difference < TOKEN, "{difference}");
        let difference = (logits[index] - found.logit()).abs();
        assert!(difference < LOGIT, "{difference}");
        let (probability, sentence) = line.split_once(' ').unwrap();
        assert!((probability.parse::<f32>().unwrap() - found.probability()).abs() < LOGIT, "{line}");
        assert_eq!(sentence, sentences[index]);
    }
}
