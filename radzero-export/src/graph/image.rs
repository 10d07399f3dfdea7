//! The image graph: resized 8-bit pixels to tokens.

use ndarray::{Array2, Axis};
use radzero_core::manifest::{Graph, PositionConvention, Preprocessing};

use super::block::{Block, Numerics, Shapes};
use super::layers::{TORCH_EPS, layer_norm, shared_end};
use super::position::resample;
use crate::checkpoint::{ALIGN_LAYER, Checkpoint, VISION_LAYER, Weights};
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};
use crate::write::Output;

const PATCH: &str = "vision_model.embeddings.patch_embeddings.projection";

/// Writes the image graph.
pub(crate) fn write(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    numerics: &Numerics,
    mut graph: GraphBuilder<'_>,
    output: &mut Output,
) -> Result<Graph, ExportError> {
    let architecture = &checkpoint.architecture;
    let hidden = architecture.vision.hidden;
    let tokens = 1 + checkpoint.grid() * checkpoint.grid();

    let embedded = embed(checkpoint, convention, &mut graph)?;
    let flat = graph.integers("shape.rows", &[-1, hidden as i64]);
    let batched = graph.integers("shape.tokens", &[-1, tokens as i64, hidden as i64]);
    let shapes = Shapes { flat, batched };
    let mut rows = graph.node("Reshape", "embeddings.rows", &[&embedded, &shapes.flat], Attributes::none());
    for index in 0..architecture.vision.layers {
        let name = format!("{VISION_LAYER}{index}.");
        rows =
            Block { name: &name, stack: &architecture.vision, numerics, shapes: &shapes }.write(&mut graph, &rows)?;
    }
    rows = layer_norm(&mut graph, "vision_model.layernorm", &rows, architecture.vision.eps)?;
    for index in 0..architecture.align.layers {
        let name = format!("{ALIGN_LAYER}{index}.");
        rows = Block { name: &name, stack: &architecture.align, numerics, shapes: &shapes }.write(&mut graph, &rows)?;
    }
    if architecture.align_layer_norm {
        rows = layer_norm(&mut graph, "align_transformer.layer_norm", &rows, TORCH_EPS)?;
    }
    let tokens = graph.node("Reshape", "encoded", &[&rows, &shapes.batched], Attributes::none());
    let tokens = shared_end(&mut graph, &architecture.loss, &tokens)?;
    graph.finish(&tokens, output)
}

/// Patches, the CLS token and positions: \[batch, 1 + N, D\].
fn embed(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    graph: &mut GraphBuilder<'_>,
) -> Result<Value, ExportError> {
    let hidden = checkpoint.architecture.vision.hidden;
    let patch = checkpoint.architecture.patch_size;
    let grid = checkpoint.grid();
    let (weight, bias) = fold_normalisation(graph.weights(), &checkpoint.preprocessing)?;
    let weight = graph.constant(&format!("{PATCH}.weight"), &[hidden, 3, patch, patch], &weight)?;
    let bias = graph.constant(&format!("{PATCH}.bias"), &[hidden], &bias)?;

    let pixels = graph.input("pixels");
    let levels = graph.node("Cast", "levels", &[&pixels], Attributes::to(DataType::Float));
    let sides = [patch as i64; 2];
    let attributes = Attributes::none().integers("kernel_shape", &sides).integers("strides", &sides);
    let patches = graph.node("Conv", PATCH, &[&levels, &weight, &bias], attributes);
    let shape = graph.integers("shape.patches", &[0, hidden as i64, (grid * grid) as i64]);
    let patches = graph.node("Reshape", "patches.columns", &[&patches, &shape], Attributes::none());
    let patches = graph.node("Transpose", "patches", &[&patches], Attributes::none().integers("perm", &[0, 2, 1]));
    // A row of zeros in front, to which the CLS token is added along with its position: no `Expand` to the batch.
    let pads = graph.integers("cls.pads", &[0, 1, 0, 0, 0, 0]);
    let padded = graph.node("Pad", "patches.padded", &[&patches, &pads], Attributes::none());
    let added = positions(graph.weights(), grid, convention)?;
    let values: Vec<f32> = added.iter().copied().collect();
    let added = graph.constant("vision_model.embeddings.added", &[1, added.nrows(), hidden], &values)?;
    Ok(graph.node("Add", "vision_model.embeddings", &[&padded, &added], Attributes::none()))
}

/// Rescaling and normalisation, folded into the patch projection: (weight, bias).
fn fold_normalisation(weights: &Weights, preprocessing: &Preprocessing) -> Result<(Vec<f32>, Vec<f32>), ExportError> {
    let mut weight = weights.matrix(&format!("{PATCH}.weight"))?;
    let mut bias = weights.vector(&format!("{PATCH}.bias"))?;
    let area = weight.ncols() / 3;
    for (mut row, bias) in weight.rows_mut().into_iter().zip(&mut bias) {
        let mut shift = 0.0;
        for (index, value) in row.iter_mut().enumerate() {
            let channel = index / area;
            let scaled = f64::from(*value) / preprocessing.image_std[channel];
            shift += scaled * preprocessing.image_mean[channel];
            *value = (scaled * preprocessing.rescale_factor) as f32;
        }
        *bias = (f64::from(*bias) - shift) as f32;
    }
    Ok((weight.into_iter().collect(), bias.to_vec()))
}

/// What is added to the padded patches: the CLS token with its position, then the patches' positions.
fn positions(weights: &Weights, grid: usize, convention: PositionConvention) -> Result<Array2<f32>, ExportError> {
    let name = "vision_model.embeddings.position_embeddings";
    let stored = weights.reshaped(name, weights.shape(name)?[1])?;
    let cls = weights.reshaped("vision_model.embeddings.cls_token", 1)?;
    let (first, patches) = stored.view().split_at(Axis(0), 1);
    let patches = resample(patches, grid, convention);
    let mut added = Array2::zeros((1 + grid * grid, stored.ncols()));
    added.slice_mut(ndarray::s![..1, ..]).assign(&(&first + &cls));
    added.slice_mut(ndarray::s![1.., ..]).assign(&patches);
    Ok(added)
}
