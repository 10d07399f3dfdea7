//! Training files: the bytes of all phantoms one after the other, for a program that maps them into memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::{Bounds, DrawnFinding, Error, Kind, Phantom, Plan, Side, Size, Zone};

/// A finding in a line of a labels file.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Label {
    /// Its kind.
    pub kind: Kind,
    /// The patient's side.
    pub side: Option<Side>,
    /// The third of the lung.
    pub zone: Option<Zone>,
    /// Its bounding box, in pixels.
    pub bounds: Bounds,
}

/// A line of a labels file.
#[derive(Clone, Debug, Serialize)]
pub struct Labels {
    /// The phantom's seed.
    pub seed: u64,
    /// Its size.
    pub size: Size,
    /// Its findings.
    pub findings: Vec<Label>,
    /// Every true sentence about it.
    pub sentences: Vec<String>,
}

impl From<&Phantom> for Labels {
    fn from(phantom: &Phantom) -> Self {
        let label = |f: &DrawnFinding| Label { kind: f.kind, side: f.side, zone: f.zone, bounds: f.bounds };
        Self {
            seed: phantom.seed,
            size: phantom.size,
            findings: phantom.findings.iter().map(label).collect(),
            sentences: phantom.sentences(),
        }
    }
}

/// Writes `images.u8` [count, side, side], `coverage.u8` [count, 9, 2, side / patch, side / patch] and `labels.jsonl`.
///
/// The coverage is the share of each patch that findings of one kind ([`Kind::ALL`]) on one side (right, left) cover, times
/// 255; findings without a side count for both. Seeds count up from `first`.
///
/// # Errors
/// [`Error::Patch`] if the side is not a multiple of the patch, [`Error::Size`], [`Error::Write`].
pub fn write(folder: &Path, first: u64, count: u64, side: u32, patch: u32) -> Result<(), Error> {
    if patch == 0 || !side.is_multiple_of(patch) {
        return Err(Error::Patch { side, patch });
    }
    let failed = |source| Error::Write { path: folder.to_owned(), source };
    let open = |name: &str| File::create(folder.join(name)).map(BufWriter::new).map_err(failed);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let (mut images, mut coverages, mut labels) = (open("images.u8")?, open("coverage.u8")?, open("labels.jsonl")?);
    let batch = 256;
    for start in (0..count).step_by(batch) {
        let seeds = first + start..first + count.min(start + batch as u64);
        let phantoms: Result<Vec<_>, Error> = seeds
            .into_par_iter()
            .map(|seed| {
                let phantom = Plan::new(seed).draw(Size::square(side))?;
                let coverage = coverage(&phantom, side as usize, patch as usize);
                Ok((phantom.to_u8(), coverage, Labels::from(&phantom)))
            })
            .collect();
        for (image, coverage, label) in phantoms? {
            images.write_all(&image).map_err(failed)?;
            coverages.write_all(&coverage).map_err(failed)?;
            serde_json::to_writer(&mut labels, &label).map_err(|error| failed(error.into()))?;
            labels.write_all(b"\n").map_err(failed)?;
        }
    }
    for file in [&mut images, &mut coverages, &mut labels] {
        file.flush().map_err(failed)?;
    }
    Ok(())
}

fn coverage(phantom: &Phantom, side: usize, patch: usize) -> Vec<u8> {
    let grid = side / patch;
    let mut counts = vec![0_u32; Kind::ALL.len() * Side::ALL.len() * grid * grid];
    for seen in &phantom.findings {
        let kind = Kind::ALL.iter().position(|&kind| kind == seen.kind).unwrap_or_default();
        for (index, side_of) in Side::ALL.into_iter().enumerate() {
            if seen.side.is_some_and(|side| side != side_of) {
                continue;
            }
            let plane = (kind * Side::ALL.len() + index) * grid * grid;
            for (pixel, _) in seen.mask.covered().iter().enumerate().filter(|(_, covered)| **covered) {
                let (row, column) = (pixel / side / patch, pixel % side / patch);
                counts[plane + row * grid + column] += 1;
            }
        }
    }
    let whole = (patch * patch) as u32;
    counts.into_iter().map(|count| (255 * count / whole).min(255) as u8).collect()
}
