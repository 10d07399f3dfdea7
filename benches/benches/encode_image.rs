//! How long do the image encoder, with either set of kernels, and resampling take?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::{ModelDirectory, radiograph};
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let own = RadZero::open(directory.path()).unwrap();
    let theirs = RadZero::builder(directory.path()).onnxruntime_kernels().open().unwrap();
    let size = own.manifest().dimensions.image_size;
    let (fitting, large) = (radiograph(size, size).unwrap(), radiograph(2500, 2000).unwrap());
    let mut group = criterion.benchmark_group("encode image");
    group.sample_size(20);
    let kernels = own.kernels().unwrap_or("none of its own");
    group.bench_function(kernels, |bencher| bencher.iter(|| own.encode_image(&fitting).unwrap()));
    group.bench_function("ONNX Runtime's kernels", |bencher| bencher.iter(|| theirs.encode_image(&fitting).unwrap()));
    group.bench_function("2000 x 2500", |bencher| bencher.iter(|| own.encode_image(&large).unwrap()));
    group.bench_function("resampling of 2000 x 2500 alone", |bencher| bencher.iter(|| own.pixels(&large)));
}

criterion_group!(group, benches);
criterion_main!(group);
