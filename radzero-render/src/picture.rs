//! Pages: one panel per sentence, each with its similarity map over the image, and a colour bar.

use std::fmt;

use image::RgbImage;
use ndarray::ArrayView2;
use radzero_score::format::Result;
use radzero_score::format::reading::Levels;
use radzero_score::map::check_threshold;
use radzero_score::{Comparison, Peak};

use crate::layout::{GAP, Grid, MARGIN, Page, to_display};
use crate::legend::{BACKGROUND, draw_bar, put_framed};
use crate::overlay::draw;
use crate::png::png;
use crate::typeset::{self, Style};
use crate::{scale, validate};

/// The most panels of a [`Picture`].
pub const MAX_PANELS: usize = 256;

/// One panel of a picture whose map is an array: a ground truth, or a map computed elsewhere.
#[derive(Clone)]
pub struct Panel<'a> {
    /// The text above the image, for example the sentence.
    pub title: String,
    /// The text below the image; may be empty.
    pub caption: String,
    /// Similarities from 0 to 1 at the image's size, \[height, width\]. Other values are clamped.
    pub map: ArrayView2<'a, f32>,
    /// Position of the ring in pixels of the image; without one, no ring is drawn.
    pub peak: Option<Peak>,
}

impl fmt::Debug for Panel<'_> {
    /// Without the text, which may come from a report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panel").field("map", &self.map.shape()).field("peak", &self.peak).finish_non_exhaustive()
    }
}

/// A panel that is drawn but not yet placed on the page.
struct DrawnPanel {
    image: RgbImage,
    title: Vec<String>,
    caption: Vec<String>,
}

/// Builds a page: panels of one radiograph side by side, notes below, the colour bar to the right.
///
/// A panel shows the radiograph with the colours of a map, the contour at the threshold and a ring at the peak. The longest side
/// of its image is 768 pixels, or 512 if there are more than two panels; small radiographs are enlarged. A row has at most four
/// panels.
///
/// The font has Latin letters only; other characters become the replacement character. A title, caption or note is cut off after
/// 64 lines.
pub struct Picture {
    grid: Grid,
    image: RgbImage,
    size: (u32, u32),
    threshold: f32,
    notes: Vec<String>,
    capacity: usize,
    panels: Vec<DrawnPanel>,
}

impl fmt::Debug for Picture {
    /// Without text and pixels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Picture");
        debug.field("size", &self.size).field("panel_size", &self.grid.display);
        debug.field("threshold", &self.threshold).field("panels", &self.panels.len()).finish_non_exhaustive()
    }
}

impl Picture {
    /// A page for at most `panels` panels (1 to [`MAX_PANELS`]) of the radiograph with these levels, with contours at `threshold`
    /// (a similarity from 0 to 1) and `notes` below, each starting on a new line.
    ///
    /// The notes should explain contour and ring, and must say that the picture is for research use only.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument)
    /// - unless both sides are from 1 to [`MAX_SIDE`](radzero_score::format::reading::MAX_SIDE)
    /// - if RGB levels are not \[3, height, width\]
    /// - unless threshold and number of panels are in their ranges
    /// - if the image cannot be scaled
    pub fn new(levels: Levels<'_>, panels: usize, threshold: f32, notes: Vec<String>) -> Result<Self> {
        let size = validate::levels_size(levels)?;
        check_threshold(threshold)?;
        if !(1..=MAX_PANELS).contains(&panels) {
            return Err(validate::argument_error(format!("1 to {MAX_PANELS} panels expected, {panels} found")));
        }
        let grid = Grid::new(panels, size.0, size.1);
        let image = scale::levels(levels, grid.display.0, grid.display.1)?;
        Ok(Self { grid, image, size, threshold, notes, capacity: panels, panels: Vec::with_capacity(panels) })
    }

    /// Width and height of every panel's image in pixels. Maps need not be larger ([`Comparison::map_at`]).
    #[must_use]
    pub fn panel_size(&self) -> (u32, u32) {
        self.grid.display
    }

    /// Draws the next panel: the map of a comparison of this radiograph, with a ring at the peak.
    ///
    /// The map is computed at the [panel's size](Self::panel_size), not at the radiograph's.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument) if the comparison is of an image of another size,
    /// or if all panels announced to [`new`](Self::new) are drawn.
    pub fn push_comparison(&mut self, comparison: &Comparison, title: String, caption: String) -> Result<()> {
        self.check_room()?;
        validate::comparison(comparison, self.size)?;
        let (width, height) = self.grid.display;
        let map = comparison.map_at(width as usize, height as usize)?;
        self.draw(map.values(), Some(comparison.peak()), &title, &caption);
        Ok(())
    }

    /// Draws the next panel from a map at the radiograph's size.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument) if the map does not have the image's shape, the peak
    /// is outside, the map cannot be scaled, or all panels announced to [`new`](Self::new) are drawn.
    pub fn push(&mut self, panel: Panel<'_>) -> Result<()> {
        self.check_room()?;
        validate::map(panel.map, self.size)?;
        let (width, height) = self.size;
        if let Some(Peak { x, y, .. }) = panel.peak
            && (x >= width as usize || y >= height as usize)
        {
            return Err(validate::argument_error(format!(
                "a peak within {width} x {height} expected, one at ({x}, {y}) found"
            )));
        }
        let map = scale::map(panel.map, self.grid.display.0, self.grid.display.1)?;
        self.draw(map.view(), panel.peak, &panel.title, &panel.caption);
        Ok(())
    }

    fn check_room(&self) -> Result<()> {
        if self.panels.len() < self.capacity {
            return Ok(());
        }
        Err(validate::argument_error(format!("at most {} panels expected, another found", self.capacity)))
    }

    /// Draws the next panel from a map at the panel's size.
    fn draw(&mut self, map: ArrayView2<'_, f32>, peak: Option<Peak>, title: &str, caption: &str) {
        let peak = peak.map(|peak| to_display(peak.x, peak.y, self.size, self.grid.display));
        let mut image = self.image.clone();
        draw(&mut image, map, Some(self.threshold), peak);
        self.panels.push(DrawnPanel {
            image,
            title: typeset::wrap(title, Style::Title, self.grid.cell.0),
            caption: typeset::wrap(caption, Style::Small, self.grid.cell.0),
        });
    }

    fn page(&self, notes: &[String]) -> Page {
        let heads: Vec<u32> = self.panels.iter().map(|panel| typeset::height(&panel.title, Style::Title)).collect();
        let captions: Vec<u32> =
            self.panels.iter().map(|panel| typeset::height(&panel.caption, Style::Small)).collect();
        Page::new(&self.grid, &heads, &captions, typeset::height(notes, Style::Small))
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self) -> RgbImage {
        let wrap = |note: &String| typeset::wrap(note, Style::Small, self.grid.width() - 2 * MARGIN);
        let notes: Vec<String> = self.notes.iter().flat_map(wrap).collect();
        let page = self.page(&notes);
        let mut canvas = RgbImage::from_pixel(page.width, page.height, BACKGROUND);
        for (panel, position) in self.panels.iter().zip(&page.positions) {
            // Titles end directly above their images, even if a neighbour's title has more lines.
            let top = position.image.1 - GAP - typeset::height(&panel.title, Style::Title);
            typeset::draw(&mut canvas, &panel.title, Style::Title, position.left, top);
            put_framed(&mut canvas, &panel.image, position.image.0, position.image.1);
            typeset::draw(&mut canvas, &panel.caption, Style::Small, position.left, position.caption);
        }
        draw_bar(&mut canvas, page.bar, self.grid.cell.1, Some(self.threshold));
        typeset::draw(&mut canvas, &notes, Style::Small, MARGIN, page.notes);
        canvas
    }

    /// The whole page as a PNG file.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument) if the encoder fails.
    pub fn png(&self) -> Result<Vec<u8>> {
        png(&self.render())
    }

    /// Whether the last panel shows this image.
    #[cfg(test)]
    pub(crate) fn shows(&self, image: &RgbImage) -> bool {
        self.panels.last().is_some_and(|panel| panel.image == *image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legend::legend;
    use crate::test_data::{comparison, waves};
    use image::Rgb;
    use image::imageops::crop_imm;
    use ndarray::{Array2, Array3};
    use radzero_score::format::ErrorKind;

    fn panel(map: &Array2<f32>, peak: (usize, usize)) -> Panel<'_> {
        let peak = Peak { x: peak.0, y: peak.1, value: map[[peak.1, peak.0]] };
        let title = "There is a title that is long enough to need more than a single line ".repeat(3);
        Panel { title, caption: "caption".into(), map: map.view(), peak: Some(peak) }
    }

    fn picture(width: usize, height: usize, level: u8, value: f32) -> Picture {
        let image = Array2::from_elem((height, width), level);
        let map = Array2::from_elem((height, width), value);
        let mut picture = Picture::new(Levels::Gray(image.view()), 1, 0.5, vec!["note".into()]).unwrap();
        picture.push(panel(&map, (width / 2, height / 2))).unwrap();
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
        // Nothing is above the threshold, so there is a ring but no contour.
        let changed = drawn.pixels().filter(|pixel| **pixel != Rgb([120; 3])).count();
        assert!(changed > 20 && changed < 1000, "{changed}");
    }

    #[test]
    fn a_high_map_covers_but_does_not_hide() {
        let (dark, bright) = (picture(400, 300, 20, 1.0), picture(400, 300, 220, 1.0));
        let level = |picture: &Picture| i32::from(picture.panels[0].image.get_pixel(3, 3).0[2]);
        assert!((level(&dark) - level(&bright)).abs() > 40);
    }

    /// A comparison's map is sampled at the centres of the panel's pixels; the resizer averages over a pixel and its neighbours.
    /// For a smooth map the two differ by a fraction of a level, and contours by a fraction of a pixel.
    #[test]
    fn a_comparison_is_drawn_like_its_full_map() {
        for (width, height) in [(2000, 1500), (1024, 1024), (301, 403)] {
            let planes = Array3::from_shape_fn((3, height, width), |(channel, y, x)| (x + y + 20 * channel) as u8);
            let found = comparison(width, height, waves());
            let map = found.map();
            let mut picture = Picture::new(Levels::Rgb(planes.view()), 3, 0.5, Vec::new()).unwrap();
            picture.push_comparison(&found, "title".into(), "caption".into()).unwrap();
            picture
                .push(Panel {
                    title: "title".into(),
                    caption: "caption".into(),
                    map: map.values(),
                    peak: Some(map.peak()),
                })
                .unwrap();
            let [one, two] = picture.panels.as_slice() else { unreachable!() };
            let differences = one.image.as_raw().iter().zip(two.image.as_raw()).map(|(one, two)| one.abs_diff(*two));
            let mean = differences.map(u64::from).sum::<u64>() as f64 / one.image.as_raw().len() as f64;
            assert!(mean < 3.0, "{width} x {height}: {mean}");
            // Both differ far more from the image alone.
            let changed = one.image.as_raw().iter().zip(picture.image.as_raw()).map(|(one, two)| one.abs_diff(*two));
            assert!(changed.map(u64::from).sum::<u64>() as f64 / one.image.as_raw().len() as f64 > 15.0);
        }
    }

    #[test]
    fn the_legend_is_on_the_page() {
        for panels in [1, 5] {
            let image = Array2::from_elem((300, 400), 60);
            let found = comparison(400, 300, waves());
            let mut picture = Picture::new(Levels::Gray(image.view()), panels, 0.3, vec!["note".into()]).unwrap();
            for _ in 0..panels {
                picture.push_comparison(&found, "There is fibrosis".into(), "caption ".repeat(99)).unwrap();
            }
            let page = picture.render();
            let (left, top) = picture.page(&[]).bar;
            // A legend whose bar has the height of the page's.
            let legend = legend(picture.grid.cell.1 + 44, Some(0.3)).unwrap();
            let part = crop_imm(&page, left - GAP, top - 32, legend.width(), legend.height()).to_image();
            assert!(part == legend);
        }
    }

    fn refused<T: std::fmt::Debug>(result: Result<T>, words: &str) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn mismatches_are_refused() {
        let image = Array2::from_elem((30, 40), 7);
        let levels = Levels::Gray(image.view());
        let mut picture = Picture::new(levels, 1, 0.5, Vec::new()).unwrap();
        let mut push = |height, width, peak| {
            let map = Array2::zeros((height, width));
            picture.push(Panel { title: String::new(), caption: String::new(), map: map.view(), peak })
        };
        refused(push(40, 30, None), "[height, width] of [30, 40] expected, [40, 30] found");
        refused(push(0, 0, None), "[30, 40] expected, [0, 0] found");
        let peak = |x, y| Some(Peak { x, y, value: 0.0 });
        refused(push(30, 40, peak(40, 2)), "a peak within 40 x 30 expected, one at (40, 2) found");
        refused(push(30, 40, peak(0, usize::MAX)), "found");
        push(30, 40, peak(39, 29)).unwrap();
        refused(push(30, 40, None), "at most 1 panels expected");

        let mut picture = Picture::new(levels, 1, 0.5, Vec::new()).unwrap();
        let mut push =
            |width, height| picture.push_comparison(&comparison(width, height, waves()), String::new(), String::new());
        refused(push(30, 40), "40 x 30 pixels expected, one of an image of 30 x 40 found");
        push(40, 30).unwrap();
        refused(push(40, 30), "at most 1 panels expected");
    }

    #[test]
    fn impossible_pictures_are_refused() {
        fn new(levels: Levels<'_>, panels: usize, threshold: f32) -> Result<Picture> {
            Picture::new(levels, panels, threshold, Vec::new())
        }
        let image = Array2::from_elem((30, 40), 7);
        let levels = Levels::Gray(image.view());
        refused(new(levels, 0, 0.5), "1 to 256 panels expected, 0 found");
        refused(new(levels, usize::MAX, 0.5), "panels expected");
        refused(new(levels, 1, f32::NAN), "a threshold from 0 to 1 expected, NaN found");
        refused(new(Levels::Gray(Array2::zeros((0, 9)).view()), 1, 0.5), "an image of 9 x 0 found");
        refused(new(Levels::Gray(Array2::zeros((16_385, 1)).view()), 1, 0.5), "an image of 1 x 16385 found");
        refused(new(Levels::Rgb(Array3::zeros((1, 9, 9)).view()), 1, 0.5), "[1, 9, 9] found");
    }

    #[test]
    fn pages_without_a_panel_and_with_the_most_can_be_drawn() {
        let image = Array2::from_elem((3, 900), 7);
        let mut picture = Picture::new(Levels::Gray(image.view()), MAX_PANELS, 0.5, vec!["note".into()]).unwrap();
        let empty = picture.render();
        let found = comparison(900, 3, waves());
        for index in 0..MAX_PANELS {
            picture.push_comparison(&found, format!("There is {index}"), String::new()).unwrap();
        }
        let page = picture.render();
        assert!(page.width() == empty.width() && page.height() > 10_000, "{:?}", page.dimensions());
    }

    #[test]
    fn debug_shows_no_text() {
        let picture = picture(40, 30, 0, 0.0);
        let map = Array2::from_elem((30, 40), 0.5);
        for text in [format!("{picture:?}"), format!("{:?}", panel(&map, (3, 4)))] {
            assert!(!text.contains("There is") && !text.contains("note"), "{text}");
        }
    }
}
