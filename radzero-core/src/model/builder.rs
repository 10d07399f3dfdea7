//! Choices made before a model is opened.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use radzero_format::manifest::{Manifest, ModelDirectory, Precision};
use radzero_format::record::{ModelRecord, TextRecord};
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;
use radzero_score::Scorer;

use super::prompts::PromptCache;
use super::{RadZero, TextEncoder};
use crate::prompt::Tokenizer;
use crate::runtime::{
    Device, ImageSession, Process, Runtime, SessionOptions, TextSession, check_device, check_memory_limit,
};

/// Prompt embeddings kept by default (3 KiB each at full size).
const PROMPT_CACHE: usize = 4096;

/// Which of a model's two encoders are opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoders {
    /// Both.
    #[default]
    Both,
    /// That of images alone, to store what it gives. The text graph's files need not be there.
    Image,
    /// That of sentences alone, to compare them with stored images. The image graph's files need not be there, and its precision
    /// does not matter: the text graph is of 32 bits in every model.
    Text,
}

impl Encoders {
    fn image(self) -> bool {
        self != Self::Text
    }

    fn text(self) -> bool {
        self != Self::Image
    }

    /// Whether a file of the model directory is needed for them. The self-test is a file of its own.
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

/// Choices for [`RadZero::builder`]; the defaults are the CPU, all cores, both encoders, and the runtime that
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

    /// Runs on `device`, or not at all.
    pub fn device(mut self, device: Device) -> Self {
        self.options.device = device;
        self
    }

    /// Opens these encoders alone. What needs the other one is an error,
    /// [`ErrorKind::EncoderNotOpen`](crate::ErrorKind::EncoderNotOpen).
    pub fn encoders(mut self, encoders: Encoders) -> Self {
        self.encoders = encoders;
        self
    }

    /// Uses this many threads for a run on the CPU; by default one a core. Reading, resampling and maps have their own number:
    /// [`set_threads`](crate::set_threads). Give both the same for one budget.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.options.threads = threads;
        self
    }

    /// Lets at most this many callers wait for each encoder, beside the one that is served; one more gets
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) at once. By default any number wait. An [`EncoderQueue`](crate::EncoderQueue) has a
    /// bound of its own instead.
    pub fn max_waiting(mut self, callers: usize) -> Self {
        self.options.max_waiting = Some(callers);
        self
    }

    /// Keeps the embeddings of this many prompts, least recently used out first; 0 keeps none. 4096 by default, 3 KiB each at
    /// full size, besides the sentences themselves. [`RadZero::clear_prompt_cache`] forgets them.
    pub fn prompt_cache(mut self, prompts: usize) -> Self {
        self.prompt_cache = prompts;
        self
    }

    /// Leaves both graphs' layers, and the image graph's attention, on the CPU to ONNX Runtime's kernels, instead of the project's own
    /// ([`RadZero::kernels`]): to compare the two.
    pub fn onnxruntime_kernels(mut self) -> Self {
        self.options.kernels = None;
        self
    }

    /// Limits the memory that a provider takes on a GPU for each of the two graphs, in bytes: CUDA's arena, which must be larger than the
    /// graph's weights ([`ErrorKind::Argument`] at opening), TensorRT's workspace.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.options.memory_limit = Some(bytes);
        self
    }

    /// Keeps TensorRT's engines under `folder`, where the next start finds them: building them takes minutes.
    ///
    /// An engine is used again only for the same model, device and version of ONNX Runtime; TensorRT itself checks its own
    /// version and the kind of GPU.
    pub fn engine_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.engine_cache = Some(folder.into());
        self
    }

    /// Uses this runtime: one loaded from a chosen path, or a host's own environment.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Changes the session options of both graphs last, for what has no method here.
    #[cfg(feature = "share-ort")]
    pub fn configure_session(
        mut self,
        configure: impl Fn(ort::session::builder::SessionBuilder) -> ort::Result<ort::session::builder::SessionBuilder>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.options.configure = Some(Arc::new(configure));
        self
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the directory is incomplete or damaged,
    /// [`ErrorKind::ModelVersion`](crate::ErrorKind::ModelVersion) if it is of another version,
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if ONNX Runtime cannot be loaded,
    /// [`ErrorKind::RuntimeInUse`](crate::ErrorKind::RuntimeInUse) if the process uses another,
    /// [`ErrorKind::Provider`](crate::ErrorKind::Provider) if the device cannot run the graphs here,
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) if the memory limit is below a graph's weights on CUDA,
    /// [`ErrorKind::Resources`](crate::ErrorKind::Resources) if a thread or memory is refused; on a GPU, where both graphs are run
    /// once so that the first image does not wait for the device, [`ErrorKind::Inference`](crate::ErrorKind::Inference) if that
    /// fails.
    pub fn open(mut self) -> Result<RadZero> {
        let span = tracing::info_span!("radzero.open", device = %self.options.device);
        let _entered = span.enter();
        // The directory first: it is quick to check, and does not need the library.
        let directory = ModelDirectory::read(&self.path)?;
        let manifest = directory.manifest();
        directory.check_sizes(|file| self.encoders.need(file, manifest))?;
        let device = self.options.device;
        let precision = if self.encoders.image() { manifest.precision } else { Precision::Fp32 };
        check_device(device, precision, manifest.target)?;
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
        // The files are opened by name, one after the other: another model may have taken theirs meanwhile.
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
