//! Drawn chest radiographs with known findings, for training, tests and benches.
//!
//! A seed gives a [`Plan`]: the shapes of a chest and its findings in unit coordinates (modules `anatomy` and `findings`).
//! Drawing it at a size gives a [`Phantom`]: densities on a canvas become grey levels with blur and quantum noise, and every
//! finding gets a [`Mask`] and its bounding box. [`sentences`] describe what there is. Phantoms are written as PNG of 8 or 16
//! bits.
//!
//! Findings overlap as they do in a projection: a nodule behind the heart or in front of the edge of an effusion,
//! consolidation that reaches into fluid, a broken rib across anything. One in four shares at least a tenth of its pixels
//! with another. Each keeps its own mask, including the part that another finding covers. Every finding stays visible: at most
//! a third of it (a sixth of a nodule) merges with similar densities or lies behind metal, and at most a sixth of a lung
//! finding reaches into the air of a pneumothorax.
//!
//! These are drawings. They resemble radiographs as far as a demonstration needs, and prove nothing about patients.

#![forbid(unsafe_code)]

mod anatomy;
mod canvas;
mod error;
mod exposure;
mod findings;
mod geometry;
mod kind;
mod mask;
mod phantom;
mod png;
mod random;
mod samples;
mod sentence;
mod texture;
pub mod training;

pub use error::Error;
pub use kind::{Kind, Side, Zone};
pub use mask::{Bounds, Mask};
pub use phantom::{DrawnFinding, MAX_SIDE, Phantom, Plan, Size};
pub use png::Depth;
pub use samples::{Sample, samples};
pub use sentence::{absent, in_zone, on_side, present, sentences};
