//! The findings: which ones a phantom has, how each is drawn and where it is.

mod atelectasis;
mod consolidation;
mod effusion;
mod fracture;
mod heart;
mod pacemaker;
mod place;
mod plan;
mod pneumothorax;
mod round;

pub(crate) use plan::plan;

use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point};
use crate::{Kind, Side, Zone};

/// A finding's shape. All places are in unit coordinates.
pub(crate) trait Shape: std::fmt::Debug + Send + Sync {
    /// No pixel outside is covered.
    fn area(&self, anatomy: &Anatomy) -> Area;
    /// Whether the finding is at this place: what the mask says.
    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool;
    /// What the finding changes in the anatomy before that is drawn.
    fn alter(&self, _anatomy: &mut Anatomy) {}
    /// Draws it over the anatomy.
    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers);
}

/// A finding of a plan.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) side: Option<Side>,
    pub(crate) zone: Option<Zone>,
    pub(crate) shape: Box<dyn Shape>,
}
