//! Intensity rules: stored samples to 8-bit levels.

use ndarray::{Array, ArrayView, Dimension};
use radzero_format::Result;

use super::refusal::blank;

/// [`IntensityRule::MinMax`](super::IntensityRule::MinMax).
pub(super) fn min_max<T: Copy + Into<u16>, D: Dimension>(samples: ArrayView<'_, T, D>) -> Result<Array<u8, D>> {
    let bounds = bounds(samples.iter().copied());
    stretch(samples, bounds)
}

/// Least and greatest of samples; (65535, 0) where there is none.
pub(super) fn bounds<T: Into<u16>>(samples: impl Iterator<Item = T>) -> (u16, u16) {
    samples.fold((u16::MAX, 0), |(low, high), sample| {
        let sample = sample.into();
        (low.min(sample), high.max(sample))
    })
}

/// Samples that lie within `least` and `greatest`, stretched from these to 0 and 255 in the arithmetic of OpenCV's
/// `normalize`: factor and offset rounded to 32 bits, then one fused multiplication and addition, rounded half to even.
pub(super) fn stretch<T: Copy + Into<u16>, D: Dimension>(
    samples: ArrayView<'_, T, D>,
    (least, greatest): (u16, u16),
) -> Result<Array<u8, D>> {
    if least >= greatest {
        // Which value that is belongs to the picture, and stays out of messages.
        return Err(blank("every sample has the same value: nothing can be seen"));
    }
    let scale = 255.0 * (1.0 / f64::from(greatest - least));
    let (factor, offset) = (scale as f32, (-f64::from(least) * scale) as f32);
    let level = |value: u16| f32::from(value).mul_add(factor, offset).round_ties_even().clamp(0.0, 255.0) as u8;
    // One entry a value: cheaper than rounding every pixel.
    let table: Vec<u8> = (least..=greatest).map(level).collect();
    Ok(samples.map(|&sample| table[usize::from(sample.into() - least)]))
}

/// [`IntensityRule::StoredMaximum`](super::IntensityRule::StoredMaximum) of a stored value, as the published code computes
/// it in 32-bit floating point (OpenCV's `convertScaleAbs`). `greatest` must be positive.
#[cfg(feature = "dicom")]
pub(super) fn stored_maximum(value: i32, greatest: i32) -> u8 {
    let scale = (255.0 / f64::from(greatest)) as f32;
    (value as f32 * scale).abs().round_ties_even().min(255.0) as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};
    use sha2::{Digest as _, Sha256};

    /// What OpenCV gives (tests/golden/normalize.py).
    #[derive(serde::Deserialize)]
    struct Golden {
        /// For each least value, a digest of the tables of all greater greatest values.
        ranges_8: Vec<String>,
        ranges_16: Vec<(u16, u16, String)>,
    }

    fn table(least: u16, greatest: u16) -> Vec<u8> {
        let samples = Array1::from_iter(least..=greatest);
        min_max(samples.view()).unwrap().to_vec()
    }

    fn digest(levels: &[u8]) -> String {
        Sha256::digest(levels)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn min_max_equals_opencv_for_every_8_bit_range_and_many_of_16_bits() {
        let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/normalize.json")).unwrap();
        let golden: Golden = serde_json::from_slice(&text).unwrap();
        assert_eq!((golden.ranges_8.len(), golden.ranges_16.len()), (255, 400));
        for (least, expected) in (0..).zip(golden.ranges_8) {
            let tables: Vec<u8> = (least + 1..=255).flat_map(|greatest| table(least, greatest)).collect();
            assert_eq!(digest(&tables), expected, "from {least}");
        }
        for (least, greatest, expected) in golden.ranges_16 {
            assert_eq!(digest(&table(least, greatest)), expected, "from {least} to {greatest}");
        }
        // Halfway, and below it once the factor is rounded.
        assert_eq!(table(0, 14)[7], 127);
    }

    #[test]
    fn one_value_is_refused() {
        let error = min_max(array![[9_u16, 9], [9, 9]].view()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::BlankImage);
        assert!(error.to_string().contains("the same value"), "{error}");
        assert!(!error.to_string().contains('9'), "{error}");
    }

    #[cfg(feature = "dicom")]
    #[test]
    fn stored_maximum_is_absolute_and_saturated() {
        let levels = [0, 1, -1, 2, 4, -8].map(|value| stored_maximum(value, 4));
        assert_eq!(levels, [0, 64, 64, 128, 255, 255]);
    }
}
