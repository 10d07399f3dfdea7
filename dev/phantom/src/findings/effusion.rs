//! Pleural effusion: fluid that fills the costophrenic angle and rises along the chest wall.

use super::{Finding, Shape};
use crate::anatomy::{Anatomy, Lung};
use crate::canvas::Layers;
use crate::geometry::{Area, Point, smoothstep};
use crate::random::Random;
use crate::{Kind, Side};

#[derive(Debug)]
struct Effusion {
    side: Side,
    /// Height of the fluid at the chest wall, above the costophrenic angle.
    level: f64,
}

pub(crate) fn effusion(placed: &[Finding], random: &mut Random) -> Option<Finding> {
    let first = Side::random(random);
    let level = random.range(0.13, 0.34);
    let taken = |side| placed.iter().any(|f| f.kind == Kind::Effusion && f.side == Some(side));
    let side = [first, first.other()].into_iter().find(|&side| !taken(side))?;
    Some(Finding { kind: Kind::Effusion, side: Some(side), zone: None, shape: Box::new(Effusion { side, level }) })
}

impl Effusion {
    /// Depth below the fluid's surface.
    fn depth(&self, lung: &Lung, p: Point) -> f64 {
        lung.depth_in(self.level, p)
    }
}

impl Shape for Effusion {
    fn area(&self, anatomy: &Anatomy) -> Area {
        let lung = anatomy.lung(self.side);
        let angle = lung.diaphragm(lung.width);
        let corners = [lung.place(0.0, angle - self.level), lung.place(lung.width, angle)];
        Area::of(&corners, 0.03)
    }

    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool {
        let lung = anatomy.lung(self.side);
        lung.depth(p) > 0.0 && self.depth(lung, p) > 0.0 && !anatomy.heart.contains(p)
    }

    fn alter(&self, anatomy: &mut Anatomy) {
        anatomy.lung_mut(self.side).fluid = Some(self.level);
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let lung = anatomy.lung(self.side);
        let fluid = |p: Point| smoothstep(-0.014, 0.014, self.depth(lung, p)) * smoothstep(-0.004, 0.01, lung.depth(p));
        let area = self.area(anatomy);
        layers.markings.paint(area, |p, value| value * (1.0 - fluid(p)));
        layers.tissue.paint(area, |p, value| value + 0.36 * fluid(p) * (1.0 - 0.9 * anatomy.heart.shade(p)));
    }
}
