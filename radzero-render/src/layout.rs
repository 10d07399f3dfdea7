//! Where everything stands on the page, in pixels.

/// Space around the page and between cells.
pub(crate) const MARGIN: u32 = 24;
/// Space between an image and its words.
pub(crate) const GAP: u32 = 8;
/// Width of the colour bar.
pub(crate) const BAR: u32 = 22;
/// Length of its ticks.
pub(crate) const TICK: u32 = 6;
/// Width of bar, ticks and labels.
pub(crate) const BAR_COLUMN: u32 = 96;

/// Longest side of an image on the page: for one or two, and for more.
pub(crate) const SIDES: (u32, u32) = (768, 512);
/// Least size of a cell, so that words and colour bar have room beside an image of any shape.
const LEAST: (u32, u32) = (320, 240);

/// The grid of equal cells.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: usize,
    /// Size of an image on the page.
    pub(crate) display: (u32, u32),
    /// Size of the room for an image.
    pub(crate) cell: (u32, u32),
}

impl Grid {
    /// For so many panels of an image of `width` x `height` pixels.
    pub(crate) fn new(panels: usize, width: u32, height: u32) -> Self {
        let side = if panels <= 2 { SIDES.0 } else { SIDES.1 };
        let scale = f64::from(side) / f64::from(width.max(height));
        let fit = |extent: u32| ((f64::from(extent) * scale).round() as u32).clamp(1, side);
        let display = (fit(width), fit(height));
        // Rows as equal in length as can be: 5 as 3 + 2, 7 as 4 + 3.
        let rows = panels.div_ceil(4).max(1);
        let columns = panels.div_ceil(rows).max(1);
        Self { columns, display, cell: (display.0.max(LEAST.0), display.1.max(LEAST.1)) }
    }

    /// Width of the page.
    pub(crate) fn width(&self) -> u32 {
        self.columns as u32 * (self.cell.0 + MARGIN) + MARGIN + BAR_COLUMN
    }
}

/// The place on an image shown at the size `to` of the centre of a pixel of the original of size `from`.
pub(crate) fn place(x: usize, y: usize, from: (u32, u32), to: (u32, u32)) -> (f32, f32) {
    let place = |at: usize, original: u32, display: u32| {
        ((at as f64 + 0.5) * f64::from(display) / f64::from(original) - 0.5) as f32
    };
    (place(x, from.0, to.0), place(y, from.1, to.1))
}

/// Where a panel stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Left edge of the cell, and of its words.
    pub(crate) left: u32,
    /// Upper left corner of the image.
    pub(crate) image: (u32, u32),
    /// Top of the caption.
    pub(crate) caption: u32,
}

/// The page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) places: Vec<Place>,
    /// Upper left corner of the colour bar, beside the first row.
    pub(crate) bar: (u32, u32),
    /// Top of the notes.
    pub(crate) notes: u32,
}

impl Page {
    /// For panels with so high titles and captions, and notes below.
    pub(crate) fn new(grid: &Grid, titles: &[u32], captions: &[u32], notes: u32) -> Self {
        let highest = |heights: &[u32]| heights.iter().copied().max().unwrap_or(0);
        let mut places = Vec::with_capacity(titles.len());
        let mut bar = None;
        let mut top = MARGIN;
        for (titles, captions) in titles.chunks(grid.columns).zip(captions.chunks(grid.columns)) {
            let image = top + highest(titles) + GAP;
            let caption = image + grid.cell.1 + GAP;
            for column in 0..titles.len() as u32 {
                let left = MARGIN + column * (grid.cell.0 + MARGIN);
                let inset = |cell: u32, display: u32| (cell - display) / 2;
                places.push(Place {
                    left,
                    image: (left + inset(grid.cell.0, grid.display.0), image + inset(grid.cell.1, grid.display.1)),
                    caption,
                });
            }
            bar.get_or_insert(image);
            top = caption + highest(captions) + MARGIN;
        }
        // Without a panel the bar has the page for itself.
        let beside = bar.unwrap_or(top + GAP);
        top = top.max(beside + grid.cell.1 + MARGIN);
        let bar = (MARGIN + grid.columns as u32 * (grid.cell.0 + MARGIN), beside);
        Self { width: grid.width(), height: top + notes + MARGIN, places, bar, notes: top }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_fitted_with_their_shape_kept() {
        assert_eq!(Grid::new(1, 2000, 1000).display, (768, 384));
        assert_eq!(Grid::new(3, 1000, 2000).display, (256, 512));
        assert_eq!(Grid::new(1, 7, 7).display, (768, 768));
        let thin = Grid::new(1, 3000, 1);
        assert_eq!((thin.display, thin.cell), ((768, 1), (768, 240)));
    }

    #[test]
    fn rows_hold_at_most_four_and_are_even() {
        let columns: Vec<usize> = (0..=9).map(|panels| Grid::new(panels, 9, 9).columns).collect();
        assert_eq!(columns, [1, 1, 2, 3, 4, 3, 3, 4, 4, 3]);
    }

    #[test]
    fn peaks_keep_their_place() {
        // Pixels 0 and 1 of 1024 share pixel 0 of 512; its centre lies between theirs.
        assert_eq!(place(0, 1023, (1024, 1024), (512, 512)), (-0.25, 511.25));
        assert_eq!(place(17, 511, (512, 512), (512, 512)), (17.0, 511.0));
    }

    #[test]
    fn the_bar_is_on_a_page_without_a_panel() {
        let grid = Grid::new(2, 300, 400);
        let page = Page::new(&grid, &[], &[], 18);
        assert!(page.places.is_empty() && page.bar.1 >= MARGIN);
        assert!(page.notes > page.bar.1 + grid.cell.1 && page.notes + 18 <= page.height);
    }

    #[test]
    fn nothing_overlaps_and_all_is_on_the_page() {
        let grid = Grid::new(5, 300, 400);
        let page = Page::new(&grid, &[20, 60, 20, 20, 20], &[16; 5], 48);
        let [first, second, _, fourth, fifth] = page.places.as_slice() else { unreachable!() };
        assert_eq!(first.image.1, second.image.1, "images of a row stand level");
        assert!(first.image.1 - GAP - 60 >= MARGIN, "the highest title fits above");
        assert!(second.left >= first.left + grid.cell.0);
        assert!(fourth.image.1 >= first.caption + 16 + 20 + GAP);
        assert!(page.notes >= fifth.caption + 16 && page.notes + 48 <= page.height);
        assert!(page.bar.0 + BAR_COLUMN <= page.width && page.bar.1 == first.image.1);
    }
}
