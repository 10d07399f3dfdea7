//! The findings: which ones a phantom has, where they lie and how they are drawn.

mod atelectasis;
mod cardiomegaly;
mod consolidation;
mod effusion;
mod fracture;
mod pacemaker;
mod place;
mod plan;
mod pneumothorax;
mod round_lesion;

pub(crate) use plan::plan;

use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point};
use crate::{Kind, Side, Zone};

/// The shape of a finding, in unit coordinates.
pub(crate) trait Shape: std::fmt::Debug + Send + Sync {
    /// An area that contains all that the finding covers.
    fn area(&self, anatomy: &Anatomy) -> Area;
    /// Whether the finding covers a point, for the mask.
    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool;
    /// Changes the anatomy, before it is drawn.
    fn alter(&self, _anatomy: &mut Anatomy) {}
    /// Draws the finding over the anatomy.
    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers);
}

/// A planned finding.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) side: Option<Side>,
    pub(crate) zone: Option<Zone>,
    pub(crate) shape: Box<dyn Shape>,
}
