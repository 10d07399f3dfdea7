//! `radzero infer`: what the model card prints, for people or as JSON, and the maps as arrays.

use std::path::Path;

use radzero_core::Comparison;
use radzero_core::record::{PromptResult, ResultRecord};

use super::title;
use crate::args::InferArgs;
use crate::console::one_line;
use crate::error::Failure;
use crate::job::{Report, Seen, unicode};
use crate::output::files::{OutputFiles, write_whole};
use crate::output::json::ImageLine;
use crate::output::npy::MapWriter;

pub(crate) struct Infer {
    json: bool,
    files: Option<OutputFiles>,
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
        let results = match maps {
            Some(path) => save(path, seen.comparisons)?,
            None => seen.comparisons.iter().map(Comparison::result).collect(),
        };
        if self.json { json(seen, results, maps.map(|path| path.as_path())) } else { Ok(text(seen, &results)) }
    }
}

/// Writes all maps of an image, and returns the results.
fn save(path: &Path, comparisons: &[Comparison]) -> Result<Vec<PromptResult>, Failure> {
    let (height, width) = comparisons.first().map_or((0, 0), |first| (first.height(), first.width()));
    let mut results = Vec::with_capacity(comparisons.len());
    write_whole(path, |file| {
        let mut writer = MapWriter::new(file, comparisons.len(), height, width)?;
        for comparison in comparisons {
            results.push(comparison.result());
            writer.push(comparison.map().values())?;
        }
        writer.finish()
    })?;
    Ok(results)
}

fn text(seen: &Seen<'_>, results: &[PromptResult]) -> String {
    let mut text = title(seen.path, seen.radiograph);
    let shape = format!("[{}, {}]", seen.radiograph.height(), seen.radiograph.width());
    text.push_str(&format!(
        "  probability  map min  map max  {:<shape$}  prompt\n",
        "map shape",
        shape = width(&shape)
    ));
    for result in results {
        text.push_str(&format!(
            "  {:>11.4}  {:>7.4}  {:>7.4}  {shape:<width$}  {}\n",
            result.probability,
            result.map_min,
            result.map_max,
            one_line(&result.prompt),
            width = width(&shape)
        ));
    }
    text
}

/// Width of the shape column, its head included.
fn width(shape: &str) -> usize {
    shape.len().max("map shape".len())
}

fn json(seen: &Seen<'_>, results: Vec<PromptResult>, maps: Option<&Path>) -> Result<String, Failure> {
    // There is a prompt at least.
    let Some(first) = seen.comparisons.first() else { return Ok(String::new()) };
    let record = ResultRecord::new(first.image_record(), first.text_record(), results);
    ImageLine::new(unicode(seen.path)?, record, maps.map(unicode).transpose()?).line()
}
