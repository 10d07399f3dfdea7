//! The result of comparing an image with a sentence, as the tasks see it.

use ndarray::Array2;
use radzero_core::{Comparison, Peak};

/// How similar an image and a sentence are.
pub trait Similarity {
    /// The logit.
    fn logit(&self) -> f32;
    /// The map \[height, width\] at the size of the image, values in \[0, 1\].
    fn map(&self) -> Array2<f32>;

    /// The greatest value of the map and its position, the first in row-major order if there are several.
    fn peak(&self) -> Peak {
        let start = Peak { x: 0, y: 0, value: f32::NEG_INFINITY };
        let map = self.map();
        map.indexed_iter()
            .fold(start, |peak, ((y, x), &value)| if value > peak.value { Peak { x, y, value } } else { peak })
    }
}

impl Similarity for Comparison {
    fn logit(&self) -> f32 {
        self.logit()
    }

    fn map(&self) -> Array2<f32> {
        self.map().into_values()
    }

    fn peak(&self) -> Peak {
        // Does not compute the map.
        self.peak()
    }
}
