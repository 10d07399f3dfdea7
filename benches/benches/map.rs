//! How long do map, peak, mask and area take at original size, from a map and without one?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::{ModelDirectory, radiograph};
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let model = RadZero::open(directory.path()).unwrap();
    let found = &model.infer(&radiograph(2500, 2000).unwrap(), &["There is edema"]).unwrap()[0];
    let map = found.map();
    let mut group = criterion.benchmark_group("map of 2000 x 2500");
    group.bench_function("upsample and sigmoid", |bencher| bencher.iter(|| found.map()));
    group.bench_function("peak of a map that is there", |bencher| bencher.iter(|| map.peak()));
    group.bench_function("mask of a map that is there", |bencher| bencher.iter(|| map.mask(0.5).unwrap()));
    group.bench_function("map, then peak", |bencher| bencher.iter(|| found.map().peak()));
    group.bench_function("map, then mask", |bencher| bencher.iter(|| found.map().mask(0.5).unwrap()));
    group.bench_function("peak without the map", |bencher| bencher.iter(|| found.peak()));
    group.bench_function("mask without the map", |bencher| bencher.iter(|| found.mask(0.5).unwrap()));
    group.bench_function("area without map or mask", |bencher| bencher.iter(|| found.area(0.5).unwrap()));
}

criterion_group!(group, benches);
criterion_main!(group);
