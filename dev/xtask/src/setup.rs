//! `cargo xtask setup`: fetches the pinned ONNX Runtime library.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fetch::{self, Tools, WheelTarget};

/// Environment variable with the path of the library or of its folder; `.cargo/config.toml` sets it to [`DIRECTORY`] unless the
/// caller has set it.
pub(crate) const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Folder of the library, relative to the repository's root.
const DIRECTORY: &str = "target/onnxruntime";

const WHEEL: &str = "onnxruntime==1.31.1";
/// The newest npm release that contains the libraries. (Their file names have no version: the digest tells them apart.)
const NPM_PACKAGE: &str = "onnxruntime-node@1.30.0";

/// The library for one operating system and architecture.
struct Library {
    os: &'static str,
    arch: &'static str,
    /// Name of the file, without a version, so that a newer pin replaces it.
    file: &'static str,
    wheel_platform: &'static str,
    wheel: Entry,
    npm: Entry,
}

/// A file inside a wheel or an npm package.
struct Entry {
    path: &'static str,
    sha256: &'static str,
}

const LIBRARIES: [Library; 5] = [
    Library {
        os: "linux",
        arch: "x86_64",
        file: "libonnxruntime.so",
        wheel_platform: "manylinux_2_28_x86_64",
        wheel: Entry {
            path: "onnxruntime/capi/libonnxruntime.so.1.31.1",
            sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        },
        npm: Entry {
            path: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
            sha256: "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
        },
    },
    Library {
        os: "linux",
        arch: "aarch64",
        file: "libonnxruntime.so",
        wheel_platform: "manylinux_2_28_aarch64",
        wheel: Entry {
            path: "onnxruntime/capi/libonnxruntime.so.1.31.1",
            sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
        },
        npm: Entry {
            path: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
            sha256: "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
        },
    },
    Library {
        os: "macos",
        arch: "aarch64",
        file: "libonnxruntime.dylib",
        wheel_platform: "macosx_14_0_arm64",
        wheel: Entry {
            path: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
            sha256: "d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36",
        },
        npm: Entry {
            path: "package/bin/napi-v6/darwin/arm64/libonnxruntime.1.dylib",
            sha256: "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d",
        },
    },
    Library {
        os: "windows",
        arch: "x86_64",
        file: "onnxruntime.dll",
        wheel_platform: "win_amd64",
        wheel: Entry {
            path: "onnxruntime/capi/onnxruntime.dll",
            sha256: "e45f61e50d8650885452be538a00bb14a715e46a1bc3691000ce947e89ed0306",
        },
        npm: Entry {
            path: "package/bin/napi-v6/win32/x64/onnxruntime.dll",
            sha256: "508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67",
        },
    },
    Library {
        os: "windows",
        arch: "aarch64",
        file: "onnxruntime.dll",
        wheel_platform: "win_arm64",
        wheel: Entry {
            path: "onnxruntime/capi/onnxruntime.dll",
            sha256: "dc9e2fe646a72829386a24ac9185a7a4e26d7dbe5dc433d41df063603c00bbc7",
        },
        npm: Entry {
            path: "package/bin/napi-v6/win32/arm64/onnxruntime.dll",
            sha256: "6c3a2abf5c6aca11c48a0d338a91af309f2266f25ce2e4084e6a87bbcb0fbfd0",
        },
    },
];

/// Makes sure that there is an ONNX Runtime library: the caller's, or the pinned one under `root`/target/onnxruntime.
///
/// Returns the value of [`VARIABLE`] for the programs that a task runs. A caller's library is not inspected: the program that
/// loads it checks its version and architecture.
///
/// # Errors
/// [`Error::GivenLibrary`] if the caller's path does not exist, otherwise the errors of fetching the library.
pub(crate) fn library(root: &Path) -> Result<PathBuf> {
    let directory = root.join(DIRECTORY);
    if let Some(given) = given(env::var_os(VARIABLE).map(PathBuf::from), &directory)? {
        say!("ONNX Runtime: {} ({VARIABLE})", given.display());
        return Ok(given);
    }
    let file = install(&directory, library_for(env::consts::OS, env::consts::ARCH)?, &Tools::default())?;
    say!("ONNX Runtime: {}", file.display());
    Ok(directory)
}

/// The caller's library as an absolute path; `None` if the variable is unset, empty or the default.
fn given(variable: Option<PathBuf>, default: &Path) -> Result<Option<PathBuf>> {
    let Some(path) = variable.filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(None);
    };
    let path = std::path::absolute(&path).map_err(Error::io("resolve", &path))?;
    if path == default {
        return Ok(None);
    }
    match (path.canonicalize(), default.canonicalize()) {
        (Ok(given), Ok(default)) if given == default => Ok(None),
        (Ok(_), _) => Ok(Some(path)),
        (Err(_), _) => Err(Error::GivenLibrary { path }),
    }
}

fn library_for(os: &str, arch: &str) -> Result<&'static Library> {
    let unknown = || Error::Platform { platform: format!("{os} on {arch}") };
    if cfg!(target_env = "musl") {
        return Err(Error::Platform { platform: format!("{os} (musl) on {arch}") });
    }
    LIBRARIES.iter().find(|library| library.os == os && library.arch == arch).ok_or_else(unknown)
}

/// Fetches the library into `directory` unless it is there: with pip, or with npm if pip fails.
fn install(directory: &Path, library: &Library, tools: &Tools) -> Result<PathBuf> {
    let destination = directory.join(library.file);
    fetch::ensure(&destination, &[library.wheel.sha256, library.npm.sha256], |scratch| {
        say!("Fetching ONNX Runtime ({WHEEL}) for {} on {}", library.os, library.arch);
        let pip = match from_wheel(library, tools, scratch) {
            Ok(file) => return Ok(file),
            Err(error) => error.chain(),
        };
        say!("pip did not work: {pip}\nTrying npm ({NPM_PACKAGE})");
        from_npm(library, tools, scratch).map_err(|error| Error::NoLibrary { pip, npm: error.chain() })
    })?;
    Ok(destination)
}

fn from_wheel(library: &Library, tools: &Tools, scratch: &Path) -> Result<PathBuf> {
    let target = WheelTarget { platform: library.wheel_platform, python: "3.12", abi: "cp312" };
    let wheel = tools.wheel(WHEEL, Some(target), scratch)?;
    let file = scratch.join(library.file);
    fetch::unzip(&wheel, library.wheel.path, &file)?;
    Ok(file)
}

fn from_npm(library: &Library, tools: &Tools, scratch: &Path) -> Result<PathBuf> {
    let package = tools.npm_package(NPM_PACKAGE, scratch)?;
    let file = scratch.join(library.file);
    fetch::untar(&package, library.npm.path, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_one_library_with_well_formed_digests() {
        for library in &LIBRARIES {
            for entry in [&library.wheel, &library.npm] {
                assert_eq!(entry.sha256.len(), 64, "{}", entry.path);
                assert!(entry.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{}", entry.path);
            }
            let found = library_for(library.os, library.arch).unwrap();
            assert_eq!(found.wheel.sha256, library.wheel.sha256);
        }
    }

    #[test]
    fn the_error_for_an_unknown_platform_says_what_to_do() {
        let error = library_for("freebsd", "riscv64").err().unwrap();
        assert_eq!(
            error.to_string(),
            "no ONNX Runtime library is pinned for freebsd on riscv64: set ORT_DYLIB_PATH to one of version 1.24 or newer"
        );
    }

    #[test]
    fn without_pip_and_npm_the_error_says_what_to_install() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(DIRECTORY);
        let error = install(&directory, &LIBRARIES[0], &Tools::only_in(root.path())).unwrap_err();
        let message = error.to_string();
        for part in ["python3-pip", "apt install npm", "set ORT_DYLIB_PATH to a library of version 1.24 or newer"] {
            assert!(message.contains(part), "{part:?} is missing in:\n{message}");
        }
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "nothing is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_wheel_with_another_library_is_refused() {
        use crate::fetch::tests::{write_script, write_zip};
        let root = tempfile::tempdir().unwrap();
        let wheel = root.path().join("another.whl");
        write_zip(&wheel, &[(LIBRARIES[0].wheel.path, b"not the pinned library")]);
        // The value of --dest is the second-to-last argument.
        let body = format!("while [ $# -gt 2 ]; do shift; done\n/bin/cp '{}' \"$1\"", wheel.display());
        write_script(&root.path().join("python3"), &body);
        let directory = root.path().join(DIRECTORY);
        let error = install(&directory, &LIBRARIES[0], &Tools::only_in(root.path())).unwrap_err();
        let Error::Digest { expected, .. } = &error else { panic!("{error:?}") };
        assert_eq!(expected[0], LIBRARIES[0].wheel.sha256);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn a_given_library_wins_over_the_default() {
        let root = tempfile::tempdir().unwrap();
        let default = root.path().join(DIRECTORY);
        let own = root.path().join("own.so");
        assert_eq!(given(None, &default).unwrap(), None);
        assert_eq!(given(Some("".into()), &default).unwrap(), None);
        assert_eq!(given(Some(default.clone()), &default).unwrap(), None, "not made yet");
        let message = given(Some(own.clone()), &default).unwrap_err().to_string();
        assert!(message.contains("own.so, which does not exist"), "{message}");
        std::fs::write(&own, "").unwrap();
        std::fs::create_dir_all(&default).unwrap();
        assert_eq!(given(Some(own.clone()), &default).unwrap(), Some(own));
        assert_eq!(given(Some(default.join("../onnxruntime")), &default).unwrap(), None, "spelled otherwise");
    }
}
