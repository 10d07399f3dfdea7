//! The model: opens a model directory and runs all stages on a radiograph and sentences.
//!
//! radiograph -> pixels -> tokens; sentence -> token ids -> embedding; tokens x embedding -> comparison -> map -> peak, mask.

mod builder;
mod encode_images;
mod encode_prompts;
mod prompt_cache;
mod self_test;

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array2, Array3};
use radzero_format::manifest::{Manifest, ModelDirectory};
use radzero_format::record::{EncoderRecord, ModelRecord, TextRecord};
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::{Comparison, EncodedImage, EncodedPrompt, Scorer};

pub use self::builder::{Encoders, RadZeroBuilder};
use self::prompt_cache::PromptCache;
pub use self::self_test::SelfTestReport;
use crate::cancellation::Cancellation;
use crate::pixels::to_model;
use crate::process::Process;
use crate::prompt::Tokenizer;
use crate::radiograph::Radiograph;
use crate::runtime::{Device, ImageSession, Patience, Placement, Runtime, TextSession};

/// Prompts compared between two checks of a cancellation, which takes milliseconds.
const COMPARE_BATCH: usize = 32;

/// An opened model. It is `Send + Sync`, and every call takes `&self`; concurrent calls wait in line for the encoders. For many
/// images or many callers, use an [`EncoderQueue`](crate::EncoderQueue).
///
/// ```no_run
/// use radzero_core::{RadZero, Radiograph};
///
/// # fn main() -> radzero_core::Result<()> {
/// let model = RadZero::open("models/radzero")?;
/// let image = model.encode_image(&Radiograph::open("chest.png")?)?;
/// let prompts = model.encode_prompts(&["There is fibrosis", "There is cardiomegaly"])?;
/// for found in model.compare(&image, &prompts)? {
///     let map = found.map();
///     println!("{}: probability {:.3}, peak {:?}", found.prompt(), found.probability(), map.peak());
/// }
/// # Ok(())
/// # }
/// ```
pub struct RadZero {
    directory: ModelDirectory,
    record: ModelRecord,
    device: Device,
    threads: NonZeroUsize,
    process: Process,
    runtime: Runtime,
    image: Option<ImageSession>,
    text: Option<TextEncoder>,
    scorer: Scorer,
}

/// Encodes sentences.
struct TextEncoder {
    session: TextSession,
    tokenizer: Tokenizer,
    /// The record of every embedding.
    record: Arc<TextRecord>,
    cache: PromptCache,
}

impl RadZero {
    /// Opens the model directory at `path` on the CPU with all cores. [`RadZero::builder`] has more options.
    ///
    /// # Errors
    /// As [`RadZeroBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// Opens the model directory at `path` with a choice of device, threads, runtime and more.
    pub fn builder(path: impl AsRef<Path>) -> RadZeroBuilder {
        RadZeroBuilder::new(path.as_ref())
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.directory.manifest()
    }

    /// The model directory.
    #[must_use]
    pub fn directory(&self) -> &ModelDirectory {
        &self.directory
    }

    /// The device that the model was opened for. It runs the image graph.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Threads for runs on the CPU, as set by [`RadZeroBuilder::threads`].
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// The ONNX Runtime in use.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The model, as stored in result records.
    #[must_use]
    pub fn record(&self) -> &ModelRecord {
        &self.record
    }

    /// How the image graph runs, as reported by its session; `None` if that encoder is not open.
    #[must_use]
    pub fn image_encoder(&self) -> Option<&EncoderRecord> {
        self.image.as_ref().map(ImageSession::record)
    }

    /// How the text graph runs, as reported by its session; `None` if that encoder is not open. Its device is
    /// [`Device::for_text`] of the model's device.
    #[must_use]
    pub fn text_encoder(&self) -> Option<&EncoderRecord> {
        self.text.as_ref().map(|text| text.session.record())
    }

    /// The instruction set of the project's own kernels (`avx512`, `avx2`, `neon`), which run layers of both graphs and the image
    /// graph's attention. `None` if ONNX Runtime's kernels run all nodes: on devices other than the CPU, on other processors, and
    /// for graphs without the project's own [operators](crate::operators).
    ///
    /// [`image_placement`](Self::image_placement) counts the nodes that use them. Operators for which the processor has no kernel
    /// (8 bits without AVX-512) run by their definition in the graph.
    #[must_use]
    pub fn kernels(&self) -> Option<&str> {
        self.image_encoder()
            .and_then(|encoder| encoder.kernels.as_deref())
            .or_else(|| self.text_encoder().and_then(|encoder| encoder.kernels.as_deref()))
    }

    /// Which execution provider runs the image graph's nodes, operator by operator; `None` if that encoder is not open.
    #[must_use]
    pub fn image_placement(&self) -> Option<&Placement> {
        self.image.as_ref().map(ImageSession::placement)
    }

    /// Which execution provider runs the text graph's nodes, operator by operator; `None` if that encoder is not open.
    #[must_use]
    pub fn text_placement(&self) -> Option<&Placement> {
        self.text.as_ref().map(|text| text.session.placement())
    }

    /// Compares encodings as this model does, but without its graphs: for threads or processes that only compare.
    #[must_use]
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    pub(crate) fn image_session(&self) -> Result<&ImageSession> {
        self.process.check()?;
        self.image.as_ref().ok_or_else(|| not_open("image"))
    }

    fn text(&self) -> Result<&TextEncoder> {
        self.process.check()?;
        self.text.as_ref().ok_or_else(|| not_open("text"))
    }

    /// The radiograph as the model sees it: \[3, S, S\], 8-bit red, green, blue.
    ///
    /// # Errors
    /// As [`to_model`], and [`ErrorKind::Forked`].
    pub fn pixels(&self, radiograph: &Radiograph) -> Result<Array3<u8>> {
        self.process.check()?;
        let manifest = self.manifest();
        let preprocessing = &manifest.preprocessing;
        to_model(radiograph, preprocessing.geometry, manifest.dimensions.image_size, preprocessing.resample)
    }

    /// Token ids of a prompt, special tokens included.
    ///
    /// # Errors
    /// [`ErrorKind::EmptyPrompt`]; [`ErrorKind::PromptTooLong`] with more than `manifest().text.max_tokens` tokens;
    /// [`ErrorKind::EncoderNotOpen`].
    pub fn tokenize(&self, prompt: &str) -> Result<Vec<u32>> {
        self.text()?.tokenizer.encode(prompt)
    }

    /// Runs the text graph on token ids. Returns embeddings \[prompts, D\], which may contain values that are not finite.
    fn run_prompts(&self, ids: &[&[u32]], patience: Patience, cancellation: &Cancellation) -> Result<Array2<f32>> {
        let text = self.text()?;
        let batch = text.tokenizer.batch(ids);
        text.session.run(batch.ids, batch.mask, patience, cancellation)
    }

    /// Runs both graphs once, because a device allocates and compiles at its first run.
    fn warm_up(&self) -> Result<()> {
        if self.image.is_some() {
            let size = self.manifest().dimensions.image_size;
            self.image_session()?.run(&[Array3::zeros((3, size, size))], &Cancellation::new())?;
        }
        if let Some(text) = &self.text {
            let ids = text.tokenizer.encode("There is fibrosis")?;
            self.run_prompts(&[&ids], Patience::Any, &Cancellation::new())?;
        }
        Ok(())
    }

    /// Compares an encoded image with encoded prompts. Returns one [`Comparison`] per prompt, in order.
    ///
    /// # Errors
    /// As [`Scorer::compare`].
    pub fn compare(&self, image: &EncodedImage, prompts: &[EncodedPrompt]) -> Result<Vec<Comparison>> {
        let span = tracing::debug_span!("radzero.compare", prompts = prompts.len());
        let _entered = span.enter();
        self.scorer.compare(image, prompts)
    }

    /// As [`compare`](Self::compare), but can be cancelled.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), and [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
    pub fn compare_until(
        &self,
        image: &EncodedImage,
        prompts: &[EncodedPrompt],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>> {
        cancellation.check()?;
        let mut found = Vec::with_capacity(prompts.len());
        for chunk in prompts.chunks(COMPARE_BATCH) {
            cancellation.check()?;
            found.extend(self.compare(image, chunk)?);
        }
        Ok(found)
    }

    /// All stages for one radiograph: [`encode_image`](Self::encode_image), [`encode_prompts`](Self::encode_prompts),
    /// [`compare`](Self::compare).
    ///
    /// # Errors
    /// As these three.
    pub fn infer<S: AsRef<str>>(&self, radiograph: &Radiograph, prompts: &[S]) -> Result<Vec<Comparison>> {
        self.infer_until(radiograph, prompts, &Cancellation::new())
    }

    /// As [`infer`](Self::infer), but can be cancelled, or given one deadline for all stages.
    ///
    /// # Errors
    /// As [`infer`](Self::infer), and [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
    pub fn infer_until<S: AsRef<str>>(
        &self,
        radiograph: &Radiograph,
        prompts: &[S],
        cancellation: &Cancellation,
    ) -> Result<Vec<Comparison>> {
        // Prompts first: an invalid one is found before the expensive run.
        let prompts = self.encode_prompts_until(prompts, cancellation)?;
        self.compare_until(&self.encode_image_until(radiograph, cancellation)?, &prompts, cancellation)
    }
}

fn not_open(encoder: &str) -> Error {
    Error::new(
        ErrorKind::EncoderNotOpen,
        format!("the {encoder} encoder is needed, and the model was opened without it"),
    )
}

/// The error for values of a graph that are refused as an encoding. They have the shape that the manifest says, so only a value can
/// be the reason.
fn not_finite(graph: &str, refused: Error) -> Error {
    Error::new(ErrorKind::Inference, format!("the {graph} graph returned values that are not finite"))
        .with_source(refused)
}

impl Drop for RadZero {
    fn drop(&mut self) {
        // Closing a session waits for its threads, which a forked child does not have.
        if self.process.check().is_err() {
            mem::forget((self.image.take(), self.text.take()));
        }
    }
}

impl fmt::Debug for RadZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadZero")
            .field("directory", &self.directory.path())
            .field("device", &self.device)
            .field("image", &self.image_encoder())
            .field("text", &self.text_encoder())
            .finish_non_exhaustive()
    }
}

/// Checked at compile time: these types can be shared between threads.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<RadZero>();
    shareable::<EncodedImage>();
    shareable::<EncodedPrompt>();
    shareable::<Comparison>();
};
