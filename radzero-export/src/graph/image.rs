//! The image graph: from 8-bit pixels at the model's size to tokens.

use radzero_format::manifest::{Graph, PositionConvention, Precision, Target};

use super::block::{Block, Numerics, Shapes};
use super::fused;
use super::layers::{TORCH_EPS, layer_norm, shared_output, to_half};
use super::patches::embed;
use crate::checkpoint::{ALIGN_LAYER, Checkpoint, VISION_LAYER};
use crate::error::ExportError;
use crate::onnx::{Attributes, GraphBuilder, Value};
use crate::write::Output;

/// Writes the image graph.
pub(crate) fn write(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    numerics: &Numerics,
    mut graph: GraphBuilder<'_>,
    output: &mut Output,
) -> Result<Graph, ExportError> {
    let embedded = embed(checkpoint, convention, numerics.precision(), &mut graph)?;
    let mut tokens = match (graph.target(), numerics) {
        (Target::OnnxRuntime, Numerics::Half) => fused::encode(checkpoint, &mut graph, &embedded)?,
        _ => encode(checkpoint, numerics, &mut graph, &embedded)?,
    };
    if checkpoint.architecture.align_layer_norm {
        tokens = layer_norm(&mut graph, "align_transformer.layer_norm", &tokens, TORCH_EPS)?;
    }
    let mut tokens = shared_output(&mut graph, &checkpoint.architecture.loss, &tokens)?;
    if numerics.precision() == Precision::Fp16 {
        tokens = to_half(&mut graph, "tokens.half", &tokens);
    }
    graph.finish(&tokens, output)
}

/// Vision encoder and align transformer, with the layer norm between them: \[batch, 1 + N, D\] to the same.
fn encode(
    checkpoint: &Checkpoint,
    numerics: &Numerics,
    graph: &mut GraphBuilder<'_>,
    embedded: &Value,
) -> Result<Value, ExportError> {
    let architecture = &checkpoint.architecture;
    let hidden = architecture.vision.hidden;
    let tokens = 1 + checkpoint.grid() * checkpoint.grid();
    let shapes = Shapes {
        rows: graph.integers("shape.rows", &[-1, hidden as i64]),
        batched: graph.integers("shape.tokens", &[-1, tokens as i64, hidden as i64]),
    };
    let mut rows = graph.node("Reshape", "embeddings.rows", &[embedded, &shapes.rows], Attributes::none());
    for index in 0..architecture.vision.layers {
        let name = format!("{VISION_LAYER}{index}.");
        rows = Block { name: &name, stack: &architecture.vision, numerics, shapes: &shapes }.write(graph, &rows)?;
    }
    rows = layer_norm(graph, "vision_model.layernorm", &rows, architecture.vision.eps)?;
    for index in 0..architecture.align.layers {
        let name = format!("{ALIGN_LAYER}{index}.");
        rows = Block { name: &name, stack: &architecture.align, numerics, shapes: &shapes }.write(graph, &rows)?;
    }
    Ok(graph.node("Reshape", "encoded", &[&rows, &shapes.batched], Attributes::none()))
}
