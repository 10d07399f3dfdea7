//! Export and runtime match PyTorch at every stage (`tests/golden`): tokens, embeddings, scores, logits, probabilities, maps and
//! points.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use ndarray::{ArrayD, ArrayViewD, Axis};
use radzero_core::manifest::{PositionConvention, SimilarityOperator, TensorNames};
use radzero_core::{Comparison, EncodedPrompt, RadZero, Radiograph};
use radzero_export::Target;
use radzero_tests::golden::{Case, Golden, Tensors};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// Largest difference allowed, except for maps.
const VALUE: f32 = 1e-4;
/// Largest difference allowed for a map's value.
const MAP: f32 = 1e-5;

fn assert_close(found: ArrayViewD<'_, f32>, expected: ArrayViewD<'_, f32>, tolerance: f32, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0.0, |largest: f32, d| if d.is_nan() { f32::INFINITY } else { largest.max(d) });
    assert!(largest <= tolerance, "{what}: {largest} apart, {tolerance} allowed");
}

fn array(values: impl Iterator<Item = f32>) -> ArrayD<f32> {
    ndarray::Array1::from_iter(values).into_dyn()
}

fn check_manifest(case: &Case, model: &RadZero) {
    let manifest = model.manifest();
    let expected = &case.similarity;
    let operator = match manifest.similarity.operator {
        SimilarityOperator::Cos => "cos",
        SimilarityOperator::Dot => "dot",
        other => panic!("{other:?}"),
    };
    assert_eq!(operator, expected.operator, "{}", case.name);
    assert!((manifest.similarity.temperature - expected.temperature).abs() < 1e-7, "{}", case.name);
    assert_eq!(manifest.similarity.score_temperature.is_some(), expected.score_temperature.is_some(), "{}", case.name);
    if let (Some(found), Some(expected)) = (manifest.similarity.score_temperature, expected.score_temperature) {
        assert!((found - expected).abs() < 1e-6, "{}", case.name);
    }
    assert_eq!(manifest.similarity.use_cls_token, expected.use_cls_token, "{}", case.name);
    assert_eq!(manifest.similarity.use_layer_norm, expected.use_layer_norm, "{}", case.name);
    assert_eq!(manifest.dimensions.image_size, case.image_size, "{}", case.name);
    let convention = match manifest.position_embedding.convention {
        PositionConvention::Offset => "offset",
        PositionConvention::Size => "size",
        other => panic!("{other:?}"),
    };
    assert_eq!(convention, case.position_convention);
    let names = match manifest.source.tensor_names {
        TensorNames::Transformers4 => "transformers4",
        TensorNames::Transformers5 => "transformers5",
        other => panic!("{other:?}"),
    };
    assert_eq!(names, case.tensor_names, "{}", case.name);
}

fn check_prompts(golden: &Golden, case: &Case, model: &RadZero, expected: &Tensors) -> Vec<EncodedPrompt> {
    let set = &golden.prompts[&case.prompts];
    assert_eq!(model.manifest().text.max_tokens, set.max_tokens, "{}", case.name);
    for prompt in &set.prompts {
        assert_eq!(model.tokenize(&prompt.text).unwrap(), prompt.token_ids, "{}: {:?}", case.name, prompt.text);
    }
    let texts: Vec<&str> = set.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    let prompts = model.encode_prompts(&texts).unwrap();
    let embeddings = expected.f32("text_embeddings");
    for ((prompt, text), expected) in prompts.iter().zip(&texts).zip(embeddings.axis_iter(Axis(0))) {
        assert_eq!(prompt.text(), *text);
        assert_close(prompt.embedding().into_dyn(), expected, VALUE, &format!("{}: embedding of {text:?}", case.name));
    }
    prompts
}

fn check_scores(case: &Case, found: &[Comparison], name: &str, expected: &Tensors) {
    let what = |stage: &str| format!("{}/{name}: {stage}", case.name);
    let tensor = |stage: &str| expected.f32(&format!("{name}/{stage}"));
    // The stored scores include CLS if it is attended to; the library returns patches only.
    let mut scores = tensor("scores");
    if case.similarity.use_cls_token {
        scores = scores.slice_axis(Axis(1), (1..).into()).to_owned();
    }
    for (comparison, expected) in found.iter().zip(scores.axis_iter(Axis(0))) {
        let flat = comparison.scores().to_owned().into_shape_with_order(expected.len()).unwrap();
        assert_close(flat.view().into_dyn(), expected, VALUE, &what("scores"));
    }
    assert_close(array(found.iter().map(Comparison::logit)).view(), tensor("logits").view(), VALUE, &what("logits"));
    let probabilities = array(found.iter().map(Comparison::probability));
    assert_close(probabilities.view(), tensor("probabilities").view(), VALUE, &what("probabilities"));
}

fn check_maps(case: &Case, found: &[Comparison], name: &str, map_prompts: &[usize], expected: &Tensors) {
    let what = |stage: &str| format!("{}/{name}: {stage}", case.name);
    let tensor = |stage: &str| expected.f32(&format!("{name}/{stage}"));
    let maps: Vec<_> = found.iter().map(Comparison::map).collect();
    assert_close(array(maps.iter().map(|map| map.min())).view(), tensor("map_min").view(), MAP, &what("map minima"));
    assert_close(array(maps.iter().map(|map| map.max())).view(), tensor("map_max").view(), MAP, &what("map maxima"));
    let (points, margins) = (expected.i64(&format!("{name}/point")), tensor("point_margin"));
    for (index, map) in maps.iter().enumerate() {
        let (x, y) = (points[[index, 0]] as usize, points[[index, 1]] as usize);
        if margins[[index]] > MAP {
            assert_eq!((map.peak().x, map.peak().y), (x, y), "{}", what("point"));
        } else {
            // On a plateau, rounding decides which pixel is greatest.
            assert!((map.values()[[y, x]] - map.peak().value).abs() <= MAP, "{}", what("point on a plateau"));
        }
    }
    if !map_prompts.is_empty() {
        for (&prompt, expected) in map_prompts.iter().zip(tensor("maps").axis_iter(Axis(0))) {
            assert_close(maps[prompt].values().into_dyn(), expected, MAP, &what("map"));
        }
    }
}

fn check(name: &str) {
    check_export(name, &Exported::case(name));
}

fn check_export(name: &str, exported: &Exported) {
    let case = exported.golden.case(name);
    let model = exported.open();
    check_manifest(case, &model);
    let expected = Tensors::load(&case.expected);
    let prompts = check_prompts(&exported.golden, case, &model, &expected);
    for image in &case.images {
        let file = &exported.golden.images[&image.name];
        // If decoders differ on the file, the stored pixels are the input. They have the model's size, so maps of the file's
        // size cannot be compared.
        let exact = file.pixel_tolerance == 0;
        let radiograph = if exact {
            Radiograph::open(golden_path(&file.file)).unwrap()
        } else {
            let pixels = Tensors::load(&exported.golden.pixels[&case.image_size]).u8(&image.name);
            Radiograph::from_rgb(pixels.into_dimensionality().unwrap()).unwrap()
        };
        let encoded = model.encode_image(&radiograph).unwrap();
        let tokens = expected.f32(&format!("{}/tokens", image.name));
        assert_close(encoded.tokens().into_dyn(), tokens.view(), VALUE, &format!("{name}/{}: tokens", image.name));

        let found = model.compare(&encoded, &prompts).unwrap();
        check_scores(case, &found, &image.name, &expected);
        if exact {
            check_maps(case, &found, &image.name, &image.map_prompts, &expected);
        }
        // A prompt gives the same result alone as among others.
        for (prompt, among_others) in prompts.iter().zip(&found) {
            let alone = &model.compare(&encoded, std::slice::from_ref(prompt)).unwrap()[0];
            assert!((alone.logit() - among_others.logit()).abs() <= 1e-5, "{name}/{}: one prompt", image.name);
        }
    }
    model.self_test().unwrap();
}

#[test]
fn a_portable_export_gives_the_same_values() {
    for name in ["base", "dot", "switches_cos", "switches_dot"] {
        check_export(name, &Exported::case_with(name, |options| options.target = Target::Portable));
    }
}

#[test]
fn cosine_similarity_with_interpolated_positions_matches() {
    check("base");
}

#[test]
fn tensor_names_of_transformers_5_match() {
    check("names_transformers5");
}

#[test]
fn sharded_weights_match() {
    check("sharded");
}

#[test]
fn positions_interpolated_by_size_match() {
    check("base_size_convention");
}

#[test]
fn dot_product_similarity_matches() {
    check("dot");
}

#[test]
fn positions_stored_for_a_larger_grid_match() {
    check("downscale");
    check("downscale_size_convention");
}

#[test]
fn positions_stored_for_the_same_grid_match() {
    check("native");
    check("native_size_convention");
}

#[test]
fn every_other_setting_with_cosine_similarity_matches() {
    check("switches_cos");
}

#[test]
fn every_other_setting_with_dot_product_similarity_matches() {
    check("switches_dot");
}

#[test]
fn every_golden_case_is_checked() {
    let names: Vec<String> = Golden::load().cases.into_iter().map(|case| case.name).collect();
    let checked = [
        "base",
        "names_transformers5",
        "sharded",
        "base_size_convention",
        "dot",
        "downscale",
        "downscale_size_convention",
        "native",
        "native_size_convention",
        "switches_cos",
        "switches_dot",
    ];
    assert_eq!(names, checked);
}

/// Radiographs of several sizes and kinds.
fn radiographs(exported: &Exported) -> Vec<Radiograph> {
    ["gray8", "rgba8", "gray16", "wide", "one_pixel"]
        .iter()
        .map(|name| Radiograph::open(golden_path(&exported.golden.images[*name].file)).unwrap())
        .collect()
}

/// Runs reuse the same memory, so a result could contain values of an earlier batch.
#[test]
fn results_do_not_depend_on_earlier_batches() {
    let exported = Exported::case("base");
    let model = exported.open();
    let radiographs = radiographs(&exported);
    let single: Vec<_> = radiographs.iter().map(|one| model.encode_image(one).unwrap()).collect();
    let ranges = [1..3, 0..5, 4..5, 2..5, 0..1, 0..5];
    let batches: Vec<_> =
        ranges.iter().map(|range| model.encode_images(&radiographs[range.clone()]).unwrap()).collect();
    for (range, batch) in ranges.into_iter().zip(batches) {
        assert_eq!(batch.len(), range.len());
        for (index, found) in range.zip(batch) {
            assert_close(found.tokens().into_dyn(), single[index].tokens().into_dyn(), 1e-6, "tokens");
        }
    }
}

#[test]
fn a_batch_gives_the_results_of_single_images() {
    let exported = Exported::case("base");
    let model = exported.open();
    let radiographs = radiographs(&exported);
    let prompts: Vec<&str> = exported.golden.prompts["160"].prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    let together = model.encode_prompts(&prompts).unwrap();
    let images = model.encode_images(&radiographs).unwrap();
    // A new model, whose cache is empty.
    let other = exported.open();
    for (radiograph, batched) in radiographs.iter().zip(&images) {
        let single = other.encode_image(radiograph).unwrap();
        assert_eq!((single.width(), single.height()), (radiograph.width(), radiograph.height()));
        assert_close(batched.tokens().into_dyn(), single.tokens().into_dyn(), 1e-6, "tokens of a batch");
    }
    for (prompt, batched) in prompts.iter().zip(&together) {
        let single = &other.encode_prompts(&[prompt]).unwrap()[0];
        assert_close(batched.embedding().into_dyn(), single.embedding().into_dyn(), 1e-6, "embedding of a batch");
    }
    assert!(model.encode_images(&[]).unwrap().is_empty());
    assert!(model.encode_prompts::<&str>(&[]).unwrap().is_empty());
    assert!(model.compare(&images[0], &[]).unwrap().is_empty());
}

#[test]
fn cached_prompts_keep_their_values_and_the_order_asked_for() {
    let model = Exported::case("base").open();
    let first = model.encode_prompts(&["There is edema", "There is a mass", "There is edema"]).unwrap();
    assert_eq!(first[0].embedding(), first[2].embedding());
    let again = model.encode_prompts(&["There is a mass", "There is a nodule", "There is edema"]).unwrap();
    assert_eq!(again[0].embedding(), first[1].embedding());
    assert_eq!(again[2].embedding(), first[0].embedding());
    assert_eq!(
        again.iter().map(EncodedPrompt::text).collect::<Vec<_>>(),
        ["There is a mass", "There is a nodule", "There is edema"]
    );
}

#[test]
fn threads_may_share_one_model() {
    let exported = Exported::case("base");
    let model = exported.open();
    let radiograph = Radiograph::open(golden_path(&exported.golden.images["gray8"].file)).unwrap();
    let expected = model.infer(&radiograph, &["There is edema"]).unwrap()[0].logit();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| model.infer(&radiograph, &["There is edema"]).unwrap()[0].logit())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap().to_bits(), expected.to_bits());
        }
    });
}
