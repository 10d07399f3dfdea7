//! `radzero eval` on drawings: what it writes, continues, refuses and reports.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use radzero_core::EncoderQueue;
use radzero_eval::report::result::Evaluation;
use radzero_eval::tasks::{Classification, Grounding, Segmentation, Task, TaskKind};
use radzero_eval_demo::Drawn;
use radzero_eval_demo::direct::{self, DirectScore};
use radzero_eval_demo::ellipses::drawings;
use radzero_eval_demo::layout::Layout;
use radzero_tests::models::Exported;

fn radzero(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero"));
    command.arg("eval").args(arguments);
    // Cargo's setting is relative to the workspace, but tests run in the folder of their package.
    if let Some(library) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|path| path.is_relative()) {
        command.env("ORT_DYLIB_PATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(library));
    }
    command.output().unwrap()
}

#[track_caller]
fn status(output: &Output, expected: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{stdout}\n{stderr}");
    (stdout, stderr)
}

struct Site {
    exported: Exported,
    drawn: Vec<Drawn>,
}

impl Site {
    fn new(count: u32) -> Self {
        let site = Self { exported: Exported::case("native"), drawn: drawings(count) };
        let mut layout = Layout::new(&site.data()).unwrap();
        for drawn in &site.drawn {
            layout.add(drawn).unwrap();
        }
        layout.finish().unwrap();
        site
    }

    fn data(&self) -> PathBuf {
        self.exported.scratch().join("data")
    }

    fn out(&self, name: &str) -> PathBuf {
        self.exported.scratch().join(name)
    }

    fn run(&self, task: &str, dataset: &str, data: &Path, out: &str) -> Output {
        let (model, out) = (self.exported.directory(), self.out(out));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (model, data, out) = (text(&model), text(data), text(&out));
        radzero(&[task, "--model", &model, "--dataset", dataset, "--data", &data, "--out", &out])
    }
}

fn result(out: &Path) -> Evaluation {
    serde_json::from_slice(&fs::read(out.join("result.json")).unwrap()).unwrap()
}

#[track_caller]
fn same(found: &Evaluation, expected: &[DirectScore]) {
    let all = || found.measures.iter().chain(found.classes.iter().flat_map(|class| &class.measures));
    for score in expected {
        let measure = all().find(|measure| measure.name == score.name && measure.of == score.of).unwrap();
        match (measure.value, score.value) {
            (Some(value), Some(expected)) => {
                assert!((value - expected).abs() <= 1e-9 + measure.bound.unwrap_or(0.0), "{score:?} {measure:?}")
            }
            (None, None) => {}
            _ => panic!("{score:?} {measure:?}"),
        }
    }
}

#[test]
fn a_run_writes_its_results_and_goes_on_where_it_stopped() {
    let site = Site::new(80);
    let (stdout, stderr) = status(&site.run("segmentation", "siim", &site.data(), "siim"), 0);
    assert!(stdout.starts_with("# Segmentation on SIIM\n"), "{stdout}");
    assert!(stdout.contains("| Dice | Pneumothorax | ") && stdout.contains(" | 0.171 |"), "{stdout}");
    assert!(stderr.contains("80 images, 0 done before; intensity policy reference"), "{stderr}");

    let out = site.out("siim");
    let found = result(&out);
    let queue = EncoderQueue::new(Arc::new(site.exported.open())).unwrap();
    let model = queue.encoder();
    assert_eq!(found.run.evaluated.model.hash, *model.directory().hash());
    assert_eq!(Some(&found.run.evaluated.image_encoder), model.image_encoder());
    assert_eq!(Some(&found.run.evaluated.text_encoder), model.text_encoder());
    assert_eq!(found.run.evaluated.image_encoder.provider, "CPUExecutionProvider");
    assert_eq!(found.run.evaluated.model, *model.record());
    let expected = direct::compute(TaskKind::Segmentation, "siim", &queue, &site.drawn, &site.data()).unwrap();
    same(&found, &expected.scores());
    assert_eq!(fs::read_to_string(out.join("result.md")).unwrap(), stdout);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for picture in page.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        image::open(out.join(picture)).unwrap();
    }
    assert!(page.contains("cases/best-1.png") && page.contains("cases/worst-1.png"));

    let journal = fs::read_to_string(out.join("journal.jsonl")).unwrap();
    let kept: String = journal.split_inclusive('\n').take(11).collect();
    fs::write(out.join("journal.jsonl"), kept).unwrap();
    let (again, stderr) = status(&site.run("segmentation", "siim", &site.data(), "siim"), 0);
    assert!(stderr.contains("80 images, 10 done before"), "{stderr}");
    let measures =
        |text: &str| text.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(measures(&again), measures(&stdout));
    let (_, stderr) = status(&site.run("segmentation", "rsna", &site.data(), "siim"), 2);
    assert!(stderr.contains("is of another run (data set: SIIM, here RSNA)"), "{stderr}");
}

/// The image of a case is missing when its picture is drawn.
#[test]
fn a_picture_that_fails_costs_no_result() {
    let site = Site::new(40);
    status(&site.run("segmentation", "siim", &site.data(), "siim"), 0);
    let out = site.out("siim");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    let caption = page.split("cases/worst-1.png").nth(1).unwrap().split("<figcaption>").nth(1).unwrap();
    let image = caption.split(',').next().unwrap();
    fs::remove_file(site.data().join(format!("dicom/{image}.dcm"))).unwrap();
    let before = result(&out);
    for name in ["result.json", "result.md"] {
        fs::remove_file(out.join(name)).unwrap();
    }
    fs::write(out.join("cases/worst-99.png"), b"of an earlier run").unwrap();
    fs::write(out.join("cases/notes.txt"), b"not ours").unwrap();

    let (stdout, stderr) = status(&site.run("segmentation", "siim", &site.data(), "siim"), 1);
    assert!(stderr.contains(&format!("error: picture of {image}: ")), "{stderr}");
    assert_eq!(result(&out).measures, before.measures);
    assert_eq!(fs::read_to_string(out.join("result.md")).unwrap(), stdout);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("cases/best-1.png") && !page.contains("cases/worst-1.png"));
    let kept = |name: &str| out.join("cases").join(name).exists();
    assert!(!kept("worst-1.png") && !kept("worst-99.png") && kept("best-1.png") && kept("notes.txt"));
}

#[test]
fn images_that_fail_are_reported_and_the_rest_is_scored() {
    let site = Site::new(16);
    fs::write(site.data().join("images/case-002.png"), "no image").unwrap();
    let (stdout, stderr) = status(&site.run("classification", "chexpert", &site.data(), "chexpert"), 1);
    assert!(stderr.contains("error: images/case-002.png: "), "{stderr}");
    assert!(stdout.contains("- images: 15 of 16, 1 failed"), "{stdout}");
    let found = result(&site.out("chexpert"));
    let seen: Vec<Drawn> = site.drawn.iter().filter(|drawn| drawn.name != "case-002").cloned().collect();
    let queue = EncoderQueue::new(Arc::new(site.exported.open())).unwrap();
    let expected = direct::compute(TaskKind::Classification, "chexpert", &queue, &seen, &site.data()).unwrap();
    same(&found, &expected.scores());

    let compared = radzero(&[
        "compare",
        site.out("chexpert/result.json").to_str().unwrap(),
        site.out("chexpert/result.json").to_str().unwrap(),
    ]);
    let (stdout, _) = status(&compared, 0);
    assert!(
        stdout.contains("| AUROC | macro | ") && stdout.contains("| +0.0000 | [+0.0000, +0.0000] | 0.900 |"),
        "{stdout}"
    );
}

#[test]
fn a_sites_own_file() {
    let site = Site::new(16);
    let (stdout, _) = status(&site.run("grounding", "plain", &site.data().join("plain.csv"), "plain"), 0);
    assert!(
        stdout.contains("# Grounding on plain\n") && stdout.contains("| pointing game | class mean | "),
        "{stdout}"
    );
}

#[test]
fn what_is_missing_is_asked_for() {
    let site = Site::new(1);
    let (_, stderr) = status(&site.run("classification", "openi", &site.out("elsewhere"), "o"), 2);
    assert!(stderr.contains("openi_multi_label_image.csv is missing") && stderr.contains("Hugging Face"), "{stderr}");
    let (_, stderr) = status(&radzero(&["compare", "a.json", "b.json"]), 2);
    assert!(stderr.contains("cannot read a.json"), "{stderr}");
    let broken = site.out("broken.json");
    fs::write(&broken, "{}").unwrap();
    let (_, stderr) = status(&radzero(&["compare", broken.to_str().unwrap(), "b.json"]), 2);
    assert!(stderr.contains("is not the result of an evaluation"), "{stderr}");
}

/// The program offers, reads and documents every registered data set of the task.
fn every_data_set_of<T: Task>(documented: &str) {
    let task = T::KIND.to_string();
    let (help, _) = status(&radzero(&[&task, "--help"]), 0);
    for entry in T::DATASETS {
        assert!(help.contains(&format!("- {}:", entry.name)) && help.contains(entry.title), "{entry:?}: {help}");
        let arguments = [task.as_str(), "--dataset", entry.name, "--model", "m", "--data", "no/such.csv", "--out", "o"];
        let (_, stderr) = status(&radzero(&arguments), 2);
        assert!(stderr.contains("no/such.csv") && stderr.contains(" is missing. "), "{entry:?}: {stderr}");
        let row = documented.lines().find(|line| line.starts_with(&format!("| `{}` |", entry.name)));
        assert!(row.is_some_and(|row| row.contains(&task) || row.contains("all three")), "{entry:?}: {row:?}");
    }
    let arguments = [task.as_str(), "--dataset", "mnist", "--model", "m", "--data", "d", "--out", "o"];
    let (_, stderr) = status(&radzero(&arguments), 2);
    let names: Vec<&str> = T::DATASETS.iter().map(|entry| entry.name).collect();
    assert!(stderr.contains(&format!("[possible values: {}]", names.join(", "))), "{stderr}");
}

#[test]
fn every_registered_data_set_is_known() {
    let documented = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evaluation.md")).unwrap();
    every_data_set_of::<Classification>(&documented);
    every_data_set_of::<Grounding>(&documented);
    every_data_set_of::<Segmentation>(&documented);
}
