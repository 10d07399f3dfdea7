//! How long does resampling a radiograph to the model's pixels take?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use radzero_core::pixels::resample;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resample to 518 x 518");
    for (height, width) in [(512, 512), (1841, 1955), (3000, 2500)] {
        let plane = Array2::from_shape_fn((height, width), |(y, x)| ((x * 7 + y * 13) ^ (x * y)) as u8);
        group
            .bench_function(format!("{width} x {height}"), |bencher| bencher.iter(|| resample(plane.view(), 518, 518)));
    }
}

criterion_group!(group, benches);
criterion_main!(group);
