//! Finding the ONNX Runtime library, and looking at it before it is loaded.
//!
//! The system's loader reports too little, or too late: a truncated file ends the process with a bus error, and a library for
//! another processor is reported as missing.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use object::read::ReadCache;
use object::{Object as _, ObjectSegment as _};
use ort::environment::Environment;
use radzero_format::{Error, ErrorKind, Result};

use super::{Runtime, failure};

const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Directories searched beside the executable, relative to its own.
const BESIDE_EXECUTABLE: [&str; 3] = [".", "../lib", "../onnxruntime"];

/// The library's usual file name, without a version.
const FILE_NAME: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_vendor = "apple") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

fn fail(message: String) -> Error {
    Error::new(ErrorKind::Runtime, message)
}

/// What every message about an unusable library ends with.
fn needed() -> String {
    format!("ONNX Runtime {} or newer is needed", Runtime::OLDEST)
}

/// The path in the environment variable, or else the library found near the executable.
pub(super) fn discover() -> Result<PathBuf> {
    if let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(value));
    }
    let executable =
        std::env::current_exe().map_err(|error| fail("cannot locate the executable".into()).with_source(error))?;
    let home = executable.parent().unwrap_or(Path::new("."));
    let places: Vec<PathBuf> = BESIDE_EXECUTABLE.iter().map(|place| home.join(place)).collect();
    places.iter().find_map(|place| in_directory(place)).ok_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        fail(format!(
            "no ONNX Runtime library: {VARIABLE} is not set and there is no {FILE_NAME} in {}; {}",
            places.join(", "),
            needed()
        ))
    })
}

/// The absolute path of the library that `path` names, as a file or as the directory that holds it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let absolute = std::fs::canonicalize(path).map_err(|error| {
        fail(format!("ONNX Runtime library {} cannot be found; {}", path.display(), needed())).with_source(error)
    })?;
    if !absolute.is_dir() {
        return Ok(absolute);
    }
    in_directory(&absolute)
        .and_then(|file| std::fs::canonicalize(file).ok())
        .ok_or_else(|| fail(format!("there is no {FILE_NAME} in {}; {}", absolute.display(), needed())))
}

/// The library in `directory`: the one with the plain name, else the only versioned one (`libonnxruntime.so.1.31.1`).
fn in_directory(directory: &Path) -> Option<PathBuf> {
    let plain = directory.join(FILE_NAME);
    if plain.is_file() {
        return Some(plain);
    }
    let mut versioned = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = FILE_NAME.trim_end_matches(".dylib");
        // The provider libraries beside it begin with the same letters (`libonnxruntime_providers_cuda.so`).
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')) && path.is_file()
    });
    versioned.next().filter(|_| versioned.next().is_none())
}

/// Checks that the file is a whole shared library for this machine, that it is ONNX Runtime, and new enough; returns its
/// version.
pub(super) fn inspect(path: &Path) -> Result<String> {
    let shown = path.display();
    let file = std::fs::File::open(path)
        .map_err(|error| fail(format!("cannot open ONNX Runtime library {shown}")).with_source(error))?;
    let length = file.metadata().map_err(|error| Error::io(path, "inspect", error))?.len();
    let cache = ReadCache::new(file);
    let parsed = object::File::parse(&cache).map_err(|error| {
        fail(format!("{shown} ({length} bytes) is not a shared library, or a damaged one; {}", needed()))
            .with_source(error)
    })?;
    if !machine_matches(parsed.architecture()) {
        return Err(fail(format!(
            "{shown} is for another processor: {} expected, {:?} found; {}",
            std::env::consts::ARCH,
            parsed.architecture(),
            needed()
        )));
    }
    // Mapping past the end of a truncated file succeeds; touching those pages kills the process.
    let end =
        parsed.segments().map(|segment| segment.file_range()).map(|(start, size)| start.saturating_add(size)).max();
    if end.is_none_or(|end| end > length) {
        return Err(fail(format!(
            "{shown} is truncated: at least {} bytes expected, {length} found; {}",
            end.unwrap_or(1),
            needed()
        )));
    }
    let version = version(path)?;
    if !new_enough(&version) {
        return Err(fail(format!(
            "{shown} is too old: ONNX Runtime {} or newer expected, {version} found",
            Runtime::OLDEST
        )));
    }
    Ok(version)
}

fn machine_matches(found: object::Architecture) -> bool {
    use object::Architecture as A;
    match std::env::consts::ARCH {
        "x86_64" => found == A::X86_64,
        "aarch64" => found == A::Aarch64,
        "x86" => found == A::I386,
        "arm" => found == A::Arm,
        "riscv64" => found == A::Riscv64,
        "powerpc64" => found == A::PowerPc64,
        "s390x" => found == A::S390x,
        // Nobody builds ONNX Runtime for other targets: leave the verdict to the loader.
        _ => true,
    }
}

/// Asks the library for its version.
fn version(path: &Path) -> Result<String> {
    ask(path).map(|(version, _)| version)
}

/// Asks the library for its version and for the table of functions that `ort` calls, which is null if the library is too old.
fn ask(path: &Path) -> Result<(String, *const ort::sys::OrtApi)> {
    let shown = path.display();
    // SAFETY: loading runs the library's initialisers; the path was named by the user or lies beside the executable, and
    // the file has been checked to be a whole library for this machine.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| fail(format!("cannot load ONNX Runtime library {shown}; {}", needed())).with_source(error))?;
    // SAFETY: this is the signature of ONNX Runtime's only exported entry point (onnxruntime_c_api.h).
    let entry =
        unsafe { library.get::<unsafe extern "system" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase\0") }
            .map_err(|error| {
                fail(format!("{shown} is a library, but not ONNX Runtime; {}", needed())).with_source(error)
            })?;
    // SAFETY: the entry point takes nothing and returns a pointer to a static table, or null.
    let base = unsafe { entry().as_ref() }
        .ok_or_else(|| fail(format!("{shown} returned no ONNX Runtime API; {}", needed())))?;
    // SAFETY: `GetVersionString` returns a static, NUL-terminated string.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned();
    // SAFETY: `GetApi` takes any version, and returns a static table or null.
    let api = unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) };
    // ONNX Runtime's threads may outlive a handle; the library stays for the life of the process.
    std::mem::forget(library);
    Ok((version, api))
}

/// The file and version of the library that the host has loaded through `ort`.
///
/// # Errors
/// [`ErrorKind::Runtime`] if they cannot be found out.
#[cfg(feature = "share-ort")]
pub(super) fn loaded() -> Result<(PathBuf, String)> {
    let unknown = || fail("the ONNX Runtime library of the host's environment cannot be told".into());
    let path = file_of_api().ok_or_else(unknown)?;
    let (version, api) = ask(&path)?;
    // The library that was found must be the one in use.
    if !std::ptr::eq(api, ort::api()) {
        return Err(unknown());
    }
    Ok((path, version))
}

/// The file that holds the functions which `ort` calls.
#[cfg(all(feature = "share-ort", unix))]
fn file_of_api() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let function = ort::api().CreateEnv as *const std::ffi::c_void;
    // SAFETY: `dladdr` takes any address and fills the structure, of which zeros are a valid value, where it returns non-zero.
    let found = unsafe { (libc::dladdr(function, found.as_mut_ptr()) != 0).then(|| found.assume_init()) }?;
    if found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: not null, so a NUL-terminated path that lives as long as the library, which is never unloaded.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    std::fs::canonicalize(std::ffi::OsStr::from_bytes(name.to_bytes())).ok()
}

/// The file that holds the functions which `ort` calls: the loaded module with the usual name.
#[cfg(all(feature = "share-ort", windows))]
fn file_of_api() -> Option<PathBuf> {
    // The full path is not needed: Windows finds a loaded module by its name.
    libloading::os::windows::Library::open_already_loaded(FILE_NAME).ok().map(|_| PathBuf::from(FILE_NAME))
}

fn new_enough(version: &str) -> bool {
    let number = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    number(version).zip(number(Runtime::OLDEST)).is_some_and(|(found, oldest)| found >= oldest)
}

/// Hands the inspected library to `ort` and creates the process's environment.
pub(super) fn initialise(path: &Path) -> Result<Environment> {
    let shown = path.display();
    ort::init_from(path)
        .map_err(|error| fail(format!("cannot load ONNX Runtime library {shown}")).with_source(error))?
        .with_name("radzero")
        .with_telemetry(false)
        .build()
        .map_err(|error| {
            // ort allows one environment per process, and has no error code for a second.
            if error.to_string().contains("only one environment") {
                let message = "this process already uses ort with an environment of its own: a host hands that in with \
                               Runtime::from_environment (feature share-ort)";
                return Error::new(ErrorKind::RuntimeInUse, message).with_source(error);
            }
            failure::error(ErrorKind::Runtime, format!("cannot create an ONNX Runtime environment with {shown}"), error)
        })
}
