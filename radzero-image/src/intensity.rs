//! The arithmetic of the intensity rules: from samples to 8-bit levels.

use ndarray::{Array, ArrayView, Dimension};
use radzero_format::Result;

use crate::refusal::blank;

/// Applies [`IntensityRule::MinMax`](crate::IntensityRule::MinMax).
pub(crate) fn min_max<T: Copy + Into<u16>, D: Dimension>(samples: ArrayView<'_, T, D>) -> Result<Array<u8, D>> {
    let bounds = bounds(samples.iter().copied());
    stretch(samples, bounds)
}

/// The least and the greatest sample; (65535, 0) if there are none.
pub(crate) fn bounds<T: Into<u16>>(samples: impl Iterator<Item = T>) -> (u16, u16) {
    samples.fold((u16::MAX, 0), |(low, high), sample| {
        let sample = sample.into();
        (low.min(sample), high.max(sample))
    })
}

/// Stretches samples from `least` and `greatest`, which must bound them, to 0 and 255, in the arithmetic of OpenCV's
/// `normalize`: factor and offset are rounded to 32 bits, and one fused multiply-add is rounded half to even.
pub(crate) fn stretch<T: Copy + Into<u16>, D: Dimension>(
    samples: ArrayView<'_, T, D>,
    (least, greatest): (u16, u16),
) -> Result<Array<u8, D>> {
    if least >= greatest {
        // The value is image content, and stays out of messages.
        return Err(blank("every sample has the same value: nothing can be seen"));
    }
    let scale = 255.0 * (1.0 / f64::from(greatest - least));
    let (factor, offset) = (scale as f32, (-f64::from(least) * scale) as f32);
    let level = |value: u16| f32::from(value).mul_add(factor, offset).round_ties_even().clamp(0.0, 255.0) as u8;
    // A table with one entry per value costs less than rounding every pixel.
    let table: Vec<u8> = (least..=greatest).map(level).collect();
    Ok(samples.map(|&sample| table[usize::from(sample.into() - least)]))
}

/// Applies [`IntensityRule::StoredMaximum`](crate::IntensityRule::StoredMaximum) to a stored value, in 32-bit floating point as
/// the published code does (OpenCV's `convertScaleAbs`). `greatest` must be positive.
#[cfg(feature = "dicom")]
pub(crate) fn stored_maximum(value: i32, greatest: i32) -> u8 {
    let scale = (255.0 / f64::from(greatest)) as f32;
    (value as f32 * scale).abs().round_ties_even().min(255.0) as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::array;

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
