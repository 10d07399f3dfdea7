//! From a radiograph to the pixels that the image graph takes. [`Geometry`] owns the mapping, in both directions.

mod fit;
mod resample;

pub use radzero_score::{Fit, Geometry, GridArea};

pub use self::fit::to_model;
pub use self::resample::resample;
