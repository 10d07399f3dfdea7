//! How long do new and cached prompts take?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use radzero_benches::{ModelDirectory, PROMPTS, sentences};
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let model = RadZero::open(directory.path()).unwrap();
    let known = sentences(PROMPTS, 0);
    model.encode_prompts(&known).unwrap();
    let mut turn = 0;
    let mut group = criterion.benchmark_group("encode text");
    for count in [1, PROMPTS] {
        group.bench_function(format!("{count} new"), |bencher| {
            // Sentences that are not in the cache.
            let next = || {
                turn += 1;
                sentences(count, turn)
            };
            bencher.iter_batched(next, |new| model.encode_prompts(&new).unwrap(), BatchSize::SmallInput);
        });
        group.bench_function(format!("{count} cached"), |bencher| {
            bencher.iter(|| model.encode_prompts(&known[..count]).unwrap());
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
