//! Downloads through pip and npm.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process::Step;

/// Names of the Python interpreter, in the order tried.
const PYTHON: [&str; 2] = if cfg!(windows) { ["python", "py"] } else { ["python3", "python"] };
const PYTHON_HELP: &str = "install Python 3 with pip (Debian, Ubuntu: apt install python3-pip)";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Runs pip and npm.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tools {
    /// Searched for the programs in place of PATH.
    search_path: Option<OsString>,
}

/// Platform and Python version of a wheel to download.
///
/// Stated in full, so that any Python version can download it: only the library inside is used, not the extension module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WheelTarget {
    /// pip's `--platform`.
    pub(crate) platform: &'static str,
    /// pip's `--python-version`.
    pub(crate) python: &'static str,
    /// pip's `--abi`.
    pub(crate) abi: &'static str,
}

impl Tools {
    /// Downloads the one wheel of `requirement` (`name==version`) into the empty folder `into`, without its dependencies.
    ///
    /// # Errors
    /// [`Error::MissingTool`] without Python or pip, [`Error::Failed`] with pip's output.
    pub(crate) fn wheel(&self, requirement: &str, target: Option<WheelTarget>, into: &Path) -> Result<PathBuf> {
        let mut args = vec!["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"];
        if let Some(WheelTarget { platform, python, abi }) = target {
            args.extend(["--platform", platform, "--implementation", "cp", "--python-version", python, "--abi", abi]);
        }
        self.python(|step| step.args(&args).arg("--dest").arg(into).arg(requirement))?;
        only_file(into, "whl")
    }

    /// Downloads the npm package of `requirement` (`name@version`) into the empty folder `into`.
    ///
    /// # Errors
    /// [`Error::MissingTool`] without npm, [`Error::Failed`] with npm's output.
    pub(crate) fn npm_package(&self, requirement: &str, into: &Path) -> Result<PathBuf> {
        let step = self.step(NPM, "install Node.js with npm (Debian, Ubuntu: apt install npm)");
        step.args(["pack", "--silent", requirement, "--pack-destination"]).arg(into).capture()?;
        only_file(into, "tgz")
    }

    fn python(&self, call: impl Fn(Step) -> Step) -> Result<String> {
        let mut missing = None;
        for name in PYTHON {
            match call(self.step(name, PYTHON_HELP)).capture() {
                Err(error @ Error::MissingTool { .. }) => missing = missing.or(Some(error)),
                Err(Error::Failed { output, .. }) if output.contains("No module named pip") => {
                    return Err(Error::MissingTool { tool: format!("pip of {name}"), help: PYTHON_HELP });
                }
                result => return result,
            }
        }
        Err(missing.unwrap_or(Error::MissingTool { tool: PYTHON[0].into(), help: PYTHON_HELP }))
    }

    fn step(&self, program: &str, help: &'static str) -> Step {
        let step = Step::new(program, help);
        match &self.search_path {
            Some(path) => step.env("PATH", path),
            None => step,
        }
    }
}

fn only_file(directory: &Path, extension: &'static str) -> Result<PathBuf> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("list", directory))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .collect();
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (file, rest) => {
            let found = rest + usize::from(file.is_some());
            Err(Error::Download { directory: directory.to_owned(), extension, found })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Tools {
        /// Tools that find only the programs in `path`.
        pub(crate) fn only_in(path: &Path) -> Self {
            Self { search_path: Some(path.into()) }
        }
    }

    /// Writes an executable shell script.
    #[cfg(unix)]
    pub(crate) fn write_script(path: &Path, body: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn without_python_the_error_says_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = Tools::only_in(empty.path()).wheel("a==1", None, empty.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("{} was not found: {PYTHON_HELP}", PYTHON[0]));
    }

    #[test]
    fn without_npm_the_error_says_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = Tools::only_in(empty.path()).npm_package("a@1", empty.path()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{NPM} was not found: install Node.js")), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn python_without_pip_has_an_error_of_its_own() {
        let bin = tempfile::tempdir().unwrap();
        write_script(&bin.path().join("python3"), "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
        let error = Tools::only_in(bin.path()).wheel("a==1", None, bin.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("pip of python3 was not found: {PYTHON_HELP}"));
    }

    #[cfg(unix)]
    #[test]
    fn the_error_quotes_pip() {
        let bin = tempfile::tempdir().unwrap();
        write_script(&bin.path().join("python3"), "echo 'ERROR: No matching distribution found for a==1' >&2; exit 1");
        let error = Tools::only_in(bin.path()).wheel("a==1", None, bin.path()).unwrap_err();
        assert!(error.to_string().ends_with("\n  ERROR: No matching distribution found for a==1"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_download_without_a_file_is_an_error() {
        let bin = tempfile::tempdir().unwrap();
        write_script(&bin.path().join("python3"), "exit 0");
        let error = Tools::only_in(bin.path()).wheel("a==1", None, bin.path()).unwrap_err();
        assert!(matches!(error, Error::Download { found: 0, .. }), "{error:?}");
    }
}
