//! Pictures: the similarity map of each prompt over the image, side by side, with a colour bar.
//!
//! Image and maps are scaled to the panel ([`scale`]), coloured and blended ([`colour`]), marked with contour and peak
//! ([`stroke`]), and put on a page ([`layout`]) with their words ([`text`]).

mod colour;
mod layout;
mod scale;
mod stroke;
mod text;

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use ndarray::ArrayView2;
use radzero_core::Peak;

use self::layout::{Grid, MARGIN, Page};
use self::stroke::Stroke;
use self::text::Style;
use crate::error::Failure;

const BACKGROUND: Rgb<u8> = Rgb([18, 18, 20]);
const FRAME: Rgb<u8> = Rgb([72, 72, 76]);

/// One prompt's part of the picture.
pub(crate) struct Panel<'a> {
    pub(crate) title: String,
    pub(crate) caption: String,
    /// Similarities at the image's size, \[height, width\].
    pub(crate) map: ArrayView2<'a, f32>,
    /// Where the ring is drawn, if at all.
    pub(crate) peak: Option<Peak>,
}

/// A panel that is drawn already, but not placed.
struct Drawn {
    image: RgbImage,
    title: Vec<String>,
    caption: Vec<String>,
}

/// A picture in the making.
pub(crate) struct Picture {
    grid: Grid,
    image: RgbImage,
    size: (u32, u32),
    threshold: f32,
    notes: Vec<String>,
    panels: Vec<Drawn>,
}

impl Picture {
    /// For `panels` panels over `image`, contours at `threshold`, `notes` below.
    pub(crate) fn new(image: &RgbImage, panels: usize, threshold: f32, notes: Vec<String>) -> Result<Self, Failure> {
        let grid = Grid::new(panels, image.width(), image.height());
        let small = scale::rgb(image, grid.display.0, grid.display.1)?;
        Ok(Self { grid, image: small, size: image.dimensions(), threshold, notes, panels: Vec::with_capacity(panels) })
    }

    /// Draws the next panel.
    pub(crate) fn push(&mut self, panel: Panel<'_>) -> Result<(), Failure> {
        let map = scale::map(panel.map, self.grid.display.0, self.grid.display.1)?;
        let mut image = colour::blend(&self.image, map.view());
        stroke::contour(map.view(), self.threshold).draw(&mut image);
        if let Some(peak) = panel.peak {
            let (x, y) = self.grid.to_display(peak.x, peak.y, self.size);
            stroke::ring(self.grid.display, x, y).draw(&mut image);
        }
        self.panels.push(Drawn {
            image,
            title: text::wrap(&panel.title, Style::Title, self.grid.cell.0),
            caption: text::wrap(&panel.caption, Style::Small, self.grid.cell.0),
        });
        Ok(())
    }

    /// The whole picture.
    pub(crate) fn render(&self) -> RgbImage {
        let heads: Vec<u32> = self.panels.iter().map(|panel| text::height(&panel.title, Style::Title)).collect();
        let captions: Vec<u32> = self.panels.iter().map(|panel| text::height(&panel.caption, Style::Small)).collect();
        let notes: Vec<String> =
            self.notes.iter().flat_map(|note| text::wrap(note, Style::Small, self.grid.width() - 2 * MARGIN)).collect();
        let page = Page::new(&self.grid, &heads, &captions, text::height(&notes, Style::Small));
        let mut canvas = RgbImage::from_pixel(page.width, page.height, BACKGROUND);
        for (panel, place) in self.panels.iter().zip(&page.places) {
            // Titles stand directly above their images, however many lines the neighbours have.
            let top = place.image.1 - layout::GAP - text::height(&panel.title, Style::Title);
            text::lines(&mut canvas, &panel.title, Style::Title, place.left, top);
            put(&mut canvas, &panel.image, place.image.0, place.image.1);
            text::lines(&mut canvas, &panel.caption, Style::Small, place.left, place.caption);
        }
        self.bar(&mut canvas, &page);
        text::lines(&mut canvas, &notes, Style::Small, MARGIN, page.notes);
        canvas
    }

    /// The picture as PNG.
    pub(crate) fn png(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.render()
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .map_err(|error| Failure::Draw(Box::new(error)))?;
        Ok(bytes)
    }

    /// The colour bar: 1 at the top, 0 at the bottom, with ticks and the contour's value.
    fn bar(&self, canvas: &mut RgbImage, page: &Page) {
        let (left, top) = page.bar;
        let height = self.grid.cell.1;
        let value = |y: u32| 1.0 - (y as f32 + 0.5) / height as f32;
        let mut bar = RgbImage::from_fn(layout::BAR, height, |_, y| colour::colour(value(y)));
        let row = |value: f32| (1.0 - value) * height as f32 - 0.5;
        let mut line = Stroke::new(bar.dimensions());
        line.segment((0.0, row(self.threshold)), (layout::BAR as f32 - 1.0, row(self.threshold)));
        line.draw(&mut bar);
        put(canvas, &bar, left, top);
        for tick in 0..=5 {
            let value = f32::from(tick as u8) / 5.0;
            let y = (top as f32 + row(value).clamp(0.0, height as f32 - 1.0)) as u32;
            for x in 0..layout::TICK {
                canvas.put_pixel(left + layout::BAR + 2 + x, y, FRAME);
            }
            let label = [format!("{value:.1}")];
            let half = text::height(&label, Style::Small) / 2;
            text::lines(canvas, &label, Style::Small, left + layout::BAR + layout::TICK + 6, y.saturating_sub(half));
        }
        let label = ["similarity".to_owned()];
        let above = top.saturating_sub(layout::GAP + text::height(&label, Style::Small) + 4);
        text::lines(canvas, &label, Style::Small, left, above);
    }
}

/// Puts `image` on `canvas`, in a frame.
fn put(canvas: &mut RgbImage, image: &RgbImage, left: u32, top: u32) {
    let (width, height) = image.dimensions();
    for y in 0..height + 2 {
        for x in 0..width + 2 {
            let edge = x == 0 || y == 0 || x == width + 1 || y == height + 1;
            let colour = if edge { FRAME } else { *image.get_pixel(x - 1, y - 1) };
            // The margins are wider than the frame.
            canvas.put_pixel(left + x - 1, top + y - 1, colour);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn panel(map: &Array2<f32>, peak: (usize, usize)) -> Panel<'_> {
        let peak = Peak { x: peak.0, y: peak.1, value: map[[peak.1, peak.0]] };
        let title = "There is a title that is long enough to need more than a single line ".repeat(3);
        Panel { title, caption: "caption".into(), map: map.view(), peak: Some(peak) }
    }

    fn picture(width: u32, height: u32, level: u8, value: f32) -> Picture {
        let image = RgbImage::from_pixel(width, height, Rgb([level; 3]));
        let map = Array2::from_elem((height as usize, width as usize), value);
        let mut picture = Picture::new(&image, 1, 0.5, vec!["note".into()]).unwrap();
        picture.push(panel(&map, (width as usize / 2, height as usize / 2))).unwrap();
        picture
    }

    #[test]
    fn every_size_of_image_can_be_drawn() {
        for (width, height) in [(1, 1), (1, 3000), (3000, 1), (37, 41), (2000, 1500)] {
            let picture = picture(width, height, 90, 0.3);
            let page = image::load_from_memory(&picture.png().unwrap()).unwrap();
            assert!(page.width() >= picture.grid.display.0 && page.height() > picture.grid.display.1);
            assert!(page.width() < 1200 && page.height() < 1400, "{} x {}", page.width(), page.height());
        }
    }

    #[test]
    fn a_flat_low_map_leaves_the_image_as_it_is() {
        let picture = picture(400, 300, 120, 0.0);
        let drawn = &picture.panels[0].image;
        assert_eq!(*drawn.get_pixel(3, 3), Rgb([120; 3]));
        // Nothing is above the threshold, so there is no contour; the ring is there.
        let changed = drawn.pixels().filter(|pixel| **pixel != Rgb([120; 3])).count();
        assert!(changed > 20 && changed < 1000, "{changed}");
    }

    #[test]
    fn a_high_map_covers_but_does_not_hide() {
        let (dark, bright) = (picture(400, 300, 20, 1.0), picture(400, 300, 220, 1.0));
        let level = |picture: &Picture| i32::from(picture.panels[0].image.get_pixel(3, 3).0[2]);
        assert!((level(&dark) - level(&bright)).abs() > 40);
    }
}
