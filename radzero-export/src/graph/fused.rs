//! Blocks of 16-bit floats in ONNX Runtime's fused operators, for its CUDA provider.
//!
//! A GPU is limited by memory bandwidth here, so the graph saves passes over the tokens. The bias of a `Gemm` costs two on CUDA
//! (it is first copied to every row, then read again). Every product is therefore a plain `MatMul`, and the next operator adds
//! the bias: `BiasGelu` inside the MLP, `SkipLayerNormalization` after MLP and attention, which also computes residual sum and
//! norm in the same pass. Of the biases inside attention, only that of the queries remains. The keys' shifts all scores of a query
//! equally, which softmax ignores. The values' is folded into the output layer's, because attention weights sum to 1.
//!
//! Residual sums and norms are computed in 32 bits. The residual stream is stored in 16 bits, as in PyTorch's fp16.

use ndarray::{Array1, Array2};
use radzero_format::manifest::Precision;

use super::layers::{Attention, attention, row_major, to_half, to_single};
use crate::checkpoint::{ALIGN_LAYER, Checkpoint, Stack, VISION_LAYER};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, DataType, GraphBuilder, Value};
use crate::quantize::readers;
use crate::reference::Site;

/// Vision encoder and align transformer, with the layer norm between them: \[batch, 1 + N, D\] to the same. Input and output are
/// in 32 bits.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    graph: &mut GraphBuilder<'_>,
    embedded: &Value,
) -> Result<Value, ExportError> {
    let architecture = &checkpoint.architecture;
    let mut stream = ResidualStream { residual: to_half(graph, "embeddings.half", embedded), branch: None };
    for index in 0..architecture.vision.layers {
        block(graph, &mut stream, &format!("{VISION_LAYER}{index}."), &architecture.vision)?;
    }
    let normed = stream.norm(graph, "vision_model.layernorm", architecture.vision.eps)?;
    stream = ResidualStream { residual: normed, branch: None };
    for index in 0..architecture.align.layers {
        block(graph, &mut stream, &format!("{ALIGN_LAYER}{index}."), &architecture.align)?;
    }
    stream.finish(graph)
}

/// The output of attention or MLP, before bias and residual sum.
struct Branch {
    value: Value,
    name: String,
    bias: Array1<f32>,
}

/// The residual stream, with the branch that the next norm adds to it.
struct ResidualStream {
    residual: Value,
    branch: Option<Branch>,
}

impl ResidualStream {
    /// Adds the branch and returns the layer norm of the sum.
    fn norm(&mut self, graph: &mut GraphBuilder<'_>, name: &str, eps: f32) -> Result<Value, ExportError> {
        let [weight, bias] = ["weight", "bias"].map(|part| {
            let name = format!("{name}.{part}");
            let values = graph.weights().vector(&name)?;
            half(graph, &name, &values)
        });
        let (weight, bias) = (weight?, bias?);
        let attributes = Attributes::none().float("epsilon", eps);
        let Some(Branch { value, name: layer, bias: branch_bias }) = self.branch.take() else {
            let attributes = attributes.integer("axis", -1);
            return Ok(graph.node("LayerNormalization", name, &[&self.residual, &weight, &bias], attributes));
        };
        let branch_bias = half(graph, &format!("{layer}.bias"), &branch_bias)?;
        let inputs = [&value, &self.residual, &weight, &bias, &branch_bias];
        let (normed, sum) = graph.skip_layer_norm(name, inputs, attributes);
        graph.declare(&normed, DataType::Float16);
        graph.declare(&sum, DataType::Float16);
        self.residual = sum;
        Ok(normed)
    }

    /// Adds the last branch, in 32 bits.
    fn finish(self, graph: &mut GraphBuilder<'_>) -> Result<Value, ExportError> {
        let residual = to_single(graph, "encoded.residual", &self.residual);
        let Some(Branch { value, name, bias }) = self.branch else { return Ok(residual) };
        let branch = to_single(graph, &format!("{name}.single"), &value);
        let bias = graph.constant(&format!("{name}.bias"), &[bias.len()], &bias.to_vec())?;
        let branch = graph.node("Add", &format!("{name}.biased"), &[&branch, &bias], Attributes::none());
        Ok(graph.node("Add", "encoded", &[&residual, &branch], Attributes::none()))
    }
}

/// Writes a block: attention and MLP.
fn block(
    graph: &mut GraphBuilder<'_>,
    stream: &mut ResidualStream,
    name: &str,
    stack: &Stack,
) -> Result<(), ExportError> {
    let weights = graph.weights();
    let read = |site| readers(weights, site, name, stack.qkv_bias);

    let normed = stream.norm(graph, &format!("{name}norm1"), stack.eps)?;
    let mut value_bias = None;
    let mut parts = Vec::with_capacity(3);
    for (part, dense) in ["query", "key", "value"].into_iter().zip(read(Site::Norm1)?) {
        let layer = format!("{name}attention.attention.{part}");
        let product = multiply(graph, &layer, &normed, dense.weight)?;
        parts.push(match (part, dense.bias) {
            ("query", Some(bias)) => {
                let bias = half(graph, &format!("{layer}.bias"), &bias)?;
                graph.node("Add", &format!("{layer}.biased"), &[&product, &bias], Attributes::none())
            }
            ("value", bias) => {
                value_bias = bias;
                product
            }
            _ => product,
        });
    }
    let settings =
        Attention { heads: stack.heads, width: stack.hidden, precision: Precision::Fp16, mask_and_bias: None };
    let attended = attention(graph, &Site::Attention.within(name), [&parts[0], &parts[1], &parts[2]], &settings)?;
    for mut dense in read(Site::Attention)? {
        if let Some(bias) = &value_bias {
            dense.bias = Some(dense.biases() + dense.weight.dot(bias));
        }
        stream.branch = Some(branch(graph, format!("{name}attention.output.dense"), &attended, dense)?);
    }

    let normed = stream.norm(graph, &format!("{name}norm2"), stack.eps)?;
    let mut inside = normed;
    for dense in read(Site::Norm2)? {
        let layer = format!("{name}mlp.fc1");
        let bias = dense.biases();
        let product = multiply(graph, &layer, &inside, dense.weight)?;
        let bias = half(graph, &format!("{layer}.bias"), &bias)?;
        let gelu = Site::Gelu.within(name);
        inside = graph.contrib("BiasGelu", &gelu, &[Some(&product), Some(&bias)], Attributes::none());
        graph.declare(&inside, DataType::Float16);
    }
    for dense in read(Site::Gelu)? {
        stream.branch = Some(branch(graph, format!("{name}mlp.fc2"), &inside, dense)?);
    }
    Ok(())
}

/// The last product of a branch; its bias is left to the next norm.
fn branch(graph: &mut GraphBuilder<'_>, name: String, input: &Value, dense: Dense) -> Result<Branch, ExportError> {
    let bias = dense.biases();
    let value = multiply(graph, &name, input, dense.weight)?;
    Ok(Branch { value, name, bias })
}

/// \[batch, tokens, inputs\] times weights as PyTorch stores them, \[outputs, inputs\].
fn multiply(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    weight: Array2<f32>,
) -> Result<Value, ExportError> {
    let by_input = weight.reversed_axes();
    let shape = [by_input.nrows(), by_input.ncols()];
    let weight = graph.constant_f16(&format!("{name}.weight"), &shape, &row_major(by_input))?;
    Ok(graph.node("MatMul", name, &[input, &weight], Attributes::none()))
}

/// A vector of 16-bit floats.
fn half(graph: &mut GraphBuilder<'_>, name: &str, values: &Array1<f32>) -> Result<Value, ExportError> {
    graph.constant_f16(name, &[values.len()], &values.to_vec())
}
