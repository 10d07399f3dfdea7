//! Layers that both graphs use.

use ndarray::{Array1, Array2};
use radzero_format::manifest::{Precision, Target};
use radzero_format::operators::{self, Operator, Panels};

use crate::checkpoint::{LOSS, LossSettings};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};

/// PyTorch's default epsilon, which the published code uses in all layer norms of its own.
pub(super) const TORCH_EPS: f32 = 1e-5;

/// Smallest norm that a row is divided by, as in PyTorch's `normalize`.
const SMALLEST_NORM: f32 = 1e-12;

/// Added to the scores of padding: far below any score, yet finite.
const MASKED: f32 = -1e30;

/// A fully connected layer on \[rows, inputs\], with weights \[outputs, inputs\] as PyTorch stores them.
pub(super) fn gemm(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    weight: &Value,
    bias: Option<&Value>,
) -> Value {
    let inputs: Vec<&Value> = [input, weight].into_iter().chain(bias).collect();
    graph.node("Gemm", name, &inputs, Attributes::none().integer("transB", 1))
}

/// What follows a fully connected layer. The name is for the node, where the epilogue is a node of its own.
#[derive(Clone, Copy)]
pub(super) enum Epilogue<'a> {
    None,
    /// GELU.
    Gelu(&'a str),
    /// The sum with these residual rows.
    Add(&'a str, &'a Value),
}

/// A fully connected layer of 32-bit floats with its epilogue.
pub(super) fn dense(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    epilogue: Epilogue<'_>,
) -> Result<Value, ExportError> {
    let (outputs, inputs) = dense.weight.dim();
    let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
    if graph.target() != Target::OnnxRuntime {
        let weight = graph.constant(&weight_name, &[outputs, inputs], &row_major(dense.weight))?;
        let bias = dense.bias.map(|bias| graph.constant(&bias_name, &[outputs], &bias.to_vec())).transpose()?;
        let sum = gemm(graph, name, input, &weight, bias.as_ref());
        return Ok(apply(graph, sum, epilogue));
    }
    let weight = Panels::pack(dense.weight.view());
    let weight = graph.constant(&weight_name, &Panels::new(inputs, outputs).shape(), &weight)?;
    let operators = [Operator::Linear, Operator::LinearGelu, Operator::LinearAdd];
    fused(graph, name, vec![input, &weight], &dense.biases(), epilogue, operators)
}

/// A layer and its epilogue as one of the project's operators, given in the order none, GELU, sum. `inputs` are those before the
/// bias.
pub(super) fn fused<'a>(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    inputs: Vec<&'a Value>,
    bias: &Array1<f32>,
    epilogue: Epilogue<'a>,
    [plain, gelu, add]: [Operator; 3],
) -> Result<Value, ExportError> {
    let bias = graph.constant(&format!("{name}.bias"), &[bias.len()], &bias.to_vec())?;
    let mut inputs: Vec<&Value> = inputs.into_iter().chain([&bias]).collect();
    let operator = match epilogue {
        Epilogue::None => plain,
        Epilogue::Gelu(_) => gelu,
        Epilogue::Add(_, rows) => {
            inputs.push(rows);
            add
        }
    };
    Ok(graph.custom(operator, name, &inputs, Attributes::none()))
}

/// The epilogue as a node of its own.
pub(super) fn apply(graph: &mut GraphBuilder<'_>, sum: Value, epilogue: Epilogue<'_>) -> Value {
    match epilogue {
        Epilogue::None => sum,
        Epilogue::Gelu(name) => graph.node("Gelu", name, &[&sum], Attributes::none()),
        Epilogue::Add(name, rows) => graph.node("Add", name, &[rows, &sum], Attributes::none()),
    }
}

/// The values of a matrix in row-major order.
pub(super) fn row_major(matrix: Array2<f32>) -> Vec<f32> {
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

/// Scales each row to length 1.
pub(super) fn l2_normalise(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    match graph.target() {
        Target::OnnxRuntime => {
            graph.node("LpNormalization", name, &[input], Attributes::none().integer("axis", -1).integer("p", 2))
        }
        // Not every engine has LpNormalization.
        _ => {
            let axis = graph.integers(&format!("{name}.axis"), &[-1]);
            let norm = graph.node("ReduceL2", &format!("{name}.norm"), &[input, &axis], Attributes::none());
            let least = graph.float(&format!("{name}.least"), SMALLEST_NORM);
            let norm = graph.node("Max", &format!("{name}.divisor"), &[&norm, &least], Attributes::none());
            graph.node("Div", name, &[input, &norm], Attributes::none())
        }
    }
}

/// Converts to 16-bit floats.
pub(super) fn to_half(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    graph.node("Cast", name, &[input], Attributes::to(DataType::Float16))
}

/// Converts to 32-bit floats.
pub(super) fn to_single(graph: &mut GraphBuilder<'_>, name: &str, input: &Value) -> Value {
    graph.node("Cast", name, &[input], Attributes::to(DataType::Float))
}

/// The parameters of attention.
pub(super) struct Attention<'a> {
    pub(super) heads: usize,
    /// Width of all heads together.
    pub(super) width: usize,
    /// Precision of the graph. With [`Precision::Fp16`], queries, keys and values are 16-bit floats.
    pub(super) precision: Precision,
    /// The mask \[batch, length\], 32-bit integers, 1 for a token and 0 for padding; and the bias of the scores
    /// \[1, heads, length, length\].
    pub(super) mask_and_bias: Option<(&'a Value, &'a Value)>,
}

/// softmax(q k^T / sqrt(d) + bias) v for each head; q, k, v and the result are \[batch, length, width\].
pub(super) fn attention(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    qkv: [&Value; 3],
    settings: &Attention<'_>,
) -> Result<Value, ExportError> {
    if graph.target() != Target::OnnxRuntime {
        return portable_attention(graph, name, qkv, settings);
    }
    let half = settings.precision == Precision::Fp16;
    let heads = settings.heads as i64;
    let attended = if half || settings.mask_and_bias.is_some() {
        let mut inputs: Vec<Option<&Value>> = qkv.map(Some).into();
        if let Some((mask, bias)) = settings.mask_and_bias {
            inputs.extend([None, Some(mask), Some(bias)]);
        }
        graph.contrib("MultiHeadAttention", name, &inputs, Attributes::none().integer("num_heads", heads))
    } else {
        let narrow = settings.width / settings.heads <= operators::WIDEST_HEAD;
        let integers = settings.precision == Precision::Int8 && narrow;
        let operator = if integers { Operator::AttentionInt16 } else { Operator::Attention };
        graph.custom(operator, name, &qkv, Attributes::none().integer(Operator::HEADS, heads))
    };
    graph.declare(&attended, if half { DataType::Float16 } else { DataType::Float });
    Ok(attended)
}

/// The same in standard operators.
fn portable_attention(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    [q, k, v]: [&Value; 3],
    settings: &Attention<'_>,
) -> Result<Value, ExportError> {
    let none = Attributes::none;
    let half = settings.precision == Precision::Fp16;
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
        graph.constant_f16(&format!("{name}.scale"), &[], &scale)?
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
        // 0 for a token and MASKED for padding, for every query: [batch, 1, 1, length].
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

/// The last layers of both encoders: the loss's shared layer norm and, for cosine similarity, scaling to length 1.
pub(super) fn shared_output(
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
