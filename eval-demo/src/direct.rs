//! Scores computed directly from drawings: all maps in memory, every pair counted, every threshold tried on every pixel.
//!
//! Slow and plain on purpose: neither the label files nor the metrics of `radzero-eval` are used.

use std::path::Path;

use ndarray::Array2;
use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::datasets;
use radzero_eval::run::model::{Model, Similarity};

use crate::classes::Class;
use crate::drawn::{Drawn, Finding};
use crate::error::Result;

/// A score: what, of what, and its value where it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectScore {
    /// As the evaluation names it.
    pub name: &'static str,
    /// Of what.
    pub of: String,
    /// The value.
    pub value: Option<f64>,
}

fn score(name: &'static str, of: &str, value: Option<f64>) -> DirectScore {
    DirectScore { name, of: of.to_owned(), value }
}

/// The comparisons of each drawing's image in `folder` (with this extension) with `prompts`: a list a drawing.
fn compare<M: Model>(
    model: &M,
    drawn: &[Drawn],
    folder: &Path,
    extension: &str,
    policy: IntensityPolicy,
    prompts: &[String],
) -> Result<Vec<Vec<M::Found>>> {
    let prompts = model.prompts(prompts)?;
    let found = drawn.iter().map(|drawn| {
        let radiograph = datasets::read(&folder.join(format!("{}.{extension}", drawn.name)), policy)?;
        Ok(model.compare(&radiograph, &prompts)?)
    });
    found.collect()
}

/// AUROC, AUPRC and average precision, macro and per class, on the PNG files below `root`.
///
/// # Errors
/// Those of the model and of reading images.
pub fn classification<M: Model>(
    model: &M,
    drawn: &[Drawn],
    root: &Path,
    classes: &[Class],
    policy: IntensityPolicy,
) -> Result<Vec<DirectScore>> {
    let mut scores = Vec::new();
    let mut columns: [Vec<f64>; 3] = Default::default();
    let mut all: Vec<(f64, bool)> = Vec::new();
    let prompts: Vec<String> = classes.iter().map(Class::prompt).collect();
    let found = compare(model, drawn, &root.join("images"), "png", policy, &prompts)?;
    for (index, class) in classes.iter().enumerate() {
        let labels = drawn.iter().map(|drawn| drawn.has(class.kind));
        let samples: Vec<(f64, bool)> = found.iter().map(|found| f64::from(found[index].logit())).zip(labels).collect();
        for (column, (name, value)) in columns.iter_mut().zip(of_samples(&samples)) {
            column.extend(value);
            scores.push(score(name, class.name, value));
        }
        all.extend(samples);
    }
    for (column, (name, micro)) in columns.iter().zip(of_samples(&all)) {
        scores.push(score(name, "macro", mean(column)));
        scores.push(score(name, "micro", micro));
    }
    Ok(scores)
}

fn of_samples(samples: &[(f64, bool)]) -> [(&'static str, Option<f64>); 3] {
    let (step, trapezoid) = areas(samples).unzip();
    [("AUROC", pairs(samples)), ("AUPRC", trapezoid), ("average precision", step)]
}

fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// Share of pairs of a positive and a negative sample that are in order; half for a tie.
fn pairs(samples: &[(f64, bool)]) -> Option<f64> {
    let mut won = Vec::new();
    for (positive, _) in samples.iter().filter(|(_, label)| *label) {
        for (negative, _) in samples.iter().filter(|(_, label)| !label) {
            won.push(if positive > negative {
                1.0
            } else if positive < negative {
                0.0
            } else {
                0.5
            });
        }
    }
    mean(&won)
}

/// Area under the precision-recall curve, by steps and by trapezoids: at each distinct score all samples are counted anew.
fn areas(samples: &[(f64, bool)]) -> Option<(f64, f64)> {
    let positives = samples.iter().filter(|(_, label)| *label).count();
    if positives == 0 {
        return None;
    }
    let mut thresholds: Vec<f64> = samples.iter().map(|(score, _)| *score).collect();
    thresholds.sort_by(|one, other| other.total_cmp(one));
    thresholds.dedup();
    let (mut step, mut trapezoid, mut last) = (0.0, 0.0, (0.0, 1.0));
    for threshold in thresholds {
        let chosen = samples.iter().filter(|(score, _)| *score >= threshold);
        let hits = chosen.clone().filter(|(_, label)| *label).count() as f64;
        let (recall, precision) = (hits / positives as f64, hits / chosen.count() as f64);
        step += (recall - last.0) * precision;
        trapezoid += (recall - last.0) * (precision + last.1) / 2.0;
        last = (recall, precision);
    }
    Some((step, trapezoid))
}

/// The pointing game on the PNG files below `root`: per class, mean of classes, overall. Each class is a kind of finding with
/// the box of each such finding of an image.
///
/// # Errors
/// Those of the model and of reading images.
pub fn grounding<M: Model>(
    model: &M,
    drawn: &[Drawn],
    root: &Path,
    classes: &[Class],
    policy: IntensityPolicy,
) -> Result<Vec<DirectScore>> {
    let (mut scores, mut means, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for class in classes {
        let showing: Vec<Drawn> = drawn.iter().filter(|drawn| drawn.has(class.kind)).cloned().collect();
        let found = compare(model, &showing, &root.join("images"), "png", policy, &[class.prompt()])?;
        let hits: Vec<f64> = showing
            .iter()
            .zip(&found)
            .map(|(drawn, found)| {
                f64::from(u8::from(drawn.of(class.kind).any(|finding| is_hit(&found[0], finding, drawn))))
            })
            .collect();
        scores.push(score("pointing game", class.name, mean(&hits)));
        means.extend(mean(&hits));
        all.extend(hits);
    }
    scores.push(score("pointing game", "class mean", mean(&means)));
    scores.push(score("pointing game", "all targets", mean(&all)));
    Ok(scores)
}

/// The pointing game with each finding's own phrase.
///
/// # Errors
/// Those of the model and of reading images.
pub fn phrases<M: Model>(model: &M, drawn: &[Drawn], root: &Path, policy: IntensityPolicy) -> Result<Vec<DirectScore>> {
    let mut hits = Vec::new();
    for drawn in drawn {
        for finding in &drawn.findings {
            let one = std::slice::from_ref(drawn);
            let found =
                compare(model, one, &root.join("images"), "png", policy, std::slice::from_ref(&finding.phrase))?;
            hits.extend(found.iter().flatten().map(|found| f64::from(u8::from(is_hit(found, finding, drawn)))));
        }
    }
    let share = mean(&hits);
    Ok(["phrases", "class mean", "all targets"].map(|of| score("pointing game", of, share)).to_vec())
}

fn is_hit(found: &impl Similarity, finding: &Finding, drawn: &Drawn) -> bool {
    let map = found.map();
    let greatest = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let peak = map.iter().position(|&value| value == greatest).unwrap_or_default() as u32;
    let (x, y) = (peak % drawn.width, peak / drawn.width);
    finding.bounds(drawn.width).is_some_and(|b| b.left <= x && x <= b.right && b.top <= y && y <= b.bottom)
}

/// Dice, best threshold, specificity, AUROC of images and of pixels, on the DICOM files below `root`. `boxes` takes the box of
/// a finding for its mask.
///
/// # Errors
/// Those of the model and of reading images.
pub fn segmentation<M: Model>(
    model: &M,
    drawn: &[Drawn],
    root: &Path,
    (kind, prompt, of): (&str, &str, &str),
    boxes: bool,
    policy: IntensityPolicy,
) -> Result<Vec<DirectScore>> {
    let found = compare(model, drawn, &root.join("dicom"), "dcm", policy, &[prompt.to_owned()])?;
    let found: Vec<M::Found> = found.into_iter().flatten().collect();
    let cases: Vec<(Array2<f32>, Vec<bool>)> =
        found.iter().zip(drawn).map(|(found, drawn)| (found.map(), mask(drawn, kind, boxes))).collect();
    let positive = |mask: &[bool]| mask.contains(&true);

    let mut best = (f64::NEG_INFINITY, 0.0_f32);
    for index in 0..=100 {
        let threshold = (f64::from(index) * 0.01) as f32;
        let dice: Vec<f64> = cases
            .iter()
            .filter(|(_, mask)| positive(mask))
            .map(|(map, mask)| {
                let common = map.iter().zip(mask).filter(|(value, inside)| **value > threshold && **inside).count();
                let above = map.iter().filter(|value| **value > threshold).count();
                let area = mask.iter().filter(|inside| **inside).count();
                2.0 * common as f64 / (above + area) as f64
            })
            .collect();
        if let Some(mean) = mean(&dice).filter(|&mean| mean > best.0) {
            best = (mean, threshold);
        }
    }
    let defined = best.0.is_finite();
    let clear: Vec<f64> = cases
        .iter()
        .filter(|(_, mask)| !positive(mask))
        .map(|(map, _)| f64::from(u8::from(map.iter().all(|&value| value <= best.1))))
        .collect();
    let images: Vec<(f64, bool)> =
        found.iter().zip(&cases).map(|(found, (_, mask))| (f64::from(found.logit()), positive(mask))).collect();
    let pixels: Vec<(f32, bool)> =
        cases.iter().flat_map(|(map, mask)| map.iter().copied().zip(mask.iter().copied())).collect();
    Ok(vec![
        score("Dice", of, defined.then_some(best.0)),
        score("best threshold", of, defined.then_some(f64::from(best.1))),
        score("specificity", of, mean(&clear).filter(|_| defined)),
        score("image AUROC", of, pairs(&images)),
        score("pixel AUROC", of, rank_sum(pixels)),
    ])
}

fn mask(drawn: &Drawn, kind: &str, boxes: bool) -> Vec<bool> {
    let mut mask = vec![false; (drawn.width * drawn.height) as usize];
    for finding in drawn.of(kind) {
        let bounds = finding.bounds(drawn.width);
        for (index, inside) in (0_u32..).zip(&mut mask) {
            let (x, y) = (index % drawn.width, index / drawn.width);
            *inside |= if boxes {
                bounds.is_some_and(|b| b.left <= x && x <= b.right && b.top <= y && y <= b.bottom)
            } else {
                finding.mask[index as usize]
            };
        }
    }
    mask
}

/// The AUROC as Mann and Whitney's statistic: from the sum of the positive samples' ranks, ties at their mean rank.
fn rank_sum(mut samples: Vec<(f32, bool)>) -> Option<f64> {
    samples.sort_by(|one, other| one.0.total_cmp(&other.0));
    let positives = samples.iter().filter(|(_, label)| *label).count() as f64;
    let negatives = samples.len() as f64 - positives;
    let (mut ranks, mut start) = (0.0, 0);
    while start < samples.len() {
        let same = samples[start..].iter().take_while(|sample| sample.0 == samples[start].0).count();
        let mean_rank = start as f64 + (same as f64 + 1.0) / 2.0;
        ranks += mean_rank * samples[start..start + same].iter().filter(|(_, label)| *label).count() as f64;
        start += same;
    }
    let defined = positives > 0.0 && negatives > 0.0;
    defined.then(|| (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}
