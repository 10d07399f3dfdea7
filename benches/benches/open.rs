//! How long does opening a model take, with either set of kernels?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::ModelDirectory;
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let builder = || RadZero::builder(directory.path());
    let mut group = criterion.benchmark_group("open");
    group.sample_size(20);
    group.bench_function("own kernels", |bencher| bencher.iter(|| builder().open().unwrap()));
    group.bench_function("ONNX Runtime's kernels", |bencher| {
        bencher.iter(|| builder().onnxruntime_kernels().open().unwrap());
    });
}

criterion_group!(group, benches);
criterion_main!(group);
