//! Similarity maps: the scores of the patch grid at the original size, their peak, and masks at a threshold.

mod crossings;
mod extrema;
mod horizontal;
mod interpolation;
mod lazy;
mod sigmoid;
mod similarity_map;
mod threshold;
mod upsample;

pub(crate) use self::interpolation::Span;
pub(crate) use self::lazy::LazyMap;
pub use self::sigmoid::sigmoid;
pub use self::similarity_map::{Peak, SimilarityMap};
pub use self::threshold::check_threshold;
pub(crate) use self::upsample::{upsample, upsample_at};
