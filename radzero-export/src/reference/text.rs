//! The text encoder, from token ids to the pooled embedding.

use ndarray::{Array1, Array2, Array3, Axis, s};

use super::ops::{attention, gelu, layer_norm, linear, unit_length};
use crate::checkpoint::{Checkpoint, POSITIONS, RELATIVE_BIAS, TEXT_LAYER, WORDS};
use crate::error::ExportError;
use crate::progress::Counter;

/// The embedding of one prompt, before the shared LayerNorm.
pub(super) fn embedding(
    checkpoint: &Checkpoint,
    ids: &[usize],
    progress: &mut Counter<'_>,
) -> Result<Array1<f32>, ExportError> {
    let (weights, settings) = (&checkpoint.weights, &checkpoint.architecture.text);
    let mut states = weights.rows(WORDS, ids)? + weights.rows(POSITIONS, &positions(ids))?;
    states = layer_norm(weights, "text_model.embeddings.LayerNorm", &states, settings.eps)?;
    let bias = bias(&weights.matrix(RELATIVE_BIAS)?, ids.len());
    for layer in 0..checkpoint.text.layers {
        states = block(checkpoint, &format!("{TEXT_LAYER}{layer}."), &bias, states)?;
        progress.add(1);
    }

    if settings.projection {
        states = linear(weights, "text_projector", &states, true)?;
    }
    let mut pooled = if settings.use_cls_token {
        states.slice(s![..1, ..]).to_owned()
    } else {
        (states.sum_axis(Axis(0)) / ids.len() as f32).insert_axis(Axis(0))
    };
    if checkpoint.architecture.loss.text_features_l2_norm {
        pooled = unit_length(pooled);
    }
    // The projection has twice the width; its second half is the embedding.
    let skipped = pooled.ncols() - checkpoint.architecture.align.hidden;
    Ok(pooled.slice(s![0, skipped..]).to_owned())
}

/// Positions: 2, 3, 4, ... for tokens, 1 for padding.
fn positions(ids: &[usize]) -> Vec<usize> {
    let mut next = 1;
    let position = |id: &usize| {
        if *id == 1 {
            return 1;
        }
        next += 1;
        next
    };
    ids.iter().map(position).collect()
}

/// The bias of attention scores \[heads, length, length\], from the table \[32, heads\].
fn bias(table: &Array2<f32>, length: usize) -> Array3<f32> {
    Array3::from_shape_fn((table.ncols(), length, length), |(head, query, key)| {
        table[[bucket(query as i64 - key as i64), head]]
    })
}

/// MPNet's bucket of a distance from key to query: 16 per direction, the upper ones for keys after the query.
pub(crate) fn bucket(distance: i64) -> usize {
    let upper = if distance < 0 { 16 } else { 0 };
    let n = distance.abs();
    let within = if n < 8 {
        n as usize
    } else {
        let large = (n as f32 / 8.0).ln() / (128.0_f32 / 8.0).ln() * 8.0;
        (8 + large as usize).min(15)
    };
    upper + within
}

/// norm(x + attention(x)), then norm(x + mlp(x)).
fn block(checkpoint: &Checkpoint, name: &str, bias: &Array3<f32>, x: Array2<f32>) -> Result<Array2<f32>, ExportError> {
    let (weights, eps) = (&checkpoint.weights, checkpoint.architecture.text.eps);
    let part = |part| linear(weights, &format!("{name}attention.attn.{part}"), &x, true);
    let attended = attention(&part("q")?, &part("k")?, &part("v")?, checkpoint.text.heads, Some(bias));
    let attended = linear(weights, &format!("{name}attention.attn.o"), &attended, true)?;
    let x = layer_norm(weights, &format!("{name}attention.LayerNorm"), &(x + attended), eps)?;
    let inside = gelu(linear(weights, &format!("{name}intermediate.dense"), &x, true)?);
    let inside = linear(weights, &format!("{name}output.dense"), &inside, true)?;
    layer_norm(weights, &format!("{name}output.LayerNorm"), &(x + inside), eps)
}
