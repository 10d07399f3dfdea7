//! The two graphs, written so that ONNX Runtime finds fused attention, norms and GELU.
//!
//! Tokens are flattened to two dimensions once, so that every product is a `Gemm` with its bias inside; attention is ONNX
//! Runtime's `MultiHeadAttention`, which takes \[batch, tokens, width\], or standard operators for other engines. In 16 bits for
//! CUDA it is another graph: see `fused`.

pub(crate) mod block;
mod fused;
pub(crate) mod image;
mod layers;
mod patches;
pub(crate) mod position;
pub(crate) mod text;
