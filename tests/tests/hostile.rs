//! Damaged and hostile files give a radiograph or a typed error, without a panic in our code and within 1 GiB of address space.
//! `cargo xtask corpus` runs many more.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use radzero_tests::mutate::damaged;
use serde::Deserialize;

const SEEDS: u64 = 40;

/// Limit of a reader's address space: 1 GiB, in the unit of `ulimit -v`.
const ADDRESS_SPACE_KIB: u32 = 1 << 20;

/// Panics in our own code, caught or not.
static OUR_PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Deserialize)]
struct Hostile {
    file: String,
    /// Part of the error message; a file without one may be read.
    error: Option<String>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files() -> Vec<PathBuf> {
    let folders = ["dicom/files", "golden/images", "images"].map(folder);
    let list = |folder: &PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| -> Vec<PathBuf> { list(folder) }).collect();
    files
        .retain(|path| path.extension().is_some_and(|extension| ["dcm", "png", "jpg"].iter().any(|e| extension == *e)));
    files.sort();
    files
}

fn record_our_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Cargo compiles packages of the workspace by their paths relative to its root.
        if panic.location().is_some_and(|at| at.file().starts_with("radzero-")) {
            OUR_PANICS.lock().unwrap().push(panic.to_string());
        }
        default(panic);
    }));
}

#[test]
fn a_damaged_file_gives_a_radiograph_or_a_typed_error() {
    record_our_panics();
    let files = files();
    assert!(files.len() > 100, "{}", files.len());
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
                    assert!(error.kind().is_image(), "{} {seed}: {error}", path.display());
                    assert!(!error.to_string().contains("SECRET"), "{} {seed}: {error}", path.display());
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused: the damage does not reach the reader");
    assert!(OUR_PANICS.lock().unwrap().is_empty(), "{:?}", OUR_PANICS.lock().unwrap());
}

/// Each file is read by a process of its own, because a failed allocation ends the process.
#[cfg(unix)]
#[test]
fn small_files_that_ask_for_much_memory_are_read_or_refused_within_1_gib() {
    let files: Vec<Hostile> = serde_json::from_slice(&std::fs::read(folder("hostile/expected.json")).unwrap()).unwrap();
    assert!(files.len() > 15);
    let mut wrong = Vec::new();
    for Hostile { file, error } in files {
        let mut child = Command::new("sh");
        child
            .args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "reads_one_file", "--nocapture"]).env("HOSTILE_FILE", &file);
        let output = child.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let as_expected = match error {
            Some(hint) => printed.contains("refused: ") && printed.contains(&hint),
            None => printed.contains("read: "),
        };
        if !output.status.success() || !as_expected || printed.contains("SECRET") {
            wrong.push(format!("{file}: {}\n{printed}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "started by the test before it, with its memory limited"]
fn reads_one_file() {
    let Ok(name) = std::env::var("HOSTILE_FILE") else { return };
    record_our_panics();
    for intensity in [IntensityPolicy::Reference, IntensityPolicy::Display, IntensityPolicy::MinMax] {
        let options = ReadOptions { intensity, apply_exif_orientation: true, ..ReadOptions::default() };
        match options.open(folder("hostile").join(&name)) {
            Ok(radiograph) => println!("read: {} x {}", radiograph.width(), radiograph.height()),
            Err(error) => println!("refused: {error}"),
        }
    }
    assert!(OUR_PANICS.lock().unwrap().is_empty());
}
