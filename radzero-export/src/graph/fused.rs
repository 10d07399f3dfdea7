//! Blocks of 16-bit floats in ONNX Runtime's fused operators, for its CUDA provider.
//!
//! A GPU multiplies faster than it reads: what is left to gain is passes over the tokens. A bias inside `Gemm` is two of them there
//! (it is copied to every row first, and read again), so every product here is a plain `MatMul`, and its bias is added by what comes
//! next: `BiasGelu` inside the perceptron, `SkipLayerNormalization` behind it and behind attention, which also takes the residual sum
//! and the norm in the same pass. Of attention's own biases only the queries' is left: that of the keys moves all scores of a query
//! alike, which softmax does not see, and that of the values, whose weights sum to 1, is added to the output layer's.
//!
//! Residual sums and norms are computed in 32 bits; the residual stream itself is kept in 16, as in PyTorch's fp16.

use ndarray::{Array1, Array2};
use radzero_core::manifest::Precision;

use super::layers::{Attention, attention, in_order, to_half, to_single};
use crate::checkpoint::{ALIGN_LAYER, Checkpoint, Stack, VISION_LAYER};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, GraphBuilder, Value};
use crate::quantize::readers;
use crate::reference::Site;

/// Both stacks of blocks and the norm between them: \[batch, 1 + N, D\] to the same, in 32 bits at both ends.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    graph: &mut GraphBuilder<'_>,
    embedded: &Value,
) -> Result<Value, ExportError> {
    let architecture = &checkpoint.architecture;
    let mut stream = Stream { residual: to_half(graph, "embeddings.half", embedded), branch: None };
    for index in 0..architecture.vision.layers {
        block(graph, &mut stream, &format!("{VISION_LAYER}{index}."), &architecture.vision)?;
    }
    let normed = stream.norm(graph, "vision_model.layernorm", architecture.vision.eps)?;
    stream = Stream { residual: normed, branch: None };
    for index in 0..architecture.align.layers {
        block(graph, &mut stream, &format!("{ALIGN_LAYER}{index}."), &architecture.align)?;
    }
    stream.end(graph)
}

/// What a block adds to the residual stream, without its bias yet.
struct Branch {
    value: Value,
    name: String,
    bias: Array1<f32>,
}

/// The residual stream, and what the block before adds to it at the next norm.
struct Stream {
    residual: Value,
    branch: Option<Branch>,
}

impl Stream {
    /// Adds the branch and takes the norm of the sum.
    fn norm(&mut self, graph: &mut GraphBuilder<'_>, name: &str, eps: f32) -> Result<Value, ExportError> {
        let [weight, bias] = ["weight", "bias"].map(|part| {
            let name = format!("{name}.{part}");
            let values = graph.weights().vector(&name)?;
            half(graph, &name, &values)
        });
        let (weight, bias) = (weight?, bias?);
        let attributes = Attributes::none().float("epsilon", eps);
        let Some(Branch { value, name: layer, bias: of_layer }) = self.branch.take() else {
            let attributes = attributes.integer("axis", -1);
            return Ok(graph.node("LayerNormalization", name, &[&self.residual, &weight, &bias], attributes));
        };
        let of_layer = half(graph, &format!("{layer}.bias"), &of_layer)?;
        let inputs = [&value, &self.residual, &weight, &bias, &of_layer];
        let (normed, sum) = graph.skip_layer_norm(name, inputs, attributes);
        self.residual = sum;
        Ok(normed)
    }

    /// Adds the last branch, in 32 bits.
    fn end(self, graph: &mut GraphBuilder<'_>) -> Result<Value, ExportError> {
        let residual = to_single(graph, "encoded.residual", &self.residual);
        let Some(Branch { value, name, bias }) = self.branch else { return Ok(residual) };
        let branch = to_single(graph, &format!("{name}.single"), &value);
        let bias = graph.constant(&format!("{name}.bias"), &[bias.len()], &bias.to_vec())?;
        let branch = graph.node("Add", &format!("{name}.biased"), &[&branch, &bias], Attributes::none());
        Ok(graph.node("Add", "encoded", &[&residual, &branch], Attributes::none()))
    }
}

fn block(graph: &mut GraphBuilder<'_>, stream: &mut Stream, name: &str, stack: &Stack) -> Result<(), ExportError> {
    let weights = graph.weights();
    let read = |site| readers(weights, site, name, stack.qkv_bias);

    let normed = stream.norm(graph, &format!("{name}norm1"), stack.eps)?;
    let mut of_values = None;
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
                of_values = bias;
                product
            }
            _ => product,
        });
    }
    let settings =
        Attention { heads: stack.heads, width: stack.hidden, precision: Precision::Fp16, mask_and_bias: None };
    let attended = attention(graph, &Site::Attention.within(name), [&parts[0], &parts[1], &parts[2]], &settings)?;
    for mut dense in read(Site::Attention)? {
        if let Some(bias) = &of_values {
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
        let activation = Site::Perceptron.within(name);
        inside = graph.contrib("BiasGelu", &activation, &[Some(&product), Some(&bias)], Attributes::none());
    }
    for dense in read(Site::Perceptron)? {
        stream.branch = Some(branch(graph, format!("{name}mlp.fc2"), &inside, dense)?);
    }
    Ok(())
}

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
    let weight = graph.half(&format!("{name}.weight"), &shape, &in_order(by_input))?;
    Ok(graph.node("MatMul", name, &[input, &weight], Attributes::none()))
}

fn half(graph: &mut GraphBuilder<'_>, name: &str, values: &Array1<f32>) -> Result<Value, ExportError> {
    graph.half(name, &[values.len()], &values.to_vec())
}
