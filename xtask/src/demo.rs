//! `cargo xtask demo`: from nothing to printed results and pictures.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fetch::Tools;
use crate::process::Step;
use crate::{data, setup};

/// The demo model's checkpoint.
pub(crate) const CHECKPOINT: &str = "models/phantom";

const MODEL: &str = "target/models/phantom";

/// The findings of the samples, as the demo model's sentences have them.
const PROMPTS: [&str; 5] = [
    "There is nodule",
    "There is mass",
    "There is pleural effusion",
    "There is pneumothorax",
    "There is consolidation",
];

/// The demo model's threshold, as of its model card.
const THRESHOLD: &str = "0.5";

/// Where the samples go, and the pictures.
const SAMPLES: &str = "target/demo/samples";
const PICTURES: &str = "target/demo";

/// Exports the demo checkpoint, runs the commands for people on drawn radiographs, and reads a real one.
///
/// # Errors
/// That of the first step that fails.
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
    build(root, &["radzero-export", "radzero-cli", "radzero-phantom"])?;
    say!("\n== The checkpoint becomes a model directory ==");
    program("radzero-export")?.args([CHECKPOINT, MODEL]).run()?;
    say!("\n== Radiographs are drawn ==");
    program("radzero-phantom")?.args(["--samples", SAMPLES]).run()?;
    let samples: Vec<PathBuf> = pictures(&root.join(SAMPLES))?.iter().map(|picture| relative(root, picture)).collect();

    let radzero = |command: &[&str], prompts: &[&str], images: &[PathBuf]| {
        let prompts = prompts.iter().flat_map(|prompt| ["--prompt", prompt]);
        program("radzero")?.args(command).args(["--model", MODEL]).args(prompts).args(images).run()
    };
    say!("\n== How well does each sentence fit? ==");
    radzero(&["classify"], &PROMPTS, &samples)?;
    say!("\n== Where is it? ==");
    radzero(&["ground"], &PROMPTS, &samples)?;
    say!("\n== Which pixels? ==");
    radzero(&["segment", "--threshold", THRESHOLD, "--out", PICTURES], &PROMPTS, &samples)?;
    say!("\n== Side by side ==");
    radzero(&["overlay", "--threshold", THRESHOLD, "--out", PICTURES], &PROMPTS, &samples)?;
    if let Some(radiograph) = radiograph {
        say!(
            "\n== A real chest radiograph ==\n\
             The demo model has seen drawings alone: what it makes of a patient means nothing. This shows that it is read."
        );
        radzero(&["infer"], &PROMPTS[..2], &[radiograph])?;
    }

    say!("\nPictures:");
    for picture in pictures(&root.join(PICTURES))? {
        say!("  {}", relative(root, &picture).display());
    }
    say!("\nResearch use only: not a medical device. Probabilities are similarities, not chances of disease.");
    Ok(())
}

/// The real radiograph, which comes through pip alone: on a machine with npm instead, the demo goes without it.
fn radiograph(root: &Path, fetched: Result<PathBuf>) -> Result<Option<PathBuf>> {
    match fetched {
        Ok(path) => Ok(Some(relative(root, &path))),
        Err(error @ Error::MissingTool { .. }) => {
            say!("The demo goes without its real radiograph: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Builds packages together. `cargo run` would not do afterwards: alone, each package would need its dependencies built
/// again with other features.
pub(crate) fn build(root: &Path, packages: &[&str]) -> Result<()> {
    let packages: Vec<&str> = packages.iter().flat_map(|package| ["--package", package]).collect();
    Step::cargo().args(["build", "--release"]).args(packages).directory(root).run()
}

/// A program that [`build`] made: cargo puts release builds beside the folder of this program's own build.
pub(crate) fn program(root: &Path, library: &Path, name: &str) -> Result<Step> {
    Ok(Step::new(release(name)?, "cargo build made it elsewhere").directory(root).env(setup::VARIABLE, library))
}

/// Where cargo puts a program's release build: beside the folder of this one's.
pub(crate) fn release(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::io("locate", Path::new("xtask")))?;
    let folder = own.ancestors().nth(2).unwrap_or(Path::new("target")).join("release");
    Ok(folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// Removes what an earlier run left.
pub(crate) fn clear(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", directory)(error)),
        _ => Ok(()),
    }
}

fn pictures(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("list", directory))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(Error::io("list", directory))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    files.sort();
    Ok(files)
}

/// `path` as it is typed in the repository.
pub(crate) fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_pip_the_demo_goes_without_the_real_radiograph() {
        let root = tempfile::tempdir().unwrap();
        let fetched = data::radiograph(root.path(), &Tools::only_in(root.path()));
        assert!(matches!(fetched, Err(Error::MissingTool { .. })), "{fetched:?}");
        assert_eq!(radiograph(root.path(), fetched).unwrap(), None);
        let there = radiograph(root.path(), Ok(root.path().join("a.dcm"))).unwrap();
        assert_eq!(there, Some("a.dcm".into()));
        // Anything else, such as a wrong file, is no reason to go on.
        let wrong = Error::Download { directory: root.path().into(), extension: "whl", found: 0 };
        assert!(radiograph(root.path(), Err(wrong)).is_err());
    }

    #[test]
    fn lists_pictures_only() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.png", "a.npy"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let names: Vec<_> = pictures(root.path()).unwrap().iter().map(|path| relative(root.path(), path)).collect();
        assert_eq!(names, [Path::new("a.png"), Path::new("b.png")]);
        clear(root.path()).unwrap();
        clear(root.path()).unwrap();
    }
}
