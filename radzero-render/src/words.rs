//! Words on a picture.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width};

use crate::colour::mix;
use crate::text;

/// Most lines of one text. Of a longer one the last line says that there is more: a page stays a page.
const LINES: usize = 64;

/// What a word is for.
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

    /// The glyph; the replacement sign for what the font has not (it has Latin letters only).
    fn glyph(self, character: char) -> Option<RasterizedChar> {
        let (weight, height) = self.font();
        get_raster(character, weight, height).or_else(|| get_raster(char::REPLACEMENT_CHARACTER, weight, height))
    }
}

/// Lines no wider than `width` pixels.
pub(crate) fn wrap(text: &str, style: Style, width: u32) -> Vec<String> {
    let (weight, height) = style.font();
    let mut lines = text::wrap(text, width as usize / get_raster_width(weight, height).max(1));
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        lines.push("...".to_owned());
    }
    lines
}

/// Height of lines in pixels.
pub(crate) fn height(lines: &[String], style: Style) -> u32 {
    lines.len() as u32 * style.line_height()
}

/// Draws lines, the first one's upper left corner at `left`, `top`. What is outside the canvas is left out.
pub(crate) fn lines(canvas: &mut RgbImage, lines: &[String], style: Style, left: u32, top: u32) {
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
            lines(&mut canvas, &wrapped, style, 20, 20);
            let inside = |x: u32, y: u32| (20..220).contains(&x) && (20..20 + height(&wrapped, style)).contains(&y);
            let drawn = canvas.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 != [0; 3]);
            let (within, beyond): (Vec<_>, Vec<_>) = drawn.partition(|(x, y, _)| inside(*x, *y));
            assert!(within.len() > 1000 && beyond.is_empty(), "{} {}", within.len(), beyond.len());
        }
    }

    #[test]
    fn unknown_letters_are_visible() {
        let mut canvas = RgbImage::new(40, 20);
        lines(&mut canvas, &["한".to_owned()], Style::Small, 0, 0);
        assert!(canvas.pixels().any(|pixel| pixel.0 != [0; 3]));
    }

    #[test]
    fn endless_texts_are_cut_and_say_so() {
        let wrapped = wrap(&"word ".repeat(100_000), Style::Title, 100);
        assert_eq!((wrapped.len(), wrapped[LINES - 1].as_str()), (LINES, "..."));
        assert_ne!(wrap(&"word ".repeat(9), Style::Title, 100)[4], "...");
    }
}
