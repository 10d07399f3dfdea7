//! The project's own operators: the contract between a graph and the kernels that run it.
//!
//! A graph exported for ONNX Runtime contains the definition of each operator in terms of standard ones, so any session can run
//! it. On a CPU that `radzero-kernels` supports, `radzero-core` runs that crate's kernels instead.
//!
//! | operator | inputs | output |
//! | --- | --- | --- |
//! | `Linear` | x \[rows, inputs\], weight in the layout of [`Panels`], bias \[outputs\] | x weight^T + bias, \[rows, outputs\] |
//! | `LinearGelu` | as `Linear` | GELU of that, with the error function |
//! | `LinearAdd` | as `Linear`, residual \[rows, outputs\] | that plus the residual |
//! | `LinearInt8` | x \[rows, inputs\], weight in the layout of [`BytePanels`], scales \[outputs\], sums \[outputs\], bias \[outputs\] | x weight^T + bias with x and weight rounded to 8 bits, \[rows, outputs\] |
//! | `LinearInt8Gelu` | as `LinearInt8` | GELU of that |
//! | `LinearInt8Add` | as `LinearInt8`, residual \[rows, outputs\] | that plus the residual |
//! | `Attention` | q, k, v \[batch, tokens, width\]; attribute `heads` | softmax(q k^T / sqrt(width / heads)) v for each head, shape of q |
//! | `AttentionInt16` | as `Attention`, width / heads at most 128 | as `Attention`, with queries and keys rounded |
//!
//! All values are 32-bit floats, except 8-bit weights (signed, never -128) and their sums (32-bit integers).
//!
//! 8-bit layers quantize their input row by row. Let `least` and `greatest` be the extremes of the row's values and 0. Then
//! `scale` is (greatest - least) / 255 (or 1 if that is below the smallest normal number), `zero` is round(-least / scale), and the
//! level of a value is round(value x (1 / scale)) + zero, clamped to 0 to 255. Rounding is to nearest, ties to even. The result is
//! the sum of (level - zero) x weight, which is exact in 32 bits, times the output's entry of `scales`, times `scale`. `sums` holds
//! the sum of each output's weights. A layer has at most [`BytePanels::MOST`] inputs.
//!
//! `AttentionInt16` quantizes queries and keys by token and head: `scale` is the greatest absolute value / 4095 (or 1 if that is
//! below the smallest normal number), and the level of a value is round(value x (1 / scale)).
//!
//! A NaN or infinite value makes everything that is quantized with it NaN.

mod panels;

pub use self::panels::{BytePanels, Panels};

/// The ONNX domain of the operators.
pub const DOMAIN: &str = "radzero";

/// Number of levels on each side of zero to which `AttentionInt16` rounds queries and keys.
pub const ATTENTION_LEVELS: f32 = 4095.0;

/// Greatest width of a head of `AttentionInt16`: with more, a sum of products could overflow 32 bits.
pub const WIDEST_HEAD: usize = 128;

/// One of the project's own operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// A fully connected layer.
    Linear,
    /// A fully connected layer with GELU.
    LinearGelu,
    /// A fully connected layer with a residual connection.
    LinearAdd,
    /// An 8-bit fully connected layer.
    LinearInt8,
    /// An 8-bit fully connected layer with GELU.
    LinearInt8Gelu,
    /// An 8-bit fully connected layer with a residual connection.
    LinearInt8Add,
    /// Multi-head attention.
    Attention,
    /// Multi-head attention, with scores from products of 16-bit integers.
    AttentionInt16,
}

impl Operator {
    /// All operators.
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

    /// Name of the attribute with the number of attention heads.
    pub const HEADS: &str = "heads";

    /// The operator's name in a graph.
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

    /// Whether it has 8-bit weights.
    #[must_use]
    pub fn is_int8(self) -> bool {
        matches!(self, Self::LinearInt8 | Self::LinearInt8Gelu | Self::LinearInt8Add)
    }

    /// Whether it is attention.
    #[must_use]
    pub fn is_attention(self) -> bool {
        matches!(self, Self::Attention | Self::AttentionInt16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::OPERATORS_VERSION;
    use ndarray::Array2;

    /// Model files store weights in this layout. If it changes, raise the version of the operators, and update this test.
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
