//! Points, areas and curves in unit coordinates: (0, 0) is the image's upper left corner, (1, 1) its lower right one.

/// A point in unit coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Point {
    pub(crate) fn distance(self, other: Point) -> f64 {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        (dx * dx + dy * dy).sqrt()
    }
}

/// An upright rectangle in unit coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) const ALL: Area = Area { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// The square around a point that extends by `reach` to each side.
    pub(crate) fn around(centre: Point, reach: f64) -> Self {
        Self { left: centre.x - reach, top: centre.y - reach, right: centre.x + reach, bottom: centre.y + reach }
    }

    /// The smallest area that holds the points, widened by `margin`.
    pub(crate) fn of(points: &[Point], margin: f64) -> Self {
        let mut area = Area { left: 1.0, top: 1.0, right: 0.0, bottom: 0.0 };
        for p in points {
            area.left = area.left.min(p.x - margin);
            area.top = area.top.min(p.y - margin);
            area.right = area.right.max(p.x + margin);
            area.bottom = area.bottom.max(p.y + margin);
        }
        area
    }
}

/// 0 up to `from`, 1 from `to` on, smooth in between; `from` may be the larger one.
pub(crate) fn smoothstep(from: f64, to: f64, value: f64) -> f64 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Linear interpolation between two values, `t` in [0, 1].
pub(crate) fn mix(from: f64, to: f64, t: f64) -> f64 {
    from + (to - from) * t
}

/// The height of a quarter of an ellipse: 0 at t = 0, 1 from t = 1 on.
pub(crate) fn quarter_ellipse(t: f64) -> f64 {
    let rest = 1.0 - t.clamp(0.0, 1.0);
    (1.0 - rest * rest).sqrt()
}

/// The distance from a point to a line segment, and the position of the nearest point along it (0 to 1).
pub(crate) fn segment(from: Point, to: Point, p: Point) -> (f64, f64) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 { (((p.x - from.x) * dx + (p.y - from.y) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (p.distance(Point { x: from.x + t * dx, y: from.y + t * dy }), t)
}
