//! The pointing game: does the point of greatest similarity lie in a bounding box? (Zhang et al. 2016, without tolerance.)

use serde::{Deserialize, Serialize};

use super::{Undefined, Value, mean_of_defined};

/// A bounding box in pixels of the image; both corners belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Corners {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Corners {
    /// Whether the pixel (x, y) lies in the box, borders included.
    #[must_use]
    pub fn contain(&self, x: f64, y: f64) -> bool {
        self.left <= x && x <= self.right && self.top <= y && y <= self.bottom
    }

    /// Whether any pixel of an image of this size lies in the box, borders included.
    #[must_use]
    pub fn touch(&self, width: usize, height: usize) -> bool {
        let along = |low: f64, high: f64, side: usize| low.max(0.0).ceil() <= high.min(side as f64 - 1.0).floor();
        along(self.left, self.right, width) && along(self.top, self.bottom, height)
    }
}

/// Whether the pixel (x, y) lies in any of the boxes.
#[must_use]
pub fn hit(boxes: &[Corners], x: f64, y: f64) -> bool {
    boxes.iter().any(|corners| corners.contain(x, y))
}

/// Hits and tries per class.
#[derive(Debug, Clone)]
pub struct PointingGame {
    counts: Vec<(u64, u64)>,
}

impl PointingGame {
    /// Starts with no tries, in `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { counts: vec![(0, 0); classes] }
    }

    /// Counts a try `times` times.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    pub fn count(&mut self, class: usize, hit: bool, times: u32) {
        let (hits, tries) = &mut self.counts[class];
        *hits += u64::from(hit) * u64::from(times);
        *tries += u64::from(times);
    }

    /// Share of hits per class.
    #[must_use]
    pub fn per_class(&self) -> Vec<Value> {
        self.counts.iter().map(|&counts| share(counts)).collect()
    }

    /// Mean over the classes that were tried, each with the same weight: the published score.
    ///
    /// # Errors
    /// [`Undefined::NoClass`] if no class was tried.
    pub fn class_mean(&self) -> Value {
        mean_of_defined(self.per_class())
    }

    /// Share of hits over all tries.
    ///
    /// # Errors
    /// [`Undefined::NoSample`] if there were none.
    pub fn overall(&self) -> Value {
        share(self.counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1)))
    }
}

fn share((hits, tries): (u64, u64)) -> Value {
    if tries == 0 { Err(Undefined::NoSample) } else { Ok(hits as f64 / tries as f64) }
}
