//! Options for opening a model.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use radzero_format::manifest::{Manifest, ModelDirectory, Precision};
use radzero_format::record::{ModelRecord, TextRecord};
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;
use radzero_score::Scorer;

use super::prompt_cache::PromptCache;
use super::{RadZero, TextEncoder};
use crate::process::Process;
use crate::prompt::Tokenizer;
#[cfg(feature = "share-ort")]
use crate::runtime::{Configured, SessionBuilder};
use crate::runtime::{Device, ImageSession, Runtime, SessionOptions, TextSession, check_export, check_memory_limit};

/// How many prompt embeddings are cached by default (3 KiB each at full size).
const PROMPT_CACHE: usize = 4096;

/// Which of a model's two encoders to open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoders {
    /// Both of them.
    #[default]
    Both,
    /// Only the image encoder, to store encoded images. The text graph's files may be missing.
    Image,
    /// Only the text encoder, to compare sentences with stored images. The image graph's files may be missing, and its precision does
    /// not matter: the text graph is always 32-bit.
    Text,
}

impl Encoders {
    fn image(self) -> bool {
        self != Self::Text
    }

    fn text(self) -> bool {
        self != Self::Image
    }

    /// Whether these encoders need a file of the model directory.
    fn need(self, file: &str, manifest: &Manifest) -> bool {
        let of_graph = |graph: &str| file == graph || file.strip_suffix(".data") == Some(graph);
        let other = [
            (of_graph(&manifest.image_encoder.file), self.image()),
            (of_graph(&manifest.text_encoder.file) || file == TOKENIZER, self.text()),
        ];
        other.into_iter().all(|(is_of, opened)| !is_of || opened)
    }
}

/// The tokenizer's file.
const TOKENIZER: &str = "tokenizer.json";

/// Options for opening a model, from [`RadZero::builder`]. The defaults are the CPU, all cores, both encoders, and the runtime that
/// [`Runtime::discover`] finds.
#[must_use]
pub struct RadZeroBuilder {
    path: PathBuf,
    runtime: Option<Runtime>,
    encoders: Encoders,
    prompt_cache: usize,
    options: SessionOptions,
}

impl RadZeroBuilder {
    pub(super) fn new(path: &Path) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            path: path.to_owned(),
            runtime: None,
            encoders: Encoders::Both,
            prompt_cache: PROMPT_CACHE,
            options: SessionOptions {
                device: Device::Cpu,
                threads,
                memory_limit: None,
                engine_cache: None,
                model_hash: String::new(),
                library_version: String::new(),
                max_waiting: None,
                configure: None,
                kernels: Kernels::detect(),
            },
        }
    }

    /// Runs the model on `device`. There is no fallback.
    pub fn device(mut self, device: Device) -> Self {
        self.options.device = device;
        self
    }

    /// Opens only these encoders. Calls that need the other one fail with
    /// [`ErrorKind::EncoderNotOpen`](crate::ErrorKind::EncoderNotOpen).
    pub fn encoders(mut self, encoders: Encoders) -> Self {
        self.encoders = encoders;
        self
    }

    /// Uses this many threads for a run on the CPU; by default one per core. Reading, resampling and maps have their own number,
    /// [`set_threads`](crate::set_threads). Set both to the same value to stay within one budget.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.options.threads = threads;
        self
    }

    /// Lets at most this many callers wait for each encoder, besides the one being served; the next gets
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) at once. By default any number may wait. An [`EncoderQueue`](crate::EncoderQueue) has
    /// its own bound instead.
    pub fn max_waiting(mut self, callers: usize) -> Self {
        self.options.max_waiting = Some(callers);
        self
    }

    /// Caches the embeddings of this many prompts and evicts the least recently used; 0 caches none. By default 4096, at 3 KiB each
    /// (full size) plus the sentence. [`RadZero::clear_prompt_cache`] empties the cache.
    pub fn prompt_cache(mut self, prompts: usize) -> Self {
        self.prompt_cache = prompts;
        self
    }

    /// Runs the graphs on the CPU with ONNX Runtime's kernels only, without the project's own ([`RadZero::kernels`]), to compare the
    /// two.
    pub fn onnxruntime_kernels(mut self) -> Self {
        self.options.kernels = None;
        self
    }

    /// Limits the GPU memory of each of the two graphs, in bytes: on CUDA the arena, which must be larger than the graph's weights
    /// ([`ErrorKind::Argument`] at opening); on TensorRT the workspace.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.options.memory_limit = Some(bytes);
        self
    }

    /// Keeps TensorRT's engines, which take minutes to build, under `folder` for the next start.
    ///
    /// An engine is reused only for the same model, device and version of ONNX Runtime; TensorRT itself checks its own version and
    /// the kind of GPU.
    pub fn engine_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.engine_cache = Some(folder.into());
        self
    }

    /// Uses this runtime, loaded from a path of your choice or made from your own environment.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Changes the session options of both graphs, after everything else, for options that have no method here.
    #[cfg(feature = "share-ort")]
    pub fn configure_session(
        mut self,
        configure: impl Fn(SessionBuilder) -> Configured + Send + Sync + 'static,
    ) -> Self {
        self.options.configure = Some(Arc::new(configure));
        self
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the directory is incomplete or damaged,
    /// [`ErrorKind::ModelVersion`](crate::ErrorKind::ModelVersion) if its format has another version,
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if ONNX Runtime cannot be loaded,
    /// [`ErrorKind::RuntimeInUse`](crate::ErrorKind::RuntimeInUse) if the process uses another,
    /// [`ErrorKind::Provider`](crate::ErrorKind::Provider) if the device cannot run the graphs here,
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) if the memory limit is below a graph's weights on CUDA,
    /// [`ErrorKind::Resources`](crate::ErrorKind::Resources) if a thread or memory is refused,
    /// [`ErrorKind::Inference`](crate::ErrorKind::Inference) on a GPU if a first run fails: both graphs are run once, so that the first
    /// image does not wait for the device.
    pub fn open(mut self) -> Result<RadZero> {
        let span = tracing::info_span!("radzero.open", device = %self.options.device);
        let _entered = span.enter();
        // The directory first, as it is quick to check and does not need the library.
        let directory = ModelDirectory::read(&self.path)?;
        let manifest = directory.manifest();
        directory.check_sizes(|file| self.encoders.need(file, manifest))?;
        let device = self.options.device;
        let precision = if self.encoders.image() { manifest.precision } else { Precision::Fp32 };
        check_export(device, precision, manifest.target)?;
        let check_limit = |graph| check_memory_limit(device, self.options.memory_limit, manifest, graph);
        if self.encoders.image() {
            check_limit(&manifest.image_encoder)?;
        }
        if self.encoders.text() {
            check_limit(&manifest.text_encoder)?;
        }
        let tokenizer = if self.encoders.text() {
            let path = directory.file(TOKENIZER);
            Some(Tokenizer::open(&path, manifest.text.clone(), manifest.dimensions.vocabulary)?)
        } else {
            None
        };
        let runtime = self.runtime.map_or_else(Runtime::discover, Ok)?;
        self.options.model_hash = directory.hash().to_string();
        self.options.library_version = runtime.version().to_owned();
        if device != Device::Cpu {
            self.options.kernels = None;
        }
        let record = ModelRecord::new(manifest, directory.hash().clone());
        let image =
            if self.encoders.image() { Some(ImageSession::open(&runtime, &directory, &self.options)?) } else { None };
        self.options.device = device.for_text();
        let text = match tokenizer {
            Some(tokenizer) => {
                let session = TextSession::open(&runtime, &directory, &self.options)?;
                let record = Arc::new(TextRecord::new(record.clone(), session.record().clone()));
                Some(TextEncoder { session, tokenizer, record, cache: PromptCache::new(self.prompt_cache) })
            }
            None => None,
        };
        // The files are opened by name, one after the other, so the directory may have been replaced in between.
        if ModelDirectory::read(&self.path)?.hash() != directory.hash() {
            let message = format!("{} was replaced while it was opened: open it again", self.path.display());
            return Err(Error::new(ErrorKind::Model, message));
        }
        let scorer = Scorer::from(&directory);
        let (threads, process) = (self.options.threads, Process::current());
        let model = RadZero { directory, record, device, threads, process, runtime, image, text, scorer };
        if device.is_gpu() {
            model.warm_up()?;
        }
        tracing::info!(
            model = %model.directory.hash(),
            onnxruntime = model.runtime.version(),
            kernels = model.kernels(),
            image_provider = model.image_encoder().map(|encoder| encoder.provider.as_str()),
            text_provider = model.text_encoder().map(|encoder| encoder.provider.as_str()),
            "model opened"
        );
        Ok(model)
    }
}

impl fmt::Debug for RadZeroBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadZeroBuilder")
            .field("path", &self.path)
            .field("runtime", &self.runtime)
            .field("encoders", &self.encoders)
            .field("device", &self.options.device)
            .field("threads", &self.options.threads)
            .finish_non_exhaustive()
    }
}
