//! The operators in which a vision transformer spends its time, for the vector units of a CPU: fully connected layers with
//! their epilogue, and attention. 32-bit floats, or integers where the processor has instructions for them. Safe Rust.
//!
//! 1. [`Panels`], [`BytePanels`]: the layouts of the weights, so that they are read in order, straight from the mapped file
//! 2. `tile`: the innermost loop, a small tile of a matrix product that stays in registers
//! 3. [`Kernels::linear`] and [`Kernels::attention`]: blocks that fit a core's cache, shared out among [`Workers`];
//!    [`Kernels::linear_int8`] and [`Kernels::attention_int16`] do the same with integers
//! 4. `math`: powers of 2 and GELU, a vector at a time
//!
//! # Why not a matrix library?
//! A general library takes row-major weights and either packs them again at each call or keeps a second copy. Everything
//! around the product (bias, GELU, residual sum, softmax, rounding to 8 bits) then takes extra passes over memory. An encoder
//! has only a few layer shapes, known at export. docs/benchmarks.md compares these kernels with ONNX Runtime's.
//!
//! # The same bits
//! A result depends on its inputs and the instruction set ([`Kernels::name`]) alone: not on the number of workers, the other
//! images of a batch, or earlier calls.

#![forbid(unsafe_code)]

// The examples of README.md are tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod attention;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod attention_int16;
mod linear;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod linear_int8;
mod math;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod quantize;
mod scratch;
mod tile;
mod transpose;
mod workers;

use fearless_simd::{Level, dispatch};
#[cfg(doc)]
use radzero_format::operators::ATTENTION_LEVELS;
use radzero_format::operators::WIDEST_HEAD;
/// The layouts of the weights in a model's files.
pub use radzero_format::operators::{BytePanels, Panels};

pub use self::attention::Attention;
pub use self::linear::{Epilogue, Linear, LinearInt8};
pub use self::workers::{Serial, Workers};

/// The kernels for one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Kernels(Level);

impl Kernels {
    /// The kernels for the widest vectors of this processor; `None` if it has none of the supported instruction sets (an
    /// x86-64 processor without AVX2 and fused multiply-add).
    #[must_use]
    pub fn detect() -> Option<Self> {
        Self::all().first().copied()
    }

    /// The kernels of every instruction set that this processor has, widest vectors first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let level = Level::new();
        let mut levels = Vec::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            levels.extend(level.as_avx512().map(Level::Avx512));
            levels.extend(level.as_avx2().map(Level::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        levels.extend(level.as_neon().map(Level::Neon));
        let _ = level;
        levels.into_iter().map(Self).collect()
    }

    /// The instruction set: `avx512`, `avx2` or `neon`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(_) => "avx512",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => "neon",
            _ => "none",
        }
    }

    /// Computes `y = epilogue(x w^T + bias)` for every row of `x`.
    ///
    /// `x` is \[rows, inputs\] and `y` \[rows, outputs\], both row-major.
    ///
    /// # Errors
    /// [`ShapeError`] if the length of a slice does not match the layer and the number of rows.
    pub fn linear(
        self,
        workers: &dyn Workers,
        layer: &Linear<'_>,
        x: &[f32],
        epilogue: Epilogue<'_>,
        y: &mut [f32],
    ) -> Result<(), ShapeError> {
        let rows = layer.check(x, epilogue, y)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => linear::run::<_, 14, 2>(simd, workers, layer, (x, rows), epilogue, y),
            level => dispatch!(level, simd => linear::run::<_, 6, 1>(simd, workers, layer, (x, rows), epilogue, y)),
        }
        Ok(())
    }

    /// Whether [`Kernels::linear_int8`] and [`Kernels::attention_int16`] are supported: with AVX-512 including VNNI, that is
    /// from Ice Lake or Zen 4 on.
    #[must_use]
    pub fn multiplies_integers(self) -> bool {
        self.name() == "avx512"
    }

    /// Like [`Kernels::linear`], with 8-bit weights; each row of `x` is quantized to 256 levels that span its values and 0.
    ///
    /// # Errors
    /// As [`Kernels::linear`], and [`KernelError::Unsupported`] without [integer kernels](Kernels::multiplies_integers).
    pub fn linear_int8(
        self,
        workers: &dyn Workers,
        layer: &LinearInt8<'_>,
        x: &[f32],
        epilogue: Epilogue<'_>,
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        let rows = layer.check(x, epilogue, y)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => {
                linear_int8::run(simd, workers, layer, (x, rows), epilogue, y);
                Ok(())
            }
            _ => Err(KernelError::Unsupported { needed: "avx512", found: self.name() }),
        }
    }

    /// Computes `y = softmax(q k^T / sqrt(d)) v` for every image and head.
    ///
    /// `q`, `k`, `v` and `y` are \[images, tokens, heads * d\].
    ///
    /// # Errors
    /// [`ShapeError`] if the length of a slice does not match `shape`.
    pub fn attention(
        self,
        workers: &dyn Workers,
        shape: Attention,
        [q, k, v]: [&[f32]; 3],
        y: &mut [f32],
    ) -> Result<(), ShapeError> {
        shape.check([q, k, v], y)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => attention::run::<_, 8, 3, 48>(simd, workers, shape, [q, k, v], y),
            level => dispatch!(level, simd => attention::run::<_, 6, 1, 16>(simd, workers, shape, [q, k, v], y)),
        }
        Ok(())
    }

    /// Like [`Kernels::attention`], with scores from 16-bit integers: the query and the key of each token and head are
    /// quantized to [`ATTENTION_LEVELS`] levels on each side of zero, the last of which is their greatest absolute value.
    ///
    /// # Errors
    /// As [`Kernels::attention`], also if a head is wider than [`WIDEST_HEAD`], and [`KernelError::Unsupported`] without
    /// [integer kernels](Kernels::multiplies_integers).
    pub fn attention_int16(
        self,
        workers: &dyn Workers,
        shape: Attention,
        [q, k, v]: [&[f32]; 3],
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        shape.check([q, k, v], y)?;
        ShapeError::check("values of a head", shape.width.min(WIDEST_HEAD), shape.width)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => {
                attention_int16::run(simd, workers, shape, [q, k, v], y);
                Ok(())
            }
            _ => Err(KernelError::Unsupported { needed: "avx512", found: self.name() }),
        }
    }
}

/// Why a kernel computed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The length of a slice does not match the shapes.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The instruction set has no such kernel.
    #[error("a kernel for {needed} vectors is needed, {found} found")]
    Unsupported {
        /// The instruction set that has it.
        needed: &'static str,
        /// The instruction set of these kernels.
        found: &'static str,
    },
}

/// The length of a slice does not match the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {expected} values expected, {found} found")]
pub struct ShapeError {
    /// The slice, or the dimension of a shape.
    pub what: &'static str,
    /// Values expected.
    pub expected: usize,
    /// Values found.
    pub found: usize,
}

impl ShapeError {
    fn check(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self { what, expected, found }) }
    }
}
