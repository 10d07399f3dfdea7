//! From 8-bit pixels to the input tokens: projected patches, CLS token and position embeddings.

use ndarray::{Array1, Array2, Axis};
use radzero_format::manifest::{PositionConvention, Precision, Preprocessing, Target};

use super::layers::{self, Epilogue, gemm, row_major, to_half, to_single};
use super::position::resample;
use crate::checkpoint::{Checkpoint, Weights};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};

const PATCH: &str = "vision_model.embeddings.patch_embeddings.projection";

/// Mid-grey, subtracted from levels before products in 16 bits: the error from rounding the weights then grows with a patch's
/// distance from mid-grey instead of from black, and radiographs are mostly grey.
const MID_GREY: u8 = 128;

/// The input tokens \[batch, 1 + N, D\], CLS first, in 32 bits.
pub(super) fn embed(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    precision: Precision,
    graph: &mut GraphBuilder<'_>,
) -> Result<Value, ExportError> {
    let hidden = checkpoint.architecture.vision.hidden;
    let grid = checkpoint.grid();
    let projection = fold_normalisation(graph.weights(), &checkpoint.preprocessing)?;
    let mut added = positions(graph.weights(), grid, convention)?;
    let patches = match (graph.target(), precision) {
        (Target::OnnxRuntime, Precision::Fp16) => {
            let (projection, bias) = centred(projection);
            added.slice_mut(ndarray::s![1.., ..]).zip_mut_with(&bias, |added, bias| *added += bias);
            let rows = to_rows(checkpoint, graph);
            project_half(graph, &rows, projection, checkpoint)?
        }
        (Target::OnnxRuntime, _) => {
            let rows = to_rows(checkpoint, graph);
            let levels = to_single(graph, "levels", &rows);
            let rows = layers::dense(graph, PATCH, &levels, projection, Epilogue::None)?;
            to_images(checkpoint, graph, &rows)
        }
        // The form in which other engines recognise patches.
        _ => convolve(checkpoint, graph, projection)?,
    };
    // CLS starts as a row of zeros, to which token and position are added: no `Expand` to the batch.
    let pads = graph.integers("cls.pads", &[0, 1, 0, 0, 0, 0]);
    let padded = graph.node("Pad", "patches.padded", &[&patches, &pads], Attributes::none());
    let added = graph.constant("vision_model.embeddings.added", &[1, added.nrows(), hidden], &row_major(added))?;
    Ok(graph.node("Add", "vision_model.embeddings", &[&padded, &added], Attributes::none()))
}

/// One row of pixels per patch, in the order of the projection's weights: \[batch * N, 3 * P * P\], bytes.
///
/// Transposed and then multiplied like any layer. A convolution on CUDA took 15 ms longer after each change of batch size.
fn to_rows(checkpoint: &Checkpoint, graph: &mut GraphBuilder<'_>) -> Value {
    let (grid, patch) = (checkpoint.grid() as i64, checkpoint.architecture.patch_size as i64);
    let pixels = graph.input("pixels");
    let split = graph.integers("patches.split", &[-1, 3, grid, patch, grid, patch]);
    let cut = graph.node("Reshape", "patches.cells", &[&pixels, &split], Attributes::none());
    let order = Attributes::none().integers("perm", &[0, 2, 4, 1, 3, 5]);
    let cut = graph.node("Transpose", "patches.cut", &[&cut], order);
    let rows = graph.integers("patches.row", &[-1, 3 * patch * patch]);
    graph.node("Reshape", "patches.rows", &[&cut, &rows], Attributes::none())
}

/// \[batch * N, D\] to \[batch, N, D\].
fn to_images(checkpoint: &Checkpoint, graph: &mut GraphBuilder<'_>, rows: &Value) -> Value {
    let (grid, hidden) = (checkpoint.grid() as i64, checkpoint.architecture.vision.hidden as i64);
    let shape = graph.integers("patches.shape", &[-1, grid * grid, hidden]);
    graph.node("Reshape", "patches", &[rows, &shape], Attributes::none())
}

/// The projection in 16 bits, without bias.
fn project_half(
    graph: &mut GraphBuilder<'_>,
    rows: &Value,
    projection: Array2<f32>,
    checkpoint: &Checkpoint,
) -> Result<Value, ExportError> {
    let levels = to_half(graph, "levels", rows);
    let middle = graph.constant_f16("levels.middle", &[], &[f32::from(MID_GREY)])?;
    let levels = graph.node("Sub", "levels.centred", &[&levels, &middle], Attributes::none());
    let shape = [projection.nrows(), projection.ncols()];
    let weight = graph.constant_f16(&format!("{PATCH}.weight"), &shape, &row_major(projection))?;
    let rows = gemm(graph, PATCH, &levels, &weight, None);
    let patches = to_images(checkpoint, graph, &rows);
    Ok(to_single(graph, "patches.single", &patches))
}

/// The projection as a convolution.
fn convolve(checkpoint: &Checkpoint, graph: &mut GraphBuilder<'_>, dense: Dense) -> Result<Value, ExportError> {
    let (grid, patch) = (checkpoint.grid(), checkpoint.architecture.patch_size);
    let hidden = dense.weight.nrows();
    let bias = dense.biases().to_vec();
    let weight = graph.constant(&format!("{PATCH}.weight"), &[hidden, 3, patch, patch], &row_major(dense.weight))?;
    let bias = graph.constant(&format!("{PATCH}.bias"), &[hidden], &bias)?;
    let pixels = graph.input("pixels");
    let levels = graph.node("Cast", "levels", &[&pixels], Attributes::to(DataType::Float));
    let sides = [patch as i64; 2];
    let attributes = Attributes::none().integers("kernel_shape", &sides).integers("strides", &sides);
    let patches = graph.node("Conv", PATCH, &[&levels, &weight, &bias], attributes);
    let shape = graph.integers("shape.patches", &[0, hidden as i64, (grid * grid) as i64]);
    let patches = graph.node("Reshape", "patches.columns", &[&patches, &shape], Attributes::none());
    Ok(graph.node("Transpose", "patches", &[&patches], Attributes::none().integers("perm", &[0, 2, 1])))
}

/// The patch projection with rescaling and normalisation folded in.
fn fold_normalisation(weights: &Weights, preprocessing: &Preprocessing) -> Result<Dense, ExportError> {
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
    Ok(Dense { weight, bias: Some(bias) })
}

/// The projection for levels less [`MID_GREY`]: unchanged weights, and the bias that makes up for the difference.
fn centred(projection: Dense) -> (Array2<f32>, Array1<f32>) {
    let sums = projection.weight.map_axis(Axis(1), |row| row.iter().map(|value| f64::from(*value)).sum::<f64>());
    let bias = projection.biases() + sums.mapv(|sum| (sum * f64::from(MID_GREY)) as f32);
    (projection.weight, bias)
}

/// What is added to the padded patches \[1 + N, D\]: the CLS token with its position, then the patches' positions.
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
