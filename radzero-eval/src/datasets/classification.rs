//! Shared by the published classification data sets.

use std::path::Path;

use radzero_core::radiograph::IntensityPolicy;

use super::files::{LabelFiles, not_empty};
use super::{Dataset, Labels, Sample};
use crate::error::{Error, Result};

/// The parts of a published data set: one path and one row of labels per image, one sentence per class.
pub(super) struct PublishedParts<'a> {
    pub(super) name: &'static str,
    pub(super) owner: &'static str,
    /// The file with the sentences.
    pub(super) sentences: &'static str,
    pub(super) classes: Vec<String>,
    pub(super) prompts: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) labels: Vec<Labels>,
    pub(super) images: &'a Path,
}

/// Checks the parts and assembles them.
pub(super) fn dataset(parts: PublishedParts<'_>, files: LabelFiles) -> Result<Dataset<Labels>> {
    let PublishedParts { name, owner, sentences, classes, prompts, paths, labels, images } = parts;
    let sentences = files.path(sentences);
    same_order(&sentences, &classes, &prompts)?;
    not_empty(&files.path(name), &paths)?;
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

/// Checks that sentences and classes are in the same order. A sentence may be worded in any way, but one that lacks the last
/// word of its class and contains the name of another class is in the wrong place.
fn same_order(file: &Path, classes: &[String], prompts: &[String]) -> Result<()> {
    if classes.len() != prompts.len() {
        let message = format!("a sentence for each of {} classes expected, {} found", classes.len(), prompts.len());
        return Err(Error::format(file, None, message));
    }
    let lower: Vec<String> = classes.iter().map(|class| class.to_lowercase()).collect();
    for (index, prompt) in prompts.iter().enumerate() {
        let text = prompt.to_lowercase();
        let own = lower[index].split_whitespace().next_back().is_some_and(|word| text.contains(word));
        if !own && lower.iter().any(|other| text.contains(other)) {
            let message = format!("a sentence about {} expected under \"{index}\", {prompt:?} found", classes[index]);
            return Err(Error::format(file, None, message));
        }
    }
    Ok(())
}
