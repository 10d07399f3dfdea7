//! What a queue runs.

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::{Comparison, EncodedImage, EncodedPrompt, pool};

use crate::cancellation::Cancellation;
use crate::model::RadZero;
use crate::radiograph::Radiograph;
use crate::runtime::{ImageTokens, Patience};

/// Threads that read and decode for an encoder on the CPU, at most: more than it keeps up with.
const WORKERS: usize = 4;

/// The same for one on a GPU, which may be faster than all cores read; each holds an image.
const GPU_WORKERS: usize = 32;

/// Images in one run on a GPU.
const GPU_BATCH: usize = 8;

/// What an [`EncoderQueue`](super::EncoderQueue) runs: a [`RadZero`], or a stand-in for tests without a model.
///
/// A stand-in makes up its results with [`EncodedImage::new`], [`EncodedPrompt::new`] and [`Comparison::new`].
pub trait Encoder: Send + Sync + 'static {
    /// What a run gives for a batch.
    type Tokens: Send + Sync;

    /// Threads that read images and make their pixels.
    fn workers(&self) -> usize;

    /// Images in one run, at most.
    fn batch(&self) -> usize;

    /// A radiograph as the model takes it: \[3, S, S\].
    ///
    /// # Errors
    /// Those of the encoder.
    fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>>;

    /// Whether pixels that a request brought are those of the model: a batch is of one size.
    ///
    /// # Errors
    /// Those of the encoder.
    fn check_pixels(&self, pixels: &Array3<u8>) -> Result<()>;

    /// Runs the image graph on a batch. Called by one thread.
    ///
    /// # Errors
    /// Those of the encoder; they reach every request of the batch.
    fn run(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<Self::Tokens>;

    /// The encoding of the batch's image number `index`, from 0, which was made from `radiograph`. Called beside the next run.
    ///
    /// # Errors
    /// Those of the encoder.
    fn image(&self, tokens: &Self::Tokens, index: usize, radiograph: &Radiograph) -> Result<EncodedImage>;

    /// Encodes a request's prompts.
    ///
    /// # Errors
    /// Those of the encoder.
    fn prompts(&self, prompts: &[String], cancellation: &Cancellation) -> Result<Vec<EncodedPrompt>>;

    /// Compares an image with prompts, in their order.
    ///
    /// # Errors
    /// Those of the encoder.
    fn compare(
        &self,
        image: &EncodedImage,
        prompts: &[EncodedPrompt],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>>;
}

/// The tokens of a batch that a [`RadZero`] has encoded.
#[derive(Debug)]
pub struct BatchTokens(ImageTokens);

impl Encoder for RadZero {
    type Tokens = BatchTokens;

    /// One a core, or what [`set_threads`](crate::set_threads) says; at most 4 on a CPU and 32 on a GPU.
    fn workers(&self) -> usize {
        pool::threads().min(if self.device().is_gpu() { GPU_WORKERS } else { WORKERS })
    }

    /// 8 on a GPU. On a CPU batches gain nothing.
    fn batch(&self) -> usize {
        if self.device().is_gpu() { GPU_BATCH } else { 1 }
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
        self.session_of_images()?.run(pixels, cancellation).map(BatchTokens)
    }

    fn image(&self, tokens: &BatchTokens, index: usize, radiograph: &Radiograph) -> Result<EncodedImage> {
        self.encoded(radiograph, tokens.0.image(index)?)
    }

    fn prompts(&self, prompts: &[String], cancellation: &Cancellation) -> Result<Vec<EncodedPrompt>> {
        // The request was admitted: it is not refused for others that wait.
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
