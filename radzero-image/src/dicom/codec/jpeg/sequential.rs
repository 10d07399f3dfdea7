//! Sequential DCT with 12 bits per sample, Huffman coded (T.81 annex F); gray only.

use radzero_format::{Error, Result};

use super::bits::Bits;
use super::huffman::Table;
use super::segments::Segments;
use crate::refusal::{damaged, unsupported};

/// Row-major position of each coefficient in zigzag order (figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

const GREATEST: f32 = 4095.0;
const MIDDLE: f32 = 2048.0;

fn broken() -> Error {
    damaged("the 12-bit JPEG codestream is damaged")
}

/// Decodes the plane, rows x columns.
pub(super) fn decode(mut segments: Segments<'_>) -> Result<Vec<u16>> {
    let [component] = segments.frame.components[..] else {
        return Err(unsupported("12-bit colour JPEG is not supported"));
    };
    let (rows, columns) = (segments.frame.rows, segments.frame.columns);
    let scan = segments.next_scan()?.ok_or_else(|| damaged("the 12-bit JPEG codestream is cut off"))?;
    let &[(_, selectors)] = &scan.components[..] else { return Err(broken()) };
    let dc = segments.dc.get(usize::from(selectors >> 4)).and_then(Option::as_ref).ok_or_else(broken)?;
    let ac = segments.ac.get(usize::from(selectors & 15)).and_then(Option::as_ref).ok_or_else(broken)?;
    let steps = segments.quantization.get(usize::from(component.quantization)).copied().flatten();
    let steps = steps.ok_or_else(broken)?;

    let basis = basis();
    let mut bits = Bits::new(scan.data);
    let mut plane = vec![0; rows * columns];
    let mut previous = 0;
    let across = columns.div_ceil(8);
    for block in 0..across * rows.div_ceil(8) {
        if segments.restart_interval > 0 && block > 0 && block % segments.restart_interval == 0 {
            if !bits.restart() {
                return Err(broken());
            }
            previous = 0;
        }
        let coefficients = coefficients(&mut bits, dc, ac, &steps, &mut previous).ok_or_else(broken)?;
        if bits.overrun() {
            return Err(damaged("the 12-bit JPEG codestream is cut off"));
        }
        let (top, left) = (block / across * 8, block % across * 8);
        for (y, line) in inverse(&coefficients, &basis).iter().enumerate().take(rows - top) {
            let target = &mut plane[(top + y) * columns + left..][..8.min(columns - left)];
            for (sample, value) in target.iter_mut().zip(line) {
                *sample = (value + MIDDLE).round().clamp(0.0, GREATEST) as u16;
            }
        }
    }
    Ok(plane)
}

/// Decodes the coefficients of the next block, dequantized, in row-major order. `previous` is the DC value of the last block.
fn coefficients(
    bits: &mut Bits<'_>,
    dc: &Table,
    ac: &Table,
    steps: &[u16; 64],
    previous: &mut i32,
) -> Option<[f32; 64]> {
    let mut block = [0.0; 64];
    bits.refill();
    let size = dc.decode(bits).filter(|&size| size <= 15)?;
    *previous = previous.wrapping_add(bits.extend(size.into()));
    block[0] = *previous as f32 * f32::from(steps[0]);
    let mut index = 1;
    while index < 64 {
        bits.refill();
        let code = ac.decode(bits)?;
        match (code >> 4, code & 15) {
            (15, 0) => index += 16,
            (_, 0) => break,
            (run, size) => {
                index += usize::from(run);
                let value = bits.extend(size.into());
                let (&place, &step) = (ZIGZAG.get(index)?, steps.get(index)?);
                *block.get_mut(usize::from(place))? = value as f32 * f32::from(step);
                index += 1;
            }
        }
    }
    Some(block)
}

/// The DCT basis as `[u][x]`: C(u) / 2 cos((2 x + 1) u pi / 16) (section A.3.3).
fn basis() -> [[f32; 8]; 8] {
    std::array::from_fn(|u| {
        std::array::from_fn(|x| {
            let scale = if u == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
            let angle = (2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0;
            (scale / 2.0 * angle.cos()) as f32
        })
    })
}

/// The inverse DCT: columns, then rows.
fn inverse(coefficients: &[f32; 64], basis: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let mut half = [[0.0_f32; 8]; 8];
    for (v, line) in coefficients.as_chunks::<8>().0.iter().enumerate() {
        if line.iter().all(|&value| value == 0.0) {
            continue;
        }
        for (y, target) in half.iter_mut().enumerate() {
            for (sum, value) in target.iter_mut().zip(line) {
                *sum += basis[v][y] * value;
            }
        }
    }
    half.map(|line| {
        let mut samples = [0.0; 8];
        for (u, value) in line.into_iter().enumerate() {
            for (sample, weight) in samples.iter_mut().zip(basis[u]) {
                *sample += weight * value;
            }
        }
        samples
    })
}
