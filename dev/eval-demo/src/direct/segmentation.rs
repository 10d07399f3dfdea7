//! Dice, best threshold, specificity, AUROC of images and of pixels.

use ndarray::Array2;
use radzero_core::radiograph::IntensityPolicy;
use radzero_eval::run::model::Model;
use radzero_eval::tasks::Similarity;

use super::{Direct, DirectScore, ImageFiles, compare, mean, pairs, score};
use crate::drawn::Drawn;
use crate::error::Result;

/// An image with its map and mask.
struct SegmentedImage {
    logit: f64,
    map: Array2<f32>,
    mask: Vec<bool>,
}

impl SegmentedImage {
    fn positive(&self) -> bool {
        self.mask.contains(&true)
    }

    fn dice(&self, threshold: f32) -> f64 {
        let both = self.map.iter().zip(&self.mask);
        let common = both.filter(|(value, inside)| **value > threshold && **inside).count();
        let above = self.map.iter().filter(|value| **value > threshold).count();
        let area = self.mask.iter().filter(|inside| **inside).count();
        2.0 * common as f64 / (above + area) as f64
    }
}

/// What is segmented.
#[derive(Clone, Copy)]
pub(super) struct Segmented {
    /// The drawn finding.
    pub(super) kind: &'static str,
    /// The class in the data set.
    pub(super) class: &'static str,
    pub(super) prompt: &'static str,
    /// The mask of a finding is its bounding box.
    pub(super) boxes: bool,
}

/// Dice, best threshold, specificity, AUROC of images and of pixels.
///
/// # Errors
/// The errors of the model and of reading images.
pub(super) fn segmentation<M: Model>(
    model: &M,
    drawn: &[Drawn],
    files: ImageFiles<'_>,
    Segmented { kind, class, prompt, boxes }: Segmented,
    policy: IntensityPolicy,
) -> Result<Direct> {
    let found = compare(model, drawn, files, policy, &[prompt.to_owned()])?;
    let case = |(found, drawn): (&M::Found, &Drawn)| SegmentedImage {
        logit: f64::from(found.logit()),
        map: found.map(),
        mask: mask(drawn, kind, boxes),
    };
    let cases: Vec<SegmentedImage> = found.iter().flatten().zip(drawn).map(case).collect();
    Ok(Direct::new(cases.len(), move |chosen, draw| {
        scores(&chosen.iter().map(|&image| &cases[image]).collect::<Vec<_>>(), class, draw)
    }))
}

fn scores(cases: &[&SegmentedImage], of: &str, draw: bool) -> Vec<DirectScore> {
    let mut best = (f64::NEG_INFINITY, 0.0_f32);
    for index in 0..=100 {
        let threshold = (f64::from(index) * 0.01) as f32;
        let dice: Vec<f64> = cases.iter().filter(|case| case.positive()).map(|case| case.dice(threshold)).collect();
        if let Some(mean) = mean(&dice).filter(|&mean| mean > best.0) {
            best = (mean, threshold);
        }
    }
    let defined = best.0.is_finite();
    let negatives = cases.iter().filter(|case| !case.positive());
    let clear: Vec<f64> =
        negatives.map(|case| f64::from(u8::from(case.map.iter().all(|&value| value <= best.1)))).collect();
    let images: Vec<(f64, bool)> = cases.iter().map(|case| (case.logit, case.positive())).collect();
    let pixel = |value: f32| if draw { coarse(value) } else { f64::from(value) };
    let pixels =
        cases.iter().flat_map(|case| case.map.iter().map(|&value| pixel(value)).zip(case.mask.iter().copied()));
    vec![
        score("Dice", of, defined.then_some(best.0)),
        score("best threshold", of, defined.then_some(f64::from(best.1))),
        score("specificity", of, mean(&clear).filter(|_| defined)),
        score("image AUROC", of, pairs(&images)),
        score("pixel AUROC", of, rank_sum(pixels.collect())),
    ]
}

/// Maps values that count as ties in the interval of the pixel AUROC to the same value: the distance to the nearer of 0 and 1,
/// in steps of 1/32 of the power of two below it. Near 0 a step includes its smaller distance, near 1 its greater one.
fn coarse(value: f32) -> f64 {
    let value = f64::from(value);
    let distance = value.min(1.0 - value).max(0.5_f64.powi(24));
    let step = 2.0_f64.powi(distance.log2().floor() as i32 - 5);
    // First truncated to the fine steps, 16 of which make one step.
    let fine = (distance / step * 16.0).floor() / 16.0;
    if value <= 0.5 { fine.floor() * step } else { 1.0 - fine.ceil() * step }
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

/// The AUROC as the Mann-Whitney statistic, from the sum of the ranks of the positive samples; ties get their mean rank.
fn rank_sum(mut samples: Vec<(f64, bool)>) -> Option<f64> {
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
