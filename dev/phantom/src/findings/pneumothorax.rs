//! Pneumothorax: air between chest wall and lung, without vessels, bordered by the thin pleural line. Fluid on the same side
//! lies below the air.

use super::{Finding, Shape};
use crate::anatomy::{Anatomy, Lung};
use crate::canvas::Layers;
use crate::geometry::{Area, Point, smoothstep};
use crate::random::Random;
use crate::{Kind, Side};

#[derive(Debug)]
struct Pneumothorax {
    side: Side,
    /// Width of the air at the apex.
    width: f64,
}

pub(crate) fn pneumothorax(random: &mut Random) -> Finding {
    let side = Side::random(random);
    let shape = Pneumothorax { side, width: random.range(0.065, 0.13) };
    Finding { kind: Kind::Pneumothorax, side: Some(side), zone: None, shape: Box::new(shape) }
}

impl Pneumothorax {
    /// The distance to the pleural line or the fluid, positive in the air.
    fn outside(&self, lung: &Lung, p: Point) -> f64 {
        let from_wall = (lung.wall(p.y) - lung.lateral(p)).min(0.8 * (p.y - lung.apex));
        // Widest at the apex, ending above the diaphragm.
        let width = self.width * (1.0 - smoothstep(0.25, 1.05, lung.descent(p.y)));
        (width - from_wall).min(-lung.submerged(p))
    }
}

impl Shape for Pneumothorax {
    fn area(&self, anatomy: &Anatomy) -> Area {
        let lung = anatomy.lung(self.side);
        Area::of(&[lung.place(0.0, lung.apex), lung.place(lung.width, lung.diaphragm(lung.width))], 0.02)
    }

    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool {
        let lung = anatomy.lung(self.side);
        lung.depth(p) > 0.0 && self.outside(lung, p) > 0.0
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let lung = anatomy.lung(self.side);
        let air =
            |p: Point| smoothstep(-0.003, 0.003, self.outside(lung, p)) * smoothstep(-0.002, 0.006, lung.depth(p));
        let area = self.area(anatomy);
        layers.markings.paint(area, |p, value| value * (1.0 - air(p)));
        layers.tissue.paint(area, |p, value| {
            let inside = smoothstep(0.0, 0.01, lung.depth(p));
            let line = inside * smoothstep(0.006, 0.001, self.outside(lung, p).abs());
            // The lung has lost air, so it is a little denser.
            let lung_left = inside * smoothstep(0.0, -0.02, self.outside(lung, p)) * (1.0 - anatomy.heart.shade(p));
            value - 0.11 * air(p) + 0.13 * line + 0.04 * lung_left
        });
    }
}
