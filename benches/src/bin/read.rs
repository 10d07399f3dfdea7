//! radzero's part in `peers/read.py`. For every path on standard input, prints the nanoseconds that decoding and resizing take,
//! and the sum of the first channel, as a check that the images are the same.

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use ndarray::Axis;
use radzero_core::Radiograph;
use radzero_core::manifest::{GeometryKind, Resample};
use radzero_core::pixels::to_model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::io::stdin().lock().lines() {
        let start = Instant::now();
        let radiograph = Radiograph::open(path?)?;
        let pixels = std::hint::black_box(to_model(&radiograph, GeometryKind::Stretch, 518, Resample::Bicubic)?);
        let nanoseconds = start.elapsed().as_nanos();
        let sum: u64 = pixels.index_axis(Axis(0), 0).iter().map(|&level| u64::from(level)).sum();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{nanoseconds} {sum}")?;
        out.flush()?;
    }
    Ok(())
}
