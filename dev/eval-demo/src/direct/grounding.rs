//! The pointing game.

use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::run::model::Model;
use radzero_eval::tasks::Similarity;

use super::{Direct, DirectScore, ImageFiles, compare, mean, score};
use crate::classes::Class;
use crate::drawn::{Drawn, Finding};
use crate::error::Result;

/// A try: its class, and 1 for a hit or 0 for a miss.
type Try = (usize, f64);

/// The pointing game on the PNG files of the drawings: per class, mean over classes, overall. The target of a class has the boxes
/// of all its findings in an image.
///
/// # Errors
/// The errors of the model and of reading images.
pub(super) fn grounding<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    classes: &[Class],
    policy: IntensityPolicy,
) -> Result<Direct> {
    let mut images: Vec<Vec<Try>> = Vec::new();
    for drawn in drawn {
        let mut tries = Vec::new();
        for (index, class) in classes.iter().enumerate().filter(|(_, class)| drawn.has(class.kind)) {
            let hit = drawn.of(class.kind).collect::<Vec<_>>();
            tries.push((index, points(model, drawn, files, &class.prompt(), policy, &hit)?));
        }
        images.push(tries);
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name).collect();
    Ok(Direct::new(images.len(), move |chosen, _| scores(&images, &names, chosen)))
}

/// The pointing game with the phrase of each finding, on the drawings with findings.
///
/// # Errors
/// The errors of the model and of reading images.
pub(super) fn phrases<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    policy: IntensityPolicy,
) -> Result<Direct> {
    let mut images: Vec<Vec<Try>> = Vec::new();
    for drawn in drawn.iter().filter(|drawn| !drawn.findings.is_empty()) {
        let mut tries = Vec::new();
        for finding in &drawn.findings {
            tries.push((0, points(model, drawn, files, &finding.phrase, policy, &[finding])?));
        }
        images.push(tries);
    }
    Ok(Direct::new(images.len(), move |chosen, _| scores(&images, &["phrases"], chosen)))
}

fn scores(images: &[Vec<Try>], classes: &[&str], chosen: &[usize]) -> Vec<DirectScore> {
    let tries: Vec<Try> = chosen.iter().flat_map(|&image| images[image].iter().copied()).collect();
    let share =
        |class: usize| mean(&tries.iter().filter(|(of, _)| *of == class).map(|(_, hit)| *hit).collect::<Vec<_>>());
    let shares: Vec<Option<f64>> = (0..classes.len()).map(share).collect();
    let mut scores: Vec<DirectScore> =
        classes.iter().zip(&shares).map(|(class, &share)| score("pointing game", class, share)).collect();
    let class_mean = mean(&shares.into_iter().flatten().collect::<Vec<_>>());
    scores.push(score("pointing game", "class mean", class_mean));
    let overall = mean(&tries.iter().map(|(_, hit)| *hit).collect::<Vec<_>>());
    scores.push(score("pointing game", "all targets", overall));
    scores
}

/// 1 if the maximum of the map of `prompt` lies in the box of one of the `findings`, else 0.
fn points<M: Model>(
    model: &M,
    drawn: &Drawn,
    files: ImageFiles<'_>,
    prompt: &str,
    policy: IntensityPolicy,
    findings: &[&Finding],
) -> Result<f64> {
    let (one, prompt) = (std::slice::from_ref(drawn), [prompt.to_owned()]);
    let found = compare(model, one, files, policy, &prompt)?;
    let hit = found.iter().flatten().any(|found| findings.iter().any(|finding| is_hit(found, finding, drawn)));
    Ok(f64::from(u8::from(hit)))
}

fn is_hit(found: &impl Similarity, finding: &Finding, drawn: &Drawn) -> bool {
    let map = found.map();
    let greatest = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let peak = map.iter().position(|&value| value == greatest).unwrap_or_default() as u32;
    let (x, y) = (peak % drawn.width, peak / drawn.width);
    finding.bounds(drawn.width).is_some_and(|b| b.left <= x && x <= b.right && b.top <= y && y <= b.bottom)
}
