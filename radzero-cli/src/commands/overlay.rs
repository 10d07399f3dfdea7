//! `radzero overlay`: the similarity maps drawn over the image.

use std::io::Write as _;

use radzero_render::Picture;

use crate::NOTICE;
use crate::args::OverlayArgs;
use crate::console::{one_line, shown};
use crate::error::Failure;
use crate::job::{ComparedImage, ImageReport};
use crate::output::files::{OutputFiles, write_whole};

pub(crate) struct Overlay {
    threshold: f32,
    files: OutputFiles,
}

impl Overlay {
    pub(crate) fn new(args: &OverlayArgs) -> Self {
        Self { threshold: args.threshold, files: OutputFiles::per_image(&args.out, "_overlay.png") }
    }
}

impl ImageReport for Overlay {
    fn files(&self) -> Option<&OutputFiles> {
        Some(&self.files)
    }

    fn image(&self, compared: &ComparedImage<'_>) -> Result<String, Failure> {
        let hash: String = compared.model.directory().hash().to_string().chars().take(12).collect();
        let notes = vec![
            format!("Contour: similarity {}. Ring: greatest similarity.", self.threshold),
            format!(
                "RadZero {}, model {} ({hash})",
                env!("CARGO_PKG_VERSION"),
                one_line(&compared.model.manifest().name)
            ),
            NOTICE.to_owned(),
        ];
        let mut picture =
            Picture::new(compared.radiograph.levels(), compared.comparisons.len(), self.threshold, notes)?;
        for comparison in compared.comparisons {
            let peak = comparison.peak();
            let caption = format!(
                "probability {:.3}, greatest similarity {:.3} at ({}, {})",
                comparison.probability(),
                peak.value,
                peak.x,
                peak.y
            );
            picture.push_comparison(comparison, one_line(comparison.prompt()).into_owned(), caption)?;
        }
        let png = picture.png()?;
        let mut text = String::new();
        for path in self.files.paths(compared.path)? {
            write_whole(&path, |mut file| file.write_all(&png))?;
            text.push_str(&format!("{}  ->  {}\n", shown(compared.path), shown(&path)));
        }
        Ok(text)
    }
}
