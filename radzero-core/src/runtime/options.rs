//! How sessions are opened.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use ort::session::builder::SessionBuilder;
use radzero_format::record::Device;
use radzero_kernels::Kernels;

/// What a host's change to the session options returns.
pub(crate) type Configured = ort::Result<SessionBuilder>;

/// A change that a host makes to the session options.
pub(crate) type Configure = Arc<dyn Fn(SessionBuilder) -> Configured + Send + Sync>;

/// How the sessions of a model are opened.
#[derive(Clone)]
pub(crate) struct SessionOptions {
    pub(crate) device: Device,
    pub(crate) threads: NonZeroUsize,
    /// Limit of device memory on a GPU, in bytes.
    pub(crate) memory_limit: Option<usize>,
    /// Folder that keeps TensorRT's engines.
    pub(crate) engine_cache: Option<PathBuf>,
    /// Set once the model and the library are known.
    pub(crate) model_hash: String,
    pub(crate) library_version: String,
    /// Callers that may wait for a graph; `None` for any number.
    pub(crate) max_waiting: Option<usize>,
    pub(crate) configure: Option<Configure>,
    /// The project's own kernels, if the device and the processor can use them.
    pub(crate) kernels: Option<Kernels>,
}
