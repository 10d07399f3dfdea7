//! Ours in `peers/read.py`: for every path on standard input, nanoseconds to decode and resize it on standard output.

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use radzero_core::Radiograph;
use radzero_core::manifest::{GeometryKind, Resample};
use radzero_core::pixels::Geometry;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::io::stdin().lock().lines() {
        let start = Instant::now();
        let radiograph = Radiograph::open(path?)?;
        let geometry = Geometry::new(GeometryKind::Stretch, 518, radiograph.width(), radiograph.height())?;
        std::hint::black_box(geometry.to_model(&radiograph, Resample::Bicubic));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", start.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}
