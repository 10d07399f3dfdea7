//! The canvas: densities at pixel centres.

use crate::Size;
use crate::geometry::{Area, Point};

/// Densities of one layer, row by row; 0 where nothing was drawn.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub(crate) size: Size,
    pub(crate) values: Vec<f32>,
}

impl Canvas {
    pub(crate) fn new(size: Size) -> Self {
        Self { size, values: vec![0.0; size.pixels()] }
    }

    /// Replaces every value within the area by `change(point, value)`.
    pub(crate) fn paint(&mut self, area: Area, change: impl Fn(Point, f64) -> f64) {
        let size = self.size;
        for (index, p) in centres(size, area) {
            if let Some(value) = self.values.get_mut(index) {
                *value = change(p, f64::from(*value)) as f32;
            }
        }
    }
}

/// Index and centre of the pixels whose centres may lie in the area.
pub(crate) fn centres(size: Size, area: Area) -> impl Iterator<Item = (usize, Point)> {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let span = |from: f64, to: f64, count: f64| {
        let first = (from * count).floor().clamp(0.0, count) as u32;
        let end = (to * count).ceil().clamp(0.0, count) as u32;
        first..end.max(first)
    };
    let columns = span(area.left, area.right, width);
    span(area.top, area.bottom, height).flat_map(move |row| {
        columns.clone().map(move |column| {
            let index = row as usize * size.width as usize + column as usize;
            (index, Point { x: (f64::from(column) + 0.5) / width, y: (f64::from(row) + 0.5) / height })
        })
    })
}

/// The layers of a drawing. The markings of the aerated lung are separate because findings erase them.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    /// Everything but the markings.
    pub(crate) tissue: Canvas,
    /// Vessels and fine texture of the aerated lung.
    pub(crate) markings: Canvas,
}
