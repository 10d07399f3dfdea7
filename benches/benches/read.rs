//! How long does it take from a file to the model's pixels? `peers/files.py` makes the files, `peers/read.py` compares with
//! others.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_benches::skip;
use radzero_core::Radiograph;
use radzero_core::manifest::{GeometryKind, Resample};
use radzero_core::pixels::to_model;

const NAMES: [&str; 5] = ["gray8.png", "gray16.png", "gray.jpg", "uncompressed.dcm", "jpeg_lossless.dcm"];

fn benches(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/bench-read");
    let paths = NAMES.map(|name| folder.join(name));
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        // Making them needs Python packages and DCMTK, see benches/peers/README.md.
        return skip("read", missing, "python benches/peers/files.py target/bench-read (see benches/peers/README.md)");
    }
    let mut group = criterion.benchmark_group("read 3000 x 2500, resize to 518 x 518");
    group.sample_size(20);
    for (name, path) in NAMES.into_iter().zip(paths) {
        let bytes = std::fs::read(path).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let radiograph = Radiograph::from_bytes(&bytes).unwrap();
                to_model(&radiograph, GeometryKind::Stretch, 518, Resample::Bicubic).unwrap()
            });
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
