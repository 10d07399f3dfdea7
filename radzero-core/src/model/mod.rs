//! The model: opens a model directory and takes a radiograph and sentences through all stages.
//!
//! radiograph -> pixels -> tokens; sentence -> token ids -> embedding; tokens x embedding -> comparison -> map -> peak, mask.

mod archive;
mod builder;
mod encoded;
mod ordered;
mod self_test;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use ndarray::{Array2, Array3, ArrayView, Axis, Dimension};
use radzero_kernels::Kernels;

pub use self::archive::{ArchiveImage, EncodedArchive};
pub use self::builder::RadZeroBuilder;
pub use self::encoded::{Comparison, EncodedImage, EncodedPrompt, Provenance};
pub use self::self_test::SelfTestReport;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, ModelDirectory};
use crate::pixels::Geometry;
use crate::prompt::Tokenizer;
use crate::radiograph::Radiograph;
use crate::runtime::{Cancellation, Device, ImageSession, Placement, Runtime, TextSession};
use crate::similarity::vl_cabs;

/// Prompts encoded in one run: enough to use the cores, few enough to bound memory.
const PROMPT_BATCH: usize = 32;

/// Prompt embeddings kept, least recently used out first (3 KiB each at full size).
const PROMPT_CACHE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// An opened model. `Send + Sync`; every call takes `&self`, concurrent calls queue for the encoders.
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
    device: Device,
    threads: NonZeroUsize,
    kernels: Option<Kernels>,
    runtime: Runtime,
    image: ImageSession,
    text: TextSession,
    tokenizer: Tokenizer,
    prompts: Mutex<LruCache<String, EncodedPrompt>>,
}

impl RadZero {
    /// Opens the model directory at `path` on the CPU with all cores. [`RadZero::builder`] chooses otherwise.
    ///
    /// # Errors
    /// As [`RadZeroBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// Chooses device, threads and runtime before opening the model directory at `path`.
    pub fn builder(path: impl AsRef<Path>) -> RadZeroBuilder {
        RadZeroBuilder::new(path.as_ref())
    }

    /// What the manifest says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.directory.manifest()
    }

    /// The model directory.
    #[must_use]
    pub fn directory(&self) -> &ModelDirectory {
        &self.directory
    }

    /// The device that the model was opened for: it runs the image graph.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// The device that runs the text graph: [`Device::for_text`] of [`RadZero::device`].
    #[must_use]
    pub fn text_device(&self) -> Device {
        self.text.device()
    }

    /// Threads for a run on the CPU: those of [`RadZeroBuilder::threads`].
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// The ONNX Runtime in use.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The instruction set of the project's own kernels that run layers of both graphs and the image graph's attention
    /// (`avx512`, `avx2`, `neon`); `None` where ONNX Runtime's run all of them: on devices other than the CPU, on other processors,
    /// and for graphs without [operators](crate::operators) of the project's own. Which of these run, and how many, is in
    /// [`image_placement`](Self::image_placement): what a processor has no kernels for (8 bits without AVX-512) runs as its definition.
    #[must_use]
    pub fn kernels(&self) -> Option<&'static str> {
        self.kernels.map(Kernels::name)
    }

    /// Which execution provider runs the image graph's nodes, as the session reports it.
    #[must_use]
    pub fn image_placement(&self) -> &Placement {
        self.image.placement()
    }

    /// Which execution provider runs the text graph's nodes, as the session reports it.
    #[must_use]
    pub fn text_placement(&self) -> &Placement {
        self.text.placement()
    }

    /// The radiograph as the model sees it: \[3, S, S\], 8-bit red, green, blue.
    #[must_use]
    pub fn pixels(&self, radiograph: &Radiograph) -> Array3<u8> {
        self.geometry(radiograph).to_model(radiograph, self.manifest().preprocessing.resample)
    }

    /// Token ids of a prompt, special tokens included.
    ///
    /// # Errors
    /// [`ErrorKind::Prompt`] if it is empty or has more than `manifest().text.max_tokens` tokens.
    pub fn tokenize(&self, prompt: &str) -> Result<Vec<u32>> {
        self.tokenizer.encode(prompt)
    }

    /// Encodes a radiograph once, to be compared with any number of prompts.
    ///
    /// # Errors
    /// [`ErrorKind::Inference`] if the graph fails.
    pub fn encode_image(&self, radiograph: &Radiograph) -> Result<EncodedImage> {
        let mut encoded = self.encode_images(std::slice::from_ref(radiograph))?;
        encoded.pop().ok_or_else(|| Error::new(ErrorKind::Inference, "the image graph returned no image"))
    }

    /// Encodes radiographs in one run of the image graph. The results stand in the order of the radiographs.
    ///
    /// The batch is as large as the slice: memory grows with it, by about 60 MB an image at full size.
    ///
    /// # Errors
    /// [`ErrorKind::Inference`] if the graph fails.
    pub fn encode_images(&self, radiographs: &[Radiograph]) -> Result<Vec<EncodedImage>> {
        self.encode_images_until(radiographs, &Cancellation::new())
    }

    /// As [`encode_images`](Self::encode_images), until it is cancelled.
    ///
    /// # Errors
    /// As that, and [`ErrorKind::Cancelled`].
    pub fn encode_images_until(
        &self,
        radiographs: &[Radiograph],
        cancellation: &Cancellation,
    ) -> Result<Vec<EncodedImage>> {
        if radiographs.is_empty() {
            return Ok(Vec::new());
        }
        let pixels: Vec<Array3<u8>> = radiographs.iter().map(|radiograph| self.pixels(radiograph)).collect();
        let tokens = self.run_images(&pixels, cancellation)?;
        radiographs.iter().zip(tokens).map(|(one, tokens)| self.encoded(one, tokens)).collect()
    }

    fn encoded(&self, radiograph: &Radiograph, tokens: Array2<f32>) -> Result<EncodedImage> {
        if !all_finite(tokens.view()) {
            return Err(not_finite("the image graph returned values"));
        }
        Ok(EncodedImage::new(tokens, self.geometry(radiograph), self.provenance(radiograph)))
    }

    /// Pixels \[3, S, S\] of a batch to tokens \[1 + N, D\] of each, which may not be finite.
    fn run_images(&self, pixels: &[Array3<u8>], cancellation: &Cancellation) -> Result<Vec<Array2<f32>>> {
        let tokens = match pixels {
            // One image is handed over as it lies, and its tokens are kept as they came.
            [one] => self.image.run(one.view().insert_axis(Axis(0)), cancellation)?,
            several => {
                let views: Vec<_> = several.iter().map(|pixels| pixels.view()).collect();
                let batch = ndarray::stack(Axis(0), &views)
                    .map_err(|error| Error::new(ErrorKind::Argument, "pixels of different sizes").with_source(error))?;
                self.image.run(batch.view(), cancellation)?
            }
        };
        let dimensions = &self.manifest().dimensions;
        let expected = [pixels.len(), dimensions.tokens(), dimensions.hidden];
        if tokens.shape() != expected {
            return Err(wrong_output("tokens", &expected, tokens.shape()));
        }
        Ok(match pixels.len() {
            1 => vec![tokens.index_axis_move(Axis(0), 0)],
            _ => tokens.outer_iter().map(|tokens| tokens.to_owned()).collect(),
        })
    }

    /// Token ids of prompts to embeddings \[prompts, D\], which may not be finite.
    fn run_prompts(&self, ids: &[&[u32]]) -> Result<Array2<f32>> {
        let batch = self.tokenizer.batch(ids);
        let embeddings = self.text.run(batch.ids.view(), batch.mask.view())?;
        let expected = [ids.len(), self.manifest().dimensions.hidden];
        if embeddings.shape() != expected {
            return Err(wrong_output("embeddings", &expected, embeddings.shape()));
        }
        Ok(embeddings)
    }

    /// Runs both graphs once: a device prepares what it needs at its first run.
    fn warm_up(&self) -> Result<()> {
        let size = self.manifest().dimensions.image_size;
        self.run_images(&[Array3::zeros((3, size, size))], &Cancellation::new())?;
        self.run_prompts(&[&self.tokenizer.encode("There is fibrosis")?])?;
        Ok(())
    }

    /// Encodes prompts; those encoded before come from a cache of the last 4096. The results stand in the order of the
    /// prompts.
    ///
    /// # Errors
    /// [`ErrorKind::Prompt`] if one is empty or too long, counted from 1 among several; [`ErrorKind::Inference`] if the graph
    /// fails.
    pub fn encode_prompts<S: AsRef<str>>(&self, prompts: &[S]) -> Result<Vec<EncodedPrompt>> {
        let mut found: Vec<Option<EncodedPrompt>> = {
            let mut cache = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
            prompts.iter().map(|prompt| cache.get(prompt.as_ref()).cloned()).collect()
        };
        let mut missing = Vec::new();
        for (index, prompt) in prompts.iter().enumerate().filter(|(index, _)| found[*index].is_none()) {
            let ids = self.tokenizer.encode(prompt.as_ref()).map_err(|error| match prompts.len() {
                1 => error,
                count => {
                    Error::new(error.kind(), format!("prompt {} of {count}: {error}", index + 1)).with_source(error)
                }
            })?;
            missing.push((index, ids));
        }
        // Prompts of similar length together: less filling.
        missing.sort_by_key(|(index, ids)| (ids.len(), *index));
        for chunk in missing.chunks(PROMPT_BATCH) {
            let ids: Vec<&[u32]> = chunk.iter().map(|(_, ids)| ids.as_slice()).collect();
            let embeddings = self.run_prompts(&ids)?;
            // Before they are cached: a later call must not find what this one refuses.
            for ((index, _), embedding) in chunk.iter().zip(embeddings.outer_iter()) {
                if !all_finite(embedding) {
                    let prompt = prompts[*index].as_ref();
                    return Err(not_finite(&format!("the text graph returned values for {prompt:?}")));
                }
            }
            let mut cache = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
            for ((index, _), embedding) in chunk.iter().zip(embeddings.outer_iter()) {
                let text = prompts[*index].as_ref();
                let encoded = EncodedPrompt::new(text, embedding.to_owned(), self.directory.hash().clone());
                cache.put(text.to_owned(), encoded.clone());
                found[*index] = Some(encoded);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Compares an encoded image with encoded prompts: one [`Comparison`] a prompt, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if the image or a prompt was encoded by another model, [`ErrorKind::Inference`] if a score or
    /// logit is not finite.
    pub fn compare(&self, image: &EncodedImage, prompts: &[EncodedPrompt]) -> Result<Vec<Comparison>> {
        let own = self.directory.hash();
        for other in
            std::iter::once(&image.provenance().model_hash).chain(prompts.iter().map(EncodedPrompt::model_hash))
        {
            if other != own {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("encoded by model {own} expected, by {other} found"),
                ));
            }
        }
        if prompts.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<_> = prompts.iter().map(|prompt| prompt.embedding()).collect();
        let embeddings = ndarray::stack(Axis(0), &rows)
            .map_err(|error| Error::new(ErrorKind::Argument, "embeddings of different lengths").with_source(error))?;
        let scores = vl_cabs(image.tokens(), embeddings.view(), &self.manifest().similarity)?;
        if !all_finite(scores.logits.view()) || !all_finite(scores.patches.view()) {
            return Err(not_finite("the comparison gave scores or logits"));
        }
        let grid = self.manifest().dimensions.grid;
        prompts
            .iter()
            .zip(scores.patches.outer_iter().zip(scores.logits))
            .map(|(prompt, (patches, logit))| {
                let patches = patches.to_owned().into_shape_with_order((grid, grid)).map_err(|error| {
                    Error::new(ErrorKind::Argument, "tokens do not fill the patch grid").with_source(error)
                })?;
                Ok(Comparison::new(prompt.clone(), logit, patches, image))
            })
            .collect()
    }

    /// All stages for one radiograph: [`encode_image`](Self::encode_image), [`encode_prompts`](Self::encode_prompts),
    /// [`compare`](Self::compare).
    ///
    /// # Errors
    /// As those.
    pub fn infer<S: AsRef<str>>(&self, radiograph: &Radiograph, prompts: &[S]) -> Result<Vec<Comparison>> {
        // Prompts first: a bad one is found before the expensive run.
        let prompts = self.encode_prompts(prompts)?;
        self.compare(&self.encode_image(radiograph)?, &prompts)
    }

    fn geometry(&self, radiograph: &Radiograph) -> Geometry {
        let manifest = self.manifest();
        let (kind, size) = (manifest.preprocessing.geometry, manifest.dimensions.image_size);
        Geometry::of(kind, size, radiograph)
    }

    fn provenance(&self, radiograph: &Radiograph) -> Arc<Provenance> {
        let manifest = self.manifest();
        Arc::new(Provenance {
            model_name: manifest.name.clone(),
            model_hash: self.directory.hash().clone(),
            device: self.device,
            image_placement: self.image.placement().clone(),
            text_placement: self.text.placement().clone(),
            kernels: self.kernels(),
            precision: manifest.precision,
            origin: radiograph.origin(),
            transfer_syntax: radiograph.transfer_syntax(),
            policy: radiograph.policy(),
            intensity: radiograph.intensity(),
            warnings: radiograph.warnings().to_vec(),
            geometry: manifest.preprocessing.geometry,
            resample: manifest.preprocessing.resample,
        })
    }
}

fn wrong_output(name: &str, expected: &[usize], found: &[usize]) -> Error {
    Error::new(ErrorKind::Inference, format!("{name} of shape {expected:?} expected, {found:?} found"))
}

fn all_finite<D: Dimension>(values: ArrayView<'_, f32, D>) -> bool {
    values.iter().all(|value| value.is_finite())
}

fn not_finite(what: &str) -> Error {
    Error::new(ErrorKind::Inference, format!("{what} that are not finite"))
}

impl fmt::Debug for RadZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadZero")
            .field("directory", &self.directory.path())
            .field("device", &self.device)
            .field("image", &self.image)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

/// Sharing between threads is part of the interface.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<RadZero>();
    shareable::<EncodedImage>();
    shareable::<EncodedPrompt>();
    shareable::<Comparison>();
};
