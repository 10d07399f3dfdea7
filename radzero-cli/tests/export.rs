//! `radzero export`: makes a model directory, and refuses one that exists.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use radzero_core::manifest::ModelDirectory;
use radzero_tests::golden::Golden;
use radzero_tests::models::write_checkpoint;

fn export(checkpoint: &Path, model: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero"));
    command.arg("export").args([checkpoint, model]).args(options).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_model_directory_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, model) = (folder.path().join("checkpoint"), folder.path().join("model"));
    write_checkpoint(Golden::load().case("native"), &checkpoint);

    let made = export(&checkpoint, &model, &["--name", "golden"]);
    assert_eq!((made.status.code(), text(&made.stderr)), (Some(0), String::new()));
    let directory = ModelDirectory::open(&model).unwrap();
    directory.verify_files(|_| {}).unwrap();
    assert_eq!(directory.manifest().name, "golden");
    let stdout = text(&made.stdout);
    assert!(stdout.starts_with(&format!("{}: golden (", model.display())), "{stdout}");

    let manifest = fs::read(model.join("radzero.json")).unwrap();
    let refused = export(&checkpoint, &model, &["--name", "other"]);
    let stderr = text(&refused.stderr);
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(2), String::new()), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("a model directory is there; --force"), "{stderr}");
    assert!(stderr.contains(model.to_str().unwrap()), "{stderr}");
    assert_eq!(fs::read(model.join("radzero.json")).unwrap(), manifest, "the directory is left as it was");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left next to it");

    let replaced = export(&checkpoint, &model, &["--name", "other", "--force"]);
    assert_eq!(replaced.status.code(), Some(0), "{}", text(&replaced.stderr));
    assert_eq!(ModelDirectory::open(&model).unwrap().manifest().name, "other");
}

#[test]
fn a_checkpoint_that_is_missing_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = export(&folder.path().join("nowhere"), &folder.path().join("model"), &[]);
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("nowhere"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
