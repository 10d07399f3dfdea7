//! The metrics: AUROC, Dice and means.

use ndarray::ArrayView2;

/// Area under the ROC curve: how often a positive scores above a negative, ties counting half. `None` unless there are both.
#[must_use]
pub fn auroc(scored: &[(f32, bool)]) -> Option<f64> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = sorted.iter().filter(|(_, positive)| *positive).count();
    let negatives = sorted.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut below, mut wins) = (0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positive = equal.iter().filter(|(_, positive)| *positive).count();
        let negative = equal.len() - positive;
        wins += positive as f64 * (below as f64 + 0.5 * negative as f64);
        below += negative;
    }
    Some(wins / (positives as f64 * negatives as f64))
}

/// The Dice coefficient, in [0, 1]: twice the overlap over the sum of both areas, or 1 if both are empty. `truth` is row-major.
#[must_use]
pub fn dice(found: ArrayView2<'_, bool>, truth: &[bool]) -> f64 {
    let (mut both, mut sum) = (0_usize, 0_usize);
    for (&found, &there) in found.iter().zip(truth) {
        both += usize::from(found && there);
        sum += usize::from(found) + usize::from(there);
    }
    if sum == 0 { 1.0 } else { 2.0 * both as f64 / sum as f64 }
}

/// The mean; `None` of no values.
#[must_use]
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn auroc_counts_pairs() {
        let perfect = [(0.1, false), (0.2, false), (0.3, true)];
        assert_eq!(auroc(&perfect), Some(1.0));
        let reversed = perfect.map(|(score, positive)| (-score, positive));
        assert_eq!(auroc(&reversed), Some(0.0));
        // Pairs: 2 > 1, 2 = 2 (half), 3 > 1, 3 > 2.
        assert_eq!(auroc(&[(1.0, false), (2.0, false), (2.0, true), (3.0, true)]), Some(3.5 / 4.0));
        assert_eq!(auroc(&[(7.0, true), (7.0, false), (7.0, true)]), Some(0.5));
    }

    #[test]
    fn auroc_needs_both_groups() {
        assert_eq!(auroc(&[(0.5, true)]), None);
        assert_eq!(auroc(&[]), None);
    }

    #[test]
    fn dice_of_masks() {
        let found = ndarray::array![[true, true], [false, false]];
        assert_eq!(dice(found.view(), &[true, false, true, false]), 0.5);
        assert_eq!(dice(found.view(), &[true, true, false, false]), 1.0);
        assert_eq!(dice(found.view(), &[false, false, true, true]), 0.0);
        assert_eq!(dice(ndarray::array![[false]].view(), &[false]), 1.0);
    }

    #[test]
    fn mean_of_nothing_is_none() {
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 2.0]), Some(1.5));
    }
}
