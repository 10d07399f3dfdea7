//! Lower precision: how much results change, what is recorded, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;

use half::f16;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};
use ort::session::Session;
use ort::value::TensorRef;
use radzero_core::manifest::{ModelDirectory, Precision, self_test_pixels};
use radzero_core::{Device, ErrorKind, RadZero, Radiograph, Runtime};
use radzero_export::{ExportOptions, Target, export};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

fn radiographs() -> Vec<Radiograph> {
    ["gray8.png", "rgba8.png", "square70.png"]
        .map(|image| Radiograph::open(golden_path(format!("images/{image}"))).unwrap())
        .into()
}

/// Relative error (L2) over all tokens.
fn relative_error(found: ArrayView2<'_, f32>, exact: ArrayView2<'_, f32>) -> f32 {
    let norm = |values: &Array2<f32>| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    norm(&(&found - &exact)) / norm(&exact.to_owned())
}

#[test]
fn eight_bits_stay_close_and_are_not_the_same() {
    let (exact, exported) = (Exported::case("base"), Exported::int8("base"));
    let (exact, Some(model)) = (exact.open(), exported.open_int8()) else { return };
    for radiograph in radiographs() {
        let (found, exact) = (model.encode_image(&radiograph).unwrap(), exact.encode_image(&radiograph).unwrap());
        let error = relative_error(found.tokens(), exact.tokens());
        assert!(error > 1e-5 && error < 0.1, "{error}");
        assert_eq!(found.record().model.precision, Precision::Int8);
        assert_eq!(Some(&found.record().encoder), model.image_encoder());
        assert_ne!(model.image_encoder(), model.text_encoder());
    }
    model.self_test().unwrap();
}

#[test]
fn eight_bit_results_do_not_depend_on_the_batch() {
    let exported = Exported::int8("base");
    let Some(model) = exported.open_int8() else { return };
    let radiographs = radiographs();
    let together = model.encode_images(&radiographs).unwrap();
    for (radiograph, among_others) in radiographs.iter().zip(&together) {
        assert_eq!(model.encode_image(radiograph).unwrap().tokens(), among_others.tokens());
    }
}

#[test]
fn eight_bit_layers_are_recorded_with_their_errors() {
    let exported = Exported::int8("switches_cos");
    let directory = ModelDirectory::open(exported.directory()).unwrap();
    let manifest = directory.manifest();
    let dimensions = &manifest.dimensions;
    let record = manifest.quantization.as_ref().expect("a record");
    assert_eq!(record.calibration_images, 4);
    assert_eq!(record.layers.len(), 4 * (dimensions.vision_layers + dimensions.align_layers));
    for (name, layer) in &record.layers {
        assert!(layer.error > 0.0 && layer.error.is_finite(), "{name}: {layer:?}");
        let expected = if layer.error <= 0.05 { Precision::Int8 } else { Precision::Fp32 };
        assert_eq!(layer.precision, expected, "{name}: {layer:?}");
    }
    assert!(record.layers.values().any(|layer| layer.precision == Precision::Int8));
    // The graph agrees with the record.
    let Some(model) = exported.open_int8() else { return };
    let (_, operators) = model.image_placement().unwrap().operators().next().expect("a provider");
    let int8 = |name: &str| record.layers[name].precision == Precision::Int8;
    let expected: usize =
        record.layers.keys().filter(|name| int8(name)).map(|name| if name.ends_with("norm1") { 3 } else { 1 }).sum();
    // On a processor without kernels for 8 bits, the session runs the operators' definitions.
    let found = if model.kernels() == Some("avx512") { "radzero:LinearInt8" } else { "MatMulInteger" };
    let found: usize = operators.iter().filter(|(name, _)| name.starts_with(found)).map(|(_, count)| count).sum();
    assert_eq!(found, expected, "{operators:?}");
}

/// Runs an image graph directly, as the library refuses to run fp16 on the CPU.
fn tokens(model: &Exported, pixels: ArrayView3<'_, u8>) -> Array3<f32> {
    let path = std::env::var_os("ORT_DYLIB_PATH").expect("a library");
    let runtime = Runtime::load(path).unwrap();
    // With the environment of the loaded runtime, because a process can have only one.
    let mut session = Session::builder(runtime.environment())
        .unwrap()
        .commit_from_file(model.directory().join("image_encoder.onnx"))
        .unwrap();
    let batch = pixels.insert_axis(Axis(0)).to_owned();
    let outputs = session.run(ort::inputs![TensorRef::from_array_view(batch.view()).unwrap()]).unwrap();
    // 16-bit graphs return 16 bits.
    let tokens = match outputs[0].try_extract_array::<f16>() {
        Ok(tokens) => tokens.mapv(f16::to_f32),
        Err(_) => outputs[0].try_extract_array::<f32>().unwrap().to_owned(),
    };
    tokens.into_dimensionality().unwrap()
}

/// The cases are with and without biases of queries, keys and values, a norm after the align transformer, and cosine similarity.
/// Black and white images give the most extreme inputs.
#[test]
fn sixteen_bits_stay_close_for_both_targets() {
    for name in ["base", "switches_cos", "switches_dot", "downscale"] {
        let exact = Exported::case(name);
        let size = exact.open().manifest().dimensions.image_size;
        let images =
            [self_test_pixels(7, size), Array3::zeros((3, size, size)), Array3::from_elem((3, size, size), 255)];
        for target in [Target::OnnxRuntime, Target::Portable] {
            let half = Exported::case_with(name, |options| {
                options.precision = Precision::Fp16;
                options.target = target;
            });
            for (index, pixels) in images.iter().enumerate() {
                let (found, exact) = (tokens(&half, pixels.view()), tokens(&exact, pixels.view()));
                let error = relative_error(found.index_axis(Axis(0), 0), exact.index_axis(Axis(0), 0));
                assert!(error > 1e-6 && error < 5e-3, "{name}, {target}, {index}: {error}");
            }
        }
    }
}

#[test]
fn a_model_that_the_device_runs_badly_is_refused_with_a_remedy() {
    let half = Exported::case_with("native", |options| options.precision = Precision::Fp16);
    let error = RadZero::open(half.directory()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Provider);
    assert!(error.to_string().contains("--precision fp32 or int8"), "{error}");

    let fused = Exported::case("native");
    for device in [Device::OpenVino, Device::OpenVinoBf16, Device::TensorRt(0)] {
        let error = RadZero::builder(fused.directory()).device(device).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider);
        assert!(error.to_string().contains("--target portable"), "{error}");
    }
}

/// ONNX Runtime would ignore such a limit. It is checked before any CUDA library is loaded.
#[test]
fn a_memory_limit_below_the_weights_is_refused() {
    let exported = Exported::case("base");
    let weights = fs::metadata(exported.directory().join("image_encoder.onnx.data")).unwrap().len() as usize;
    let open = |limit| RadZero::builder(exported.directory()).device(Device::Cuda(0)).memory_limit(limit).open();
    for limit in [1, weights] {
        let error = open(limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument, "{error}");
        assert!(error.to_string().contains("image_encoder.onnx") && error.to_string().contains(" MiB"), "{error}");
    }
    // With a sufficient limit it fails only without the device.
    if let Err(error) = open(1 << 33) {
        assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
    }
}

/// On a GPU every pass over the tokens takes time, so fp16 graphs for CUDA use the fused operators of its provider.
#[test]
fn fp16_graphs_for_cuda_have_fused_operators() {
    let operators = |precision: Precision, target: Target| {
        let exported = Exported::case_with("base", |options| (options.precision, options.target) = (precision, target));
        let graph = fs::read(exported.directory().join("image_encoder.onnx")).unwrap();
        let dimensions = ModelDirectory::open(exported.directory()).unwrap().manifest().dimensions.clone();
        let blocks = dimensions.vision_layers + dimensions.align_layers;
        // The operator's name is field 4 of a node (op_type), preceded by its length.
        let count = move |name: &str| {
            let field: Vec<u8> = [&[0x22, name.len() as u8], name.as_bytes()].concat();
            graph.windows(field.len()).filter(|window| *window == field).count()
        };
        (count, blocks)
    };
    let (fused, blocks) = operators(Precision::Fp16, Target::OnnxRuntime);
    assert_eq!(fused("MultiHeadAttention"), blocks);
    assert_eq!(fused("BiasGelu"), blocks);
    // Two per block, except that the first of each stack has no residual to add; plus the vision encoder's last norm, which has
    // one. The shared LayerNorm sums in 32 bits.
    assert_eq!(fused("SkipLayerNormalization"), 2 * blocks - 1);
    assert_eq!(fused("LayerNormalization"), 3);
    assert_eq!(fused("MatMul"), 6 * blocks);
    // The patch projection.
    assert_eq!((fused("Gemm"), fused("Conv")), (1, 0));
    let (single, _) = operators(Precision::Fp32, Target::OnnxRuntime);
    assert_eq!((single("Conv"), single("BiasGelu")), (0, 0));
    let (portable, _) = operators(Precision::Fp16, Target::Portable);
    assert_eq!((portable("Conv"), portable("MultiHeadAttention"), portable("SkipLayerNormalization")), (1, 0, 0));
}

/// Compiled engines are cached under this hash, the device and the library, so it must cover all that an engine is made of.
#[test]
fn different_exports_of_one_checkpoint_have_different_hashes() {
    let hash = |exported: &Exported| ModelDirectory::open(exported.directory()).unwrap().hash().to_string();
    let exported = |precision: Precision, target: Target| {
        hash(&Exported::case_with("native", |options| (options.precision, options.target) = (precision, target)))
    };
    let hashes = [
        exported(Precision::Fp32, Target::OnnxRuntime),
        exported(Precision::Fp16, Target::OnnxRuntime),
        exported(Precision::Fp32, Target::Portable),
        exported(Precision::Fp16, Target::Portable),
        hash(&Exported::int8("native")),
        hash(&Exported::case("native_size_convention")),
    ];
    for (index, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(hash), "{index}: {hashes:?}");
    }
    assert_eq!(exported(Precision::Fp16, Target::Portable), hashes[3], "the same export");
}

#[test]
fn conflicting_options_are_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let options = || ExportOptions::new(folder.path().join("no checkpoint"), folder.path().join("model"));
    let refused = |change: &dyn Fn(&mut ExportOptions), hint: &str| {
        let mut options = options();
        change(&mut options);
        let error = export(&options, |_| {}).unwrap_err().to_string();
        assert!(error.contains(hint), "{hint}: {error}");
    };
    refused(&|options| options.precision = Precision::Int8, "needs calibration images");
    refused(&|options| options.calibration = Some("images".into()), "fp32 has no use for them");
    refused(
        &|options| {
            options.precision = Precision::Int8;
            options.calibration = Some("images".into());
            options.target = Target::Portable;
        },
        "no portable form",
    );
}

#[test]
fn calibration_images_must_exist_and_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let golden = radzero_tests::golden::Golden::load();
    radzero_tests::models::write_checkpoint(golden.case("base"), &checkpoint);
    let mut options = ExportOptions::new(checkpoint, folder.path().join("model"));
    options.precision = Precision::Int8;
    options.calibration = Some(images.clone());
    assert!(export(&options, |_| {}).unwrap_err().to_string().contains("it holds no files"));
    fs::write(images.join("text.png"), "text").unwrap();
    let error = export(&options, |_| {}).unwrap_err().to_string();
    assert!(error.contains("text.png"), "{error}");
    assert!(!folder.path().join("model").exists());
}
