//! How many images per second does a model process for 1, 2 and 8 callers?

#![allow(clippy::unwrap_used, missing_docs)]

use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use radzero_benches::{ModelDirectory, PROMPTS, radiograph, sentences};
use radzero_core::RadZero;

/// Images per measurement, shared among the callers.
const IMAGES: usize = 8;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let model = RadZero::open(directory.path()).unwrap();
    let radiograph = radiograph(2500, 2000).unwrap();
    let prompts = sentences(PROMPTS, 0);
    let mut group = criterion.benchmark_group("callers of one model");
    group.sample_size(10).throughput(Throughput::Elements(IMAGES as u64));
    for callers in [1, 2, 8] {
        group.bench_function(callers.to_string(), |bencher| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    for _ in 0..callers {
                        scope.spawn(|| {
                            (0..IMAGES / callers).for_each(|_| drop(model.infer(&radiograph, &prompts).unwrap()))
                        });
                    }
                });
            });
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
