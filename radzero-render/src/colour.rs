//! The colour map of similarities.
//!
//! A path through Oklab (Ottosson 2020) from dark violet through red to light yellow, with rising lightness, divided into steps
//! of equal length. So equal differences in similarity look equally large, and the order survives in grayscale.

use std::sync::LazyLock;

use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

/// Entries of the colour table.
const STEPS: usize = 256;

/// Opacity of the colour at a similarity of 1; below 1, so that the image stays visible everywhere.
const OPACITY: f32 = 0.72;

static TABLE: LazyLock<[[u8; 3]; STEPS]> = LazyLock::new(|| equal_steps().map(to_srgb));

/// A colour in Oklab: lightness, and two opponent axes.
type Lab = [f64; 3];

/// The path at `t` from 0 to 1. Its chroma stays within the sRGB gamut.
fn path(t: f64) -> Lab {
    let lightness = 0.22 + 0.73 * t;
    let hue = (290.0 + 175.0 * t).to_radians();
    let chroma = 0.105 + 0.33 * t * (1.0 - t);
    [lightness, chroma * hue.cos(), chroma * hue.sin()]
}

fn distance(one: Lab, two: Lab) -> f64 {
    one.iter().zip(two).map(|(one, two)| (one - two).powi(2)).sum::<f64>().sqrt()
}

/// [`STEPS`] points at equal distances along the path.
fn equal_steps() -> [Lab; STEPS] {
    const FINE: usize = 4096;
    let points: Vec<Lab> = (0..=FINE).map(|index| path(index as f64 / FINE as f64)).collect();
    let length: f64 = points.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    // Filled with the path's end, because rounding decides whether the loop reaches it.
    let mut steps = [points[FINE]; STEPS];
    let mut next = 0;
    let mut walked = 0.0;
    for pair in points.windows(2) {
        while next < STEPS && walked >= length * next as f64 / (STEPS - 1) as f64 {
            steps[next] = pair[0];
            next += 1;
        }
        walked += distance(pair[0], pair[1]);
    }
    steps
}

/// Oklab to linear sRGB, with the constants of Oklab's definition.
fn to_linear([lightness, a, b]: Lab) -> [f64; 3] {
    let l = (lightness + 0.3963377774 * a + 0.2158037573 * b).powi(3);
    let m = (lightness - 0.1055613458 * a - 0.0638541728 * b).powi(3);
    let s = (lightness - 0.0894841775 * a - 1.2914855480 * b).powi(3);
    [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ]
}

/// Oklab to 8-bit sRGB (IEC 61966-2-1).
fn to_srgb(lab: Lab) -> [u8; 3] {
    to_linear(lab).map(|linear| {
        let encoded = if linear <= 0.0031308 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

/// Clamps to 0 to 1; NaN becomes 0.
fn clamped(similarity: f32) -> f32 {
    if similarity > 0.0 { similarity.min(1.0) } else { 0.0 }
}

/// The colour of a similarity from 0 to 1, as 8-bit sRGB: red, green, blue.
///
/// It is the entry `round(255 * similarity)` of the [`colour_table`]. Similarities are clamped to 0 to 1; NaN counts as 0.
#[must_use]
pub fn colour(similarity: f32) -> [u8; 3] {
    TABLE[(clamped(similarity) * (STEPS - 1) as f32).round() as usize]
}

/// All colours as 8-bit sRGB (red, green, blue). Entry `i` is the colour of the similarity `i / 255`.
///
/// Lightness rises from entry to entry, so the order survives in grayscale. Steps are perceptually equal.
#[must_use]
pub fn colour_table() -> &'static [[u8; 3]; 256] {
    &TABLE
}

/// The opacity of the colour over the image, for a similarity from 0 to 1: it rises from 0 (only the image) to 0.72.
///
/// Each 8-bit channel of a pixel is `image * (1 - opacity) + colour * opacity`, rounded. So the image shows through everywhere,
/// and is unchanged where the similarity is 0. Similarities are clamped to 0 to 1; NaN counts as 0.
#[must_use]
pub fn opacity(similarity: f32) -> f32 {
    OPACITY * clamped(similarity)
}

/// `over` on `under`, with this opacity.
pub(crate) fn mix(under: Rgb<u8>, over: Rgb<u8>, opacity: f32) -> Rgb<u8> {
    let channel = |index: usize| f32::from(under.0[index]) * (1.0 - opacity) + f32::from(over.0[index]) * opacity;
    Rgb([0, 1, 2].map(|index| channel(index).round() as u8))
}

/// Blends the colours of a map over an image of the same size.
pub(crate) fn blend(image: &mut RgbImage, map: ArrayView2<'_, f32>) {
    for (pixel, &similarity) in image.pixels_mut().zip(map.iter()) {
        *pixel = mix(*pixel, Rgb(colour(similarity)), opacity(similarity));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_path_is_within_srgb() {
        for lab in equal_steps() {
            let linear = to_linear(lab);
            assert!(linear.iter().all(|channel| (0.0..=1.0).contains(channel)), "{lab:?} {linear:?}");
        }
    }

    #[test]
    fn steps_are_equal_and_lightness_rises() {
        let steps = equal_steps();
        assert_eq!(steps.len(), STEPS);
        let lengths: Vec<f64> = steps.windows(2).map(|pair| distance(pair[0], pair[1])).collect();
        let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
        assert!(lengths.iter().all(|length| (length / mean - 1.0).abs() < 0.1), "{mean} {lengths:?}");
        assert!(steps.windows(2).all(|pair| pair[0][0] < pair[1][0]));
    }

    #[test]
    fn oklab_matches_its_publication() {
        // White, and pure red as in the publication.
        assert_eq!(to_srgb([1.0, 0.0, 0.0]), [255; 3]);
        assert_eq!(to_srgb([0.627955, 0.224863, 0.125846]), [255, 0, 0]);
    }

    #[test]
    fn opacity_rises_with_similarity() {
        let mut image = RgbImage::from_pixel(3, 1, Rgb([100; 3]));
        blend(&mut image, ndarray::array![[0.0, 0.2, 1.0]].view());
        assert_eq!(image.get_pixel(0, 0), &Rgb([100; 3]));
        assert_eq!(image.get_pixel(1, 0), &mix(Rgb([100; 3]), Rgb(colour(0.2)), OPACITY * 0.2));
        assert_eq!(image.get_pixel(2, 0), &mix(Rgb([100; 3]), Rgb(colour(1.0)), OPACITY));
    }

    #[test]
    fn the_table_holds_the_colours() {
        for (index, entry) in colour_table().iter().enumerate() {
            assert_eq!(colour(index as f32 / 255.0), *entry);
        }
        let [first, .., last] = colour_table();
        for (similarity, entry, share) in
            [(-1.0, first, 0.0), (f32::NAN, first, 0.0), (f32::INFINITY, last, OPACITY), (1.1, last, OPACITY)]
        {
            assert_eq!((colour(similarity), opacity(similarity)), (*entry, share), "{similarity}");
        }
    }

    /// Viewers may keep a copy of the table, so its ends and middle must not change.
    #[test]
    fn colours_do_not_change() {
        let table = colour_table();
        assert_eq!([table[0], table[128], table[255]], [[29, 9, 70], [212, 60, 81], [249, 243, 159]]);
    }
}
