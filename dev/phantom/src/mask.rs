//! The mask of a finding and its bounding box.

use crate::Size;
use crate::canvas::centres;
use crate::geometry::{Area, Point};

/// The pixels that a finding covers: those whose centre it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    size: Size,
    covered: Vec<bool>,
}

/// The bounding box from pixel (`left`, `top`) to pixel (`right`, `bottom`), both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bounds {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Last column.
    pub right: u32,
    /// Last row.
    pub bottom: u32,
}

impl Mask {
    pub(crate) fn new(size: Size, area: Area, covers: impl Fn(Point) -> bool) -> Self {
        let mut covered = vec![false; size.pixels()];
        for (index, p) in centres(size, area) {
            covered[index] = covers(p);
        }
        Self { size, covered }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether each pixel is covered, row by row: `size().pixels()` values.
    #[must_use]
    pub fn covered(&self) -> &[bool] {
        &self.covered
    }

    /// The smallest box that contains every covered pixel; `None` if no pixel is covered.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let mut bounds: Option<Bounds> = None;
        let width = self.size.width as usize;
        for (index, _) in self.covered.iter().enumerate().filter(|(_, covered)| **covered) {
            let (x, y) = ((index % width) as u32, (index / width) as u32);
            let b = bounds.get_or_insert(Bounds { left: x, top: y, right: x, bottom: y });
            *b = Bounds { left: b.left.min(x), top: b.top, right: b.right.max(x), bottom: y };
        }
        bounds
    }
}

impl Bounds {
    /// Whether a pixel lies in the box, borders included.
    #[must_use]
    pub fn contains(&self, x: u32, y: u32) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}
