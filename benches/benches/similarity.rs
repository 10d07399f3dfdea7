//! How long does VL-CABS take at full size?

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::{GRID, HIDDEN, values};
use radzero_core::manifest::{Similarity, SimilarityOperator};
use radzero_core::similarity::vl_cabs;

fn benches(criterion: &mut Criterion) {
    let similarity = Similarity {
        operator: SimilarityOperator::Cos,
        temperature: 0.07,
        score_temperature: None,
        use_cls_token: true,
        use_layer_norm: true,
    };
    let tokens = values((1 + GRID * GRID, HIDDEN)).unwrap();
    let mut group = criterion.benchmark_group("VL-CABS");
    for prompts in [1, 14] {
        let embeddings = values((prompts, HIDDEN)).unwrap();
        group.bench_function(format!("{prompts} prompts"), |bencher| {
            bencher.iter(|| vl_cabs(tokens.view(), embeddings.view(), &similarity).unwrap());
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
