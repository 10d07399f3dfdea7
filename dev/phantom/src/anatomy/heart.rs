//! The heart's silhouette.

use crate::geometry::{Area, Point, smoothstep};
use crate::random::Random;

/// An ellipse with a different radius on each side.
#[derive(Clone, Debug)]
pub(crate) struct Heart {
    centre: Point,
    /// Radius towards the patient's right (image left).
    right: f64,
    /// Radius towards the patient's left.
    left: f64,
    vertical: f64,
    /// Width of the chest, for the cardiothoracic ratio.
    chest: f64,
}

impl Heart {
    pub(crate) fn new(midline: f64, lung_width: f64, dome: f64, random: &mut Random) -> Self {
        let chest = 2.0 * lung_width;
        let vertical = random.range(0.155, 0.18);
        let mut heart = Self {
            centre: Point { x: midline, y: dome + random.range(0.01, 0.03) - 0.8 * vertical },
            right: 0.0,
            left: 0.0,
            vertical,
            chest,
        };
        heart.set_ratio(random.range(0.38, 0.47), random.range(0.31, 0.37));
        heart
    }

    /// Sets the cardiothoracic ratio, and the share of the heart that lies right of the midline.
    fn set_ratio(&mut self, ratio: f64, share: f64) {
        self.right = ratio * self.chest * share;
        self.left = ratio * self.chest * (1.0 - share);
    }

    /// Enlarges the heart to a cardiothoracic ratio far above one half.
    pub(crate) fn enlarge(&mut self, random: &mut Random) {
        self.set_ratio(random.range(0.58, 0.70), random.range(0.31, 0.37));
        let taller = random.range(1.05, 1.2);
        self.centre.y -= 0.8 * self.vertical * (taller - 1.0);
        self.vertical *= taller;
    }

    /// The distance from the centre, relative to the outline: 1 on it, less inside.
    fn radius(&self, p: Point) -> f64 {
        let dx = p.x - self.centre.x;
        // The apex points down and to the left.
        let dy = p.y - self.centre.y - 0.22 * dx;
        let (x, y) = (dx / if dx < 0.0 { self.right } else { self.left }, dy / self.vertical);
        (x * x + y * y).sqrt()
    }

    /// 0 outside, 1 inside, smooth in between.
    pub(crate) fn shade(&self, p: Point) -> f64 {
        smoothstep(1.04, 0.94, self.radius(p))
    }

    pub(crate) fn contains(&self, p: Point) -> bool {
        self.radius(p) <= 1.0
    }

    pub(crate) fn area(&self) -> Area {
        Area::around(self.centre, self.left.max(self.right).max(1.5 * self.vertical) + 0.05)
    }

    /// A point in the right ventricle, where a pacemaker's lead ends.
    pub(crate) fn ventricle(&self) -> Point {
        Point { x: self.centre.x + 0.35 * self.left, y: self.centre.y + 0.45 * self.vertical }
    }
}
