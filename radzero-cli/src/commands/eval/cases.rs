//! Pictures of the best and worst cases: the map next to the ground truth.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use ndarray::Array2;
use radzero_core::RadZero;
use radzero_eval::datasets::Dataset;
use radzero_eval::datasets::region::Region;
use radzero_eval::metrics::pointing::{Corners, hit};
use radzero_eval::report::html;
use radzero_eval::tasks::Case;
use radzero_render::{Panel, Picture};

use crate::NOTICE;
use crate::console::{complain, one_line};
use crate::error::{Completion, Failure};
use crate::output::files::write_whole;

/// The folder of the pictures in the output directory.
const FOLDER: &str = "cases";

/// The ground truth drawn next to the map.
pub(super) enum Truth {
    /// The data set has labels, but no regions.
    None,
    Boxes(Vec<Corners>),
    Region(Region),
}

impl Truth {
    /// 1 inside the region, 0 outside.
    fn map(&self, width: usize, height: usize) -> Result<Option<Array2<f32>>, Failure> {
        let mask = match self {
            Self::None => return Ok(None),
            Self::Boxes(boxes) => Array2::from_shape_fn((height, width), |(y, x)| hit(boxes, x as f64, y as f64)),
            Self::Region(region) => region.mask(width, height)?,
        };
        Ok(Some(mask.mapv(|inside| f32::from(u8::from(inside)))))
    }
}

/// Creates the folder of the pictures in `out` and deletes those of an earlier run, which may have had more.
pub(super) fn empty_folder(out: &Path) -> Result<(), Failure> {
    let folder = out.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|source| Failure::CreateDirectory { path: folder.clone(), source })?;
    let entries = fs::read_dir(&folder).map_err(|source| Failure::Read { path: folder.clone(), source })?;
    for entry in entries {
        let path = entry.map_err(|source| Failure::Read { path: folder.clone(), source })?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(".png") && (name.starts_with("best-") || name.starts_with("worst-")) {
            fs::remove_file(&path).map_err(|source| Failure::Write { path, source })?;
        }
    }
    Ok(())
}

/// Draws `cases` to `out`/cases/NAME-N.png. Encodes their images again, because a run does not keep maps. A picture that fails
/// is reported and left out, and sets `completion`: the results do not depend on it.
pub(super) fn draw<T>(
    model: &RadZero,
    dataset: &Dataset<T>,
    cases: &[Case],
    name: &str,
    out: &Path,
    truth: &impl Fn(&T, usize) -> Truth,
    completion: &mut Completion,
) -> Vec<html::CasePicture> {
    let mut pictures = Vec::with_capacity(cases.len());
    for (number, case) in (1..).zip(cases) {
        let file = format!("{FOLDER}/{name}-{number}.png");
        let sample = &dataset.samples[case.sample];
        let drawn = picture(model, dataset, case, truth)
            .and_then(|png| write_whole(&out.join(&file), |mut target| target.write_all(&png)));
        match drawn {
            Ok(()) => {
                let caption = format!("{}, {}: {}", sample.id, dataset.prompts[case.prompt], case.caption);
                pictures.push(html::CasePicture { file, caption });
            }
            Err(failure) => {
                let (image, message) = (one_line(&sample.id), failure.message());
                complain(&format!("error: picture of {image}: {}", one_line(&message)));
                *completion = Completion::SomeFailed;
            }
        }
    }
    pictures
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
    let mut picture = Picture::new(radiograph.levels(), panels, case.threshold, notes)?;
    for found in &found {
        picture.push_comparison(found, one_line(prompt).into_owned(), case.caption.clone())?;
    }
    if let Some(truth) = truth {
        let title = "Ground truth".to_owned();
        picture.push(Panel { title, caption: String::new(), map: truth.view(), peak: None })?;
    }
    Ok(picture.png()?)
}
