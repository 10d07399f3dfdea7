//! Receiver operating characteristic.

use super::ranking::{Ranking, Tie};
use super::{Curve, Undefined, Value};

/// Area under the receiver operating characteristic: the share of pairs of a positive and a negative sample in which the
/// positive one has the higher score; ties count one half.
///
/// Equals scikit-learn's `roc_auc_score` (Hanley and McNeil 1982). Counts in integers and divides once.
///
/// # Errors
/// [`Undefined::NoPositive`], [`Undefined::NoNegative`].
pub fn auroc(ranking: &Ranking, weights: Option<&[u32]>) -> Value {
    auroc_of_ties(ranking.ties(weights))
}

/// [`auroc`] from groups of equal scores, highest first.
///
/// # Errors
/// [`Undefined::NoPositive`], [`Undefined::NoNegative`].
pub fn auroc_of_ties(ties: impl IntoIterator<Item = Tie>) -> Value {
    // Twice the number of correctly ordered pairs.
    let (mut above, mut pairs, mut negatives) = (0_u64, 0_u128, 0_u64);
    for tie in ties {
        // Positives of earlier groups rank above these negatives; those of the same group count half.
        pairs += u128::from(tie.negatives) * (2 * u128::from(above) + u128::from(tie.positives));
        above += tie.positives;
        negatives += tie.negatives;
    }
    check(above, negatives)?;
    Ok(pairs as f64 / (2.0 * above as f64 * negatives as f64))
}

/// Points (false positive rate, true positive rate) from (0, 0) to (1, 1), one per distinct score.
///
/// # Errors
/// [`Undefined::NoPositive`], [`Undefined::NoNegative`].
pub fn roc_curve(ranking: &Ranking) -> Result<Curve, Undefined> {
    let total = ranking.total(None);
    check(total.positives, total.negatives)?;
    let (mut positives, mut negatives) = (0, 0);
    let mut points = vec![(0.0, 0.0)];
    points.extend(ranking.ties(None).map(|tie| {
        positives += tie.positives;
        negatives += tie.negatives;
        (negatives as f64 / total.negatives as f64, positives as f64 / total.positives as f64)
    }));
    Ok(points)
}

fn check(positives: u64, negatives: u64) -> Result<(), Undefined> {
    match (positives, negatives) {
        (0, 0) => Err(Undefined::NoSample),
        (0, _) => Err(Undefined::NoPositive),
        (_, 0) => Err(Undefined::NoNegative),
        _ => Ok(()),
    }
}
