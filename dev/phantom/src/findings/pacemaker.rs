//! Pacemaker: a metal can below the clavicle and a lead to the heart.

use super::{Finding, Shape};
use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point, segment, smoothstep};
use crate::random::Random;
use crate::{Kind, Side};

#[derive(Debug)]
struct Pacemaker {
    centre: Point,
    /// Half width, half height and the radius of the corners.
    can: [f64; 3],
    lead: Vec<Point>,
}

/// Half the lead's thickness.
const LEAD: f64 = 0.0035;

pub(crate) fn pacemaker(anatomy: &Anatomy, random: &mut Random) -> Finding {
    let side = if random.chance(0.6) { Side::Left } else { Side::Right };
    let lung = anatomy.lung(side);
    let centre = lung.place(random.range(0.22, 0.29), lung.apex + random.range(0.09, 0.15));
    let can = [random.range(0.042, 0.055), random.range(0.036, 0.046), 0.02];
    // Medially to the superior vena cava on the patient's right, then down to the ventricle.
    let start = lung.place(lung.lateral(centre) - can[0], centre.y - 0.3 * can[1]);
    let vein = Point { x: anatomy.midline - 0.03, y: lung.height(0.25) };
    let end = anatomy.heart.ventricle();
    let bend = Point { x: anatomy.midline - 0.06, y: end.y - 0.06 };
    let mut lead = curve(start, Point { x: vein.x, y: start.y - 0.03 }, vein);
    lead.extend(curve(vein, bend, end));
    let shape = Pacemaker { centre, can, lead };
    Finding { kind: Kind::Pacemaker, side: Some(side), zone: None, shape: Box::new(shape) }
}

/// Points on a quadratic Bézier curve.
fn curve(from: Point, control: Point, to: Point) -> Vec<Point> {
    let pieces = 10;
    (0..=pieces)
        .map(|index| {
            let t = f64::from(index) / f64::from(pieces);
            let weight = [(1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t];
            Point {
                x: weight[0] * from.x + weight[1] * control.x + weight[2] * to.x,
                y: weight[0] * from.y + weight[1] * control.y + weight[2] * to.y,
            }
        })
        .collect()
}

impl Pacemaker {
    /// Distance to the can's border, negative inside.
    fn can(&self, p: Point) -> f64 {
        let [width, height, corner] = self.can;
        let dx = ((p.x - self.centre.x).abs() - width + corner).max(0.0);
        let dy = ((p.y - self.centre.y).abs() - height + corner).max(0.0);
        (dx * dx + dy * dy).sqrt() - corner
    }

    fn lead(&self, p: Point) -> f64 {
        self.lead.windows(2).map(|ends| segment(ends[0], ends[1], p).0).fold(1.0, f64::min)
    }
}

impl Shape for Pacemaker {
    fn area(&self, _: &Anatomy) -> Area {
        let [width, height, _] = self.can;
        let corner = |way: f64| Point { x: self.centre.x + way * width, y: self.centre.y + way * height };
        let mut points = self.lead.clone();
        points.extend([corner(-1.0), corner(1.0)]);
        Area::of(&points, 0.01)
    }

    fn covers(&self, _: &Anatomy, p: Point) -> bool {
        self.can(p) <= 0.0 || self.lead(p) <= LEAD
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        layers.tissue.paint(self.area(anatomy), |p, value| {
            let rim = smoothstep(0.004, 0.0, (self.can(p) + 0.006).abs());
            let can = smoothstep(0.002, -0.002, self.can(p)) * (0.88 + 0.1 * rim);
            value.max(can).max(0.9 * smoothstep(LEAD + 0.0015, LEAD - 0.0015, self.lead(p)))
        });
    }
}
