//! Pictures of the best and worst cases: the map beside the ground truth.

use std::io::Write as _;
use std::path::Path;

use ndarray::Array2;
use radzero_core::RadZero;
use radzero_eval::datasets::Dataset;
use radzero_eval::datasets::region::Region;
use radzero_eval::metrics::pointing::{Corners, hit};
use radzero_eval::report::html;
use radzero_eval::tasks::Case;

use crate::NOTICE;
use crate::console::one_line;
use crate::error::Failure;
use crate::output::files::write_whole;
use crate::output::overlay::{Panel, Picture};

/// What is drawn beside the map.
pub(super) enum Truth {
    /// The data set knows only whether, not where.
    None,
    Boxes(Vec<Corners>),
    Region(Region),
}

impl Truth {
    /// 1 where it is, 0 elsewhere.
    fn map(&self, width: usize, height: usize) -> Result<Option<Array2<f32>>, Failure> {
        let mask = match self {
            Self::None => return Ok(None),
            Self::Boxes(boxes) => Array2::from_shape_fn((height, width), |(y, x)| hit(boxes, x as f64, y as f64)),
            Self::Region(region) => region.mask(width, height)?,
        };
        Ok(Some(mask.mapv(|inside| f32::from(u8::from(inside)))))
    }
}

/// Draws `cases` to `out`/cases/NAME-N.png. Their images are encoded once more: maps are not kept while the data set runs.
pub(super) fn draw<T>(
    model: &RadZero,
    dataset: &Dataset<T>,
    cases: &[Case],
    name: &str,
    out: &Path,
    truth: &impl Fn(&T, usize) -> Truth,
) -> Result<Vec<html::Picture>, Failure> {
    let mut pictures = Vec::with_capacity(cases.len());
    for (number, case) in (1..).zip(cases) {
        let file = format!("cases/{name}-{number}.png");
        let png = picture(model, dataset, case, truth)?;
        write_whole(&out.join(&file), |mut target| target.write_all(&png))?;
        let sample = &dataset.samples[case.sample];
        let caption = format!("{}, {}: {}", sample.id, dataset.prompts[case.prompt], case.caption);
        pictures.push(html::Picture { file, caption });
    }
    Ok(pictures)
}

fn picture<T>(
    model: &RadZero,
    dataset: &Dataset<T>,
    case: &Case,
    truth: &impl Fn(&T, usize) -> Truth,
) -> Result<Vec<u8>, Failure> {
    let sample = &dataset.samples[case.sample];
    let prompt = &dataset.prompts[case.prompt];
    let radiograph = dataset.read(sample)?;
    let truth = truth(&sample.truth, case.prompt).map(radiograph.width(), radiograph.height())?;
    let found = model.infer(&radiograph, &[prompt])?;
    let notes =
        vec![format!("Contour: similarity {:.2}. Ring: greatest similarity.", case.threshold), NOTICE.to_owned()];
    let panels = found.len() + usize::from(truth.is_some());
    let mut picture = Picture::new(&radiograph.to_rgb_image(), panels, case.threshold, notes)?;
    for found in &found {
        let map = found.map();
        picture.push(Panel {
            title: one_line(prompt).into_owned(),
            caption: case.caption.clone(),
            map: map.values(),
            peak: Some(map.peak()),
        })?;
    }
    if let Some(truth) = truth {
        let title = "Ground truth".to_owned();
        picture.push(Panel { title, caption: String::new(), map: truth.view(), peak: None })?;
    }
    picture.png()
}
