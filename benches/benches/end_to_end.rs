//! How long does it take from a file to the points of 14 prompts?

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Cursor;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use image::{GrayImage, ImageFormat};
use radzero_benches::{ModelDirectory, PROMPTS, sentences};
use radzero_core::{Peak, RadZero, Radiograph};

fn points(model: &RadZero, file: &[u8], prompts: &[String]) -> Vec<Peak> {
    let found = model.infer(&Radiograph::from_bytes(file).unwrap(), prompts).unwrap();
    found.iter().map(|found| found.peak()).collect()
}

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let model = RadZero::open(directory.path()).unwrap();
    let shade = |x: u32, y: u32| image::Luma([((x / 16 + y / 20 + (x * y) % 7) % 256) as u8]);
    let mut file = Cursor::new(Vec::new());
    GrayImage::from_fn(2000, 2500, shade).write_to(&mut file, ImageFormat::Png).unwrap();
    let file = file.into_inner();

    let mut turn = 0;
    let mut group = criterion.benchmark_group("PNG of 2000 x 2500 to points of 14 prompts");
    group.sample_size(20);
    group.bench_function("new prompts", |bencher| {
        let next = || {
            turn += 1;
            sentences(PROMPTS, turn)
        };
        bencher.iter_batched(next, |new| points(&model, &file, &new), BatchSize::SmallInput);
    });
    let known = sentences(PROMPTS, 0);
    group.bench_function("cached prompts", |bencher| bencher.iter(|| points(&model, &file, &known)));
}

criterion_group!(group, benches);
criterion_main!(group);
