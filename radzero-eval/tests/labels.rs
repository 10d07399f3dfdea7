//! Masks drawn from every run-length of SIIM's label file and every box of RSNA's equal those of the published rule
//! (tests/golden/make_labels.py). `cargo xtask eval-labels` fetches the files and runs this test.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use radzero_core::manifest::sha256_bytes;
use radzero_eval::datasets::region::Region;
use radzero_eval::datasets::{Dataset, rsna, siim};
use rayon::prelude::*;

const SIDE: usize = 1024;

/// The first four bytes of a SHA-256, hexadecimal.
fn digest(content: &[u8]) -> String {
    sha256_bytes(content).as_str()[..8].to_owned()
}

/// A line of the golden file; `None` for an image without a finding.
fn line(image: &str, region: &Region) -> Option<String> {
    let mask = region.mask(SIDE, SIDE).unwrap_or_else(|error| panic!("{image}: {error}"));
    let area = mask.iter().filter(|&&inside| inside).count();
    let bits = mask
        .as_slice()
        .unwrap()
        .chunks(8)
        .map(|pixels| pixels.iter().zip((0..8).rev()).map(|(&inside, bit)| u8::from(inside) << bit).sum());
    let checksum = digest(&bits.collect::<Vec<u8>>());
    (area > 0).then(|| format!("{},{area},{checksum}", digest(image.as_bytes())))
}

fn check(dataset: &Dataset<Region>, golden: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    let golden = std::fs::read_to_string(golden).unwrap();
    let (header, expected) = golden.split_once('\n').unwrap();
    let samples = dataset.samples.par_iter();
    let mut found: Vec<String> = samples.filter_map(|sample| line(&sample.id, &sample.truth)).collect();
    found.sort_unstable();
    let negative = dataset.samples.len() - found.len();
    assert!(header.ends_with(&format!("{} images with a finding, {negative} without", found.len())), "{header}");
    for (found, expected) in found.iter().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.lines().count());
    println!("{}: {} masks as published, {negative} images without", dataset.name, found.len());
}

#[test]
#[ignore = "needs the label files: cargo xtask eval-labels"]
fn every_mask_is_drawn_as_published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/eval-labels");
    let images = tempfile::tempdir().unwrap();
    check(&siim::read(&folder, "siim.csv", images.path()).unwrap(), "siim_labels.csv");
    check(&rsna::read(&folder, "rsna.csv", images.path()).unwrap(), "rsna_labels.csv");
}
