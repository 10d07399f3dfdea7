//! The colours of similarity.
//!
//! A path through Oklab (Ottosson 2020) from dark violet over red to light yellow, lightness always rising, divided into
//! steps of equal length: equal differences of similarity look equally large, and the order survives in gray.

use std::sync::LazyLock;

use image::{Rgb, RgbImage};
use ndarray::ArrayView2;

/// Entries of the table.
const STEPS: usize = 256;

/// Share of the colour over the image where the similarity is 1: the image stays visible everywhere.
const OPACITY: f32 = 0.72;

static TABLE: LazyLock<Vec<Rgb<u8>>> = LazyLock::new(|| equal_steps().into_iter().map(to_srgb).collect());

/// A colour in Oklab: lightness, and two opponent axes.
type Lab = [f64; 3];

/// The path at `t` from 0 to 1. Its chroma stays within what a screen can show.
fn path(t: f64) -> Lab {
    let lightness = 0.22 + 0.73 * t;
    let hue = (290.0 + 175.0 * t).to_radians();
    let chroma = 0.105 + 0.33 * t * (1.0 - t);
    [lightness, chroma * hue.cos(), chroma * hue.sin()]
}

fn distance(one: Lab, two: Lab) -> f64 {
    one.iter().zip(two).map(|(one, two)| (one - two).powi(2)).sum::<f64>().sqrt()
}

/// [`STEPS`] points of the path, at equal distances along it.
fn equal_steps() -> Vec<Lab> {
    const FINE: usize = 4096;
    let points: Vec<Lab> = (0..=FINE).map(|index| path(index as f64 / FINE as f64)).collect();
    let length: f64 = points.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    let mut steps = Vec::with_capacity(STEPS);
    let mut walked = 0.0;
    for pair in points.windows(2) {
        while steps.len() < STEPS && walked >= length * steps.len() as f64 / (STEPS - 1) as f64 {
            steps.push(pair[0]);
        }
        walked += distance(pair[0], pair[1]);
    }
    // Rounding decides whether the last one was reached.
    steps.resize(STEPS, points[FINE]);
    steps
}

/// Oklab to linear sRGB, with the constants of its definition.
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
fn to_srgb(lab: Lab) -> Rgb<u8> {
    Rgb(to_linear(lab).map(|linear| {
        let encoded = if linear <= 0.0031308 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round().clamp(0.0, 255.0) as u8
    }))
}

/// The colour of a similarity from 0 to 1.
pub(super) fn colour(similarity: f32) -> Rgb<u8> {
    let last = (STEPS - 1) as f32;
    TABLE[(similarity.clamp(0.0, 1.0) * last).round() as usize]
}

/// `under` with a share `opacity` of `over`.
pub(super) fn mix(under: Rgb<u8>, over: Rgb<u8>, opacity: f32) -> Rgb<u8> {
    let channel = |index: usize| f32::from(under.0[index]) * (1.0 - opacity) + f32::from(over.0[index]) * opacity;
    Rgb([0, 1, 2].map(|index| channel(index).round() as u8))
}

/// The image under the colours of a map of its size. The opacity rises with the similarity: where it is low, the image
/// shows through.
pub(super) fn blend(image: &RgbImage, map: ArrayView2<'_, f32>) -> RgbImage {
    let mut blended = image.clone();
    for (pixel, &similarity) in blended.pixels_mut().zip(map.iter()) {
        let similarity = similarity.clamp(0.0, 1.0);
        *pixel = mix(*pixel, colour(similarity), OPACITY * similarity);
    }
    blended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_can_show_the_whole_path() {
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
    fn oklab_is_the_published_one() {
        // White, and pure red as its definition gives it.
        assert_eq!(to_srgb([1.0, 0.0, 0.0]), Rgb([255; 3]));
        assert_eq!(to_srgb([0.627955, 0.224863, 0.125846]), Rgb([255, 0, 0]));
    }

    #[test]
    fn opacity_rises_with_similarity() {
        let image = RgbImage::from_pixel(3, 1, Rgb([100; 3]));
        let map = ndarray::array![[0.0, 0.2, 1.0]];
        let blended = blend(&image, map.view());
        assert_eq!(blended.get_pixel(0, 0), &Rgb([100; 3]));
        assert_eq!(blended.get_pixel(1, 0), &mix(Rgb([100; 3]), colour(0.2), OPACITY * 0.2));
        assert_eq!(blended.get_pixel(2, 0), &mix(Rgb([100; 3]), colour(1.0), OPACITY));
    }
}
