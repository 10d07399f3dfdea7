//! Layers that both graphs are made of.

use ndarray::{Array1, Array2};
use radzero_core::manifest::{Precision, Target};
use radzero_core::operators::{self, Operator, Panels};

use crate::checkpoint::{LOSS, LossSettings};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};

/// PyTorch's default, which the published code leaves in place for every norm of its own.
pub(super) const TORCH_EPS: f32 = 1e-5;

/// Smallest norm that a row is divided by, as in PyTorch's `normalize`.
const SMALLEST_NORM: f32 = 1e-12;

/// Score of a token that must not be looked at: far below any other, and finite.
const MASKED: f32 = -1e30;

/// A fully connected layer on \[rows, input\], weights as PyTorch stores them.
pub(super) fn linear(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    weight: &Value,
    bias: Option<&Value>,
) -> Value {
    let inputs: Vec<&Value> = [input, weight].into_iter().chain(bias).collect();
    graph.node("Gemm", name, &inputs, Attributes::none().integer("transB", 1))
}

/// What follows a layer.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// Nothing.
    None,
    /// GELU, in a node of that name where it is one of its own.
    Gelu(&'a str),
    /// A residual sum with these rows, in a node of that name where it is one of its own.
    Add(&'a str, &'a Value),
}

/// A fully connected layer of 32-bit floats and what follows it.
pub(super) fn dense(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    end: End<'_>,
) -> Result<Value, ExportError> {
    let (outputs, inputs) = dense.weight.dim();
    let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
    if graph.target() != Target::OnnxRuntime {
        let weight = graph.constant(&weight_name, &[outputs, inputs], &in_order(dense.weight))?;
        let bias = dense.bias.map(|bias| graph.constant(&bias_name, &[outputs], &bias.to_vec())).transpose()?;
        let sum = linear(graph, name, input, &weight, bias.as_ref());
        return Ok(follow(graph, sum, end));
    }
    let weight = Panels::pack(dense.weight.view());
    let weight = graph.constant(&weight_name, &Panels::new(inputs, outputs).shape(), &weight)?;
    let operators = [Operator::Linear, Operator::LinearGelu, Operator::LinearAdd];
    own(graph, name, vec![input, &weight], &dense.biases(), end, operators)
}

/// A layer and what follows it as one of the project's operators, of which there is one for each end. All take the bias behind
/// `inputs`, and the rows of a residual sum last.
pub(super) fn own<'a>(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    inputs: Vec<&'a Value>,
    bias: &Array1<f32>,
    end: End<'a>,
    [plain, gelu, add]: [Operator; 3],
) -> Result<Value, ExportError> {
    let bias = graph.constant(&format!("{name}.bias"), &[bias.len()], &bias.to_vec())?;
    let mut inputs: Vec<&Value> = inputs.into_iter().chain([&bias]).collect();
    let operator = match end {
        End::None => plain,
        End::Gelu(_) => gelu,
        End::Add(_, rows) => {
            inputs.push(rows);
            add
        }
    };
    Ok(graph.own(operator, name, &inputs, Attributes::none()))
}

/// What follows a layer, in a node of its own.
pub(super) fn follow(graph: &mut GraphBuilder<'_>, sum: Value, end: End<'_>) -> Value {
    match end {
        End::None => sum,
        End::Gelu(name) => graph.node("Gelu", name, &[&sum], Attributes::none()),
        End::Add(name, rows) => graph.node("Add", name, &[rows, &sum], Attributes::none()),
    }
}

/// The values row by row.
pub(super) fn in_order(matrix: Array2<f32>) -> Vec<f32> {
    if matrix.is_standard_layout() { matrix.into_raw_vec_and_offset().0 } else { matrix.iter().copied().collect() }
}

/// LayerNorm over the last axis with the checkpoint's `weight` and `bias`.
pub(super) fn layer_norm(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    eps: f32,
) -> Result<Value, ExportError> {
    let weight = graph.weight(&format!("{name}.weight"))?;
    let bias = graph.weight(&format!("{name}.bias"))?;
    Ok(layer_norm_with(graph, name, input, [&weight, &bias], eps))
}

/// LayerNorm over the last axis.
pub(super) fn layer_norm_with(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    [weight, bias]: [&Value; 2],
    eps: f32,
) -> Value {
    let attributes = Attributes::none().integer("axis", -1).float("epsilon", eps);
    graph.node("LayerNormalization", name, &[input, weight, bias], attributes)
}

/// Scales rows to length 1.
pub(super) fn l2_normalise(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    match graph.target() {
        Target::OnnxRuntime => {
            graph.node("LpNormalization", name, &[input], Attributes::none().integer("axis", -1).integer("p", 2))
        }
        // Not every engine has that operator.
        _ => {
            let axis = graph.integers(&format!("{name}.axis"), &[-1]);
            let norm = graph.node("ReduceL2", &format!("{name}.norm"), &[input, &axis], Attributes::none());
            let least = graph.float(&format!("{name}.least"), SMALLEST_NORM);
            let norm = graph.node("Max", &format!("{name}.divisor"), &[&norm, &least], Attributes::none());
            graph.node("Div", name, &[input, &norm], Attributes::none())
        }
    }
}

/// To 16-bit floats.
pub(super) fn to_half(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    graph.node("Cast", name, &[input], Attributes::to(DataType::Float16))
}

/// To 32-bit floats.
pub(super) fn to_single(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    graph.node("Cast", name, &[input], Attributes::to(DataType::Float))
}

/// What attention is told beside queries, keys and values.
pub(super) struct Attention<'a> {
    pub(super) heads: usize,
    /// Width of all heads together.
    pub(super) width: usize,
    /// Of the graph: with 16 bits, queries, keys and values are 16-bit floats.
    pub(super) precision: Precision,
    /// 1 where attention may look, 0 at padding, as 32-bit integers \[batch, length\]; and the bias of the scores
    /// \[1, heads, length, length\].
    pub(super) mask_and_bias: Option<(&'a Value, &'a Value)>,
}

/// softmax(q k^T / sqrt(d) + bias) v, head by head; everything is \[batch, length, width\].
pub(super) fn attention(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    [q, k, v]: [&Value; 3],
    settings: &Attention<'_>,
) -> Result<Value, ExportError> {
    let half = settings.precision == Precision::Fp16;
    if graph.target() == Target::OnnxRuntime {
        let heads = settings.heads as i64;
        let mut inputs = vec![Some(q), Some(k), Some(v)];
        match settings.mask_and_bias {
            Some((mask, bias)) => inputs.extend([None, Some(mask), Some(bias)]),
            None if half => {}
            None => {
                let narrow = settings.width / settings.heads <= operators::Attention::WIDEST;
                let integers = settings.precision == Precision::Int8 && narrow;
                let operator = if integers { Operator::AttentionInt16 } else { Operator::Attention };
                let attributes = Attributes::none().integer(Operator::HEADS, heads);
                return Ok(graph.own(operator, name, &[q, k, v], attributes));
            }
        }
        let attributes = Attributes::none().integer("num_heads", heads);
        return Ok(graph.contrib("MultiHeadAttention", name, &inputs, attributes));
    }
    let none = Attributes::none;
    let width = settings.width / settings.heads;
    let split = graph.integers(&format!("{name}.split"), &[0, 0, settings.heads as i64, width as i64]);
    let mut by_head = |part: &str, value: &Value, order: [i64; 4]| {
        let value = graph.node("Reshape", &format!("{name}.{part}.split"), &[value, &split], none());
        graph.node("Transpose", &format!("{name}.{part}.heads"), &[&value], none().integers("perm", &order))
    };
    let q = by_head("q", q, [0, 2, 1, 3]);
    let k = by_head("k", k, [0, 2, 3, 1]);
    let v = by_head("v", v, [0, 2, 1, 3]);
    let scale = [1.0 / (width as f32).sqrt()];
    let scale = if half {
        graph.half(&format!("{name}.scale"), &[], &scale)?
    } else {
        graph.constant(&format!("{name}.scale"), &[], &scale)?
    };
    let q = graph.node("Mul", &format!("{name}.q.scaled"), &[&q, &scale], none());
    let mut scores = graph.node("MatMul", &format!("{name}.scores"), &[&q, &k], none());
    if half {
        scores = to_single(graph, &format!("{name}.scores.single"), &scores);
    }
    if let Some((mask, bias)) = settings.mask_and_bias {
        scores = graph.node("Add", &format!("{name}.scores.biased"), &[&scores, bias], none());
        // 0 for a token, MASKED for padding, the same for every query: [batch, 1, 1, length].
        let mask = to_single(graph, &format!("{name}.mask.single"), mask);
        let axes = graph.integers(&format!("{name}.mask.axes"), &[1, 2]);
        let mask = graph.node("Unsqueeze", &format!("{name}.mask.column"), &[&mask, &axes], none());
        let one = graph.float(&format!("{name}.mask.one"), 1.0);
        let mask = graph.node("Sub", &format!("{name}.mask.padding"), &[&one, &mask], none());
        let far = graph.float(&format!("{name}.mask.far"), MASKED);
        let mask = graph.node("Mul", &format!("{name}.mask"), &[&mask, &far], none());
        scores = graph.node("Add", &format!("{name}.scores.masked"), &[&scores, &mask], none());
    }
    let mut weights = graph.node("Softmax", &format!("{name}.weights"), &[&scores], none().integer("axis", -1));
    if half {
        weights = to_half(graph, &format!("{name}.weights.half"), &weights);
    }
    let attended = graph.node("MatMul", &format!("{name}.attended"), &[&weights, &v], none());
    let order = none().integers("perm", &[0, 2, 1, 3]);
    let attended = graph.node("Transpose", &format!("{name}.attended.tokens"), &[&attended], order);
    let joined = graph.integers(&format!("{name}.join"), &[0, 0, settings.width as i64]);
    Ok(graph.node("Reshape", name, &[&attended, &joined], none()))
}

/// How both encoders end: the loss's shared LayerNorm, then, for cosine similarity, length 1.
pub(super) fn shared_end(
    graph: &mut GraphBuilder<'_>,
    loss: &LossSettings,
    input: &Value,
) -> Result<Value, ExportError> {
    let normed = if loss.layer_norm {
        layer_norm(graph, &format!("{LOSS}layer_norm"), input, TORCH_EPS)?
    } else {
        input.clone()
    };
    Ok(if loss.operator.is_normalised() { l2_normalise(graph, "unit_length", &normed) } else { normed })
}
