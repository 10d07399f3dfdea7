//! Text on a picture.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width};

use crate::colour::mix;
use crate::text;

/// The most lines of one text, so that pages stay bounded. The last line of a longer text is "...".
const MAX_LINES: usize = 64;

/// The style of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A prompt above its panel.
    Title,
    /// Everything else.
    Small,
}

impl Style {
    fn font(self) -> (FontWeight, RasterHeight) {
        match self {
            Self::Title => (FontWeight::Bold, RasterHeight::Size20),
            Self::Small => (FontWeight::Regular, RasterHeight::Size16),
        }
    }

    fn colour(self) -> Rgb<u8> {
        match self {
            Self::Title => Rgb([240, 240, 240]),
            Self::Small => Rgb([190, 190, 194]),
        }
    }

    fn line_height(self) -> u32 {
        self.font().1.val() as u32 + 2
    }

    /// The glyph of a character, or the replacement character's: the font has Latin letters only.
    fn glyph(self, character: char) -> Option<RasterizedChar> {
        let (weight, height) = self.font();
        get_raster(character, weight, height).or_else(|| get_raster(char::REPLACEMENT_CHARACTER, weight, height))
    }
}

/// Breaks a text into lines no wider than `width` pixels.
pub(crate) fn wrap(text: &str, style: Style, width: u32) -> Vec<String> {
    let (weight, height) = style.font();
    let mut lines = text::wrap(text, width as usize / get_raster_width(weight, height).max(1));
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES - 1);
        lines.push("...".to_owned());
    }
    lines
}

/// Height of lines in pixels.
pub(crate) fn height(lines: &[String], style: Style) -> u32 {
    lines.len() as u32 * style.line_height()
}

/// Draws lines; the top left corner of the first is at `left`, `top`. Pixels outside the canvas are skipped.
pub(crate) fn draw(canvas: &mut RgbImage, lines: &[String], style: Style, left: u32, top: u32) {
    for (index, line) in lines.iter().enumerate() {
        let mut x = left;
        let y = top + index as u32 * style.line_height();
        for glyph in line.chars().filter_map(|character| style.glyph(character)) {
            for (row, pixels) in (y..).zip(glyph.rows()) {
                for (column, &coverage) in (x..).zip(pixels) {
                    if let Some(pixel) = canvas.get_pixel_mut_checked(column, row) {
                        *pixel = mix(*pixel, style.colour(), f32::from(coverage) / 255.0);
                    }
                }
            }
            x += glyph.width() as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_the_width_they_were_wrapped_for() {
        let text = "There is a very long description of a finding, supercalifragilisticexpialidocious".to_owned();
        for style in [Style::Title, Style::Small] {
            let wrapped = wrap(&text, style, 200);
            let mut canvas = RgbImage::new(300, height(&wrapped, style) + 40);
            draw(&mut canvas, &wrapped, style, 20, 20);
            let inside = |x: u32, y: u32| (20..220).contains(&x) && (20..20 + height(&wrapped, style)).contains(&y);
            let drawn = canvas.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 != [0; 3]);
            let (within, beyond): (Vec<_>, Vec<_>) = drawn.partition(|(x, y, _)| inside(*x, *y));
            assert!(within.len() > 1000 && beyond.is_empty(), "{} {}", within.len(), beyond.len());
        }
    }

    #[test]
    fn unknown_letters_are_visible() {
        let mut canvas = RgbImage::new(40, 20);
        draw(&mut canvas, &["한".to_owned()], Style::Small, 0, 0);
        assert!(canvas.pixels().any(|pixel| pixel.0 != [0; 3]));
    }

    #[test]
    fn long_texts_are_cut_off_visibly() {
        let wrapped = wrap(&"word ".repeat(100_000), Style::Title, 100);
        assert_eq!((wrapped.len(), wrapped[MAX_LINES - 1].as_str()), (MAX_LINES, "..."));
        assert_ne!(wrap(&"word ".repeat(9), Style::Title, 100)[4], "...");
    }
}
