//! The known data sets of each task. A new data set is a file of its own in this folder and a line in one of these tables;
//! the command line and the tests of the published formats read the tables.

use std::fmt;
use std::path::Path;

use super::{
    Dataset, Labels, Regions, Targets, chestxdet10, chestxray14, chexpert, ms_cxr, openi, padchest, plain, rsna, siim,
};
use crate::error::Result;

/// Reads a data set: the path of its label files, and the folder that image paths are relative to.
pub type Load<T> = fn(&Path, &Path) -> Result<Dataset<T>>;

/// A data set that can be chosen for a task, with ground truths of type `T`.
pub struct Entry<T> {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for help.
    pub title: &'static str,
    /// Which label files it needs.
    pub labels: LabelSource,
    /// Reads it.
    pub load: Load<T>,
}

/// Where the label files of a data set come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelSource {
    /// A folder with the label files of the published evaluation.
    Published,
    /// The user's own CSV file.
    OwnFile,
}

/// Data sets for classification.
pub const CLASSIFICATION: &[Entry<Labels>] = &[
    published("openi", "OpenI, 18 classes", openi::classification),
    published("padchest", "PadChest, every class that occurs", padchest::classification),
    published("chestxray14", "ChestX-ray14, 14 classes", chestxray14::classification),
    published("chexpert", "CheXpert, 5 classes", chexpert::classification),
    published("chestxdet10", "ChestX-Det10, 10 classes", chestxdet10::classification),
    own_file("plain", "your own CSV file", plain::classification),
];

/// Data sets for grounding.
pub const GROUNDING: &[Entry<Targets>] = &[
    published("chestxdet10", "ChestX-Det10, boxes of 10 classes", chestxdet10::grounding),
    published("ms-cxr", "MS-CXR, phrases with boxes", ms_cxr::grounding),
    own_file("plain", "your own CSV file, with boxes", plain::grounding),
];

/// Data sets for segmentation.
pub const SEGMENTATION: &[Entry<Regions>] = &[
    published("siim", "SIIM-ACR Pneumothorax, masks", siim::segmentation),
    published("rsna", "RSNA Pneumonia, boxes as masks", rsna::segmentation),
    own_file("plain", "your own CSV file, with boxes or masks of one label", plain::segmentation),
];

const fn published<T>(name: &'static str, title: &'static str, load: Load<T>) -> Entry<T> {
    Entry { name, title, labels: LabelSource::Published, load }
}

const fn own_file<T>(name: &'static str, title: &'static str, load: Load<T>) -> Entry<T> {
    Entry { name, title, labels: LabelSource::OwnFile, load }
}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(entries: &[Entry<T>]) {
        let mut names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), entries.len(), "{entries:?}");
        // Each reader names the file that it misses.
        for entry in entries {
            let loaded = (entry.load)(Path::new("no/such/data"), Path::new("no/such/images"));
            let error = loaded.err().unwrap();
            assert!(matches!(error, crate::Error::Missing { .. }), "{entry:?}: {error}");
        }
    }

    #[test]
    fn names_are_unique_and_missing_files_are_named() {
        check(CLASSIFICATION);
        check(GROUNDING);
        check(SEGMENTATION);
    }
}
