//! Fracture: a rib broken apart, its ends displaced, with callus around them.

use super::{Finding, Shape};
use crate::anatomy::{Anatomy, Break};
use crate::canvas::Layers;
use crate::geometry::{Area, Point, smoothstep};
use crate::random::Random;
use crate::{Kind, Side};

#[derive(Debug)]
struct Fracture {
    at: Break,
    /// Density of the callus.
    callus: f64,
}

/// Radius of the mask around the middle of the gap.
const REACH: f64 = 0.048;

pub(crate) fn fracture(anatomy: &Anatomy, random: &mut Random) -> Option<Finding> {
    let side = Side::random(random);
    let lung = anatomy.lung(side);
    let step = anatomy.bones.half * random.range(2.6, 3.6);
    let at = Break {
        side,
        rib: 1 + random.below(anatomy.bones.count() - 2),
        lateral: lung.width * random.range(0.45, 0.88),
        gap: random.range(0.010, 0.015),
        displacement: if random.chance(0.75) { step } else { -step },
    };
    let shape = Fracture { at, callus: random.range(0.19, 0.26) };
    let place = at.place(anatomy);
    let kind = Kind::Fracture;
    let inside = lung.depth(place) > 0.03;
    inside.then(|| Finding { kind, side: Some(side), zone: Some(lung.zone(place.y)), shape: Box::new(shape) })
}

impl Shape for Fracture {
    fn area(&self, anatomy: &Anatomy) -> Area {
        Area::around(self.at.place(anatomy), REACH + 0.02)
    }

    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool {
        p.distance(self.at.place(anatomy)) <= REACH
    }

    fn alter(&self, anatomy: &mut Anatomy) {
        anatomy.bones.breaks.push(self.at);
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let ends = self.at.ends(anatomy);
        let radius = 2.3 * anatomy.bones.half;
        layers.tissue.paint(self.area(anatomy), |p, value| {
            let nearest = ends[0].distance(p).min(ends[1].distance(p));
            value + self.callus * smoothstep(radius, 0.4 * radius, nearest)
        });
    }
}
