//! PadChest: the images labelled by physicians, with every label except "normal".
//!
//! Files: `PadChest/padchest_multi_label_image.csv` (column `Path`), `PadChest/padchest_multi_label_text.json` (sentences, in
//! alphabetical order of the labels), `PadChest/manual_image.json` (an object that maps each image to its labels, in the order
//! of the image list). The published table's PadChest20 is the group `tail`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::classification::{PublishedParts, dataset};
use super::files::{LabelFiles, other_image, same_image, same_length};
use super::{Dataset, Labels, long_tail_groups};
use crate::error::Result;

const SENTENCES: &str = "PadChest/padchest_multi_label_text.json";
const OWNER: &str =
    "PadChest's images are distributed by BIMCV, Valencia (bimcv.cipf.es), after agreement to its terms of use.";
const LABELS: &str = "PadChest/manual_image.json";
const NORMAL: &str = "normal";

/// The entries of an object in file order, which is how they correspond to the image list.
struct Ordered(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of image names with lists of labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Reads PadChest: label files below `root`, image paths relative to `images`.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing), [`Error::Format`](crate::Error::Format).
pub fn classification(root: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let mut files = LabelFiles::new(root, OWNER);
    let paths = files.image_paths("PadChest/padchest_multi_label_image.csv")?;
    let prompts = files.prompts(SENTENCES)?;
    let Ordered(entries) = files.json(LABELS)?;
    same_length(&files.path(LABELS), paths.len(), entries.len())?;
    if let Some((path, (name, _))) = paths.iter().zip(&entries).find(|(path, (name, _))| !same_image(path, name)) {
        return Err(other_image(&files.path(LABELS), None, path, name));
    }
    let classes: BTreeSet<&str> = entries.iter().flat_map(|(_, labels)| labels).map(String::as_str).collect();
    let classes: Vec<String> = classes.into_iter().filter(|&name| name != NORMAL).map(str::to_owned).collect();
    let labels = entries.iter().map(|(_, shown)| classes.iter().map(|class| shown.contains(class)).collect()).collect();
    let mut dataset = dataset(
        PublishedParts {
            name: "PadChest",
            owner: OWNER,
            sentences: SENTENCES,
            classes,
            prompts,
            paths,
            labels,
            images,
        },
        files,
    )?;
    dataset.groups = long_tail_groups(&dataset.samples, dataset.classes.len());
    Ok(dataset)
}
