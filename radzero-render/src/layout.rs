//! The layout of a page, in pixels.

/// Space around the page and between cells.
pub(crate) const MARGIN: u32 = 24;
/// Space between an image and its text.
pub(crate) const GAP: u32 = 8;
/// Width of the colour bar.
pub(crate) const BAR_WIDTH: u32 = 22;
/// Length of the colour bar's ticks.
pub(crate) const TICK_LENGTH: u32 = 6;
/// Width of the colour bar with ticks and labels.
pub(crate) const BAR_COLUMN: u32 = 96;

/// Longest side of a panel's image: with one or two panels, and with more.
pub(crate) const PANEL_SIDES: (u32, u32) = (768, 512);
/// Minimum size of a cell, so that text and colour bar have room beside an image of any shape.
const MIN_CELL: (u32, u32) = (320, 240);

/// The grid of equal cells.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: usize,
    /// Size of an image on the page.
    pub(crate) display: (u32, u32),
    /// Size of the space for an image.
    pub(crate) cell: (u32, u32),
}

impl Grid {
    /// For this number of panels of an image with `width` x `height` pixels.
    pub(crate) fn new(panels: usize, width: u32, height: u32) -> Self {
        let side = if panels <= 2 { PANEL_SIDES.0 } else { PANEL_SIDES.1 };
        let scale = f64::from(side) / f64::from(width.max(height));
        let fit = |extent: u32| ((f64::from(extent) * scale).round() as u32).clamp(1, side);
        let display = (fit(width), fit(height));
        // Rows of nearly equal length: 5 as 3 + 2, 7 as 4 + 3.
        let rows = panels.div_ceil(4).max(1);
        let columns = panels.div_ceil(rows).max(1);
        Self { columns, display, cell: (display.0.max(MIN_CELL.0), display.1.max(MIN_CELL.1)) }
    }

    /// Width of the page.
    pub(crate) fn width(&self) -> u32 {
        self.columns as u32 * (self.cell.0 + MARGIN) + MARGIN + BAR_COLUMN
    }
}

/// The centre of a pixel of an image of size `from`, in pixels of the image scaled to the size `to`.
pub(crate) fn to_display(x: usize, y: usize, from: (u32, u32), to: (u32, u32)) -> (f32, f32) {
    let scale = |at: usize, original: u32, display: u32| {
        ((at as f64 + 0.5) * f64::from(display) / f64::from(original) - 0.5) as f32
    };
    (scale(x, from.0, to.0), scale(y, from.1, to.1))
}

/// The position of a panel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PanelPosition {
    /// Left edge of the cell and of its text.
    pub(crate) left: u32,
    /// Top left corner of the image.
    pub(crate) image: (u32, u32),
    /// Top of the caption.
    pub(crate) caption: u32,
}

/// The positions of everything on a page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) positions: Vec<PanelPosition>,
    /// Top left corner of the colour bar, beside the first row.
    pub(crate) bar: (u32, u32),
    /// Top of the notes.
    pub(crate) notes: u32,
}

impl Page {
    /// From the heights of the panels' titles and captions, and of the notes below.
    pub(crate) fn new(grid: &Grid, titles: &[u32], captions: &[u32], notes: u32) -> Self {
        let highest = |heights: &[u32]| heights.iter().copied().max().unwrap_or(0);
        let mut positions = Vec::with_capacity(titles.len());
        let mut bar = None;
        let mut top = MARGIN;
        for (titles, captions) in titles.chunks(grid.columns).zip(captions.chunks(grid.columns)) {
            let image = top + highest(titles) + GAP;
            let caption = image + grid.cell.1 + GAP;
            for column in 0..titles.len() as u32 {
                let left = MARGIN + column * (grid.cell.0 + MARGIN);
                let inset = |cell: u32, display: u32| (cell - display) / 2;
                positions.push(PanelPosition {
                    left,
                    image: (left + inset(grid.cell.0, grid.display.0), image + inset(grid.cell.1, grid.display.1)),
                    caption,
                });
            }
            bar.get_or_insert(image);
            top = caption + highest(captions) + MARGIN;
        }
        // A page without panels has only the bar.
        let beside = bar.unwrap_or(top + GAP);
        top = top.max(beside + grid.cell.1 + MARGIN);
        let bar = (MARGIN + grid.columns as u32 * (grid.cell.0 + MARGIN), beside);
        Self { width: grid.width(), height: top + notes + MARGIN, positions, bar, notes: top }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_keep_their_aspect_ratio() {
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
    fn pixel_centres_map_to_the_display() {
        // Pixels 0 and 1 of 1024 share pixel 0 of 512, whose centre lies between theirs.
        assert_eq!(to_display(0, 1023, (1024, 1024), (512, 512)), (-0.25, 511.25));
        assert_eq!(to_display(17, 511, (512, 512), (512, 512)), (17.0, 511.0));
    }

    #[test]
    fn the_bar_is_on_a_page_without_a_panel() {
        let grid = Grid::new(2, 300, 400);
        let page = Page::new(&grid, &[], &[], 18);
        assert!(page.positions.is_empty() && page.bar.1 >= MARGIN);
        assert!(page.notes > page.bar.1 + grid.cell.1 && page.notes + 18 <= page.height);
    }

    #[test]
    fn nothing_overlaps_or_leaves_the_page() {
        let grid = Grid::new(5, 300, 400);
        let page = Page::new(&grid, &[20, 60, 20, 20, 20], &[16; 5], 48);
        let [first, second, _, fourth, fifth] = page.positions.as_slice() else { unreachable!() };
        assert_eq!(first.image.1, second.image.1, "images of a row stand level");
        assert!(first.image.1 - GAP - 60 >= MARGIN, "the highest title fits above");
        assert!(second.left >= first.left + grid.cell.0);
        assert!(fourth.image.1 >= first.caption + 16 + 20 + GAP);
        assert!(page.notes >= fifth.caption + 16 && page.notes + 48 <= page.height);
        assert!(page.bar.0 + BAR_COLUMN <= page.width && page.bar.1 == first.image.1);
    }
}
