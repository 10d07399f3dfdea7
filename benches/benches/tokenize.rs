//! How long does tokenizing a sentence take?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::ModelDirectory;
use radzero_core::RadZero;

fn benches(criterion: &mut Criterion) {
    let directory = ModelDirectory::find().unwrap();
    let model = RadZero::open(directory.path()).unwrap();
    let long = "Small right apical pneumothorax without mediastinal shift, unchanged since the prior examination.";
    let mut group = criterion.benchmark_group("tokenize");
    for sentence in ["There is fibrosis", long] {
        let name = format!("{} characters", sentence.len());
        group.bench_function(name, |bencher| bencher.iter(|| model.tokenize(sentence).unwrap()));
    }
}

criterion_group!(group, benches);
criterion_main!(group);
