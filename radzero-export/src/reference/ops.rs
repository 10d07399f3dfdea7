//! Layers, each implemented in the most obvious way, on all cores.

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, Axis, Zip, s};

use crate::checkpoint::Weights;
use crate::error::ExportError;

/// x W^T + b.
pub(super) fn linear(weights: &Weights, name: &str, x: &Array2<f32>, bias: bool) -> Result<Array2<f32>, ExportError> {
    let weight = weights.matrix(&format!("{name}.weight"))?;
    let mut y = Array2::zeros((x.nrows(), weight.nrows()));
    if bias {
        y += &weights.vector(&format!("{name}.bias"))?;
    }
    let chunk = x.nrows().div_ceil(rayon::current_num_threads()).max(32);
    let parts: Vec<_> = y.axis_chunks_iter_mut(Axis(0), chunk).zip(x.axis_chunks_iter(Axis(0), chunk)).collect();
    parts.into_par_iter().for_each(|(mut y, x)| general_mat_mul(1.0, &x, &weight.t(), 1.0, &mut y));
    Ok(y)
}

/// Normalises each row to mean 0 and variance 1, then applies weight and bias.
pub(super) fn layer_norm(weights: &Weights, name: &str, x: &Array2<f32>, eps: f32) -> Result<Array2<f32>, ExportError> {
    let weight = weights.vector(&format!("{name}.weight"))?;
    let bias = weights.vector(&format!("{name}.bias"))?;
    let mut y = x.clone();
    for mut row in y.rows_mut() {
        let n = row.len() as f64;
        let mean = row.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
        let variance = row.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / (variance + f64::from(eps)).sqrt();
        Zip::from(&mut row).and(&weight).and(&bias).for_each(|value, weight, bias| {
            *value = ((f64::from(*value) - mean) * scale) as f32 * weight + bias;
        });
    }
    Ok(y)
}

/// x (1 + erf(x / sqrt 2)) / 2.
pub(super) fn gelu(mut x: Array2<f32>) -> Array2<f32> {
    x.par_mapv_inplace(|value| 0.5 * value * (1.0 + libm::erff(value * std::f32::consts::FRAC_1_SQRT_2)));
    x
}

/// softmax(q k^T / sqrt(d) + bias) v for each head; `bias` is \[heads, rows, rows\].
pub(super) fn attention(
    q: &Array2<f32>,
    k: &Array2<f32>,
    v: &Array2<f32>,
    heads: usize,
    bias: Option<&Array3<f32>>,
) -> Array2<f32> {
    let width = q.ncols() / heads;
    let columns = |matrix: &Array2<f32>, head: usize| matrix.slice(s![.., head * width..(head + 1) * width]).to_owned();
    let parts: Vec<Array2<f32>> = (0..heads)
        .into_par_iter()
        .map(|head| {
            let mut scores = columns(q, head).dot(&columns(k, head).t()) / (width as f32).sqrt();
            if let Some(bias) = bias {
                scores += &bias.index_axis(Axis(0), head);
            }
            for mut row in scores.rows_mut() {
                let most = row.fold(f32::NEG_INFINITY, |most, value| most.max(*value));
                row.mapv_inplace(|value| (value - most).exp());
                let sum = row.iter().map(|value| f64::from(*value)).sum::<f64>() as f32;
                row /= sum;
            }
            scores.dot(&columns(v, head))
        })
        .collect();
    let mut all = Array2::zeros(q.raw_dim());
    for (head, part) in parts.iter().enumerate() {
        all.slice_mut(s![.., head * width..(head + 1) * width]).assign(part);
    }
    all
}

/// Divides each row by its length, or by 1e-12 if that is larger, as PyTorch's `normalize`.
pub(super) fn unit_length(mut x: Array2<f32>) -> Array2<f32> {
    for mut row in x.rows_mut() {
        let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt().max(1e-12);
        row.mapv_inplace(|value| (f64::from(value) / length) as f32);
    }
    x
}
