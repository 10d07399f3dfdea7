//! From a radiograph to the pixels that the image graph takes, and from the patch grid back to the radiograph.

mod geometry;
mod resample;

pub use self::geometry::Geometry;
pub use self::resample::resample;
