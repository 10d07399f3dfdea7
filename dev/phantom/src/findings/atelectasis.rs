//! Plate atelectasis: dense bands that rise laterally, across the direction of the ribs.

use super::place::in_lung;
use super::{Finding, Shape};
use crate::anatomy::Anatomy;
use crate::canvas::Layers;
use crate::geometry::{Area, Point, segment, smoothstep};
use crate::random::Random;
use crate::{Kind, Side, Zone};

#[derive(Debug)]
struct Atelectasis {
    side: Side,
    bands: Vec<Band>,
    contrast: f64,
}

#[derive(Debug)]
struct Band {
    ends: [Point; 2],
    half: f64,
}

pub(crate) fn atelectasis(anatomy: &Anatomy, random: &mut Random) -> Option<Finding> {
    let half_length = random.range(0.075, 0.11);
    let place = in_lung(anatomy, 0.045, &[Zone::Middle, Zone::Lower], random)?;
    let lung = anatomy.lung(place.side);
    let count = 1 + random.below(2);
    let rise = random.range(0.05, 0.4);
    let bands = (0..count)
        .map(|index| {
            let y = place.centre.y - index as f64 * random.range(0.045, 0.06);
            let lateral = lung.lateral(place.centre) + random.range(-0.02, 0.02);
            let end = |way: f64| lung.place(lateral + way * half_length, y - way * half_length * rise);
            Band { ends: [end(-1.0), end(1.0)], half: random.range(0.0095, 0.015) }
        })
        .collect();
    let shape = Atelectasis { side: place.side, bands, contrast: random.range(0.22, 0.31) };
    let kind = Kind::Atelectasis;
    Some(Finding { kind, side: Some(place.side), zone: Some(place.zone), shape: Box::new(shape) })
}

impl Shape for Atelectasis {
    fn area(&self, _: &Anatomy) -> Area {
        let ends: Vec<Point> = self.bands.iter().flat_map(|band| band.ends).collect();
        Area::of(&ends, 0.03)
    }

    fn covers(&self, anatomy: &Anatomy, p: Point) -> bool {
        anatomy.lung(self.side).depth(p) > 0.0
            && self.bands.iter().any(|band| segment(band.ends[0], band.ends[1], p).0 <= band.half)
    }

    fn draw(&self, anatomy: &Anatomy, layers: &mut Layers) {
        let lung = anatomy.lung(self.side);
        layers.tissue.paint(self.area(anatomy), |p, value| {
            let band = self.bands.iter().map(|band| {
                let (distance, _) = segment(band.ends[0], band.ends[1], p);
                smoothstep(band.half + 0.003, band.half - 0.003, distance)
            });
            let band = band.fold(0.0, f64::max);
            value + self.contrast * anatomy.contrast(p) * band * smoothstep(-0.002, 0.01, lung.depth(p))
        });
    }
}
