//! A DINOv2 block at the export's precision.
//!
//! Residual sums and norms are always in 32 bits here. The fully connected layers between them, and attention, are what the
//! precision is about.

use ndarray::Array1;
use radzero_core::manifest::Precision;
use radzero_core::operators::{BytePanels, Operator};

use super::layers::{self, Attention, End, attention, follow, in_order, layer_norm_with, linear, to_half, to_single};
use crate::checkpoint::{Stack, Weights};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::onnx::{Attributes, GraphBuilder, Value};
use crate::quantize::{Decision, Plan, quantize_rows, readers};
use crate::reference::Site;

/// How the fully connected layers and attention are computed.
#[derive(Debug)]
pub(crate) enum Numerics {
    /// 32-bit floats.
    Single,
    /// 16-bit floats.
    Half,
    /// 8-bit integers where the plan says so.
    Int8(Plan),
}

impl Numerics {
    pub(crate) fn precision(&self) -> Precision {
        match self {
            Self::Single => Precision::Fp32,
            Self::Half => Precision::Fp16,
            Self::Int8(_) => Precision::Int8,
        }
    }
}

/// Shapes that rows are given: all tokens of a batch below each other, or image by image.
pub(super) struct Shapes {
    pub(super) flat: Value,
    pub(super) batched: Value,
}

/// A block that is about to be written.
pub(super) struct Block<'a> {
    /// Prefix of its tensors.
    pub(super) name: &'a str,
    pub(super) stack: &'a Stack,
    pub(super) numerics: &'a Numerics,
    pub(super) shapes: &'a Shapes,
}

impl Block<'_> {
    /// Writes the block on \[batch * tokens, D\]: attention and perceptron, each after a norm and with LayerScale.
    pub(super) fn write(&self, graph: &mut GraphBuilder<'_>, rows: &Value) -> Result<Value, ExportError> {
        let weights = graph.weights();
        let rows = self.attention(graph, weights, rows)?;
        self.perceptron(graph, weights, &rows)
    }

    fn attention(&self, graph: &mut GraphBuilder<'_>, weights: &Weights, rows: &Value) -> Result<Value, ExportError> {
        let smoothing = self.decision(Site::Attention).and_then(Decision::smoothing);
        let normed = self.norm(graph, Site::Norm1, rows)?;
        let mut parts = Vec::with_capacity(3);
        for (part, mut dense) in ["query", "key", "value"].into_iter().zip(self.readers(weights, Site::Norm1)?) {
            // Attention passes factors of the values' channels on: what its output layer wants divided is divided here.
            if let (Some(scale), "value") = (smoothing, part) {
                dense = dense.scale_outputs(&scale.map(|scale| 1.0 / scale));
            }
            let layer = self.named(&format!("attention.attention.{part}"));
            let flat = self.dense(graph, &layer, &normed, dense, (Site::Norm1, End::None))?;
            let reshaped = format!("{layer}.tokens");
            parts.push(graph.node("Reshape", &reshaped, &[&flat, &self.shapes.batched], Attributes::none()));
        }
        let Stack { heads, hidden: width, .. } = *self.stack;
        let settings = Attention { heads, width, precision: self.numerics.precision(), mask_and_bias: None };
        let qkv = [&parts[0], &parts[1], &parts[2]];
        let attended = attention(graph, &Site::Attention.within(self.name), qkv, &settings)?;
        let attended =
            graph.node("Reshape", &self.named("attention.rows"), &[&attended, &self.shapes.flat], Attributes::none());
        let layer = self.named("attention.output.dense");
        self.only(graph, weights, &layer, &attended, (Site::Attention, End::Add(&self.named("residual1"), rows)))
    }

    fn perceptron(&self, graph: &mut GraphBuilder<'_>, weights: &Weights, rows: &Value) -> Result<Value, ExportError> {
        let normed = self.norm(graph, Site::Norm2, rows)?;
        let activation = Site::Perceptron.within(self.name);
        let mut inside =
            self.only(graph, weights, &self.named("mlp.fc1"), &normed, (Site::Norm2, End::Gelu(&activation)))?;
        if let Some(scale) = self.decision(Site::Perceptron).and_then(Decision::smoothing) {
            let name = self.named("mlp.smoothing");
            let factors = graph.constant(&format!("{name}.factors"), &[scale.len()], &inverse(scale))?;
            inside = graph.node("Mul", &name, &[&inside, &factors], Attributes::none());
        }
        let layer = self.named("mlp.fc2");
        self.only(graph, weights, &layer, &inside, (Site::Perceptron, End::Add(&self.named("residual2"), rows)))
    }

    /// A norm whose values enter at `site`, ready for its layers.
    fn norm(&self, graph: &mut GraphBuilder<'_>, site: Site, rows: &Value) -> Result<Value, ExportError> {
        let name = site.within(self.name);
        let mut constants = Vec::with_capacity(2);
        for part in ["weight", "bias"] {
            let tensor = format!("{name}.{part}");
            constants.push(match self.decision(site).and_then(Decision::smoothing) {
                Some(scale) => {
                    let values = graph.weights().vector(&tensor)? / scale;
                    graph.constant(&tensor, &[values.len()], &values.to_vec())?
                }
                None => graph.weight(&tensor)?,
            });
        }
        let normed = layer_norm_with(graph, &name, rows, [&constants[0], &constants[1]], self.stack.eps);
        Ok(if self.half() { to_half(graph, &format!("{name}.half"), &normed) } else { normed })
    }

    /// The only layer that reads a site.
    fn only(
        &self,
        graph: &mut GraphBuilder<'_>,
        weights: &Weights,
        name: &str,
        input: &Value,
        place: (Site, End<'_>),
    ) -> Result<Value, ExportError> {
        let mut result = input.clone();
        for dense in self.readers(weights, place.0)? {
            result = self.dense(graph, name, input, dense, place)?;
        }
        Ok(result)
    }

    fn readers(&self, weights: &Weights, site: Site) -> Result<Vec<Dense>, ExportError> {
        readers(weights, site, self.name, self.stack.qkv_bias)
    }

    /// A fully connected layer that reads a site, and what follows it.
    fn dense(
        &self,
        graph: &mut GraphBuilder<'_>,
        name: &str,
        input: &Value,
        dense: Dense,
        (site, end): (Site, End<'_>),
    ) -> Result<Value, ExportError> {
        if let Some(decision) = self.decision(site) {
            let dense = match decision.smoothing() {
                Some(scale) => dense.scale_inputs(scale),
                None => dense,
            };
            return int8(graph, name, input, dense, end);
        }
        if self.half() {
            let sum = half(graph, name, input, dense, matches!(end, End::Add(..)))?;
            return Ok(follow(graph, sum, end));
        }
        layers::dense(graph, name, input, dense, end)
    }

    fn decision(&self, site: Site) -> Option<&Decision> {
        match self.numerics {
            Numerics::Int8(plan) => plan.decision(self.name, site),
            Numerics::Single | Numerics::Half => None,
        }
    }

    fn half(&self) -> bool {
        matches!(self.numerics, Numerics::Half)
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.name)
    }
}

/// A layer of 16-bit floats; its result is in 32 bits where a residual sum follows.
fn half(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    sum_follows: bool,
) -> Result<Value, ExportError> {
    let shape = [dense.weight.nrows(), dense.weight.ncols()];
    let weight = graph.half(&format!("{name}.weight"), &shape, &in_order(dense.weight))?;
    let bias_name = format!("{name}.bias");
    let bias = dense.bias.map(|bias| graph.half(&bias_name, &[bias.len()], &bias.to_vec())).transpose()?;
    let result = linear(graph, name, input, &weight, bias.as_ref());
    Ok(if sum_follows { to_single(graph, &format!("{name}.single"), &result) } else { result })
}

/// A layer of 8-bit integers and what follows it: inputs get one scale a row at each run, weights have one an output.
fn int8(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    end: End<'_>,
) -> Result<Value, ExportError> {
    let (levels, scales) = quantize_rows(&dense.weight);
    let (outputs, inputs) = levels.dim();
    let sums: Vec<i32> = levels.rows().into_iter().map(|row| row.iter().map(|level| i32::from(*level)).sum()).collect();
    let packed = BytePanels::pack(levels.view());
    let weight = graph.bytes(&format!("{name}.weight"), &BytePanels::new(inputs, outputs).shape(), &packed)?;
    let scales = graph.constant(&format!("{name}.scales"), &[outputs], &scales.to_vec())?;
    let sums = graph.words(&format!("{name}.sums"), &sums)?;
    let operators = [Operator::LinearInt8, Operator::LinearInt8Gelu, Operator::LinearInt8Add];
    layers::own(graph, name, vec![input, &weight, &scales, &sums], &dense.biases(), end, operators)
}

fn inverse(scale: &Array1<f32>) -> Vec<f32> {
    scale.iter().map(|scale| 1.0 / scale).collect()
}
