//! The colour bar.

use image::{Rgb, RgbImage};
use radzero_score::format::Result;
use radzero_score::format::reading::MAX_SIDE;
use radzero_score::map::check_threshold;

use crate::colour::colour;
use crate::layout::{BAR_COLUMN, BAR_WIDTH, GAP, TICK_LENGTH};
use crate::stroke::Stroke;
use crate::typeset::{self, Style};
use crate::validate;

/// Background colour.
pub(crate) const BACKGROUND: Rgb<u8> = Rgb([18, 18, 20]);
/// Colour of frames and ticks.
const FRAME: Rgb<u8> = Rgb([72, 72, 76]);

/// Space above the bar, for its name.
const ABOVE: u32 = 32;
/// Space below the bar, for half of the last label.
const BELOW: u32 = 12;
/// Minimum height of a legend: with less, the labels would touch.
const MIN_HEIGHT: u32 = 160;

/// The colour bar with ticks and labels, as on the page of a [`Picture`](crate::Picture): 1 at the top, 0 at the bottom, and a
/// line at the threshold.
///
/// `height` is the height of the whole legend in pixels, labels included. The width is 104 pixels.
///
/// # Errors
/// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument) unless the height is from 160 to [`MAX_SIDE`], and the
/// threshold from 0 to 1.
pub fn legend(height: u32, threshold: Option<f32>) -> Result<RgbImage> {
    if !(MIN_HEIGHT..=MAX_SIDE as u32).contains(&height) {
        return Err(validate::argument_error(format!(
            "a legend of {MIN_HEIGHT} to {MAX_SIDE} pixels expected, of {height} found"
        )));
    }
    threshold.map_or(Ok(()), check_threshold)?;
    let mut canvas = RgbImage::from_pixel(GAP + BAR_COLUMN, height, BACKGROUND);
    draw_bar(&mut canvas, (GAP, ABOVE), height - ABOVE - BELOW, threshold);
    Ok(canvas)
}

/// Draws the bar with ticks, labels and threshold; its top left corner is at `left`, `top`.
pub(crate) fn draw_bar(canvas: &mut RgbImage, (left, top): (u32, u32), height: u32, threshold: Option<f32>) {
    let value = |y: u32| 1.0 - (y as f32 + 0.5) / height as f32;
    let row = |value: f32| (1.0 - value) * height as f32 - 0.5;
    let mut bar = RgbImage::from_fn(BAR_WIDTH, height, |_, y| Rgb(colour(value(y))));
    if let Some(threshold) = threshold {
        let mut line = Stroke::new(bar.dimensions(), 1.0);
        line.segment((0.0, row(threshold)), (BAR_WIDTH as f32 - 1.0, row(threshold)));
        line.draw(&mut bar);
    }
    put_framed(canvas, &bar, left, top);
    for tick in 0..=5_u8 {
        let value = f32::from(tick) / 5.0;
        let y = (top as f32 + row(value).clamp(0.0, height as f32 - 1.0)) as u32;
        for x in 0..TICK_LENGTH {
            canvas.put_pixel(left + BAR_WIDTH + 2 + x, y, FRAME);
        }
        let label = [format!("{value:.1}")];
        let half = typeset::height(&label, Style::Small) / 2;
        typeset::draw(canvas, &label, Style::Small, left + BAR_WIDTH + TICK_LENGTH + 6, y.saturating_sub(half));
    }
    let label = ["similarity".to_owned()];
    let above = top.saturating_sub(GAP + typeset::height(&label, Style::Small) + 4);
    typeset::draw(canvas, &label, Style::Small, left, above);
}

/// Copies `image` to `canvas` and draws a frame around it.
pub(crate) fn put_framed(canvas: &mut RgbImage, image: &RgbImage, left: u32, top: u32) {
    let (width, height) = image.dimensions();
    for y in 0..height + 2 {
        for x in 0..width + 2 {
            let edge = x == 0 || y == 0 || x == width + 1 || y == height + 1;
            let colour = if edge { FRAME } else { *image.get_pixel(x - 1, y - 1) };
            // Cannot underflow: the margins are wider than the frame.
            canvas.put_pixel(left + x - 1, top + y - 1, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radzero_score::format::ErrorKind;

    #[test]
    fn impossible_heights_and_thresholds_are_refused() {
        for height in [160, 777, 16_384] {
            assert_eq!(legend(height, Some(0.5)).unwrap().dimensions(), (104, height));
        }
        for (height, threshold) in [(0, 0.5), (159, 0.5), (u32::MAX, 0.5), (300, -0.1), (300, 1.1), (300, f32::NAN)] {
            assert_eq!(legend(height, Some(threshold)).unwrap_err().kind(), ErrorKind::Argument);
        }
    }

    #[test]
    fn the_bar_runs_from_one_to_zero_and_nothing_is_cut_off() {
        let legend = legend(300, None).unwrap();
        assert_eq!(legend.get_pixel(GAP + 3, ABOVE).0, colour(1.0));
        assert_eq!(legend.get_pixel(GAP + 3, 300 - BELOW - 1).0, colour(0.0));
        let (width, height) = legend.dimensions();
        for (x, y, pixel) in legend.enumerate_pixels() {
            let border = x == 0 || y == 0 || x == width - 1 || y == height - 1;
            assert!(!border || *pixel == BACKGROUND, "{x} {y}");
        }
    }

    #[test]
    fn the_threshold_is_marked_at_its_row() {
        let plain = legend(300, None).unwrap();
        // 0.39 lies at row 156 of 256.
        let marked = legend(300, Some(0.39)).unwrap();
        let changed: Vec<u32> =
            (0..300).filter(|&y| marked.get_pixel(GAP + 5, y) != plain.get_pixel(GAP + 5, y)).collect();
        let middle = changed.iter().sum::<u32>() as f32 / changed.len() as f32;
        assert!((middle - ABOVE as f32 - (0.61 * 256.0 - 0.5)).abs() < 0.6, "{changed:?}");
    }
}
