//! The project's own operators: the contract between a graph and the kernels that run it.
//!
//! A graph that is exported for ONNX Runtime holds the definition of each operator in terms of others, so any session can run it.
//! On a CPU whose kernels are worth it ([`radzero_kernels::Kernels::detect`]) a session of this crate runs its own kernels in
//! their place.
//!
//! | operator | inputs | output |
//! | --- | --- | --- |
//! | `Linear` | x \[rows, inputs\], weight in the layout of [`Panels`], bias \[outputs\] | x weight^T + bias, \[rows, outputs\] |
//! | `LinearGelu` | the same | GELU of it, with the error function |
//! | `LinearAdd` | the same, residual \[rows, outputs\] | the sum of it and the residual |
//! | `LinearInt8` | x \[rows, inputs\], weight in the layout of [`BytePanels`], scales \[outputs\], sums \[outputs\], bias \[outputs\] | x weight^T + bias with x and weight rounded to 8 bits, \[rows, outputs\] |
//! | `LinearInt8Gelu` | the same | GELU of it |
//! | `LinearInt8Add` | the same, residual \[rows, outputs\] | the sum of it and the residual |
//! | `Attention` | q, k, v \[batch, tokens, width\]; attribute `heads` | softmax(q k^T / sqrt(width / heads)) v by heads, as q |
//! | `AttentionInt16` | the same, width / heads at most 128 | the same, queries and keys rounded |
//!
//! All values are 32-bit floats, but for the weights of 8 bits (signed, not -128) and their sums (32-bit integers).
//!
//! Inputs of the layers of 8 bits are rounded row by row: of a row from its least value to its greatest, with 0 among them, `scale` is
//! a 255th (1 where that is below the smallest normal number), `zero` is -least / scale, rounded, and a value's level is
//! value x (1 / scale), rounded, plus zero, within 0 to 255. All rounding is to the nearest, ties to even. The result is the sum of
//! (level - zero) x weight, which fits into 32 bits exactly, times the output's factor of `scales`, times `scale`. `sums` are those of
//! each output's weights. A layer has at most [`BytePanels::MOST`] inputs.
//!
//! Queries and keys of `AttentionInt16` are rounded by token and head: a level is a 4095th of the greatest absolute value (1 where that
//! is below the smallest normal number), and a value's level is value x (1 / level), rounded.
//!
//! A value that is not a number, or is infinite, makes all that is rounded with it not a number.

use radzero_kernels::Kernels;
pub use radzero_kernels::{Attention, BytePanels, Panels};

/// The operators' domain.
pub const DOMAIN: &str = "radzero";

/// One of the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// A fully connected layer.
    Linear,
    /// A fully connected layer and GELU.
    LinearGelu,
    /// A fully connected layer and a residual sum.
    LinearAdd,
    /// A fully connected layer of 8 bits.
    LinearInt8,
    /// A fully connected layer of 8 bits and GELU.
    LinearInt8Gelu,
    /// A fully connected layer of 8 bits and a residual sum.
    LinearInt8Add,
    /// Attention of all heads.
    Attention,
    /// Attention of all heads, its scores products of 16-bit integers.
    AttentionInt16,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Linear,
        Self::LinearGelu,
        Self::LinearAdd,
        Self::LinearInt8,
        Self::LinearInt8Gelu,
        Self::LinearInt8Add,
        Self::Attention,
        Self::AttentionInt16,
    ];

    /// Name of the attribute of attention that holds the number of heads.
    pub const HEADS: &str = "heads";

    /// The name in a graph.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "Linear",
            Self::LinearGelu => "LinearGelu",
            Self::LinearAdd => "LinearAdd",
            Self::LinearInt8 => "LinearInt8",
            Self::LinearInt8Gelu => "LinearInt8Gelu",
            Self::LinearInt8Add => "LinearInt8Add",
            Self::Attention => "Attention",
            Self::AttentionInt16 => "AttentionInt16",
        }
    }

    /// Whether its weights are of 8 bits.
    #[must_use]
    pub fn is_int8(self) -> bool {
        matches!(self, Self::LinearInt8 | Self::LinearInt8Gelu | Self::LinearInt8Add)
    }

    /// Whether it is attention.
    #[must_use]
    pub fn is_attention(self) -> bool {
        matches!(self, Self::Attention | Self::AttentionInt16)
    }

    /// Whether `kernels` run it; where they do not, its definition is run.
    pub(crate) fn runs_on(self, kernels: Kernels) -> bool {
        !(self.is_int8() || self == Self::AttentionInt16) || kernels.multiplies_integers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use radzero_format::manifest::OPERATORS_VERSION;

    /// Files hold weights in this layout. Another one is another version of the operators: raise it, and change this.
    #[test]
    fn the_layout_of_weights_is_that_of_version_1() {
        assert_eq!(OPERATORS_VERSION, 1);
        let floats = Array2::from_shape_fn((33, 2), |(output, input)| (100 * output + input) as f32);
        let packed = Panels::pack(floats.view());
        let at = |index: usize| packed[index];
        assert_eq!([at(0), at(1), at(31), at(32), at(33), at(64)], [0.0, 100.0, 3100.0, 1.0, 101.0, 3200.0]);
        let bytes = Array2::from_shape_fn((33, 5), |(output, input)| (2 * output + 9 * input) as i8);
        let packed = BytePanels::pack(bytes.view());
        let at = |index: usize| packed[index];
        assert_eq!([at(0), at(1), at(3), at(4), at(127), at(128), at(129), at(256)], [0, 9, 27, 2, 89, 36, 0, 64]);
    }
}
