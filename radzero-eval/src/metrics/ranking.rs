//! Samples in descending order of score, grouped by equal scores.

use super::Undefined;

/// Binary samples sorted by score, highest first.
///
/// Each sample belongs to a unit (an image) that the [bootstrap](super::bootstrap) draws as a whole; its weight is the number
/// of times the unit was drawn. Without weights every sample counts once.
#[derive(Debug, Clone)]
pub struct Ranking {
    units: Vec<u32>,
    labels: Vec<bool>,
    /// End index of each group of equal scores.
    ends: Vec<u32>,
}

/// The samples with the same score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// Positive samples.
    pub positives: u64,
    /// Negative samples.
    pub negatives: u64,
}

impl Ranking {
    /// Ranks samples (score, label), each its own unit.
    ///
    /// # Errors
    /// [`Undefined::NoSample`], [`Undefined::NotANumber`].
    pub fn new(samples: impl IntoIterator<Item = (f64, bool)>) -> Result<Self, Undefined> {
        Self::with_units(samples.into_iter().zip(0..).map(|((score, label), unit)| (score, label, unit)))
    }

    /// Ranks samples (score, label, unit).
    ///
    /// # Errors
    /// [`Undefined::NoSample`], [`Undefined::NotANumber`].
    pub fn with_units(samples: impl IntoIterator<Item = (f64, bool, u32)>) -> Result<Self, Undefined> {
        let mut samples: Vec<(f64, bool, u32)> = samples.into_iter().collect();
        if samples.is_empty() {
            return Err(Undefined::NoSample);
        }
        if samples.iter().any(|(score, ..)| score.is_nan()) {
            return Err(Undefined::NotANumber);
        }
        samples.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        // -0 and 0 are adjacent and count as one score.
        let ends = (1..=samples.len())
            .filter(|&end| samples.get(end).is_none_or(|next| next.0 != samples[end - 1].0))
            .map(|end| end as u32)
            .collect();
        let (units, labels) = samples.iter().map(|&(_, label, unit)| (unit, label)).unzip();
        Ok(Self { units, labels, ends })
    }

    /// The groups of equal scores, highest first. With weights, a group may be empty.
    pub fn ties<'a>(&'a self, weights: Option<&'a [u32]>) -> impl Iterator<Item = Tie> + 'a {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let mut tie = Tie { positives: 0, negatives: 0 };
            for index in start..end as usize {
                let weight = weights.map_or(1, |weights| u64::from(weights[self.units[index] as usize]));
                if self.labels[index] {
                    tie.positives += weight;
                } else {
                    tie.negatives += weight;
                }
            }
            start = end as usize;
            tie
        })
    }

    /// All samples as one group.
    #[must_use]
    pub fn total(&self, weights: Option<&[u32]>) -> Tie {
        self.ties(weights).fold(Tie { positives: 0, negatives: 0 }, |sum, tie| Tie {
            positives: sum.positives + tie.positives,
            negatives: sum.negatives + tie.negatives,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_stand_together_and_infinities_have_their_place() {
        let scores = [0.0, f64::INFINITY, -0.0, f64::NEG_INFINITY, 1.0];
        let ranking = Ranking::new(scores.into_iter().zip([true, true, false, false, false])).unwrap();
        let ties: Vec<(u64, u64)> = ranking.ties(None).map(|tie| (tie.positives, tie.negatives)).collect();
        assert_eq!(ties, [(1, 0), (0, 1), (1, 1), (0, 1)]);
        let ties: Vec<(u64, u64)> =
            ranking.ties(Some(&[3, 0, 2, 0, 0])).map(|tie| (tie.positives, tie.negatives)).collect();
        assert_eq!(ties, [(0, 0), (0, 0), (3, 2), (0, 0)]);
    }

    #[test]
    fn nothing_and_not_a_number_have_no_order() {
        assert_eq!(Ranking::new([]).unwrap_err(), Undefined::NoSample);
        assert_eq!(Ranking::new([(f64::NAN, true)]).unwrap_err(), Undefined::NotANumber);
    }
}
