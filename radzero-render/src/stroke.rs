//! Lines that are visible on dark and bright images: white, with a dark edge on both sides.

use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

use crate::colour::mix;
use crate::layout::PANEL_SIDES;

/// Half the width of the white core, in pixels.
const CORE: f32 = 1.0;
/// Half the width of the line, edges included.
const EDGE: f32 = 2.5;
/// Radius of the peak's ring.
const RADIUS: f32 = 9.0;

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

type Point = (f32, f32);

/// Lines, stored as each pixel's distance to the nearest of them.
pub(crate) struct Stroke {
    width: u32,
    height: u32,
    /// Factor of all widths.
    weight: f32,
    distances: Vec<f32>,
}

/// The factor of line widths for an image of this size: images larger than a page's panel get thicker lines, so that they look
/// the same when the whole image is shown.
fn weight((width, height): (u32, u32)) -> f32 {
    (width.max(height) as f32 / PANEL_SIDES.0 as f32).max(1.0)
}

impl Stroke {
    /// Without lines yet, for an image of this size.
    pub(crate) fn new((width, height): (u32, u32), weight: f32) -> Self {
        Self { width, height, weight, distances: vec![f32::INFINITY; width as usize * height as usize] }
    }

    /// Updates the distance of every pixel within reach of the box from `min` to `max`.
    fn update(&mut self, min: Point, max: Point, distance: impl Fn(Point) -> f32) {
        let reach = EDGE * self.weight + 1.0;
        let range = |min: f32, max: f32, extent: u32| {
            (min - reach).floor().max(0.0) as u32..((max + reach).ceil().max(-1.0) + 1.0).min(extent as f32) as u32
        };
        for y in range(min.1, max.1, self.height) {
            for x in range(min.0, max.0, self.width) {
                let nearest = &mut self.distances[y as usize * self.width as usize + x as usize];
                *nearest = nearest.min(distance((x as f32, y as f32)));
            }
        }
    }

    /// Adds a straight line.
    pub(crate) fn segment(&mut self, from: Point, to: Point) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let squared = dx * dx + dy * dy;
        let min = (from.0.min(to.0), from.1.min(to.1));
        let max = (from.0.max(to.0), from.1.max(to.1));
        self.update(min, max, |(x, y)| {
            let along = ((x - from.0) * dx + (y - from.1) * dy) / squared;
            // A segment of length 0 is a point.
            let along = if squared > 0.0 { along.clamp(0.0, 1.0) } else { 0.0 };
            (x - from.0 - along * dx).hypot(y - from.1 - along * dy)
        });
    }

    /// Draws the lines, antialiased.
    pub(crate) fn draw(&self, image: &mut RgbImage) {
        let cover = |half: f32, distance: f32| (half + 0.5 - distance).clamp(0.0, 1.0);
        let (core, edge) = (CORE * self.weight, EDGE * self.weight);
        for (pixel, &distance) in image.pixels_mut().zip(&self.distances) {
            if distance < edge + 0.5 {
                *pixel = mix(*pixel, BLACK, 0.8 * cover(edge, distance));
                *pixel = mix(*pixel, WHITE, cover(core, distance));
            }
        }
    }
}

/// A ring around a point, with a dot at its centre.
pub(crate) fn ring(size: (u32, u32), x: f32, y: f32) -> Stroke {
    let mut stroke = Stroke::new(size, weight(size));
    let radius = RADIUS * stroke.weight;
    stroke.update((x - radius, y - radius), (x + radius, y + radius), |(px, py)| {
        let centre = (px - x).hypot(py - y);
        (centre - radius).abs().min(centre)
    });
    stroke
}

/// The contour of the map at `level`, by marching squares.
pub(crate) fn contour(map: ArrayView2<'_, f32>, level: f32) -> Stroke {
    let (height, width) = map.dim();
    let size = (width as u32, height as u32);
    let mut stroke = Stroke::new(size, weight(size));
    for y in 1..height {
        for x in 1..width {
            // Clockwise from the top left.
            let corners = [(x - 1, y - 1), (x, y - 1), (x, y), (x - 1, y)];
            let values = corners.map(|(x, y)| map[[y, x]]);
            let above = values.map(|value| value > level);
            if above == [above[0]; 4] {
                continue;
            }
            let mut crossings = Vec::with_capacity(4);
            for side in 0..4 {
                let (one, two) = (side, (side + 1) % 4);
                if above[one] != above[two] {
                    let share = (level - values[one]) / (values[two] - values[one]);
                    let between = |one: usize, two: usize| one as f32 + share * (two as f32 - one as f32);
                    crossings.push((between(corners[one].0, corners[two].0), between(corners[one].1, corners[two].1)));
                }
            }
            match *crossings.as_slice() {
                [one, two] => stroke.segment(one, two),
                [top, right, bottom, left] => {
                    // A saddle: the mean decides which corners are connected.
                    let middle = values.iter().sum::<f32>() / 4.0 > level;
                    if middle == above[0] {
                        stroke.segment(top, right);
                        stroke.segment(bottom, left);
                    } else {
                        stroke.segment(top, left);
                        stroke.segment(bottom, right);
                    }
                }
                _ => {}
            }
        }
    }
    stroke
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_contour_of_a_cone_is_a_circle() {
        let map = Array2::from_shape_fn((101, 121), |(y, x)| 1.0 - (x as f32 - 60.0).hypot(y as f32 - 50.0) / 60.0);
        // At half height the circle has half the cone's radius.
        let stroke = contour(map.view(), 0.5);
        for (index, &distance) in stroke.distances.iter().enumerate().filter(|(_, distance)| distance.is_finite()) {
            let (x, y) = ((index % 121) as f32, (index / 121) as f32);
            let expected = ((x - 60.0).hypot(y - 50.0) - 30.0).abs();
            assert!((distance - expected).abs() < 0.1 || expected > EDGE, "{x} {y} {distance} {expected}");
        }
        let on = stroke.distances.iter().filter(|distance| **distance < 0.5).count();
        assert!((150..230).contains(&on), "2 pi 30 = 188 pixels long, {on} found");
    }

    #[test]
    fn nothing_crosses_a_level_outside_the_map() {
        let map = Array2::from_elem((9, 9), 0.5);
        for level in [0.4, 0.5, 0.6] {
            assert!(contour(map.view(), level).distances.iter().all(|distance| distance.is_infinite()));
        }
        assert!(contour(Array2::from_elem((1, 1), 0.5).view(), 0.5).distances[0].is_infinite());
    }

    #[test]
    fn lines_are_visible_on_black_and_white() {
        for level in [0, 255] {
            let mut image = RgbImage::from_pixel(40, 40, Rgb([level; 3]));
            ring((40, 40), 20.0, 20.0).draw(&mut image);
            assert_eq!(image.get_pixel(20, 20), &WHITE);
            assert_eq!(image.get_pixel(29, 20), &WHITE);
            // The dark edge beside the core.
            assert!(image.get_pixel(31, 20).0[0] < 60, "{level}");
            assert_eq!(image.get_pixel(39, 39), &Rgb([level; 3]));
        }
    }

    #[test]
    fn marks_are_clipped_at_the_border() {
        for (x, y) in [(0.0, 0.0), (-0.4, 7.3), (7.4, 7.4)] {
            let mut image = RgbImage::new(8, 8);
            ring((8, 8), x, y).draw(&mut image);
            assert!(image.pixels().any(|pixel| pixel.0 != [0; 3]));
        }
        Stroke::new((3, 3), 1.0).segment((-50.0, -50.0), (-40.0, -40.0));
    }

    #[test]
    fn large_images_get_thicker_lines() {
        assert_eq!([(3, 4), (512, 512), (768, 1), (1536, 9), (100, 3072)].map(weight), [1.0, 1.0, 1.0, 2.0, 4.0]);
        let mut image = RgbImage::new(1536, 60);
        ring((1536, 60), 30.0, 30.0).draw(&mut image);
        for x in [30, 31, 47, 48, 49] {
            assert_eq!(image.get_pixel(x, 30), &WHITE, "{x}");
        }
    }

    #[test]
    fn nan_does_not_panic() {
        let map = Array2::from_shape_fn((9, 9), |(y, x)| [f32::NAN, 0.0, f32::INFINITY, 1.0][(x + 2 * y) % 4]);
        contour(map.view(), 0.5).draw(&mut RgbImage::new(9, 9));
        contour(map.view(), f32::NAN).draw(&mut RgbImage::new(9, 9));
    }
}
