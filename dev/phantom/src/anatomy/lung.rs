//! The outline of a lung.

use crate::geometry::{Point, mix, quarter_ellipse};
use crate::random::Random;
use crate::{Side, Zone};

/// One lung, between mediastinum, chest wall and diaphragm. Lateral means away from the midline, on either side.
#[derive(Clone, Debug)]
pub(crate) struct Lung {
    pub(crate) side: Side,
    midline: f64,
    /// Lateral distance of the chest wall where it is widest.
    pub(crate) width: f64,
    /// Lateral distance of the mediastinum.
    inner: f64,
    /// Height of the apex.
    pub(crate) apex: f64,
    /// Lateral distance of the apex.
    apex_lateral: f64,
    /// Height of the diaphragm's dome.
    pub(crate) dome: f64,
    /// How far the diaphragm falls from dome to chest wall.
    fall: f64,
    /// Height of the pleural fluid at the chest wall, above the costophrenic angle.
    pub(crate) fluid: Option<f64>,
}

impl Lung {
    pub(crate) fn new(side: Side, midline: f64, width: f64, apex: f64, dome: f64, random: &mut Random) -> Self {
        Self {
            side,
            midline,
            width,
            inner: random.range(0.05, 0.065),
            apex: apex + random.range(-0.008, 0.008),
            apex_lateral: random.range(0.14, 0.17),
            dome: dome + random.range(-0.008, 0.008),
            fall: random.range(0.075, 0.11),
            fluid: None,
        }
    }

    /// Lateral distance of a point; negative on the other side of the midline.
    pub(crate) fn lateral(&self, p: Point) -> f64 {
        match self.side {
            Side::Right => self.midline - p.x,
            Side::Left => p.x - self.midline,
        }
    }

    /// The point at a lateral distance and height.
    pub(crate) fn place(&self, lateral: f64, y: f64) -> Point {
        let x = match self.side {
            Side::Right => self.midline - lateral,
            Side::Left => self.midline + lateral,
        };
        Point { x, y }
    }

    /// 0 at the apex, 1 at the dome of the diaphragm.
    pub(crate) fn descent(&self, y: f64) -> f64 {
        (y - self.apex) / (self.dome - self.apex)
    }

    /// The height at a descent.
    pub(crate) fn height(&self, descent: f64) -> f64 {
        self.apex + descent * (self.dome - self.apex)
    }

    /// Lateral distance of the chest wall at a height.
    pub(crate) fn wall(&self, y: f64) -> f64 {
        mix(self.apex_lateral, self.width, quarter_ellipse(self.descent(y) / 0.8))
    }

    fn mediastinum(&self, y: f64) -> f64 {
        mix(self.apex_lateral, self.inner, quarter_ellipse(self.descent(y) / 0.25))
    }

    /// Height of the diaphragm at a lateral distance.
    pub(crate) fn diaphragm(&self, lateral: f64) -> f64 {
        let t = (lateral - 0.45 * self.width) / (0.55 * self.width);
        // The lateral part falls to the costophrenic angle, the medial part much less.
        self.dome + if t > 0.0 { self.fall * t * t } else { 0.25 * self.fall * t * t }
    }

    /// The approximate distance to the nearest border; negative outside.
    pub(crate) fn depth(&self, p: Point) -> f64 {
        let lateral = self.lateral(p);
        let sides = (self.wall(p.y) - lateral).min(lateral - self.mediastinum(p.y));
        sides.min(self.diaphragm(lateral) - p.y).min(p.y - self.apex)
    }

    /// Depth below the surface of fluid that stands `level` high at the chest wall.
    pub(crate) fn depth_in(&self, level: f64, p: Point) -> f64 {
        let t = (self.lateral(p) / self.width).clamp(0.0, 1.0);
        p.y - (self.diaphragm(self.width) - level * mix(0.62, 1.0, t * t * t))
    }

    /// Depth below the surface of the lung's fluid; -1 if there is none.
    pub(crate) fn submerged(&self, p: Point) -> f64 {
        self.fluid.map_or(-1.0, |level| self.depth_in(level, p))
    }

    /// The third of the lung at a height.
    pub(crate) fn zone(&self, y: f64) -> Zone {
        match self.descent(y) {
            d if d < 0.36 => Zone::Upper,
            d if d < 0.68 => Zone::Middle,
            _ => Zone::Lower,
        }
    }

    /// A random height well within a zone.
    pub(crate) fn height_in(&self, zone: Zone, random: &mut Random) -> f64 {
        let descent = match zone {
            Zone::Upper => random.range(0.10, 0.30),
            Zone::Middle => random.range(0.42, 0.62),
            Zone::Lower => random.range(0.74, 0.98),
        };
        self.height(descent)
    }
}
