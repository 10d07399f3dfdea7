//! Everything that touches ONNX Runtime: finding and loading the library, the process's environment, devices, sessions.
//!
//! The rest of the crate sees ndarray and the types of this folder only.

mod buffers;
mod failure;
mod gate;
mod in_place;
mod kernels;
mod library;
mod placement;
mod probe;
mod process;
mod providers;
mod session;
mod suitability;
mod threads;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use radzero_format::{Error, ErrorKind, Result};
use radzero_kernels::Kernels;

pub(crate) use self::gate::Patience;
pub use self::placement::Placement;
pub use self::probe::DeviceReport;
pub(crate) use self::process::Process;
pub(crate) use self::session::{ImageSession, ImageTokens, SessionOptions, TextSession};
pub(crate) use self::suitability::{check as check_device, check_memory_limit};
pub use crate::cancellation::Cancellation;
pub use radzero_format::record::Device;

/// A loaded ONNX Runtime: the process's only one.
///
/// ONNX Runtime allows one environment a process, and `ort` one library. The first call of [`Runtime::load`] or
/// [`Runtime::discover`] decides; later calls return the same value, or an error if they name another library. A host
/// that uses `ort` itself turns on the feature `share-ort`, and hands its environment in or takes this one.
///
/// # Telemetry
/// ONNX Runtime builds may carry an uploader that starts with the environment. Before creating one, this crate sets
/// `ORT_DISABLE_TELEMETRY=1` for the process, whatever the variable held, and asks for telemetry to be off again
/// through the API. An environment that was handed in is the host's: set the variable before creating it.
///
/// Setting a variable races with code of other languages that reads the environment on another thread. A host with several
/// threads sets `ORT_DISABLE_TELEMETRY=1` itself before it starts the first; this crate then changes nothing.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    version: String,
    /// Whether the environment is a host's.
    shared: bool,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Finds the ONNX Runtime library and loads it.
    ///
    /// Looked for in this order: `ORT_DYLIB_PATH` (the file, or a directory that holds it); then beside the running
    /// executable: in its directory, in `../lib` and in `../onnxruntime`. Nothing else is tried. Where one is in use already, it
    /// is that one.
    ///
    /// # Errors
    /// As [`Runtime::load`] and [`Runtime::find_library`].
    pub fn discover() -> Result<Self> {
        if let Some(runtime) = LOADED.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(runtime.clone());
        }
        Self::load(library::discover()?)
    }

    /// The file that [`Runtime::discover`] would load: for a host that loads it itself. `ort` takes `ORT_DYLIB_PATH` for the file
    /// and panics where it names the directory; `ort::init_from(Runtime::find_library()?)` does not.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] if there is no library in any of the places.
    pub fn find_library() -> Result<PathBuf> {
        library::resolve(&library::discover()?)
    }

    /// Loads the library at `path`: the file, or a directory that holds it under its platform's usual name.
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
    /// Its execution providers are not taken over: a model runs on the [`Device`] it was opened for, and nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::RuntimeInUse`] if this process already uses another; [`ErrorKind::Runtime`] if the library behind it cannot be
    /// told.
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

    /// What messages call it.
    fn shown(&self) -> String {
        let of_host = if self.shared { "an environment of its host with " } else { "" };
        format!("{of_host}{}", self.library.display())
    }

    /// The oldest ONNX Runtime that works.
    pub const OLDEST: &str = "1.24";

    /// The instruction set of the project's own kernels that this processor runs on [`Device::Cpu`] (`avx512`, `avx2`, `neon`);
    /// `None` if it has none that are worth it.
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

    /// The environment, for a host that opens sessions of its own beside the models.
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

/// Keeps ONNX Runtime's uploader from starting: it reads this variable when the environment is created, and no API call
/// comes early enough.
fn disable_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none_or(|value| value != "1") {
        // SAFETY: changing the environment races only with foreign code that reads it without Rust's lock on another
        // thread. This runs once a process, before ONNX Runtime is initialised, and not at all where the host has
        // already set the variable, as the section on telemetry of `Runtime` tells hosts with several threads to do.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
