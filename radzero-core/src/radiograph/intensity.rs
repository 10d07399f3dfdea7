//! Intensity rules: stored samples to 8-bit levels.

use ndarray::{Array, ArrayView, Dimension};

use crate::error::{Error, ErrorKind, Result};

/// [`IntensityRule::MinMax`](super::IntensityRule::MinMax).
pub(super) fn min_max<T: Copy + Into<u16>, D: Dimension>(samples: ArrayView<'_, T, D>) -> Result<Array<u8, D>> {
    let (least, greatest) = samples.iter().fold((u16::MAX, 0), |(low, high), &sample| {
        let sample = sample.into();
        (low.min(sample), high.max(sample))
    });
    if least >= greatest {
        return Err(Error::new(
            ErrorKind::Image,
            format!("every sample has the same value, {greatest}: nothing can be seen"),
        ));
    }
    let scale = 255.0 / f64::from(greatest - least);
    // One entry a value: cheaper than rounding every pixel.
    let table: Vec<u8> =
        (least..=greatest).map(|value| (f64::from(value - least) * scale).round_ties_even() as u8).collect();
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
    use ndarray::{Array2, array};

    #[test]
    fn min_max_rounds_half_to_even() {
        // 510 steps: every odd sample lies half way between two levels.
        let samples = Array2::from_shape_fn((1, 511), |(_, x)| x as u16 + 7);
        let levels = min_max(samples.view()).unwrap();
        assert_eq!(levels[[0, 0]], 0);
        assert_eq!(levels[[0, 1]], 0); // 0.5
        assert_eq!(levels[[0, 3]], 2); // 1.5
        assert_eq!(levels[[0, 5]], 2); // 2.5
        assert_eq!(levels[[0, 510]], 255);
    }

    #[test]
    fn one_value_is_refused() {
        let error = min_max(array![[9_u16, 9], [9, 9]].view()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Image);
        assert!(error.to_string().contains('9'), "{error}");
    }

    #[cfg(feature = "dicom")]
    #[test]
    fn stored_maximum_is_absolute_and_saturated() {
        let levels = [0, 1, -1, 2, 4, -8].map(|value| stored_maximum(value, 4));
        assert_eq!(levels, [0, 64, 64, 128, 255, 255]);
    }
}
