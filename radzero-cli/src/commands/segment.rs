//! `radzero segment`: where the similarity is above a threshold.

use std::io::Write as _;

use radzero_render::mask_png;

use super::title;
use crate::args::SegmentArgs;
use crate::console::{one_line, shown};
use crate::error::Failure;
use crate::job::{ComparedImage, ImageReport};
use crate::output::files::{OutputFiles, write_whole};

pub(crate) struct Segment {
    threshold: f32,
    files: Option<OutputFiles>,
}

impl Segment {
    pub(crate) fn new(args: &SegmentArgs) -> Self {
        let files = args.out.as_deref().map(|out| OutputFiles::per_prompt(out, &args.job.prompts, ".png"));
        Self { threshold: args.threshold, files }
    }
}

impl ImageReport for Segment {
    fn files(&self) -> Option<&OutputFiles> {
        self.files.as_ref()
    }

    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure> {
        let paths = self.files.as_ref().map_or(Ok(Vec::new()), |files| files.paths(compared.path))?;
        let mut text = title(compared.path, compared.radiograph);
        text.push_str(&format!("  area above {:<6}     pixels  prompt\n", self.threshold));
        for (index, comparison) in compared.comparisons.iter().enumerate() {
            let mask = comparison.mask(self.threshold)?;
            let area = mask.iter().filter(|&&inside| inside).count();
            let share = 100.0 * area as f64 / mask.len() as f64;
            let prompt = one_line(comparison.prompt());
            text.push_str(&format!("  {share:>15.2} %  {area:>9}  {prompt}"));
            if let Some(path) = paths.get(index) {
                let png = mask_png(mask.view())?;
                write_whole(path, |mut file| file.write_all(&png))?;
                text.push_str(&format!("  ->  {}", shown(path)));
            }
            text.push('\n');
        }
        Ok(text)
    }
}
