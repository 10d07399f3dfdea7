//! A fully connected layer of the checkpoint, and scaling that is folded into it.

use ndarray::{Array1, Array2, Axis};

use crate::checkpoint::Weights;
use crate::error::ExportError;

/// Weight \[output, input\] and bias \[output\].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dense {
    pub(crate) weight: Array2<f32>,
    pub(crate) bias: Option<Array1<f32>>,
}

impl Dense {
    /// Reads `NAME.weight` and, if `bias` is set, `NAME.bias`.
    pub(crate) fn read(weights: &Weights, name: &str, bias: bool) -> Result<Self, ExportError> {
        let weight = weights.matrix(&format!("{name}.weight"))?;
        let bias = if bias { Some(weights.vector(&format!("{name}.bias"))?) } else { None };
        Ok(Self { weight, bias })
    }

    /// The bias, or zeros.
    pub(crate) fn biases(&self) -> Array1<f32> {
        self.bias.clone().unwrap_or_else(|| Array1::zeros(self.weight.nrows()))
    }

    /// Multiplies each output by a factor.
    pub(crate) fn scale_outputs(mut self, scale: &Array1<f32>) -> Self {
        self.bias = self.bias.map(|bias| bias * scale);
        self.weight *= &scale.view().insert_axis(Axis(1));
        self
    }

    /// Multiplies each input by a factor.
    pub(crate) fn scale_inputs(mut self, scale: &Array1<f32>) -> Self {
        self.weight *= scale;
        self
    }
}
