//! The image encoder, from 8-bit pixels to the output of the align transformer.

use ndarray::{Array2, ArrayView3, s};
use radzero_format::manifest::PositionConvention;

use super::ops::{attention, gelu, layer_norm, linear};
use super::{Observation, Observer, Site};
use crate::checkpoint::{ALIGN_LAYER, Checkpoint, Stack, VISION_LAYER};
use crate::error::ExportError;
use crate::progress::Counter;

const EMBEDDINGS: &str = "vision_model.embeddings.";

/// The 1 + N tokens of an image \[3, S, S\]; `observer` receives the inputs of fully connected layers.
pub(crate) fn tokens(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    pixels: ArrayView3<'_, u8>,
    progress: &mut Counter<'_>,
    observer: &mut Observer<'_>,
) -> Result<Array2<f32>, ExportError> {
    let (weights, architecture) = (&checkpoint.weights, &checkpoint.architecture);
    let grid = checkpoint.grid();
    let name = format!("{EMBEDDINGS}patch_embeddings.projection");
    let patches = linear(weights, &name, &patches(checkpoint, pixels), true)?;
    let mut tokens = Array2::zeros((1 + grid * grid, patches.ncols()));
    tokens.row_mut(0).assign(&weights.vector(&format!("{EMBEDDINGS}cls_token"))?);
    tokens.slice_mut(s![1.., ..]).assign(&patches);
    tokens += &positions(checkpoint, convention)?;

    for layer in 0..architecture.vision.layers {
        tokens = block(checkpoint, &format!("{VISION_LAYER}{layer}."), &architecture.vision, tokens, observer)?;
        progress.add(1);
    }
    tokens = layer_norm(weights, "vision_model.layernorm", &tokens, architecture.vision.eps)?;
    for layer in 0..architecture.align.layers {
        tokens = block(checkpoint, &format!("{ALIGN_LAYER}{layer}."), &architecture.align, tokens, observer)?;
        progress.add(1);
    }
    if architecture.align_layer_norm {
        tokens = layer_norm(weights, "align_transformer.layer_norm", &tokens, 1e-5)?;
    }
    Ok(tokens)
}

/// Rescaled and normalised pixels, one row per patch, in the order of the convolution's weights.
fn patches(checkpoint: &Checkpoint, pixels: ArrayView3<'_, u8>) -> Array2<f32> {
    let (patch, grid) = (checkpoint.architecture.patch_size, checkpoint.grid());
    let pre = &checkpoint.preprocessing;
    Array2::from_shape_fn((grid * grid, 3 * patch * patch), |(cell, element)| {
        let (channel, within) = (element / (patch * patch), element % (patch * patch));
        let y = cell / grid * patch + within / patch;
        let x = cell % grid * patch + within % patch;
        let level = f64::from(pixels[[channel, y, x]]);
        ((level * pre.rescale_factor - pre.image_mean[channel]) / pre.image_std[channel]) as f32
    })
}

/// Position embeddings on the model's grid: the stored grid, multiplied along each axis by a matrix of cubic weights.
fn positions(checkpoint: &Checkpoint, convention: PositionConvention) -> Result<Array2<f32>, ExportError> {
    let (side, grid) = (checkpoint.stored_grid, checkpoint.grid());
    let stored = checkpoint.weights.reshaped(&format!("{EMBEDDINGS}position_embeddings"), 1 + side * side)?;
    if side == grid {
        return Ok(stored);
    }
    let span = convention.scaled_side(grid);
    let mut matrix = Array2::<f64>::zeros((grid, side));
    for target in 0..grid {
        let centre = (target as f64 + 0.5) * (side as f64 / span) - 0.5;
        for source in centre.floor() as i64 - 1..=centre.floor() as i64 + 2 {
            let cell = source.clamp(0, side as i64 - 1) as usize;
            matrix[[target, cell]] += cubic((centre - source as f64).abs());
        }
    }
    let mut resampled = Array2::zeros((1 + grid * grid, stored.ncols()));
    resampled.row_mut(0).assign(&stored.row(0));
    for column in 0..stored.ncols() {
        let plane = Array2::from_shape_fn((side, side), |(y, x)| f64::from(stored[[1 + y * side + x, column]]));
        let plane = matrix.dot(&plane).dot(&matrix.t());
        for ((y, x), value) in plane.indexed_iter() {
            resampled[[1 + y * grid + x, column]] = *value as f32;
        }
    }
    Ok(resampled)
}

/// The cubic convolution kernel with a = -3/4 (Keys 1981), as a function of distance.
fn cubic(d: f64) -> f64 {
    let a = -0.75;
    if d <= 1.0 {
        (a + 2.0) * d.powi(3) - (a + 3.0) * d.powi(2) + 1.0
    } else if d < 2.0 {
        a * d.powi(3) - 5.0 * a * d.powi(2) + 8.0 * a * d - 4.0 * a
    } else {
        0.0
    }
}

/// x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x)).
fn block(
    checkpoint: &Checkpoint,
    name: &str,
    stack: &Stack,
    x: Array2<f32>,
    observer: &mut Observer<'_>,
) -> Result<Array2<f32>, ExportError> {
    let weights = &checkpoint.weights;
    let mut see = |site, values: &_| observer(Observation { block: name, qkv_bias: stack.qkv_bias, site, values });
    let normed = layer_norm(weights, &format!("{name}norm1"), &x, stack.eps)?;
    see(Site::Norm1, &normed)?;
    let part = |part| linear(weights, &format!("{name}attention.attention.{part}"), &normed, stack.qkv_bias);
    let attended = attention(&part("query")?, &part("key")?, &part("value")?, stack.heads, None);
    see(Site::Attention, &attended)?;
    let attended = linear(weights, &format!("{name}attention.output.dense"), &attended, true)?;
    let x = x + attended * &weights.vector(&format!("{name}layer_scale1.lambda1"))?;

    let normed = layer_norm(weights, &format!("{name}norm2"), &x, stack.eps)?;
    see(Site::Norm2, &normed)?;
    let inside = gelu(linear(weights, &format!("{name}mlp.fc1"), &normed, true)?);
    see(Site::Gelu, &inside)?;
    let inside = linear(weights, &format!("{name}mlp.fc2"), &inside, true)?;
    Ok(x + inside * &weights.vector(&format!("{name}layer_scale2.lambda1"))?)
}
