//! The two graphs, written so that ONNX Runtime recognises attention, norms and GELU.
//!
//! Fully connected layers take all tokens of a batch as rows, so that each is one product with its bias; attention takes
//! \[batch, tokens, width\]. For ONNX Runtime both are fused operators, for other engines standard ones. For 16 bits on CUDA the
//! image graph is another: see `fused`.

pub(crate) mod block;
mod fused;
pub(crate) mod image;
mod layers;
mod patches;
pub(crate) mod position;
pub(crate) mod text;
