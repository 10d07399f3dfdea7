//! Everything that touches ONNX Runtime: finding and loading the library, the environment, execution providers, sessions.
//!
//! The rest of the crate sees only ndarray and the types of this folder.

mod buffers;
mod failure;
mod gate;
mod in_place;
mod kernels;
mod library;
mod options;
mod placement;
mod probe;
mod providers;
mod run_thread;
mod session;
mod threads;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "share-ort")]
#[doc(hidden)]
pub use ort;
use ort::environment::Environment;
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;

pub(crate) use self::gate::Patience;
pub(crate) use self::options::SessionOptions;
#[cfg(feature = "share-ort")]
pub(crate) use self::options::{Configured, SessionBuilder};
pub use self::placement::Placement;
pub use self::probe::DeviceReport;
pub(crate) use self::providers::{check_export, check_memory_limit};
pub(crate) use self::session::{GPU_BATCH, ImageSession, ImageTokens, TextSession};
pub use crate::cancellation::Cancellation;
pub use radzero_format::record::Device;

/// The ONNX Runtime that this process has loaded.
///
/// ONNX Runtime allows one environment per process, and `ort` one library. The first call of [`Runtime::load`] or
/// [`Runtime::discover`] decides; later calls return the same value, or an error if they name another library. A host
/// that uses `ort` itself turns on the feature `share-ort` and either passes in its environment or takes this one.
///
/// # Telemetry
/// ONNX Runtime builds may carry an uploader that starts with the environment. Before creating one, this crate sets
/// `ORT_DISABLE_TELEMETRY=1` for the process, whatever the variable held, and asks for telemetry to be off again
/// through the API. A host that passes in an environment must set the variable before creating it.
///
/// Setting a variable races with C and C++ code that reads the environment on another thread. A host with several threads should set
/// `ORT_DISABLE_TELEMETRY=1` itself before it starts the first one; this crate then changes nothing.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    version: String,
    /// Whether the environment belongs to the host.
    shared: bool,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Finds the ONNX Runtime library and loads it.
    ///
    /// It looks at `ORT_DYLIB_PATH` (the file, or a directory that holds it) first, then in the directory of the running executable,
    /// in `../lib` and in `../onnxruntime` beside it, and nowhere else. If the process has already loaded one, it returns that.
    ///
    /// # Errors
    /// As [`Runtime::load`] and [`Runtime::find_library`].
    pub fn discover() -> Result<Self> {
        if let Some(runtime) = LOADED.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(runtime.clone());
        }
        Self::load(library::discover()?)
    }

    /// The file that [`Runtime::discover`] would load, for a host that loads it itself. `ort` takes `ORT_DYLIB_PATH` for a file and
    /// panics if it names a directory; `ort::init_from(Runtime::find_library()?)` accepts both.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] if none of these places holds the library.
    pub fn find_library() -> Result<PathBuf> {
        library::resolve(&library::discover()?)
    }

    /// Loads the library at `path`: the file, or a directory that holds it under its usual name on this platform.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] if it is missing, damaged, for another processor, not ONNX Runtime, or older than
    /// [`Runtime::OLDEST`]; [`ErrorKind::RuntimeInUse`] if another library or environment is already in use in this process;
    /// [`ErrorKind::Resources`] if a thread or memory is refused.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = library::resolve(path.as_ref())?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            if runtime.library == path && !runtime.shared {
                return Ok(runtime.clone());
            }
            return Err(Error::new(
                ErrorKind::RuntimeInUse,
                format!("cannot load {}: this process already uses {}", path.display(), runtime.shown()),
            ));
        }
        let version = library::inspect(&path)?;
        disable_telemetry();
        let environment = library::initialise(&path)?;
        let runtime = Self { environment, library: path, version, shared: false };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Uses the environment of a host that works with `ort` itself.
    ///
    /// Execution providers registered with it are ignored: a model runs on the [`Device`] that it was opened for.
    ///
    /// # Errors
    /// [`ErrorKind::RuntimeInUse`] if this process already uses another; [`ErrorKind::Runtime`] if the library behind it cannot
    /// be identified.
    #[cfg(feature = "share-ort")]
    pub fn from_environment(environment: Environment) -> Result<Self> {
        use ort::AsPointer as _;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            if std::ptr::eq(runtime.environment.ptr(), environment.ptr()) {
                return Ok(runtime.clone());
            }
            let message = format!("cannot use another environment: this process already uses {}", runtime.shown());
            return Err(Error::new(ErrorKind::RuntimeInUse, message));
        }
        let (library, version) = library::loaded()?;
        let runtime = Self { environment, library, version, shared: true };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Its name in messages.
    fn shown(&self) -> String {
        let of_host = if self.shared { "an environment of its host with " } else { "" };
        format!("{of_host}{}", self.library.display())
    }

    /// The oldest ONNX Runtime that works.
    pub const OLDEST: &str = "1.24";

    /// The instruction set (`avx512`, `avx2`, `neon`) of the project's own kernels on this processor, for [`Device::Cpu`]; `None` if
    /// the processor is too old for them.
    #[must_use]
    pub fn kernels() -> Option<&'static str> {
        Kernels::detect().map(Kernels::name)
    }

    /// The library's path.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The library's version, for example `1.31.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The environment, for a host that also opens its own sessions.
    #[cfg(feature = "share-ort")]
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("library", &self.library)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Keeps ONNX Runtime's uploader from starting. It reads this variable when the environment is created, before any API call could
/// switch it off.
fn disable_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none_or(|value| value != "1") {
        // SAFETY: changing the environment races only with foreign code that reads it on another thread without Rust's lock.
        // This runs once per process, before ONNX Runtime is initialised, and not at all if the host has set the variable,
        // as the documentation of `Runtime` asks hosts with several threads to do.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
