//! What the published classification data sets share.

use std::path::Path;

use super::files::{LabelFiles, same_length};
use super::{Dataset, Labels, Sample};
use crate::error::Result;
use radzero_core::radiograph::IntensityPolicy;

/// A published data set, put together: one path, one row of labels an image, one sentence a class.
pub(super) struct Published<'a> {
    pub(super) name: &'static str,
    pub(super) owner: &'static str,
    pub(super) classes: Vec<String>,
    pub(super) prompts: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) labels: Vec<Labels>,
    pub(super) images: &'a Path,
}

pub(super) fn dataset(published: Published<'_>, files: LabelFiles) -> Result<Dataset<Labels>> {
    let Published { name, owner, classes, prompts, paths, labels, images } = published;
    same_length(&files.path("the file of sentences"), classes.len(), prompts.len())?;
    let samples = paths.into_iter().zip(labels);
    let samples = samples.map(|(id, truth)| Sample { path: images.join(&id), id, truth }).collect();
    Ok(Dataset {
        name: name.to_owned(),
        classes,
        prompts,
        samples,
        groups: Vec::new(),
        policy: IntensityPolicy::MinMax,
        files: files.finish(),
        owner: owner.to_owned(),
    })
}
