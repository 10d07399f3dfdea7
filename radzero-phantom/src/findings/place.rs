//! Where findings may lie: within a lung, and not hidden by what was placed before.

use super::Finding;
use crate::anatomy::Anatomy;
use crate::geometry::Point;
use crate::random::Random;
use crate::{Kind, Side, Zone};

/// A place that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) side: Side,
    pub(crate) zone: Zone,
    pub(crate) centre: Point,
}

/// Places tried before a finding is given up.
const ATTEMPTS: usize = 40;

/// A place within a lung for something round of this radius; `margin` is its least distance to the lung's border.
pub(crate) fn in_lung(
    anatomy: &Anatomy,
    placed: &[Finding],
    radius: f64,
    margin: f64,
    zones: &[Zone],
    random: &mut Random,
) -> Option<Place> {
    (0..ATTEMPTS).find_map(|_| {
        let side = Side::random(random);
        let zone = *zones.get(random.below(zones.len()))?;
        let lung = anatomy.lung(side);
        let centre = lung.place(random.range(0.08, lung.width), lung.height_in(zone, random));
        let fits = lung.depth(centre) > margin && visible(anatomy, placed, centre, radius);
        fits.then_some(Place { side, zone, centre })
    })
}

/// Whether at most a small part of a disc is covered by other findings or the heart. Pneumothorax wipes out what lies
/// within it, the rest is too dense to be seen through.
pub(crate) fn visible(anatomy: &Anatomy, placed: &[Finding], centre: Point, radius: f64) -> bool {
    let probes = 24;
    let covered = (0..probes)
        .filter(|&index| {
            // A spiral spreads the probes evenly.
            let distance = radius * ((f64::from(index) + 0.5) / f64::from(probes)).sqrt();
            let angle = 2.399_963 * f64::from(index);
            let p = Point { x: centre.x + distance * libm::cos(angle), y: centre.y + distance * libm::sin(angle) };
            anatomy.heart.contains(p)
                || placed.iter().any(|f| f.kind != Kind::Cardiomegaly && f.shape.covers(anatomy, p))
        })
        .count();
    covered * 6 <= probes as usize
}
