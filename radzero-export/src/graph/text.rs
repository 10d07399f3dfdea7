//! The text graph: from token ids to one embedding per prompt.

use radzero_format::manifest::{Graph, Precision};

use super::layers::{Attention, Epilogue, attention, dense, l2_normalise, layer_norm, shared_output};
use crate::checkpoint::{BUCKETS, Checkpoint, POSITIONS, RELATIVE_BIAS, TEXT_LAYER, WORDS};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};
use crate::write::Output;

/// Token id of padding, fixed by MPNet's code. Positions count from the next id.
pub(crate) const PADDING: u32 = 1;

/// Writes the text graph.
pub(crate) fn write(
    checkpoint: &Checkpoint,
    mut graph: GraphBuilder<'_>,
    output: &mut Output,
) -> Result<Graph, ExportError> {
    let settings = &checkpoint.architecture.text;
    let ids = graph.input("input_ids");
    let mask = graph.input("attention_mask");
    let context = Context::new(checkpoint, &mut graph, &ids, &mask)?;
    let embedded = embed(checkpoint, &mut graph, &ids)?;
    let mut rows = graph.node("Reshape", "embeddings.rows", &[&embedded, &context.rows], Attributes::none());
    for index in 0..checkpoint.text.layers {
        rows = block(checkpoint, &mut graph, &format!("{TEXT_LAYER}{index}."), &context, &rows)?;
    }

    let mut width = checkpoint.text.hidden;
    let mut states = graph.node("Reshape", "states", &[&rows, &context.batched], Attributes::none());
    if settings.projection {
        let projected = linear(&mut graph, "text_projector", &rows, Epilogue::None)?;
        width = 2 * checkpoint.architecture.align.hidden;
        let shape = shape_of_states(&mut graph, "shape.projected", &context.prompts_length, width);
        states = graph.node("Reshape", "projected", &[&projected, &shape], Attributes::none());
    }
    let mut pooled = if settings.use_cls_token {
        let first = graph.integer("first", 0);
        graph.node("Gather", "pooled", &[&states, &first], Attributes::none().integer("axis", 1))
    } else {
        mean(&mut graph, &states, &mask)
    };
    if checkpoint.architecture.loss.text_features_l2_norm {
        pooled = l2_normalise(&mut graph, "text_features", &pooled);
    }
    if settings.projection {
        let [start, end, axis] = [("start", width / 2), ("end", width), ("axis", 1)]
            .map(|(name, value)| graph.integers(&format!("second_half.{name}"), &[value as i64]));
        pooled = graph.node("Slice", "second_half", &[&pooled, &start, &end, &axis], Attributes::none());
    }
    let embeddings = shared_output(&mut graph, &checkpoint.architecture.loss, &pooled)?;
    graph.finish(&embeddings, output)
}

/// What all blocks share.
struct Context {
    /// \[prompts * length, width\], as an input of `Reshape`.
    rows: Value,
    /// \[prompts, length, width\], as an input of `Reshape`.
    batched: Value,
    /// The shape of `input_ids` at run time.
    prompts_length: Value,
    /// \[prompts, length\], 32-bit integers: 1 for a token, 0 for padding.
    mask: Value,
    /// \[1, heads, length, length\].
    position_bias: Value,
}

impl Context {
    fn new(
        checkpoint: &Checkpoint,
        graph: &mut GraphBuilder<'_>,
        ids: &Value,
        mask: &Value,
    ) -> Result<Self, ExportError> {
        let hidden = checkpoint.text.hidden;
        let prompts_length = graph.node("Shape", "prompts_length", &[ids], Attributes::none());
        let batched = shape_of_states(graph, "shape.states", &prompts_length, hidden);
        let rows = graph.integers("shape.rows", &[-1, hidden as i64]);
        let mask = graph.node("Cast", "mask.attention", &[mask], Attributes::to(DataType::Int32));
        let position_bias = position_bias(checkpoint, graph, &prompts_length)?;
        Ok(Self { rows, batched, prompts_length, mask, position_bias })
    }
}

/// The shape \[prompts, length, width\], computed at run time.
fn shape_of_states(graph: &mut GraphBuilder<'_>, name: &str, prompts_length: &Value, width: usize) -> Value {
    let width = graph.integers(&format!("{name}.width"), &[width as i64]);
    graph.node("Concat", name, &[prompts_length, &width], Attributes::none().integer("axis", 0))
}

/// The bias of attention scores by relative position: \[1, heads, length, length\].
///
/// The table in the graph has one column per distance, so that the graph need not compute buckets.
fn position_bias(
    checkpoint: &Checkpoint,
    graph: &mut GraphBuilder<'_>,
    prompts_length: &Value,
) -> Result<Value, ExportError> {
    let (heads, most) = (checkpoint.text.heads, checkpoint.text.max_tokens);
    let table = graph.weights().matrix(RELATIVE_BIAS)?;
    let distances = 2 * most - 1;
    let values: Vec<f32> = (0..heads * distances)
        .map(|index| table[[bucket((index % distances) as i64 - (most as i64 - 1)), index / distances]])
        .collect();
    let table = graph.constant(RELATIVE_BIAS, &[heads, distances], &values)?;

    let [zero, one] = [0, 1].map(|value| graph.integer(&format!("position.{value}"), value));
    let length = graph.node("Gather", "length", &[prompts_length, &one], Attributes::none());
    let range = graph.node("Range", "position.range", &[&zero, &length, &one], Attributes::none());
    let [first, second] = [0, 1].map(|axis| graph.integers(&format!("position.axis{axis}"), &[axis]));
    let memory = graph.node("Unsqueeze", "position.memory", &[&range, &first], Attributes::none());
    let context = graph.node("Unsqueeze", "position.context", &[&range, &second], Attributes::none());
    let distance = graph.node("Sub", "position.distance", &[&memory, &context], Attributes::none());
    let origin = graph.integer("position.origin", most as i64 - 1);
    let index = graph.node("Add", "position.index", &[&distance, &origin], Attributes::none());
    let bias = graph.node("Gather", "position.bias", &[&table, &index], Attributes::none().integer("axis", 1));
    Ok(graph.node("Unsqueeze", "position.bias.batch", &[&bias, &first], Attributes::none()))
}

/// The bucket of a relative position (memory minus context), bidirectional, as in T5 and MPNet. Each direction has half of the
/// buckets. Half of these are exact distances, the others grow logarithmically up to distance 128; the last one takes all that is
/// farther.
///
/// The original computes 8 + floor(8 ln(d / 8) / ln(128 / 8)), which is 8 + floor(log2((d / 8)^2)). Integers give that without
/// rounding.
fn bucket(relative: i64) -> usize {
    let side = if relative > 0 { BUCKETS / 2 } else { 0 };
    let exact = BUCKETS / 4;
    let distance = relative.unsigned_abs() as usize;
    if distance < exact {
        return side + distance;
    }
    let growth = (distance * distance / (exact * exact)).ilog2() as usize;
    side + (exact + growth).min(BUCKETS / 2 - 1)
}

/// The layer norm of the sum of word and position embeddings: \[prompts, length, width\].
fn embed(checkpoint: &Checkpoint, graph: &mut GraphBuilder<'_>, ids: &Value) -> Result<Value, ExportError> {
    let words = graph.weight(WORDS)?;
    let positions = graph.weight(POSITIONS)?;
    let words = graph.node("Gather", "words", &[&words, ids], Attributes::none());

    // Positions of tokens count up from PADDING + 1; padding has position PADDING.
    let padding = graph.integer("padding", i64::from(PADDING));
    let is_padding = graph.node("Equal", "is_padding", &[ids, &padding], Attributes::none());
    let is_token = graph.node("Not", "is_token", &[&is_padding], Attributes::none());
    let is_token = graph.node("Cast", "is_token.integer", &[&is_token], Attributes::to(DataType::Int64));
    let axis = graph.integer("length.axis", 1);
    let count = graph.node("CumSum", "token_count", &[&is_token, &axis], Attributes::none());
    let count = graph.node("Mul", "token_count.masked", &[&count, &is_token], Attributes::none());
    let position = graph.node("Add", "position_ids", &[&count, &padding], Attributes::none());
    let positions = graph.node("Gather", "positions", &[&positions, &position], Attributes::none());
    let sum = graph.node("Add", "text_model.embeddings", &[&words, &positions], Attributes::none());
    layer_norm(graph, "text_model.embeddings.LayerNorm", &sum, checkpoint.architecture.text.eps)
}

/// An MPNet block on \[prompts * length, width\]: attention and MLP, each followed by a norm.
fn block(
    checkpoint: &Checkpoint,
    graph: &mut GraphBuilder<'_>,
    name: &str,
    context: &Context,
    rows: &Value,
) -> Result<Value, ExportError> {
    let eps = checkpoint.architecture.text.eps;
    let mut parts = Vec::with_capacity(3);
    for part in ["q", "k", "v"] {
        let layer = format!("{name}attention.attn.{part}");
        let flat = linear(graph, &layer, rows, Epilogue::None)?;
        parts.push(graph.node("Reshape", &format!("{layer}.tokens"), &[&flat, &context.batched], Attributes::none()));
    }
    let settings = Attention {
        heads: checkpoint.text.heads,
        width: checkpoint.text.hidden,
        precision: Precision::Fp32,
        mask_and_bias: Some((&context.mask, &context.position_bias)),
    };
    let qkv = [&parts[0], &parts[1], &parts[2]];
    let attended = attention(graph, &format!("{name}attention.attn"), qkv, &settings)?;
    let attended =
        graph.node("Reshape", &format!("{name}attention.rows"), &[&attended, &context.rows], Attributes::none());
    let residual = &format!("{name}residual1");
    let sum = linear(graph, &format!("{name}attention.attn.o"), &attended, Epilogue::Add(residual, rows))?;
    let rows = layer_norm(graph, &format!("{name}attention.LayerNorm"), &sum, eps)?;

    let gelu = &format!("{name}intermediate.activation");
    let inside = linear(graph, &format!("{name}intermediate.dense"), &rows, Epilogue::Gelu(gelu))?;
    let residual = &format!("{name}residual2");
    let sum = linear(graph, &format!("{name}output.dense"), &inside, Epilogue::Add(residual, &rows))?;
    layer_norm(graph, &format!("{name}output.LayerNorm"), &sum, eps)
}

/// A fully connected layer with the checkpoint's `weight` and `bias`.
fn linear(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    epilogue: Epilogue<'_>,
) -> Result<Value, ExportError> {
    let layer = Dense::read(graph.weights(), name, true)?;
    dense(graph, name, input, layer, epilogue)
}

/// The mean of token states, padding left out: \[prompts, width\].
fn mean(graph: &mut GraphBuilder<'_>, states: &Value, mask: &Value) -> Value {
    let keep = Attributes::none().integer("keepdims", 0);
    let mask = graph.node("Cast", "mask.pooling", &[mask], Attributes::to(DataType::Float));
    let last = graph.integers("mask.axis", &[2]);
    let mask = graph.node("Unsqueeze", "mask.column", &[&mask, &last], Attributes::none());
    let axis = graph.integers("pooling.axis", &[1]);
    let masked = graph.node("Mul", "states.masked", &[states, &mask], Attributes::none());
    let sum = graph.node("ReduceSum", "states.sum", &[&masked, &axis], keep.clone());
    let count = graph.node("ReduceSum", "mask.sum", &[&mask, &axis], keep);
    // As in the published code: a prompt without tokens gives zeros.
    let least = graph.float("mask.least", 1e-9);
    let count = graph.node("Max", "mask.count", &[&count, &least], Attributes::none());
    graph.node("Div", "pooled", &[&sum, &count], Attributes::none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{BUCKETS, bucket};
    use crate::reference::text;

    /// The least distance of each bucket, in either direction, by `relative_position_bucket` of transformers' MPNet
    /// (tests/golden/make_golden.py prints it).
    const LEAST_DISTANCES: [u64; BUCKETS / 2] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

    #[test]
    fn buckets_equal_the_original_and_the_reference() {
        for relative in -300_i64..=300 {
            let side = if relative > 0 { BUCKETS / 2 } else { 0 };
            let within = LEAST_DISTANCES.iter().rposition(|&least| least <= relative.unsigned_abs()).unwrap();
            assert_eq!(bucket(relative), side + within, "relative position {relative}");
        }
        for relative in -5000..=5000 {
            assert_eq!(bucket(relative), text::bucket(-relative), "relative position {relative}");
        }
    }
}
