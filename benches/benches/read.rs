//! How long does a file take to become the model's pixels? Files of `peers/files.py`; `peers/read.py` compares with others.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use radzero_core::Radiograph;
use radzero_core::manifest::{GeometryKind, Resample};
use radzero_core::pixels::Geometry;

fn benches(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-read");
    let mut group = criterion.benchmark_group("read 3000 x 2500, resize to 518 x 518");
    group.sample_size(20);
    for name in ["gray8.png", "gray16.png", "gray.jpg", "uncompressed.dcm", "jpeg_lossless.dcm"] {
        let bytes = std::fs::read(folder.join(name));
        let bytes = bytes.unwrap_or_else(|error| panic!("{name}: {error}; benches/peers/files.py makes it"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let radiograph = Radiograph::from_bytes(&bytes).unwrap();
                let geometry =
                    Geometry::new(GeometryKind::Stretch, 518, radiograph.width(), radiograph.height()).unwrap();
                geometry.to_model(&radiograph, Resample::Bicubic)
            });
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
