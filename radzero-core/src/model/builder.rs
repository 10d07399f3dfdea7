//! Choices made before a model is opened.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lru::LruCache;
use ort::session::builder::SessionBuilder;
use radzero_kernels::Kernels;

use super::{PROMPT_CACHE, RadZero};
use crate::error::Result;
use crate::manifest::{ModelDirectory, sha256_bytes};
use crate::prompt::Tokenizer;
use crate::runtime::{Device, ImageSession, Runtime, SessionOptions, TextSession};

/// Choices for [`RadZero::builder`]; the defaults are the CPU, all cores, and the runtime that [`Runtime::discover`] finds.
#[must_use]
pub struct RadZeroBuilder {
    path: PathBuf,
    runtime: Option<Runtime>,
    options: SessionOptions,
}

impl RadZeroBuilder {
    pub(super) fn new(path: &Path) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            path: path.to_owned(),
            runtime: None,
            options: SessionOptions {
                device: Device::Cpu,
                threads,
                memory_limit: None,
                engine_cache: None,
                model_hash: String::new(),
                library_version: String::new(),
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

    /// Uses this many threads for a run on the CPU; by default one a core. Resampling and maps use rayon's global pool, which a
    /// program sizes with `rayon::ThreadPoolBuilder` before its first use; give both the same number for one budget.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.options.threads = threads;
        self
    }

    /// Leaves both graphs' layers, and the image graph's attention, on the CPU to ONNX Runtime's kernels, instead of the project's own
    /// ([`RadZero::kernels`]): to compare the two.
    pub fn onnxruntime_kernels(mut self) -> Self {
        self.options.kernels = None;
        self
    }

    /// Limits the memory that a provider takes on a GPU, in bytes: CUDA's arena, TensorRT's workspace.
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
    pub fn configure_session(
        mut self,
        configure: impl Fn(SessionBuilder) -> ort::Result<SessionBuilder> + Send + Sync + 'static,
    ) -> Self {
        self.options.configure = Some(Arc::new(configure));
        self
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the directory is incomplete, damaged or of another version,
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if ONNX Runtime cannot be loaded,
    /// [`ErrorKind::Provider`](crate::ErrorKind::Provider) if the device cannot run the graphs here; on a GPU, where both graphs are
    /// run once so that the first image does not wait for the device, [`ErrorKind::Inference`](crate::ErrorKind::Inference) if
    /// that fails.
    pub fn open(mut self) -> Result<RadZero> {
        // The directory first: it is quick to check, and does not need the library.
        let directory = ModelDirectory::open(&self.path)?;
        let manifest = directory.manifest();
        self.options.device.check(manifest.precision, manifest.target)?;
        let tokenizer =
            Tokenizer::open(&directory.file("tokenizer.json"), manifest.text.clone(), manifest.dimensions.vocabulary)?;
        let runtime = self.runtime.map_or_else(Runtime::discover, Ok)?;
        self.options.model_hash = directory.hash().to_string();
        // A host's environment does not tell its version, but from which source the library was built.
        self.options.library_version =
            runtime.version().map_or_else(|| sha256_bytes(ort::info().as_bytes()).to_string(), str::to_owned);
        let device = self.options.device;
        if device != Device::Cpu {
            self.options.kernels = None;
        }
        let image = ImageSession::open(&runtime, &directory, &self.options)?;
        self.options.device = device.for_text();
        let text = TextSession::open(&runtime, &directory, &self.options)?;
        let prompts = Mutex::new(LruCache::new(PROMPT_CACHE));
        let own = image.placement().has_own_operators() || text.placement().has_own_operators();
        let kernels = self.options.kernels.filter(|_| own);
        let model = RadZero {
            directory,
            device,
            threads: self.options.threads,
            kernels,
            runtime,
            image,
            text,
            tokenizer,
            prompts,
        };
        if device.is_gpu() {
            model.warm_up()?;
        }
        Ok(model)
    }
}

impl fmt::Debug for RadZeroBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadZeroBuilder")
            .field("path", &self.path)
            .field("runtime", &self.runtime)
            .field("device", &self.options.device)
            .field("threads", &self.options.threads)
            .finish_non_exhaustive()
    }
}
