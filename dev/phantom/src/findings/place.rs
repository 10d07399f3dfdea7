//! Where findings may lie: in a lung, over each other as in a projection, but never so that one hides another.

use super::Finding;
use crate::anatomy::Anatomy;
use crate::geometry::{Area, Point};
use crate::random::Random;
use crate::{Kind, Side, Zone};

/// A place in a lung.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) side: Side,
    pub(crate) zone: Zone,
    pub(crate) centre: Point,
}

/// Places that are tried before a finding is given up.
const ATTEMPTS: usize = 40;
/// How often a place over another finding is preferred.
const OVER: f64 = 0.25;
/// The share of a finding that must lie over others for that.
const OVERLAP: f64 = 0.15;
/// The share of a finding that others may hide; less of a nodule, which is small.
const HIDDEN: f64 = 1.0 / 3.0;
const HIDDEN_NODULE: f64 = 1.0 / 6.0;
/// The share of a lung finding that may lie in the air of a pneumothorax, where there is no lung.
const IN_AIR: f64 = 1.0 / 6.0;

/// A random place in a lung; `None` if it is within `margin` of the lung's border.
pub(crate) fn in_lung(anatomy: &Anatomy, margin: f64, zones: &[Zone], random: &mut Random) -> Option<Place> {
    let side = Side::random(random);
    let zone = *zones.get(random.below(zones.len()))?;
    let lung = anatomy.lung(side);
    let centre = lung.place(random.range(0.08, lung.width), lung.height_in(zone, random));
    (lung.depth(centre) > margin).then_some(Place { side, zone, centre })
}

/// Proposes findings until one fits; where another finding is to be overlapped, prefers one that does.
pub(crate) fn seek(
    anatomy: &Anatomy,
    placed: &[Finding],
    random: &mut Random,
    propose: impl Fn(&Anatomy, &mut Random) -> Option<Finding>,
) -> Option<Finding> {
    let over = !placed.is_empty() && random.chance(OVER);
    let mut clear = None;
    for _ in 0..ATTEMPTS {
        let Some(finding) = propose(anatomy, random) else { continue };
        let points = points(anatomy, &finding);
        if !fits(anatomy, placed, &finding, &points) {
            continue;
        }
        let overlap = fraction(&points, |p| placed.iter().any(|other| other.shape.covers(anatomy, p)));
        if !over || overlap >= OVERLAP {
            return Some(finding);
        }
        clear.get_or_insert(finding);
    }
    clear
}

/// Whether the finding and all those placed before stay visible.
fn fits(anatomy: &Anatomy, placed: &[Finding], finding: &Finding, points: &[Point]) -> bool {
    let in_air = |p| placed.iter().any(|f| f.kind == Kind::Pneumothorax && f.shape.covers(anatomy, p));
    if finding.kind != Kind::Fracture && fraction(points, in_air) > IN_AIR {
        return false;
    }
    let hidden_by = |hidden: &Finding, p, other: &Finding| {
        !std::ptr::eq(hidden, other) && hides(other.kind, hidden.kind) && other.shape.covers(anatomy, p)
    };
    let visible = |hidden: &Finding, points: &[Point]| {
        // Consolidation has no outline of its own, so it merges with the heart, too.
        let in_heart = |p| hidden.kind == Kind::Consolidation && anatomy.heart.contains(p);
        let covered = |p| in_heart(p) || placed.iter().chain([finding]).any(|other| hidden_by(hidden, p, other));
        fraction(points, covered) <= if hidden.kind == Kind::Nodule { HIDDEN_NODULE } else { HIDDEN }
    };
    let touched =
        |other: &&Finding| hides(finding.kind, other.kind) && points.iter().any(|&p| other.shape.covers(anatomy, p));
    visible(finding, points) && placed.iter().filter(touched).all(|other| visible(other, &self::points(anatomy, other)))
}

/// Whether a finding makes one below it hard to see. Metal hides everything; soft tissue densities merge with each other;
/// broken bone, metal and the outline of the heart show through them.
fn hides(over: Kind, other: Kind) -> bool {
    let soft =
        |kind| matches!(kind, Kind::Effusion | Kind::Mass | Kind::Consolidation | Kind::Atelectasis | Kind::Nodule);
    over == Kind::Pacemaker || soft(over) && soft(other)
}

/// Points spread evenly over a finding.
fn points(anatomy: &Anatomy, finding: &Finding) -> Vec<Point> {
    const ACROSS: u32 = 12;
    let Area { left, top, right, bottom } = finding.shape.area(anatomy);
    let at = |from: f64, to: f64, index: u32| from + (to - from) * (f64::from(index) + 0.5) / f64::from(ACROSS);
    (0..ACROSS * ACROSS)
        .map(|index| Point { x: at(left, right, index % ACROSS), y: at(top, bottom, index / ACROSS) })
        .filter(|&p| finding.shape.covers(anatomy, p))
        .collect()
}

/// The fraction of the points that meet the condition.
fn fraction(points: &[Point], condition: impl Fn(Point) -> bool) -> f64 {
    points.iter().filter(|&&p| condition(p)).count() as f64 / points.len().max(1) as f64
}
