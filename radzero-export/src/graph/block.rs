//! A DINOv2 block at the export's precision.
//!
//! The precision applies to fully connected layers and attention. Residual sums and layer norms are always in 32 bits here.

use ndarray::Array1;
use radzero_format::manifest::Precision;
use radzero_format::operators::{BytePanels, Operator};

use super::layers::{self, Attention, Epilogue, attention, gemm, layer_norm_with, row_major, to_half, to_single};
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

/// The two shapes of tokens, as inputs of `Reshape`.
pub(super) struct Shapes {
    /// \[batch * tokens, D\], for fully connected layers.
    pub(super) rows: Value,
    /// \[batch, tokens, D\], for attention.
    pub(super) batched: Value,
}

/// A block to write.
pub(super) struct Block<'a> {
    /// Prefix of its tensors.
    pub(super) name: &'a str,
    pub(super) stack: &'a Stack,
    pub(super) numerics: &'a Numerics,
    pub(super) shapes: &'a Shapes,
}

impl Block<'_> {
    /// Writes the block on \[batch * tokens, D\]: attention and MLP, each after a norm and with LayerScale.
    pub(super) fn write(&self, graph: &mut GraphBuilder<'_>, rows: &Value) -> Result<Value, ExportError> {
        let weights = graph.weights();
        let rows = self.attention(graph, weights, rows)?;
        self.mlp(graph, weights, &rows)
    }

    fn attention(&self, graph: &mut GraphBuilder<'_>, weights: &Weights, rows: &Value) -> Result<Value, ExportError> {
        let smoothing = self.decision(Site::Attention).and_then(Decision::smoothing);
        let normed = self.norm(graph, Site::Norm1, rows)?;
        let mut parts = Vec::with_capacity(3);
        for (part, mut dense) in ["query", "key", "value"].into_iter().zip(self.readers(weights, Site::Norm1)?) {
            // Attention is linear in the values, so the smoothing of its output layer is applied to them.
            if let (Some(scale), "value") = (smoothing, part) {
                dense = dense.scale_outputs(&scale.map(|scale| 1.0 / scale));
            }
            let layer = self.named(&format!("attention.attention.{part}"));
            let flat = self.dense(graph, &layer, &normed, dense, (Site::Norm1, Epilogue::None))?;
            let reshaped = format!("{layer}.tokens");
            parts.push(graph.node("Reshape", &reshaped, &[&flat, &self.shapes.batched], Attributes::none()));
        }
        let Stack { heads, hidden: width, .. } = *self.stack;
        let settings = Attention { heads, width, precision: self.numerics.precision(), mask_and_bias: None };
        let qkv = [&parts[0], &parts[1], &parts[2]];
        let attended = attention(graph, &Site::Attention.within(self.name), qkv, &settings)?;
        let attended =
            graph.node("Reshape", &self.named("attention.rows"), &[&attended, &self.shapes.rows], Attributes::none());
        let layer = self.named("attention.output.dense");
        let epilogue = Epilogue::Add(&self.named("residual1"), rows);
        self.only_layer(graph, weights, &layer, &attended, (Site::Attention, epilogue))
    }

    fn mlp(&self, graph: &mut GraphBuilder<'_>, weights: &Weights, rows: &Value) -> Result<Value, ExportError> {
        let normed = self.norm(graph, Site::Norm2, rows)?;
        let gelu = Site::Gelu.within(self.name);
        let epilogue = Epilogue::Gelu(&gelu);
        let mut inside = self.only_layer(graph, weights, &self.named("mlp.fc1"), &normed, (Site::Norm2, epilogue))?;
        if let Some(scale) = self.decision(Site::Gelu).and_then(Decision::smoothing) {
            let name = self.named("mlp.smoothing");
            let factors = graph.constant(&format!("{name}.factors"), &[scale.len()], &inverse(scale))?;
            inside = graph.node("Mul", &name, &[&inside, &factors], Attributes::none());
        }
        let layer = self.named("mlp.fc2");
        let epilogue = Epilogue::Add(&self.named("residual2"), rows);
        self.only_layer(graph, weights, &layer, &inside, (Site::Gelu, epilogue))
    }

    /// The layer norm at `site`, with the smoothing of the layers that read it.
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

    /// The layer that reads a site with a single reader.
    fn only_layer(
        &self,
        graph: &mut GraphBuilder<'_>,
        weights: &Weights,
        name: &str,
        input: &Value,
        place: (Site, Epilogue<'_>),
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

    /// A fully connected layer that reads a site, with its epilogue.
    fn dense(
        &self,
        graph: &mut GraphBuilder<'_>,
        name: &str,
        input: &Value,
        dense: Dense,
        (site, epilogue): (Site, Epilogue<'_>),
    ) -> Result<Value, ExportError> {
        if let Some(decision) = self.decision(site) {
            let dense = match decision.smoothing() {
                Some(scale) => dense.scale_inputs(scale),
                None => dense,
            };
            return int8(graph, name, input, dense, epilogue);
        }
        if self.half() {
            let sum = half(graph, name, input, dense, matches!(epilogue, Epilogue::Add(..)))?;
            return Ok(layers::apply(graph, sum, epilogue));
        }
        layers::dense(graph, name, input, dense, epilogue)
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

/// A layer of 16-bit floats. Its result is converted to 32 bits if a residual sum follows.
fn half(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    sum_follows: bool,
) -> Result<Value, ExportError> {
    let shape = [dense.weight.nrows(), dense.weight.ncols()];
    let weight = graph.constant_f16(&format!("{name}.weight"), &shape, &row_major(dense.weight))?;
    let bias_name = format!("{name}.bias");
    let bias = dense.bias.map(|bias| graph.constant_f16(&bias_name, &[bias.len()], &bias.to_vec())).transpose()?;
    let result = gemm(graph, name, input, &weight, bias.as_ref());
    Ok(if sum_follows { to_single(graph, &format!("{name}.single"), &result) } else { result })
}

/// A layer of 8-bit integers with its epilogue. Inputs are scaled by row at run time, weights by output here.
fn int8(
    graph: &mut GraphBuilder<'_>,
    name: &str,
    input: &Value,
    dense: Dense,
    epilogue: Epilogue<'_>,
) -> Result<Value, ExportError> {
    let (levels, scales) = quantize_rows(&dense.weight);
    let (outputs, inputs) = levels.dim();
    let sums: Vec<i32> = levels.rows().into_iter().map(|row| row.iter().map(|level| i32::from(*level)).sum()).collect();
    let packed = BytePanels::pack(levels.view());
    let weight = graph.constant_i8(&format!("{name}.weight"), &BytePanels::new(inputs, outputs).shape(), &packed)?;
    let scales = graph.constant(&format!("{name}.scales"), &[outputs], &scales.to_vec())?;
    let sums = graph.constant_i32(&format!("{name}.sums"), &sums)?;
    let operators = [Operator::LinearInt8, Operator::LinearInt8Gelu, Operator::LinearInt8Add];
    layers::fused(graph, name, vec![input, &weight, &scales, &sums], &dense.biases(), epilogue, operators)
}

fn inverse(scale: &Array1<f32>) -> Vec<f32> {
    scale.iter().map(|scale| 1.0 / scale).collect()
}
