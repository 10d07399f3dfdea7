//! How fast are the kernels at full size, on one thread? An element is an operation, so read Gelem/s as GFLOP/s.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array1;
use radzero_benches::{GRID, HIDDEN, values};
use radzero_kernels::{Attention, BytePanels, Epilogue, Kernels, Linear, LinearInt8, Panels, Serial};

const TOKENS: usize = 1 + GRID * GRID;

fn benches(criterion: &mut Criterion) {
    for (inputs, outputs) in [(HIDDEN, HIDDEN), (HIDDEN, 4 * HIDDEN), (4 * HIDDEN, HIDDEN)] {
        let x = values(TOKENS * inputs).unwrap();
        let weight = Panels::pack(values((outputs, inputs)).unwrap().view());
        let bias = values(outputs).unwrap();
        let layer = Linear { layout: Panels::new(inputs, outputs), weight: &weight, bias: bias.as_slice().unwrap() };
        let mut y = vec![0.0; TOKENS * outputs];
        let mut group = criterion.benchmark_group(format!("layer {TOKENS} x {inputs} x {outputs}"));
        group.throughput(Throughput::Elements(2 * (TOKENS * inputs * outputs) as u64));
        for kernels in Kernels::all() {
            group.bench_function(kernels.name(), |bencher| {
                bencher
                    .iter(|| kernels.linear(&Serial, &layer, x.as_slice().unwrap(), Epilogue::None, &mut y).unwrap());
            });
        }
        let levels = values((outputs, inputs)).unwrap().mapv(|value: f32| (value * 127.0) as i8);
        let sums: Array1<i32> = levels.rows().into_iter().map(|row| row.iter().map(|&v| i32::from(v)).sum()).collect();
        let (weight, scales) = (BytePanels::pack(levels.view()), vec![0.01; outputs]);
        let layer = LinearInt8 {
            layout: BytePanels::new(inputs, outputs),
            weight: &weight,
            scales: &scales,
            sums: sums.as_slice().unwrap(),
            bias: bias.as_slice().unwrap(),
        };
        for kernels in Kernels::all().into_iter().filter(|kernels| kernels.multiplies_integers()) {
            group.bench_function(format!("{} int8", kernels.name()), |bencher| {
                bencher.iter(|| {
                    kernels.linear_int8(&Serial, &layer, x.as_slice().unwrap(), Epilogue::None, &mut y).unwrap()
                });
            });
        }
    }

    let shape = Attention { images: 1, tokens: TOKENS, heads: 12, width: 64 };
    let q = values(TOKENS * HIDDEN).unwrap();
    let qkv = [q.as_slice().unwrap(); 3];
    let mut y = vec![0.0; TOKENS * HIDDEN];
    let mut group = criterion.benchmark_group(format!("attention {TOKENS} x {} x {}", shape.heads, shape.width));
    // Two products of two operations each; the softmax is not counted.
    group.throughput(Throughput::Elements(4 * (TOKENS * TOKENS * HIDDEN) as u64));
    for kernels in Kernels::all() {
        group.bench_function(kernels.name(), |bencher| {
            bencher.iter(|| kernels.attention(&Serial, shape, qkv, &mut y).unwrap());
        });
        if kernels.multiplies_integers() {
            group.bench_function(format!("{} int16", kernels.name()), |bencher| {
                bencher.iter(|| kernels.attention_int16(&Serial, shape, qkv, &mut y).unwrap());
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
