//! `radzero infer`: the values that the model card prints, as text or JSON, and the maps as arrays.

use std::path::Path;

use radzero_core::Comparison;
use radzero_core::record::{PromptResult, ResultRecord};

use super::title;
use crate::args::InferArgs;
use crate::console::one_line;
use crate::error::Failure;
use crate::job::{ComparedImage, ImageReport, unicode};
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

impl ImageReport for Infer {
    fn json(&self) -> bool {
        self.json
    }

    fn files(&self) -> Option<&OutputFiles> {
        self.files.as_ref()
    }

    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure> {
        let paths = self.files.as_ref().map_or(Ok(Vec::new()), |files| files.paths(compared.path))?;
        let maps = paths.first();
        let results = match maps {
            Some(path) => save(path, compared.comparisons)?,
            None => compared.comparisons.iter().map(Comparison::result).collect(),
        };
        if self.json { json(compared, results, maps.map(|path| path.as_path())) } else { Ok(text(compared, &results)) }
    }
}

/// Writes the maps of an image, and returns the results.
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

fn text(compared: &ComparedImage<'_>, results: &[PromptResult]) -> String {
    let mut text = title(compared.path, compared.radiograph);
    let shape = format!("[{}, {}]", compared.radiograph.height(), compared.radiograph.width());
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

/// Width of the shape column, including its header.
fn width(shape: &str) -> usize {
    shape.len().max("map shape".len())
}

fn json(compared: &ComparedImage<'_>, results: Vec<PromptResult>, maps: Option<&Path>) -> Result<String, Failure> {
    // There is at least one prompt.
    let Some(first) = compared.comparisons.first() else { return Ok(String::new()) };
    let record = ResultRecord::new(first.image_record(), first.text_record(), results);
    ImageLine::new(unicode(compared.path)?, record, maps.map(unicode).transpose()?).line()
}
