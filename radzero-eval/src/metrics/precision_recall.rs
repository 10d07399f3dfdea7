//! Precision and recall.
//!
//! Two numbers are called "AUPRC" in the literature. [`average_precision`] sums precision over steps in recall, without
//! interpolation. [`auprc`] joins the points of the curve by straight lines, which is too optimistic (Davis and Goadrich 2006)
//! but is what the published evaluation reports.

use super::ranking::Ranking;
use super::{Curve, Undefined, Value};

/// Average precision: the sum over distinct scores, from the highest, of the gain in recall times the precision at that score.
///
/// Equals scikit-learn's `average_precision_score`.
///
/// # Errors
/// [`Undefined::NoPositive`].
pub fn average_precision(ranking: &Ranking, weights: Option<&[u32]>) -> Value {
    let mut gained = 0.0;
    walk(ranking, weights, |positives, precision, _| gained += positives * precision)
        .map(|positives| gained / positives)
}

/// Area under the precision-recall curve by the trapezoidal rule, from recall 0, where precision is 1 by convention.
///
/// Equals scikit-learn's `auc(recall, precision)` on its `precision_recall_curve`; the published numbers use this definition.
///
/// # Errors
/// [`Undefined::NoPositive`].
pub fn auprc(ranking: &Ranking, weights: Option<&[u32]>) -> Value {
    let (mut area, mut last) = (0.0, 1.0);
    walk(ranking, weights, |positives, precision, _| {
        area += positives * (precision + last) / 2.0;
        last = precision;
    })
    .map(|positives| area / positives)
}

/// Points (recall, precision), starting at (0, 1), one per distinct score.
///
/// # Errors
/// [`Undefined::NoPositive`].
pub fn precision_recall_curve(ranking: &Ranking) -> Result<Curve, Undefined> {
    let mut points = vec![(0.0, 1.0)];
    let positives = walk(ranking, None, |_, precision, found| points.push((found, precision)))?;
    for (recall, _) in &mut points {
        *recall /= positives;
    }
    Ok(points)
}

/// Calls `visit` with (positives of the group, precision, positives so far) for each group of equal scores, highest first, and
/// returns the number of positives.
fn walk(ranking: &Ranking, weights: Option<&[u32]>, mut visit: impl FnMut(f64, f64, f64)) -> Value {
    let (mut found, mut seen) = (0, 0);
    for tie in ranking.ties(weights) {
        found += tie.positives;
        seen += tie.positives + tie.negatives;
        if tie.positives + tie.negatives > 0 {
            visit(tie.positives as f64, found as f64 / seen as f64, found as f64);
        }
    }
    match (found, seen) {
        (_, 0) => Err(Undefined::NoSample),
        (0, _) => Err(Undefined::NoPositive),
        _ => Ok(found as f64),
    }
}
