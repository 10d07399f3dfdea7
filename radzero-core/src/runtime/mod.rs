//! Everything that touches ONNX Runtime: finding and loading the library, the process's environment, devices, sessions.
//!
//! The rest of the crate sees ndarray and the types of this folder only.

mod cancellation;
mod device;
mod kernels;
mod library;
mod placement;
mod probe;
mod providers;
mod queue;
mod session;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use radzero_kernels::Kernels;

pub use self::cancellation::Cancellation;
pub use self::device::Device;
pub use self::placement::Placement;
pub use self::probe::DeviceReport;
pub(crate) use self::session::{ImageSession, SessionOptions, TextSession};
use crate::error::{Error, ErrorKind, Result};

/// A loaded ONNX Runtime: the process's only one.
///
/// ONNX Runtime allows one environment a process, and `ort` one library. The first call of [`Runtime::load`] or
/// [`Runtime::discover`] decides; later calls return the same value, or an error if they name another library. A host
/// that uses `ort` itself hands its environment in with [`Runtime::from_environment`].
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
    library: Option<PathBuf>,
    version: Option<String>,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Finds the ONNX Runtime library and loads it.
    ///
    /// Looked for in this order: `ORT_DYLIB_PATH` (the file, or a directory that holds it); then beside the running
    /// executable: in its directory, in `../lib` and in `../onnxruntime`. Nothing else is tried.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] as for [`Runtime::load`], or if there is no library in any of these places.
    pub fn discover() -> Result<Self> {
        if let Some(runtime) = LOADED.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(runtime.clone());
        }
        Self::load(library::discover()?)
    }

    /// Loads the library at `path`: the file, or a directory that holds it under its platform's usual name.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] if it is missing, damaged, for another processor, not ONNX Runtime, or older than
    /// [`Runtime::OLDEST`]; if another library or environment is already in use in this process.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = library::resolve(path.as_ref())?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            return match &runtime.library {
                Some(library) if *library == path => Ok(runtime.clone()),
                other => Err(Error::new(
                    ErrorKind::Runtime,
                    format!(
                        "cannot load {}: this process already uses {}",
                        path.display(),
                        other.as_deref().map_or("an environment of its host".into(), |p| p.display().to_string())
                    ),
                )),
            };
        }
        let version = library::inspect(&path)?;
        disable_telemetry();
        let environment = library::initialise(&path)?;
        let runtime = Self { environment, library: Some(path), version: Some(version) };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Uses the environment of a host that works with `ort` itself.
    ///
    /// Its execution providers are not taken over: a model runs on the [`Device`] it was opened for, and nothing else.
    #[must_use]
    pub fn from_environment(environment: Environment) -> Self {
        let runtime = Self { environment, library: None, version: None };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get_or_insert(runtime).clone()
    }

    /// The oldest ONNX Runtime that works.
    pub const OLDEST: &str = "1.24";

    /// The instruction set of the project's own kernels that this processor runs on [`Device::Cpu`] (`avx512`, `avx2`, `neon`);
    /// `None` if it has none that are worth it.
    #[must_use]
    pub fn kernels() -> Option<&'static str> {
        Kernels::detect().map(Kernels::name)
    }

    /// The library's path; `None` for a host's environment.
    #[must_use]
    pub fn library(&self) -> Option<&Path> {
        self.library.as_deref()
    }

    /// The library's version, for example `1.31.1`; `None` for a host's environment.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The environment, for a host that opens sessions of its own beside the models.
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
