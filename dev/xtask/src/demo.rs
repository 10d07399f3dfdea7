//! `cargo xtask demo`: exports the demo model, runs it on radiographs, prints results and draws pictures.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fetch::Tools;
use crate::process::Step;
use crate::{data, setup};

/// Checkpoint of the demo model.
pub(crate) const CHECKPOINT: &str = "models/phantom";

const MODEL: &str = "target/models/phantom";

/// One sentence for each finding in the samples, worded as in the demo model's training.
const PROMPTS: [&str; 5] = [
    "There is nodule",
    "There is mass",
    "There is pleural effusion",
    "There is pneumothorax",
    "There is consolidation",
];

/// Mask threshold, from the demo model's card.
const THRESHOLD: &str = "0.5";

/// Folders that the samples and the pictures are written to.
const SAMPLES: &str = "target/demo/samples";
const PICTURES: &str = "target/demo";

/// Exports the demo checkpoint, runs the commands of `radzero` on drawn radiographs, and reads a real one.
///
/// # Errors
/// The error of the first step that fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    let library = setup::library(root)?;
    let radiograph = radiograph(root, data::radiograph(root, &Tools::default()))?;
    for directory in [MODEL, PICTURES] {
        let directory = root.join(directory);
        clear(&directory)?;
        let parent = directory.parent().unwrap_or(root);
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }

    let program = |name: &str| program(root, &library, name);
    say!("\n== Build the programs ==");
    build(root, &["radzero-cli", "radzero-phantom"])?;
    say!("\n== Export the demo checkpoint to a model directory ==");
    program("radzero")?.args(["export", CHECKPOINT, MODEL]).run()?;
    say!("\n== Draw sample radiographs ==");
    program("radzero-phantom")?.args(["--samples", SAMPLES]).run()?;
    let samples: Vec<PathBuf> = png_files(&root.join(SAMPLES))?.iter().map(|file| relative(root, file)).collect();

    let radzero = |command: &[&str], prompts: &[&str], images: &[PathBuf]| {
        let prompts = prompts.iter().flat_map(|prompt| ["--prompt", prompt]);
        program("radzero")?.args(command).args(["--model", MODEL]).args(prompts).args(images).run()
    };
    say!("\n== classify: how well does each sentence fit each radiograph? ==");
    radzero(&["classify"], &PROMPTS, &samples)?;
    say!("\n== ground: where does each sentence fit best? ==");
    radzero(&["ground"], &PROMPTS, &samples)?;
    say!("\n== segment: which pixels does each sentence describe? ==");
    radzero(&["segment", "--threshold", THRESHOLD, "--out", PICTURES], &PROMPTS, &samples)?;
    say!("\n== overlay: radiograph, heat map and mask in one picture ==");
    radzero(&["overlay", "--threshold", THRESHOLD, "--out", PICTURES], &PROMPTS, &samples)?;
    if let Some(radiograph) = radiograph {
        say!(
            "\n== infer: read a real chest radiograph ==\n\
             This shows that real DICOM files are read. The demo model was trained on drawings only, so the numbers mean nothing."
        );
        radzero(&["infer"], &PROMPTS[..2], &[radiograph])?;
    }

    say!("\nPictures:");
    for picture in png_files(&root.join(PICTURES))? {
        say!("  {}", relative(root, &picture).display());
    }
    say!("\nResearch use only: not a medical device. Probabilities are similarities, not chances of disease.");
    Ok(())
}

/// The real radiograph, or `None` without pip: npm has no package with it, and the demo works without.
fn radiograph(root: &Path, fetched: Result<PathBuf>) -> Result<Option<PathBuf>> {
    match fetched {
        Ok(path) => Ok(Some(relative(root, &path))),
        Err(error @ Error::MissingTool { .. }) => {
            say!("Skipping the real radiograph: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Builds packages in release mode, all at once: `cargo run` for each would build shared dependencies again, with other
/// features.
pub(crate) fn build(root: &Path, packages: &[&str]) -> Result<()> {
    let packages: Vec<&str> = packages.iter().flat_map(|package| ["--package", package]).collect();
    Step::cargo().args(["build", "--release"]).args(packages).directory(root).run()
}

/// Runs a program that [`build`] made.
pub(crate) fn program(root: &Path, library: &Path, name: &str) -> Result<Step> {
    Ok(Step::new(release(name)?, "cargo build made it elsewhere").directory(root).env(setup::VARIABLE, library))
}

/// Path of a program's release build: cargo puts it beside the folder that holds this program.
pub(crate) fn release(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::io("locate", Path::new("xtask")))?;
    let folder = own.ancestors().nth(2).unwrap_or(Path::new("target")).join("release");
    Ok(folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// Removes a folder left by an earlier run, if there is one.
pub(crate) fn clear(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", directory)(error)),
        _ => Ok(()),
    }
}

fn png_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("list", directory))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(Error::io("list", directory))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    files.sort();
    Ok(files)
}

/// `path` relative to the repository's root.
pub(crate) fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_pip_the_demo_skips_the_real_radiograph() {
        let root = tempfile::tempdir().unwrap();
        let fetched = data::radiograph(root.path(), &Tools::only_in(root.path()));
        assert!(matches!(fetched, Err(Error::MissingTool { .. })), "{fetched:?}");
        assert_eq!(radiograph(root.path(), fetched).unwrap(), None);
        let there = radiograph(root.path(), Ok(root.path().join("a.dcm"))).unwrap();
        assert_eq!(there, Some("a.dcm".into()));
        // Any other error ends the demo.
        let wrong = Error::Download { directory: root.path().into(), extension: "whl", found: 0 };
        assert!(radiograph(root.path(), Err(wrong)).is_err());
    }

    #[test]
    fn lists_png_files_only() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.png", "a.npy"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let names: Vec<_> = png_files(root.path()).unwrap().iter().map(|path| relative(root.path(), path)).collect();
        assert_eq!(names, [Path::new("a.png"), Path::new("b.png")]);
        clear(root.path()).unwrap();
        clear(root.path()).unwrap();
    }
}
