//! Damaged image files end in a radiograph or a typed error: a small share of what `cargo xtask corpus` runs.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use radzero_core::ErrorKind;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use radzero_tests::mutate::damaged;

const SEEDS: u64 = 40;

fn files() -> Vec<PathBuf> {
    let folders = ["dicom/files", "golden/images"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    let list = |folder: &PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| -> Vec<PathBuf> { list(folder) }).collect();
    files.sort();
    files
}

#[test]
fn damaged_files_end_in_a_result_or_a_typed_error() {
    let files = files();
    assert!(files.len() > 80, "{}", files.len());
    let (mut read, mut refused) = (0, 0);
    for (index, path) in files.iter().enumerate() {
        let whole = std::fs::read(path).unwrap();
        for seed in 0..SEEDS {
            let bytes = damaged(&whole, index as u64 * SEEDS + seed);
            let intensity = if seed % 2 == 0 { IntensityPolicy::Display } else { IntensityPolicy::Reference };
            let options = ReadOptions { intensity, frame: Some(0), allow_for_processing: true, ..Default::default() };
            match options.read_bytes(&bytes) {
                Ok(radiograph) => {
                    assert!(radiograph.width() > 0 && radiograph.height() > 0);
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Image, "{} {seed}: {error}", path.display());
                    assert!(!error.to_string().contains("SECRET"), "{} {seed}: {error}", path.display());
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused: the damage does not reach the reader");
}
