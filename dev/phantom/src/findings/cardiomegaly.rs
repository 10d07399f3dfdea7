//! Cardiomegaly: the same heart, much wider than half the chest.

use super::{Finding, Shape};
use crate::Kind;
use crate::anatomy::{Anatomy, Heart};
use crate::canvas::Layers;
use crate::geometry::{Area, Point};
use crate::random::Random;

#[derive(Debug)]
struct Cardiomegaly(Heart);

pub(crate) fn cardiomegaly(anatomy: &Anatomy, random: &mut Random) -> Finding {
    let mut heart = anatomy.heart.clone();
    heart.enlarge(random);
    Finding { kind: Kind::Cardiomegaly, side: None, zone: None, shape: Box::new(Cardiomegaly(heart)) }
}

impl Shape for Cardiomegaly {
    fn area(&self, _: &Anatomy) -> Area {
        self.0.area()
    }

    /// The whole silhouette.
    fn covers(&self, _: &Anatomy, p: Point) -> bool {
        self.0.contains(p)
    }

    fn alter(&self, anatomy: &mut Anatomy) {
        anatomy.heart = self.0.clone();
    }

    fn draw(&self, _: &Anatomy, _: &mut Layers) {}
}
