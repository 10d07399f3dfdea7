//! Resampled position embeddings against PyTorch's. Here, and not beside the code, because a package holds no golden data.

#![allow(clippy::unwrap_used, reason = "tests")]

// The source itself: the module is private to the crate.
#[path = "../src/graph/position.rs"]
mod position;

use ndarray::Array2;
use radzero_format::manifest::PositionConvention;
use serde_json::Value;

fn matrix(values: &Value, width: usize) -> Array2<f32> {
    let values: Vec<f32> = values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
    Array2::from_shape_vec((values.len() / width, width), values).unwrap()
}

#[test]
fn equals_torch_in_both_conventions() {
    let golden: Value = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    let cases = golden["positions"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let size = |name: &str| case[name].as_u64().unwrap() as usize;
        let stored = matrix(&case["patches"], size("width"));
        assert_eq!(stored.nrows(), size("stored").pow(2));
        for (name, convention) in [("offset", PositionConvention::Offset), ("size", PositionConvention::Size)] {
            let found = position::resample(stored.view(), size("grid"), convention);
            let expected = matrix(&case[name], size("width"));
            assert_eq!(found.dim(), expected.dim());
            let worst = (&found - &expected).fold(0.0_f32, |worst, value| worst.max(value.abs()));
            assert!(worst < 2e-5, "{name} {} to {}: {worst}", size("stored"), size("grid"));
        }
        let (offset, size) = (matrix(&case["offset"], size("width")), matrix(&case["size"], size("width")));
        assert_ne!(offset, size, "the conventions must differ, or the test tells nothing");
    }
}
