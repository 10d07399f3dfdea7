//! A plain format for your own data: a CSV file with one finding per line.
//!
//! | column | content |
//! | --- | --- |
//! | `image` | path of the image, relative to the image folder |
//! | `label` | name of the finding; empty for an image without any |
//! | `left`, `top`, `right`, `bottom` | a box in pixels, both corners part of it; optional |
//! | `mask` | path of a gray image of the same size, black outside the finding; optional |
//! | `prompt` | the sentence; if empty or missing, "There is " followed by the label |
//!
//! Several lines with the same image and label are one finding in several places. Classification uses the labels, grounding
//! the lines with a box, and segmentation the boxes and masks of a single label.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use radzero_core::radiograph::IntensityPolicy;

use super::files::{CsvRow, LabelFiles, not_empty};
use super::region::{PixelBox, Region};
use super::{Dataset, Labels, Regions, Sample, Target, Targets};
use crate::error::{Error, Result};
use crate::metrics::pointing::Corners;

const OWNER: &str = "The file and its images are your own; the documentation describes the format.";

/// A line of the file.
struct Finding {
    line: u64,
    label: String,
    prompt: String,
    corners: Option<Corners>,
    /// `None` if the line has neither box nor mask.
    region: Option<Region>,
}

/// A file, grouped by image in the order of its lines.
struct PlainFile {
    files: LabelFiles,
    name: String,
    samples: Vec<Sample<Vec<Finding>>>,
}

/// Reads the CSV file `file` for classification, image paths relative to `images`. Classes are in alphabetical order.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn classification(file: &Path, images: &Path) -> Result<Dataset<Labels>> {
    let plain = read(file, images)?;
    let (classes, prompts): (Vec<_>, Vec<_>) = plain.classes(file)?.into_iter().unzip();
    plain.dataset(classes, prompts, |classes, _, findings| {
        classes.iter().map(|class| findings.iter().any(|finding| finding.label == *class)).collect()
    })
}

/// Reads the CSV file `file` for grounding: one target for each pair of label and sentence with boxes in an image.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn grounding(file: &Path, images: &Path) -> Result<Dataset<Targets>> {
    let plain = read(file, images)?;
    let findings = || plain.samples.iter().flat_map(|sample| &sample.truth);
    let mut classes: Vec<String> = findings().map(|finding| finding.label.clone()).collect();
    let mut prompts: Vec<String> = findings().map(|finding| finding.prompt.clone()).collect();
    for names in [&mut classes, &mut prompts] {
        names.sort_unstable();
        names.dedup();
    }
    plain.dataset(classes, prompts, |classes, prompts, findings| {
        let mut targets: BTreeMap<(usize, usize), Vec<Corners>> = BTreeMap::new();
        for finding in findings {
            let class = classes.binary_search(&finding.label).unwrap_or_default();
            let prompt = prompts.binary_search(&finding.prompt).unwrap_or_default();
            if let Some(corners) = finding.corners {
                targets.entry((class, prompt)).or_default().push(corners);
            }
        }
        targets.into_iter().map(|((class, prompt), boxes)| Target { class, prompt, boxes }).collect()
    })
}

/// Reads the CSV file `file` for segmentation. It must have a single label, with a box or a mask on each of its lines.
///
/// # Errors
/// [`Error::Missing`], [`Error::Format`].
pub fn segmentation(file: &Path, images: &Path) -> Result<Dataset<Regions>> {
    let plain = read(file, images)?;
    let (classes, prompts): (Vec<_>, Vec<_>) = plain.classes(file)?.into_iter().unzip();
    if classes.len() != 1 {
        let message = format!("one label expected for segmentation, {} found: {}", classes.len(), classes.join(", "));
        return Err(Error::format(file, None, message));
    }
    // A finding without a region would make its image count as negative.
    let mut findings = plain.samples.iter().flat_map(|sample| &sample.truth);
    if let Some(Finding { line, label, .. }) = findings.find(|finding| finding.region.is_none()) {
        return Err(Error::format(file, *line, format!("a box or a mask of {label:?} expected, neither found")));
    }
    plain.dataset(classes, prompts, |_, _, findings| {
        Region::All(findings.into_iter().filter_map(|finding| finding.region).collect())
    })
}

fn read(file: &Path, images: &Path) -> Result<PlainFile> {
    let (root, name) = (file.parent().unwrap_or(Path::new("")), file.file_name().unwrap_or_default());
    let name = name.to_string_lossy().into_owned();
    let mut files = LabelFiles::own(root, OWNER);
    let table = files.csv(&name)?;
    let mut samples: Vec<Sample<Vec<Finding>>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for row in table.rows() {
        let id = row.get("image")?;
        if id.is_empty() {
            return Err(row.bad("image", "a path"));
        }
        let finding = finding(&row, images)?;
        let place = *places.entry(id).or_insert_with(|| {
            samples.push(Sample { id: id.to_owned(), path: images.join(id), truth: Vec::new() });
            samples.len() - 1
        });
        samples[place].truth.extend(finding);
    }
    not_empty(&table.path, &samples)?;
    let name = name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned());
    Ok(PlainFile { files, name, samples })
}

fn finding(row: &CsvRow<'_>, images: &Path) -> Result<Option<Finding>> {
    let label = row.get("label")?.trim();
    let corners = corners(row)?;
    let mask = row.optional("mask").trim();
    if label.is_empty() {
        if corners.is_some() || !mask.is_empty() {
            return Err(row.bad("label", "the name of what is marked"));
        }
        return Ok(None);
    }
    let mut regions = Vec::new();
    if let Some(corners) = corners {
        let start = |edge: f64| edge.max(0.0).ceil() as u32;
        let length = |low: f64, high: f64| (high.max(-1.0).floor() as i64 - i64::from(start(low)) + 1).max(0) as u32;
        regions.push(Region::Boxes(vec![PixelBox {
            left: start(corners.left),
            top: start(corners.top),
            width: length(corners.left, corners.right),
            height: length(corners.top, corners.bottom),
        }]));
    }
    if !mask.is_empty() {
        regions.push(Region::File(images.join(mask)));
    }
    let prompt = match row.optional("prompt").trim() {
        "" => format!("There is {label}"),
        prompt => prompt.to_owned(),
    };
    let region = (!regions.is_empty()).then_some(Region::All(regions));
    Ok(Some(Finding { line: row.line, label: label.to_owned(), prompt, corners, region }))
}

fn corners(row: &CsvRow<'_>) -> Result<Option<Corners>> {
    const EDGES: [&str; 4] = ["left", "top", "right", "bottom"];
    if EDGES.iter().all(|edge| row.optional(edge).trim().is_empty()) {
        return Ok(None);
    }
    let [left, top, right, bottom] = EDGES.map(|edge| row.number(edge));
    let corners = Corners { left: left?, top: top?, right: right?, bottom: bottom? };
    if corners.right < corners.left || corners.bottom < corners.top {
        return Err(
            row.bad("right", "a box with its right edge not left of its left one, nor its bottom above its top,")
        );
    }
    Ok(Some(corners))
}

impl PlainFile {
    /// Classes with their sentences; one sentence per class.
    fn classes(&self, file: &Path) -> Result<BTreeMap<String, String>> {
        let mut classes: BTreeMap<String, String> = BTreeMap::new();
        for finding in self.samples.iter().flat_map(|sample| &sample.truth) {
            let prompt = classes.entry(finding.label.clone()).or_insert_with(|| finding.prompt.clone());
            if *prompt != finding.prompt {
                let message =
                    format!("one sentence for {:?} expected, {prompt:?} and {:?} found", finding.label, finding.prompt);
                return Err(Error::format(file, None, message));
            }
        }
        Ok(classes)
    }

    fn dataset<T>(
        self,
        classes: Vec<String>,
        prompts: Vec<String>,
        truth: impl Fn(&[String], &[String], Vec<Finding>) -> T,
    ) -> Result<Dataset<T>> {
        let samples = self.samples.into_iter();
        let samples = samples.map(|sample| Sample {
            id: sample.id,
            path: sample.path,
            truth: truth(&classes, &prompts, sample.truth),
        });
        Ok(Dataset {
            name: self.name,
            samples: samples.collect(),
            classes,
            prompts,
            groups: Vec::new(),
            policy: IntensityPolicy::Reference,
            files: self.files.finish(),
            owner: OWNER.to_owned(),
        })
    }
}
