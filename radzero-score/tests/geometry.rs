//! The maps of every geometry equal PyTorch's (`tests/golden/geometry.json`).

#![allow(clippy::unwrap_used, missing_docs)]

use ndarray::Array2;
use radzero_score::Geometry;
use radzero_score::format::manifest::GeometryKind;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    kind: GeometryKind,
    width: usize,
    height: usize,
    size: usize,
    grid: usize,
    scores: Vec<f32>,
    map: Option<Vec<f32>>,
}

#[test]
fn maps_are_those_of_pytorch() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/geometry.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut compared = 0;
    for Case { kind, width, height, size, grid, scores, map } in cases {
        let Some(expected) = map else { continue };
        let scores = Array2::from_shape_vec((grid, grid), scores).unwrap();
        let map = Geometry::new(kind, size, width, height).unwrap().map(scores.view()).unwrap().into_values();
        let shown = format!("{kind} {width} x {height} to {size}");
        assert_eq!(map.dim(), (height, width), "{shown}");
        let largest = map.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= 1e-6, "{shown}: {largest}");
        if kind == GeometryKind::CropSquare && width != height {
            assert!(map.iter().any(|&value| value == 0.0), "{shown}");
        }
        compared += 1;
    }
    assert_eq!(compared, 15);
}
