//! Lossless JPEG, Huffman coded (T.81 annex H): every sample is coded as its difference from a prediction.

use radzero_format::{Error, Result};

use super::bits::Bits;
use super::huffman::Table;
use super::segments::{Scan, Segments};
use crate::refusal::{damaged, unsupported};

fn broken() -> Error {
    damaged("the lossless JPEG codestream is damaged")
}

/// The range of samples before the point transform is undone.
#[derive(Clone, Copy)]
struct SampleRange {
    /// The prediction for the first sample.
    middle: i32,
    /// Mask of the sample's bits. In a valid codestream sums stay within them; in a damaged one they are cut.
    mask: i32,
}

/// Decodes one plane of rows x columns per component.
pub(super) fn decode(mut segments: Segments<'_>) -> Result<Vec<Vec<u16>>> {
    let frame = segments.frame.clone();
    if frame.components.iter().any(|component| component.sampling != 0x11) && frame.components.len() > 1 {
        return Err(unsupported("subsampled lossless JPEG is not supported"));
    }
    let mut planes: Vec<Vec<u16>> = vec![Vec::new(); frame.components.len()];
    while let Some(scan) = segments.next_scan()? {
        let decoded = decode_scan(&segments, &scan)?;
        for (&(component, _), plane) in scan.components.iter().zip(decoded) {
            planes[component] = plane;
        }
        if planes.iter().all(|plane| !plane.is_empty()) {
            return Ok(planes);
        }
    }
    Err(damaged("the lossless JPEG codestream is cut off"))
}

fn decode_scan(segments: &Segments<'_>, scan: &Scan<'_>) -> Result<Vec<Vec<u16>>> {
    let (rows, columns) = (segments.frame.rows, segments.frame.columns);
    let tables: Vec<&Table> = scan
        .components
        .iter()
        .map(|&(_, selectors)| segments.dc.get(usize::from(selectors >> 4)).and_then(Option::as_ref))
        .collect::<Option<_>>()
        .ok_or_else(broken)?;
    let (predictor, shift) = (scan.spectral_start, u32::from(scan.low_bit));
    if !(1..=7).contains(&predictor) || shift >= u32::from(segments.frame.precision) {
        return Err(broken());
    }
    let depth = u32::from(segments.frame.precision) - shift;
    let range = SampleRange { middle: 1 << (depth - 1), mask: (1 << depth) - 1 };
    // A restart interval is a whole number of rows (section H.1.1).
    let restart_rows = match segments.restart_interval {
        0 => usize::MAX,
        interval if interval % columns == 0 => interval / columns,
        _ => return Err(unsupported("restarts within a row of lossless JPEG are not supported")),
    };

    let mut bits = Bits::new(scan.data);
    let mut planes = vec![vec![0_u16; rows * columns]; tables.len()];
    for row in 0..rows {
        let first = row % restart_rows == 0;
        if first && row > 0 && !bits.restart() {
            return Err(broken());
        }
        if let ([table], [plane]) = (&tables[..], &mut planes[..]) {
            let (above, line) = plane.split_at_mut(row * columns);
            let above = if first { &[][..] } else { &above[(row - 1) * columns..] };
            decode_row(&mut bits, table, above, &mut line[..columns], predictor, range).ok_or_else(broken)?;
        } else {
            decode_interleaved(&mut bits, &tables, &mut planes, (row, columns, first), predictor, range)
                .ok_or_else(broken)?;
        }
        if bits.overrun() {
            return Err(damaged("the lossless JPEG codestream is cut off"));
        }
    }
    if shift > 0 {
        planes.iter_mut().flatten().for_each(|sample| *sample <<= shift);
    }
    Ok(planes)
}

/// Decodes a row of a scan of one component; `above` is empty in the first row and after a restart.
#[inline]
fn decode_row(
    bits: &mut Bits<'_>,
    table: &Table,
    above: &[u16],
    line: &mut [u16],
    predictor: u8,
    range: SampleRange,
) -> Option<()> {
    let mut left = above.first().map_or(range.middle, |&sample| sample.into());
    if above.is_empty() || predictor == 1 {
        for sample in line {
            left = (left + difference(bits, table)?) & range.mask;
            *sample = left as u16;
        }
        return Some(());
    }
    let mut corner = left;
    for (index, (sample, &up)) in line.iter_mut().zip(above).enumerate() {
        let up = i32::from(up);
        let prediction = if index == 0 { up } else { predict(predictor, left, up, corner) };
        left = (prediction + difference(bits, table)?) & range.mask;
        *sample = left as u16;
        corner = up;
    }
    Some(())
}

/// Decodes a row of a scan of several components; `first` is true in the first row and after a restart.
fn decode_interleaved(
    bits: &mut Bits<'_>,
    tables: &[&Table],
    planes: &mut [Vec<u16>],
    (row, columns, first): (usize, usize, bool),
    predictor: u8,
    range: SampleRange,
) -> Option<()> {
    for column in 0..columns {
        let index = row * columns + column;
        for (table, plane) in tables.iter().zip(planes.iter_mut()) {
            let prediction = match (first, column) {
                (true, 0) => range.middle,
                (true, _) => plane[index - 1].into(),
                (false, 0) => plane[index - columns].into(),
                (false, _) => {
                    let neighbour = |distance| i32::from(plane[index - distance]);
                    predict(predictor, neighbour(1), neighbour(columns), neighbour(columns + 1))
                }
            };
            plane[index] = ((prediction + difference(bits, table)?) & range.mask) as u16;
        }
    }
    Some(())
}

/// The prediction of a sample from its neighbours (table H.1).
#[inline]
fn predict(predictor: u8, left: i32, up: i32, corner: i32) -> i32 {
    match predictor {
        1 => left,
        2 => up,
        3 => corner,
        4 => left + up - corner,
        5 => left + ((up - corner) >> 1),
        6 => up + ((left - corner) >> 1),
        _ => (left + up) >> 1,
    }
}

/// Decodes the next difference (section H.1.2.2).
#[inline]
fn difference(bits: &mut Bits<'_>, table: &Table) -> Option<i32> {
    bits.refill();
    match table.decode(bits)? {
        size @ 0..=15 => Some(bits.extend(size.into())),
        16 => Some(32_768),
        _ => None,
    }
}
