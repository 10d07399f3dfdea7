//! The project's own kernels run where they should, and compute the same as the operators' definitions in standard operators.

#![allow(clippy::unwrap_used, missing_docs)]

use std::num::NonZeroUsize;

use ndarray::Array2;
use radzero_core::operators::{DOMAIN, Operator};
use radzero_core::{RadZero, Radiograph};
use radzero_export::{Precision, Target};
use radzero_kernels::Kernels;
use radzero_tests::golden_path;
use radzero_tests::models::Exported;

/// How many nodes of the image graph are the project's own operators.
fn own_operators(model: &RadZero) -> usize {
    let count = |operator: Operator| -> usize {
        let places = model.image_placement().unwrap().operators();
        let name = format!("{DOMAIN}:{}", operator.name());
        places.filter_map(|(_, operators)| operators.get(&name)).sum()
    };
    Operator::ALL.into_iter().map(count).sum()
}

#[test]
fn definitions_and_kernels_compute_the_same() {
    for name in ["base", "switches_cos", "downscale"] {
        let exported = Exported::case(name);
        let with = exported.open();
        let without = RadZero::builder(exported.directory()).onnxruntime_kernels().open().unwrap();
        assert_eq!(with.kernels(), Kernels::detect().map(Kernels::name), "{name}");
        assert_eq!(without.kernels(), None, "{name}");
        let dimensions = &with.manifest().dimensions;
        let blocks = dimensions.vision_layers + dimensions.align_layers;
        // Per block: query, key, value, attention, its output, and two layers of the MLP; once: the patch projection.
        assert_eq!(own_operators(&with), if with.kernels().is_some() { 7 * blocks + 1 } else { 0 }, "{name}");
        assert_eq!(own_operators(&without), 0, "{name}");
        for image in &exported.golden.case(name).images {
            let radiograph = Radiograph::open(golden_path(&exported.golden.images[&image.name].file)).unwrap();
            let (one, two) = (with.encode_image(&radiograph).unwrap(), without.encode_image(&radiograph).unwrap());
            let largest = (&one.tokens() - &two.tokens()).iter().fold(0.0_f32, |most, apart| most.max(apart.abs()));
            assert!(largest <= 1e-5, "{name}/{}: {largest} apart", image.name);
        }
    }
}

/// The last bits of attention differ, so a value on the edge between two 8-bit levels may be rounded either way; nothing else may
/// differ.
#[test]
fn definitions_and_kernels_in_8_bits_compute_the_same() {
    for name in ["base", "switches_cos"] {
        let (exact, exported) = (Exported::case(name).open(), Exported::int8(name));
        let Some(with) = exported.open_int8() else { return };
        let without = RadZero::builder(exported.directory()).onnxruntime_kernels().open().unwrap();
        assert_eq!((own_operators(&without), without.kernels()), (0, None), "{name}");
        for image in ["rgb8", "gray8"] {
            let radiograph = Radiograph::open(golden_path(&exported.golden.images[image].file)).unwrap();
            let tokens = |model: &RadZero| model.encode_image(&radiograph).unwrap().tokens().to_owned();
            let [exact, with, without] = [tokens(&exact), tokens(&with), tokens(&without)];
            let apart = |one: &Array2<f32>, two: &Array2<f32>| (one - two).mapv(|v| v * v).sum().sqrt();
            let (between, rounding) = (apart(&with, &without), apart(&with, &exact));
            assert!(between <= 0.1 * rounding, "{name}/{image}: {between} apart, {rounding} off");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let exported = Exported::case("base");
    let radiograph = Radiograph::open(golden_path(&exported.golden.images["rgb8"].file)).unwrap();
    let tokens = |threads| {
        let builder = RadZero::builder(exported.directory()).threads(NonZeroUsize::new(threads).unwrap());
        builder.open().unwrap().encode_image(&radiograph).unwrap().tokens().to_owned()
    };
    let one = tokens(1);
    assert_eq!(tokens(2), one);
    assert_eq!(tokens(5), one);
}

#[test]
fn portable_and_fp16_graphs_have_none_of_the_operators() {
    let portable = Exported::case_with("base", |options| options.target = Target::Portable).open();
    assert_eq!((portable.kernels(), own_operators(&portable)), (None, 0));
    let half = Exported::case_with("base", |options| options.precision = Precision::Fp16);
    // No device here runs this model, so the test looks into the file.
    let graph = std::fs::read(half.directory().join("image_encoder.onnx")).unwrap();
    assert!(!graph.windows(10).any(|window| window == b"LinearGelu"));
}
