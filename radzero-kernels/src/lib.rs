//! What a vision transformer spends its time on, for the vector units of a CPU: fully connected layers with what follows
//! them, and attention. 32-bit floats, or 8-bit integers where a processor has instructions for them. Safe Rust.
//!
//! 1. [`Panels`], [`BytePanels`]: how weights are stored, so that they are read in order and as they lie in a file
//! 2. `tile`: the innermost loop, a small block of a matrix product that stays in registers
//! 3. [`Kernels::linear`] and [`Kernels::attention`]: blocks that stay in a core's cache, shared out among [`Workers`];
//!    [`Kernels::linear_int8`] and [`Kernels::attention_int16`] do the same with integers
//! 4. `function`: powers of 2 and GELU, a vector at a time
//!
//! # Why not a matrix library?
//! A general library starts from weights in rows and packs them anew at each call or keeps a second copy, and what follows a
//! layer (bias, GELU, residual sum, softmax, rounding to 8 bits) is passes of its own. The layers of an encoder are few
//! shapes, known at export. What that is worth beside ONNX Runtime's kernels is in docs/benchmarks.md.
//!
//! # The same bits
//! A result depends on the instruction set ([`Kernels::name`]), and on nothing else: not on the number of workers, on the other
//! images of a batch, or on what ran before.

mod attention;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod bytes;
mod function;
mod linear;
mod panels;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod rounding;
mod scratch;
mod tile;
mod transpose;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod words;
mod workers;

use fearless_simd::{Level, dispatch};

pub use self::attention::Attention;
pub use self::linear::{End, Linear, LinearInt8};
pub use self::panels::{BytePanels, Panels};
pub use self::workers::{Serial, Workers};

/// The kernels for one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Kernels(Level);

impl Kernels {
    /// The kernels for the widest vectors of this processor; `None` if it has none that are worth it (on x86-64, older
    /// than AVX2 with fused multiply-add).
    #[must_use]
    pub fn detect() -> Option<Self> {
        Self::all().first().copied()
    }

    /// All kernels that run on this processor, widest vectors first.
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

    /// `end(x w^T + bias)` for every row of `x`.
    ///
    /// `x` is \[rows, inputs\], `y` \[rows, outputs\], both row by row.
    ///
    /// # Errors
    /// [`ShapeError`] if a slice has another length than the layer and the number of rows say.
    pub fn linear(
        self,
        workers: &dyn Workers,
        layer: &Linear<'_>,
        x: &[f32],
        end: End<'_>,
        y: &mut [f32],
    ) -> Result<(), ShapeError> {
        let rows = layer.check(x, end, y)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => linear::run::<_, 14, 2>(simd, workers, layer, (x, rows), end, y),
            level => dispatch!(level, simd => linear::run::<_, 6, 1>(simd, workers, layer, (x, rows), end, y)),
        }
        Ok(())
    }

    /// Whether [`Kernels::linear_int8`] and [`Kernels::attention_int16`] are there: with the AVX-512 of Ice Lake or
    /// Zen 4 and later, which has VNNI.
    #[must_use]
    pub fn multiplies_integers(self) -> bool {
        self.name() == "avx512"
    }

    /// The same with 8-bit weights, each row of `x` being rounded to 256 levels between its least and greatest value and 0.
    ///
    /// # Errors
    /// As [`Kernels::linear`], and [`KernelError::Unsupported`] where this is not [there](Kernels::multiplies_integers).
    pub fn linear_int8(
        self,
        workers: &dyn Workers,
        layer: &LinearInt8<'_>,
        x: &[f32],
        end: End<'_>,
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        let rows = layer.check(x, end, y)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => {
                bytes::run(simd, workers, layer, (x, rows), end, y);
                Ok(())
            }
            _ => Err(KernelError::Unsupported { needed: "avx512", found: self.name() }),
        }
    }

    /// softmax(q k^T / sqrt(d)) v of every image and head.
    ///
    /// `q`, `k`, `v` and `y` are \[images, tokens, heads * d\].
    ///
    /// # Errors
    /// [`ShapeError`] if a slice has another length than `shape` says.
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

    /// The same with scores from 16-bit integers: of each token and head, queries and keys are rounded to
    /// [`LEVELS`](Attention::LEVELS) to each side of zero, the last being their greatest absolute value.
    ///
    /// # Errors
    /// As [`Kernels::attention`], also if a head is wider than [`WIDEST`](Attention::WIDEST), and
    /// [`KernelError::Unsupported`] where this is not [there](Kernels::multiplies_integers).
    pub fn attention_int16(
        self,
        workers: &dyn Workers,
        shape: Attention,
        [q, k, v]: [&[f32]; 3],
        y: &mut [f32],
    ) -> Result<(), KernelError> {
        shape.check([q, k, v], y)?;
        ShapeError::check("values of a head", shape.width.min(Attention::WIDEST), shape.width)?;
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(simd) => {
                words::run(simd, workers, shape, [q, k, v], y);
                Ok(())
            }
            _ => Err(KernelError::Unsupported { needed: "avx512", found: self.name() }),
        }
    }
}

/// Why a kernel computes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// A slice does not have the length that the shapes say.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There is no such kernel for the instruction set.
    #[error("a kernel for {needed} vectors is needed, {found} found")]
    Unsupported {
        /// The instruction set that has it.
        needed: &'static str,
        /// This one.
        found: &'static str,
    },
}

/// A slice does not have the length that the shapes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {expected} values expected, {found} found")]
pub struct ShapeError {
    /// Which one.
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
