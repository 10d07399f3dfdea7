//! Drawn chest radiographs with known findings, for training, tests and benches.
//!
//! A seed gives a [`Plan`]: the shapes of a chest and its findings in unit coordinates (modules `anatomy` and `findings`). Drawn
//! at a size, it gives a [`Phantom`]: densities on a canvas, blur and quantum noise, levels, and for every
//! finding a [`Mask`] and its box, with [`sentences`] that say what there is. It is written as PNG of 8 or 16
//! bits.
//!
//! Findings lie over each other as they do in a projection: a nodule behind the heart or before the edge of an effusion,
//! consolidation that reaches into fluid, a broken rib across anything. One in four shares at least a tenth of its pixels
//! with another one. Each keeps a mask of its own, also for the part that another one covers. At most a third of a finding
//! (of a nodule a sixth) merges with its like or lies behind metal, and at most a sixth of what belongs in the lung reaches into
//! the air of a pneumothorax, so that whatever is said to be there can be seen.
//!
//! These are drawings. They share with radiographs what a demonstration needs, and prove nothing about patients.

mod anatomy;
mod canvas;
mod error;
mod findings;
mod geometry;
mod kind;
mod mask;
mod noise;
mod phantom;
mod picture;
mod random;
mod samples;
mod sentence;
mod texture;
pub mod training;

pub use error::Error;
pub use kind::{Kind, Side, Zone};
pub use mask::{Bounds, Mask};
pub use phantom::{LARGEST, Phantom, Plan, Seen, Size};
pub use picture::Depth;
pub use samples::{Sample, samples};
pub use sentence::{absent, in_zone, on_side, present, sentences};
