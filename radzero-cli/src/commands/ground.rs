//! `radzero ground`: the point of greatest similarity.

use super::title;
use crate::console::one_line;
use crate::error::Failure;
use crate::job::{ComparedImage, ImageReport};
use crate::output::files::OutputFiles;

pub(crate) struct Ground;

impl ImageReport for Ground {
    fn files(&self) -> Option<&OutputFiles> {
        None
    }

    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure> {
        let mut text = title(compared.path, compared.radiograph);
        text.push_str("      x      y  similarity  prompt\n");
        for comparison in compared.comparisons {
            let peak = comparison.peak();
            let prompt = one_line(comparison.prompt());
            text.push_str(&format!("  {:>5}  {:>5}  {:>10.4}  {prompt}\n", peak.x, peak.y, peak.value));
        }
        Ok(text)
    }
}
