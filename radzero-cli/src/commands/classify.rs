//! `radzero classify`: a table of probabilities, one row per image, one column per prompt.

use radzero_render::text::wrap;

use crate::args::ClassifyArgs;
use crate::console::{one_line, shown};
use crate::error::Failure;
use crate::job::{ComparedImage, ImageReport};
use crate::output::files::OutputFiles;
use crate::output::table::row;

/// Maximum width of a prompt's column, in characters.
const WIDEST: usize = 16;

pub(crate) struct Classify {
    heads: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Classify {
    pub(crate) fn new(args: &ClassifyArgs) -> Self {
        let names = args.job.images.iter().map(|path| shown(path).chars().count());
        let mut heads = vec![vec!["image".to_owned()]];
        let mut widths = vec![names.max().unwrap_or(0).max("image".len())];
        for prompt in &args.job.prompts {
            let lines = wrap(&one_line(prompt), WIDEST);
            widths.push(lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max("0.0000".len()));
            heads.push(lines);
        }
        Self { heads, widths }
    }
}

impl ImageReport for Classify {
    fn files(&self) -> Option<&OutputFiles> {
        None
    }

    fn heading(&self) -> Option<String> {
        Some(row(&self.heads, &self.widths))
    }

    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure> {
        let values = compared.comparisons.iter().map(|comparison| vec![format!("{:.4}", comparison.probability())]);
        let cells: Vec<Vec<String>> = std::iter::once(vec![shown(compared.path)]).chain(values).collect();
        Ok(row(&cells, &self.widths))
    }
}
