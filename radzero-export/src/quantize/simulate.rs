//! Computes layers with 8-bit inputs and weights as the operator `LinearInt8` does, and measures the error.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::dense::Dense;

/// Strengths of smoothing to try, besides none.
const ALPHAS: [f32; 3] = [0.5, 0.65, 0.8];

/// Approximate number of tokens per image on which errors are measured.
const ROWS: usize = 160;

/// A way to quantize the layers that read a site.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Exponent and factors: inputs are divided by them, weights multiplied.
    pub(super) smoothing: Option<(f32, Array1<f32>)>,
}

/// Squared error and squared length of the exact output.
#[derive(Debug, Default)]
pub(super) struct Deviation {
    difference: f64,
    exact: f64,
}

impl Deviation {
    pub(super) fn relative(&self) -> f32 {
        if self.difference == 0.0 { 0.0 } else { (self.difference / self.exact).sqrt() as f32 }
    }
}

/// Candidates without smoothing and with each strength of it, for layers whose inputs have this range.
pub(super) fn candidates(range: Option<&Array1<f32>>, layers: &[Dense]) -> Vec<Candidate> {
    let plain = Candidate { smoothing: None };
    let Some(range) = range else { return vec![plain] };
    let weights = layers.iter().fold(Array1::<f32>::zeros(range.len()), |mut most, layer| {
        for row in layer.weight.rows() {
            most.zip_mut_with(&row, |most, weight| *most = most.max(weight.abs()));
        }
        most
    });
    let smoothed = ALPHAS.map(|alpha| {
        // Equation 4 of the paper. A channel or column of zeros gets no factor.
        let factor = |(&input, &weight): (&f32, &f32)| {
            let factor = input.powf(alpha) / weight.powf(1.0 - alpha);
            if factor.is_normal() { factor } else { 1.0 }
        };
        Candidate { smoothing: Some((alpha, range.iter().zip(&weights).map(factor).collect())) }
    });
    std::iter::once(plain).chain(smoothed).collect()
}

impl Candidate {
    /// Adds the error of `layers` on `values` \[tokens, inputs\].
    pub(super) fn measure(&self, values: &Array2<f32>, layers: &[Dense], error: &mut Deviation) {
        let smoothed = match &self.smoothing {
            Some((_, scale)) => values / scale,
            None => values.clone(),
        };
        let step = values.nrows().div_ceil(ROWS).max(1);
        let exact_inputs = values.slice(s![..;step, ..]);
        let inputs = round_rows(smoothed.slice(s![..;step, ..]));
        for layer in layers {
            let exact = exact_inputs.dot(&layer.weight.t());
            let layer = match &self.smoothing {
                Some((_, scale)) => layer.clone().scale_inputs(scale),
                None => layer.clone(),
            };
            let (weights, scales) = quantize_rows(&layer.weight);
            let weights = weights.map(|&weight| f32::from(weight)) * &scales.insert_axis(Axis(1));
            let found = inputs.dot(&weights.t());
            error.difference += (&found - &exact).iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
            error.exact += exact.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        }
    }
}

/// Rounds each row of inputs to its 256 levels.
fn round_rows(values: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut rounded = values.to_owned();
    for mut row in rounded.rows_mut() {
        let (least, most) =
            row.iter().fold((0.0_f32, 0.0_f32), |(least, most), &value| (least.min(value), most.max(value)));
        let scale = (most - least) / 255.0;
        let scale = if scale < f32::MIN_POSITIVE { 1.0 } else { scale };
        let zero = (-least / scale).round_ties_even();
        row.mapv_inplace(|value| {
            let level = ((value * (1.0 / scale)).round_ties_even() + zero).clamp(0.0, 255.0);
            (level - zero) * scale
        });
    }
    rounded
}

/// Rounds each row of weights to signed bytes; also returns the factor per row that converts them back.
pub(crate) fn quantize_rows(weight: &Array2<f32>) -> (Array2<i8>, Array1<f32>) {
    let scales: Array1<f32> = weight
        .rows()
        .into_iter()
        .map(|row| row.fold(0.0_f32, |most, weight| most.max(weight.abs())) / 127.0)
        .map(|scale| if scale > 0.0 { scale } else { 1.0 })
        .collect();
    let mut levels = Array2::zeros(weight.dim());
    for ((mut levels, row), scale) in levels.rows_mut().into_iter().zip(weight.rows()).zip(&scales) {
        levels
            .zip_mut_with(&row, |level, weight| *level = (weight / scale).round_ties_even().clamp(-127.0, 127.0) as i8);
    }
    (levels, scales)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn weights_keep_their_greatest_value_and_zeros() {
        let (levels, scales) = quantize_rows(&array![[1.0, -2.0, 0.0], [0.0, 0.0, 0.0], [0.004, 0.002, -0.001]]);
        assert_eq!(levels, array![[64, -127, 0], [0, 0, 0], [127, 64, -32]]);
        assert_eq!(scales, array![2.0 / 127.0, 1.0, 0.004 / 127.0]);
    }

    #[test]
    fn inputs_are_rounded_to_256_levels_with_zero_among_them() {
        let values = array![[-1.0, 0.0, 0.3, 4.1]];
        let rounded = round_rows(values.view());
        let step = 5.1 / 255.0;
        assert_eq!(rounded[[0, 1]], 0.0);
        for (rounded, value) in rounded.iter().zip(&values) {
            assert!((rounded - value).abs() <= step / 2.0 + 1e-6, "{value} {rounded}");
        }
        // Inputs that are all positive use all levels, too.
        let values = array![[2.0, 2.5]];
        assert!((round_rows(values.view())[[0, 0]] - 2.0).abs() <= 2.5 / 510.0);
    }

    #[test]
    fn a_row_is_rounded_without_the_others() {
        let values = array![[0.0, 1e-3, -1e-3], [0.0, 500.0, 100.0]];
        let rounded = round_rows(values.view());
        assert!((rounded[[0, 1]] - 1e-3).abs() <= 2e-3 / 510.0, "{rounded}");
    }

    #[test]
    fn smoothing_tames_an_outlying_channel() {
        let mut values =
            Array2::from_shape_fn((64, 32), |(row, column)| ((row * 37 + column * 11) % 101) as f32 / 50.0 - 1.0);
        values.column_mut(5).mapv_inplace(|value| value * 300.0);
        let weight =
            Array2::from_shape_fn((16, 32), |(row, column)| ((row * 53 + column * 29) % 97) as f32 / 48.0 - 1.0);
        let layers = [Dense { weight, bias: None }];
        let range = values.fold_axis(Axis(0), 0.0_f32, |most, value| most.max(value.abs()));
        let errors: Vec<f32> = candidates(Some(&range), &layers)
            .iter()
            .map(|candidate| {
                let mut error = Deviation::default();
                candidate.measure(&values, &layers, &mut error);
                error.relative()
            })
            .collect();
        assert_eq!(errors.len(), 1 + ALPHAS.len());
        // The outlier dominates the output, so that even plain rounding has a small relative error.
        assert!(errors.iter().all(|error| error.is_finite() && *error > 0.0), "{errors:?}");
        assert!(errors[1] < errors[0], "{errors:?}");
    }

    #[test]
    fn channels_of_zeros_are_left_alone() {
        let layers = [Dense { weight: array![[0.0, 1.0]], bias: None }];
        for candidate in &candidates(Some(&array![3.0, 0.0]), &layers)[1..] {
            assert_eq!(candidate.smoothing.as_ref().map(|(_, scale)| scale.clone()), Some(array![1.0, 1.0]));
        }
    }
}
