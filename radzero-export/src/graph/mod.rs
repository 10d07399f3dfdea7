//! The two graphs, written so that ONNX Runtime finds fused attention, norms and GELU.
//!
//! Tokens are flattened to two dimensions once, so that every product is a `Gemm` with its bias inside; attention is ONNX
//! Runtime's `MultiHeadAttention`, which takes \[batch, tokens, width\], or standard operators for other engines.

pub(crate) mod block;
pub(crate) mod image;
mod layers;
pub(crate) mod position;
pub(crate) mod text;
