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
//! | `Attention` | q, k, v \[batch, tokens, width\]; attribute `heads` | softmax(q k^T / sqrt(width / heads)) v by heads, as q |
//!
//! All values are 32-bit floats.

pub use radzero_kernels::Panels;

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
    /// Attention of all heads.
    Attention,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Linear, Self::LinearGelu, Self::LinearAdd, Self::Attention];

    /// Name of the attribute of `Attention` that holds the number of heads.
    pub const HEADS: &str = "heads";

    /// The name in a graph.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "Linear",
            Self::LinearGelu => "LinearGelu",
            Self::LinearAdd => "LinearAdd",
            Self::Attention => "Attention",
        }
    }
}
