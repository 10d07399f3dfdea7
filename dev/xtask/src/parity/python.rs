//! The Python interpreter that computes the reference.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process::Step;

const VENV: &str = "target/parity/venv";
const REQUIREMENTS: &str = "tests/golden/requirements.txt";

const HELP: &str = "install Python 3.11 or newer with pip and venv (Debian, Ubuntu: apt install python3-pip python3-venv), \
                    or name an interpreter with --python";

/// The interpreter that the caller names, or that of a virtual environment under `root`/target, which is made if needed.
///
/// # Errors
/// [`Error::MissingTool`] if the interpreter is missing, [`Error::Failed`] if the environment cannot be made.
pub(super) fn interpreter(root: &Path, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        let path = std::path::absolute(given).map_err(Error::io("resolve", given))?;
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Error::MissingTool { tool: path.display().to_string(), help: HELP })
        };
    }
    let (folder, system) = if cfg!(windows) { ("Scripts/python.exe", "python") } else { ("bin/python", "python3") };
    let interpreter = Path::new(VENV).join(folder);
    if !root.join(&interpreter).is_file() {
        Step::new(system, HELP).args(["-m", "venv", VENV]).directory(root).run()?;
    }
    // Does nothing if all packages are installed.
    Step::new(root.join(&interpreter), HELP)
        .args(["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS])
        .directory(root)
        .run()?;
    Ok(root.join(interpreter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_interpreter_must_exist() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("python");
        let message = interpreter(root.path(), Some(&path)).unwrap_err().to_string();
        assert!(message.contains("--python") && message.contains("python was not found"), "{message}");
        std::fs::write(&path, "").unwrap();
        assert_eq!(interpreter(root.path(), Some(&path)).unwrap(), path);
    }
}
