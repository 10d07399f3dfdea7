//! A radiograph under the colours of one map.

use image::RgbImage;
use ndarray::ArrayView2;
use radzero_score::Comparison;
use radzero_score::format::Result;
use radzero_score::format::reading::Levels;
use radzero_score::map::check_threshold;

use crate::layout::to_display;
use crate::{colour, scale, stroke, validate};

/// The radiograph at `width` x `height` pixels under the colours of a comparison's map, with a ring at the peak and, if there is
/// a threshold, the contour at it. RGB pixels without page or text, for example for a DICOM secondary capture.
///
/// `levels` must be those of the radiograph that was compared. The map is computed at the picture's size
/// ([`Comparison::map_at`]). On pictures with a side above 768 pixels, lines are proportionally thicker.
///
/// Show "research use only" beside it. [`legend`](crate::legend) draws the scale of its colours.
///
/// # Errors
/// [`ErrorKind::Argument`](radzero_score::format::ErrorKind::Argument)
/// - if the comparison is of an image of another size
/// - if RGB levels are not \[3, height, width\]
/// - unless all sides are from 1 to [`MAX_SIDE`](radzero_score::format::reading::MAX_SIDE), and the picture has at most
///   [`MAX_PIXELS`](radzero_score::format::reading::MAX_PIXELS)
/// - unless the threshold is in \[0, 1\]
/// - if the image cannot be scaled
pub fn overlay(
    levels: Levels<'_>,
    comparison: &Comparison,
    threshold: Option<f32>,
    width: u32,
    height: u32,
) -> Result<RgbImage> {
    let size = validate::levels_size(levels)?;
    validate::comparison(comparison, size)?;
    validate::check_target_size(width, height)?;
    threshold.map_or(Ok(()), check_threshold)?;
    let mut image = scale::levels(levels, width, height)?;
    let map = comparison.map_at(width as usize, height as usize)?;
    let peak = comparison.peak();
    draw(&mut image, map.values(), threshold, Some(to_display(peak.x, peak.y, size, (width, height))));
    Ok(image)
}

/// Draws a map over an image of the same size: colours, contour at the threshold, ring around the peak.
pub(crate) fn draw(image: &mut RgbImage, map: ArrayView2<'_, f32>, threshold: Option<f32>, peak: Option<(f32, f32)>) {
    colour::blend(image, map);
    if let Some(threshold) = threshold {
        stroke::contour(map, threshold).draw(image);
    }
    if let Some((x, y)) = peak {
        stroke::ring(image.dimensions(), x, y).draw(image);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;
    use crate::test_data::{comparison, waves};
    use image::Rgb;
    use ndarray::{Array2, Array3};
    use radzero_score::format::ErrorKind;

    #[test]
    fn an_overlay_is_the_panel_of_a_page() {
        let gray = Array2::from_shape_fn((900, 600), |(y, x)| ((x * 7 + y * 3) % 256) as u8);
        let levels = Levels::Gray(gray.view());
        let found = comparison(600, 900, waves());
        let mut picture = Picture::new(levels, 1, 0.6, Vec::new()).unwrap();
        picture.push_comparison(&found, String::new(), String::new()).unwrap();
        let (width, height) = picture.panel_size();
        assert_eq!((width, height), (512, 768));
        let image = overlay(levels, &found, Some(0.6), width, height).unwrap();
        assert!(picture.shows(&image));
        let without = overlay(levels, &found, None, width, height).unwrap();
        assert!(!picture.shows(&without));
    }

    #[test]
    fn every_size_can_be_drawn() {
        let planes = Array3::from_elem((3, 30, 40), 99);
        let found = comparison(40, 30, waves());
        for (width, height) in [(1, 1), (40, 30), (1, 2000), (2000, 1), (1601, 1203)] {
            let image = overlay(Levels::Rgb(planes.view()), &found, Some(0.5), width, height).unwrap();
            assert_eq!(image.dimensions(), (width, height));
        }
    }

    #[test]
    fn the_ring_is_at_the_peak() {
        // The patch in the top right corner has the highest score.
        let scores = Array2::from_shape_fn((4, 4), |(y, x)| x as f32 - y as f32 - 9.0);
        let found = comparison(400, 300, scores);
        let gray = Array2::zeros((300, 400));
        let image = overlay(Levels::Gray(gray.view()), &found, None, 800, 600).unwrap();
        let peak = found.peak();
        let (x, y) = (2 * peak.x as u32, 2 * peak.y as u32);
        assert!(peak.x > 300 && peak.y < 100);
        // Its centre lies between four pixels.
        assert!(image.get_pixel(x, y).0[0] > 200 && image.get_pixel(x + 1, y + 1).0[0] > 200);
        assert_eq!(image.get_pixel(400, 300), &Rgb([0; 3]));
    }

    #[test]
    fn mismatches_are_refused() {
        let gray = Array2::zeros((30, 40));
        let levels = Levels::Gray(gray.view());
        let found = comparison(40, 30, waves());
        let refused = |result: Result<RgbImage>, words: &str| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(words), "{error}");
        };
        let other = comparison(30, 40, waves());
        refused(overlay(levels, &other, None, 9, 9), "40 x 30 pixels expected, one of an image of 30 x 40 found");
        refused(overlay(levels, &found, None, 0, 9), "a picture of 0 x 9 found");
        refused(overlay(levels, &found, None, 16_385, 9), "a picture of 16385 x 9 found");
        refused(overlay(levels, &found, None, 16_384, 16_384), "a picture of 16384 x 16384 found");
        refused(overlay(levels, &found, Some(1.5), 9, 9), "a threshold from 0 to 1 expected, 1.5 found");
        let two = Array3::zeros((2, 30, 40));
        refused(overlay(Levels::Rgb(two.view()), &found, None, 9, 9), "[2, 30, 40] found");
    }
}
