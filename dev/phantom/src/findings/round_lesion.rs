//! Nodule and mass: dense and round, the mass large and lobulated.

use std::f64::consts::TAU;

use super::place::in_lung;
use super::{Finding, Shape};
use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point, smoothstep};
use crate::random::Random;
use crate::{Kind, Zone};

#[derive(Debug)]
struct RoundLesion {
    centre: Point,
    radius: f64,
    /// Variation of the outline, as a share of the radius.
    lobes: f64,
    phase: [f64; 2],
    contrast: f64,
}

pub(crate) fn nodule(anatomy: &Anatomy, random: &mut Random) -> Option<Finding> {
    let radius = random.range(0.027, 0.046);
    let (lobes, contrast) = (random.range(0.02, 0.06), random.range(0.19, 0.28));
    round(Kind::Nodule, radius, 0.8 * radius, lobes, contrast, anatomy, random)
}

pub(crate) fn mass(anatomy: &Anatomy, random: &mut Random) -> Option<Finding> {
    let radius = random.range(0.068, 0.105);
    let (lobes, contrast) = (random.range(0.06, 0.13), random.range(0.27, 0.36));
    round(Kind::Mass, radius, 0.35 * radius, lobes, contrast, anatomy, random)
}

fn round(
    kind: Kind,
    radius: f64,
    margin: f64,
    lobes: f64,
    contrast: f64,
    anatomy: &Anatomy,
    random: &mut Random,
) -> Option<Finding> {
    let place = in_lung(anatomy, margin, &Zone::ALL, random)?;
    let phase = [random.range(0.0, TAU), random.range(0.0, TAU)];
    let shape = RoundLesion { centre: place.centre, radius, lobes, phase, contrast };
    Some(Finding { kind, side: Some(place.side), zone: Some(place.zone), shape: Box::new(shape) })
}

impl RoundLesion {
    /// 0 at the centre, 1 at the outline.
    fn radius(&self, p: Point) -> f64 {
        let (dx, dy) = (p.x - self.centre.x, p.y - self.centre.y);
        let angle = libm::atan2(dy, dx);
        let wave = 0.6 * libm::sin(3.0 * angle + self.phase[0]) + 0.4 * libm::sin(5.0 * angle + self.phase[1]);
        (dx * dx + dy * dy).sqrt() / (self.radius * (1.0 + self.lobes * wave))
    }
}

impl Shape for RoundLesion {
    fn area(&self, _: &Anatomy) -> Area {
        Area::around(self.centre, self.radius * (1.1 + self.lobes))
    }

    fn covers(&self, _: &Anatomy, p: Point) -> bool {
        p.distance(self.centre) <= self.radius * (1.0 + self.lobes) && self.radius(p) <= 1.0
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let edge = 0.004 / self.radius;
        layers.tissue.paint(self.area(anatomy), |p, value| {
            let r = self.radius(p);
            // A ball is thickest in the middle.
            let thickness = 0.75 + 0.25 * (1.0 - r * r).max(0.0);
            value + self.contrast * anatomy.contrast(p) * thickness * smoothstep(1.0 + edge, 1.0 - edge, r)
        });
    }
}
