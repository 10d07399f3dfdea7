//! From a radiograph to the pixels that the image graph takes as input.

mod fit;
mod resample;

pub use radzero_format::geometry::Fit;

pub use self::fit::to_model;
pub use self::resample::resample;
