//! Consolidation: a cloud with an ill-defined border in the lung, crossed by dark bronchi.

use super::place::in_lung;
use super::{Finding, Shape};
use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point, segment, smoothstep};
use crate::random::Random;
use crate::texture::cloud;
use crate::{Kind, Side, Zone};

#[derive(Debug)]
struct Consolidation {
    side: Side,
    centre: Point,
    radii: [f64; 2],
    contrast: f64,
    texture: u64,
    bronchi: Vec<[Point; 2]>,
}

pub(crate) fn consolidation(anatomy: &Anatomy, random: &mut Random) -> Option<Finding> {
    let radii = [random.range(0.085, 0.13), random.range(0.085, 0.13)];
    let place = in_lung(anatomy, 0.035, &Zone::ALL, random)?;
    let lung = anatomy.lung(place.side);
    let bronchi = (0..3)
        .map(|_| {
            let start = lung.place(lung.lateral(place.centre) - 0.06, place.centre.y + random.range(-0.03, 0.03));
            let lateral = lung.lateral(place.centre) + random.range(0.02, 0.06);
            [start, lung.place(lateral, place.centre.y + random.range(-0.06, 0.06))]
        })
        .collect();
    let contrast = random.range(0.19, 0.29);
    let shape =
        Consolidation { side: place.side, centre: place.centre, radii, contrast, texture: random.bits(), bronchi };
    let kind = Kind::Consolidation;
    Some(Finding { kind, side: Some(place.side), zone: Some(place.zone), shape: Box::new(shape) })
}

impl Consolidation {
    /// 1 in the middle, 0 far outside, uneven in between.
    fn fill(&self, p: Point) -> f64 {
        let (x, y) = ((p.x - self.centre.x) / self.radii[0], (p.y - self.centre.y) / self.radii[1]);
        let radius = (x * x + y * y).sqrt() + 0.32 * cloud(self.texture, 14.0, p);
        smoothstep(1.3, 0.7, radius)
    }
}

impl Shape for Consolidation {
    fn area(&self, _: &Anatomy) -> Area {
        Area::around(self.centre, 1.65 * self.radii[0].max(self.radii[1]))
    }

    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool {
        anatomy.lung(self.side).depth(p) > 0.0 && self.fill(p) > 0.5
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let lung = anatomy.lung(self.side);
        let fill = |p: Point| self.fill(p) * smoothstep(-0.004, 0.01, lung.depth(p));
        let area = self.area(anatomy);
        layers.markings.paint(area, |p, value| value * (1.0 - 0.8 * fill(p)));
        layers.tissue.paint(area, |p, value| {
            let mottled = 0.88 + 0.22 * cloud(self.texture ^ 3, 28.0, p);
            let bronchus =
                self.bronchi.iter().map(|b| smoothstep(0.008, 0.003, segment(b[0], b[1], p).0)).fold(0.0, f64::max);
            value + self.contrast * anatomy.contrast(p) * fill(p) * mottled * (1.0 - 0.4 * bronchus)
        });
    }
}
