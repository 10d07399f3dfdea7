//! `radzero infer`: what the model card prints, for people or as JSON, and the maps as arrays.

use std::path::Path;

use radzero_core::{Comparison, Peak};

use super::title;
use crate::args::InferArgs;
use crate::console::one_line;
use crate::error::Failure;
use crate::job::{Report, Seen};
use crate::output::files::{OutputFiles, write_whole};
use crate::output::json::{ImageLine, ModelName, Nodes, PromptResult, ProvenanceFields, provider};
use crate::output::npy::MapWriter;

pub(crate) struct Infer {
    json: bool,
    files: Option<OutputFiles>,
}

/// What is said of a map.
struct Summary {
    min: f32,
    peak: Peak,
}

impl Summary {
    fn of(comparison: &Comparison) -> Self {
        Self { min: comparison.min(), peak: comparison.peak() }
    }
}

impl Infer {
    pub(crate) fn new(args: &InferArgs) -> Self {
        Self { json: args.json, files: args.save_maps.as_deref().map(|out| OutputFiles::per_image(out, ".npy")) }
    }
}

impl Report for Infer {
    fn json(&self) -> bool {
        self.json
    }

    fn files(&self) -> Option<&OutputFiles> {
        self.files.as_ref()
    }

    fn image(&self, seen: &Seen<'_>) -> Result<String, Failure> {
        let paths = self.files.as_ref().map_or(Ok(Vec::new()), |files| files.paths(seen.path))?;
        let maps = paths.first();
        let summaries = match maps {
            Some(path) => save(path, seen.comparisons)?,
            None => seen.comparisons.iter().map(Summary::of).collect(),
        };
        if self.json { json(seen, &summaries, maps.map(|path| path.as_path())) } else { Ok(text(seen, &summaries)) }
    }
}

/// Writes all maps of an image, and returns what is said of them.
fn save(path: &Path, comparisons: &[Comparison]) -> Result<Vec<Summary>, Failure> {
    let (height, width) = comparisons.first().map_or((0, 0), |first| (first.height(), first.width()));
    let mut summaries = Vec::with_capacity(comparisons.len());
    write_whole(path, |file| {
        let mut writer = MapWriter::new(file, comparisons.len(), height, width)?;
        for comparison in comparisons {
            summaries.push(Summary::of(comparison));
            writer.push(comparison.map().values())?;
        }
        writer.finish()
    })?;
    Ok(summaries)
}

fn text(seen: &Seen<'_>, summaries: &[Summary]) -> String {
    let mut text = title(seen.path, seen.radiograph);
    let shape = format!("[{}, {}]", seen.radiograph.height(), seen.radiograph.width());
    text.push_str(&format!(
        "  probability  map min  map max  {:<shape$}  prompt\n",
        "map shape",
        shape = width(&shape)
    ));
    for (comparison, summary) in seen.comparisons.iter().zip(summaries) {
        text.push_str(&format!(
            "  {:>11.4}  {:>7.4}  {:>7.4}  {shape:<width$}  {}\n",
            comparison.probability(),
            summary.min,
            summary.peak.value,
            one_line(comparison.prompt()),
            width = width(&shape)
        ));
    }
    text
}

/// Width of the shape column, its head included.
fn width(shape: &str) -> usize {
    shape.len().max("map shape".len())
}

fn json(seen: &Seen<'_>, summaries: &[Summary], maps: Option<&Path>) -> Result<String, Failure> {
    let unicode = |path: &'_ Path| path.to_str().map(str::to_owned).ok_or_else(|| Failure::NotUnicode(path.to_owned()));
    let (image, maps) = (unicode(seen.path)?, maps.map(unicode).transpose()?);
    let Some(first) = seen.comparisons.first() else { return Ok(String::new()) };
    let provenance = first.provenance();
    ImageLine {
        image: &image,
        width: seen.radiograph.width(),
        height: seen.radiograph.height(),
        model: ModelName { name: &provenance.model_name, hash: provenance.model_hash.to_string() },
        provider: provider(seen.model),
        results: seen
            .comparisons
            .iter()
            .zip(summaries)
            .map(|(found, summary)| {
                PromptResult::new(found.prompt(), found.probability(), found.logit(), summary.min, summary.peak)
            })
            .collect(),
        maps: maps.as_deref(),
        provenance: ProvenanceFields {
            device: provenance.device.to_string(),
            text_device: seen.model.text_device().to_string(),
            kernels: provenance.kernels,
            precision: provenance.precision,
            origin: provenance.origin,
            transfer_syntax: provenance.transfer_syntax,
            frame: seen.radiograph.frame(),
            policy: provenance.policy,
            intensity: provenance.intensity,
            warnings: &provenance.warnings,
            geometry: provenance.geometry,
            resample: provenance.resample,
            nodes: Nodes::new(seen.model),
            onnxruntime: seen.model.runtime().version(),
            radzero: env!("CARGO_PKG_VERSION"),
        },
    }
    .line()
}
