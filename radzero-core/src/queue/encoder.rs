//! The encoder that a queue runs.

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_pool as pool;
use radzero_score::{Comparison, EncodedImage, EncodedPrompt};

use crate::cancellation::Cancellation;
use crate::model::RadZero;
use crate::radiograph::Radiograph;
use crate::runtime::{GPU_BATCH, ImageTokens, Patience};

/// The most workers for an encoder on a CPU: more would read faster than it encodes.
const CPU_WORKERS: usize = 4;

/// The most workers for an encoder on a GPU, which can be faster than all cores read. Each worker holds an image.
const GPU_WORKERS: usize = 32;

/// Batches at a GPU at a time: one runs while the next is copied to where the GPU reads it.
const GPU_RUNS: usize = 2;

/// Encodes the images of an [`EncoderQueue`](super::EncoderQueue): a [`RadZero`], or a stub for tests without a model.
///
/// A stub makes up results with [`EncodedImage::new`], [`EncodedPrompt::new`] and [`Comparison::new`].
pub trait Encoder: Send + Sync + 'static {
    /// The output of a run for a batch.
    type Tokens: Send + Sync;

    /// The number of threads that read images and compute their pixels.
    fn workers(&self) -> usize;

    /// The most images in one run.
    fn batch(&self) -> usize;

    /// The number of threads that call [`run`](Self::run).
    fn runs(&self) -> usize {
        1
    }

    /// The model's input for a radiograph: \[3, S, S\].
    ///
    /// # Errors
    /// Errors of the encoder.
    fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>>;

    /// Checks the shape of pixels that came with a request: all images of a batch have the same.
    ///
    /// # Errors
    /// Errors of the encoder.
    fn check_pixels(&self, pixels: &Array3<u8>) -> Result<()>;

    /// Runs the image graph on a batch. Called by as many threads as [`runs`](Self::runs) says.
    ///
    /// # Errors
    /// Errors of the encoder; every request of the batch gets them.
    fn run(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<Self::Tokens>;

    /// The encoding of the batch's image with this index, made from `radiograph`. Called in parallel with the next run.
    ///
    /// # Errors
    /// Errors of the encoder.
    fn image(&self, tokens: &Self::Tokens, index: usize, radiograph: &Radiograph) -> Result<EncodedImage>;

    /// Encodes a request's prompts.
    ///
    /// # Errors
    /// Errors of the encoder.
    fn prompts(&self, prompts: &[String], cancellation: &Cancellation) -> Result<Vec<EncodedPrompt>>;

    /// Compares an image with prompts. Returns one comparison per prompt, in order.
    ///
    /// # Errors
    /// Errors of the encoder.
    fn compare(
        &self,
        image: &EncodedImage,
        prompts: &[EncodedPrompt],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>>;
}

/// The tokens of a batch encoded by a [`RadZero`].
#[derive(Debug)]
pub struct BatchTokens(ImageTokens);

impl Encoder for RadZero {
    type Tokens = BatchTokens;

    /// One per core, or the number of [`set_threads`](crate::set_threads); at most 4 on a CPU and 32 on a GPU.
    fn workers(&self) -> usize {
        pool::threads().min(if self.device().is_gpu() { GPU_WORKERS } else { CPU_WORKERS })
    }

    /// 8 on a GPU; 1 on a CPU, where batches are no faster.
    fn batch(&self) -> usize {
        if self.device().is_gpu() { GPU_BATCH } else { 1 }
    }

    /// 2 on a GPU, 1 on a CPU.
    fn runs(&self) -> usize {
        if self.device().is_gpu() { GPU_RUNS } else { 1 }
    }

    fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>> {
        Self::pixels(self, radiograph)
    }

    fn check_pixels(&self, pixels: &Array3<u8>) -> Result<()> {
        let size = self.manifest().dimensions.image_size;
        if pixels.dim() == (3, size, size) {
            return Ok(());
        }
        let message = format!("pixels [3, {size}, {size}] expected, {:?} found", pixels.shape());
        Err(Error::new(ErrorKind::Argument, message))
    }

    fn run(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<BatchTokens> {
        let span = tracing::debug_span!("radzero.encode_images", images = pixels.len());
        let _entered = span.enter();
        self.image_session()?.run(pixels, cancellation).map(BatchTokens)
    }

    fn image(&self, tokens: &BatchTokens, index: usize, radiograph: &Radiograph) -> Result<EncodedImage> {
        self.encoded(radiograph, &tokens.0, index)
    }

    fn prompts(&self, prompts: &[String], cancellation: &Cancellation) -> Result<Vec<EncodedPrompt>> {
        // An admitted request is not refused because others wait.
        self.encode_prompts_as(prompts, Patience::Any, cancellation)
    }

    fn compare(
        &self,
        image: &EncodedImage,
        prompts: &[EncodedPrompt],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>> {
        self.compare_until(image, prompts, cancellation)
    }
}
