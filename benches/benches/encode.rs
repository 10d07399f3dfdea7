//! How long do the stages take with the phantom model, from a radiograph in memory on?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use radzero_benches::radiograph;
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let exported = radzero_models::phantom().unwrap();
    let model = RadZero::open(exported.path()).unwrap();
    let radiograph = radiograph(2500, 2000).unwrap();
    let image = model.encode_image(&radiograph).unwrap();
    let prompts = model.encode_prompts(&["There is a nodule", "There is a mass"]).unwrap();

    let mut group = criterion.benchmark_group("phantom model");
    group.bench_function("open", |bencher| bencher.iter(|| RadZero::open(exported.path()).unwrap()));
    group.bench_function("pixels", |bencher| bencher.iter(|| model.pixels(&radiograph)));
    group.bench_function("encode image", |bencher| bencher.iter(|| model.encode_image(&radiograph).unwrap()));
    let mut count = 0;
    group.bench_function("encode a new prompt", |bencher| {
        // A sentence that the cache cannot know.
        let next = || {
            count += 1;
            format!("There is a nodule {count}")
        };
        bencher.iter_batched(next, |prompt| model.encode_prompts(&[prompt]).unwrap(), BatchSize::SmallInput);
    });
    group.bench_function("encode a known prompt", |bencher| {
        bencher.iter(|| model.encode_prompts(&["There is a nodule"]).unwrap());
    });
    group.bench_function("compare with 2 prompts", |bencher| bencher.iter(|| model.compare(&image, &prompts).unwrap()));
}

criterion_group!(group, benches);
criterion_main!(group);
