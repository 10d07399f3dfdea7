//! Models exported from the golden checkpoints.

use std::path::{Path, PathBuf};

use radzero_core::{ErrorKind, RadZero};
use radzero_export::{ExportOptions, PositionConvention, Precision, export};
use tempfile::TempDir;

use crate::golden::{Case, Golden};
use crate::golden_path;

/// An exported model in a temporary directory, which is deleted on drop.
pub struct Exported {
    /// The index of the golden data.
    pub golden: Golden,
    folder: TempDir,
}

impl Exported {
    /// Exports the golden case of this name.
    #[must_use]
    pub fn case(name: &str) -> Self {
        Self::case_with(name, |_| {})
    }

    /// Exports the golden case of this name with other options.
    #[must_use]
    pub fn case_with(name: &str, change: impl FnOnce(&mut ExportOptions)) -> Self {
        let golden = Golden::load();
        let folder = TempDir::new().unwrap();
        let checkpoint = folder.path().join("checkpoint");
        write_checkpoint(golden.case(name), &checkpoint);
        let mut options = ExportOptions::new(checkpoint, folder.path().join("model"));
        options.position_embedding = match golden.case(name).position_convention.as_str() {
            "offset" => PositionConvention::Offset,
            "size" => PositionConvention::Size,
            other => panic!("{name}: unknown convention {other}"),
        };
        change(&mut options);
        export(&options, |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { golden, folder }
    }

    /// Exports the golden case of this name in 8 bits, calibrated on golden images.
    #[must_use]
    pub fn int8(name: &str) -> Self {
        let images = TempDir::new().unwrap();
        for image in ["gray8.png", "rgb8.png", "tall.png", "wide.png"] {
            std::fs::copy(golden_path(format!("images/{image}")), images.path().join(image)).unwrap();
        }
        Self::case_with(name, |options| {
            options.precision = Precision::Int8;
            options.calibration = Some(images.path().to_owned());
        })
    }

    /// The model directory.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    /// A folder for a test's own files, deleted on drop.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the model.
    #[must_use]
    pub fn open(&self) -> RadZero {
        RadZero::open(self.directory()).unwrap()
    }

    /// Opens an 8-bit model. Returns `None` on a processor without instructions for exact 8-bit products, after checking that the
    /// model is refused there.
    #[must_use]
    pub fn open_int8(&self) -> Option<RadZero> {
        if has_vnni() {
            return Some(self.open());
        }
        let error = RadZero::open(self.directory()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
        assert!(error.to_string().contains("this processor has no VNNI instructions"), "{error}");
        None
    }
}

/// Whether this processor can multiply 8-bit values exactly.
fn has_vnni() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

/// Copies the files of a case's checkpoint into `folder`.
pub fn write_checkpoint(case: &Case, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, file) in &case.files {
        std::fs::copy(golden_path(file), folder.join(name)).unwrap();
    }
}
