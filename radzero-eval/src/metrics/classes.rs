//! Ranking metrics for several classes: per class, macro (mean over classes) and micro (all classes pooled).

use radzero_pool as pool;

use super::ranking::Ranking;
use super::{Undefined, Value, mean_of_defined};

/// Scores and labels of a multi-label classification, ranked per class and over all classes.
#[derive(Debug)]
pub struct ClassRankings {
    classes: Vec<Result<Ranking, Undefined>>,
    all: Result<Ranking, Undefined>,
}

/// A metric of a ranking, such as [`auroc`](super::roc::auroc).
pub type Metric = fn(&Ranking, Option<&[u32]>) -> Value;

impl ClassRankings {
    /// Ranks `images` x `classes` samples; `at(image, class)` gives score and label.
    #[must_use]
    pub fn new(images: usize, classes: usize, at: impl Fn(usize, usize) -> (f64, bool) + Sync) -> Self {
        let sample = |image: usize, class: usize| {
            let (score, label) = at(image, class);
            (score, label, image as u32)
        };
        let ranked = pool::map(0..classes, |class| Ranking::with_units((0..images).map(|image| sample(image, class))));
        let all = (0..images).flat_map(|image| (0..classes).map(move |class| (image, class)));
        let all = Ranking::with_units(all.map(|(image, class)| sample(image, class)));
        Self { classes: ranked, all }
    }

    /// The ranking of each class.
    pub fn classes(&self) -> &[Result<Ranking, Undefined>] {
        &self.classes
    }

    /// `metric` of each class.
    #[must_use]
    pub fn per_class(&self, metric: Metric, weights: Option<&[u32]>) -> Vec<Value> {
        let value = |ranking: &Result<Ranking, Undefined>| {
            ranking.as_ref().map_err(|&reason| reason).and_then(|ranking| metric(ranking, weights))
        };
        self.classes.iter().map(value).collect()
    }

    /// Mean of `metric` over the classes for which it is defined.
    ///
    /// # Errors
    /// [`Undefined::NoClass`] if it is defined for none.
    pub fn macro_mean(&self, metric: Metric, weights: Option<&[u32]>) -> Value {
        mean_of_defined(self.per_class(metric, weights))
    }

    /// `metric` over all (image, class) pairs in one ranking.
    ///
    /// # Errors
    /// The errors of `metric`.
    pub fn micro(&self, metric: Metric, weights: Option<&[u32]>) -> Value {
        metric(self.all.as_ref().map_err(|&reason| reason)?, weights)
    }
}
