//! Every command on a model: its output equals the library's, and what fails is said.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::Array3;
use radzero_core::{Comparison, Radiograph};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;
use serde_json::Value;

const PROMPTS: [&str; 2] = ["There is edema", "There is a mass in the left lung"];

fn radzero(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero"));
    command.args(arguments);
    // Cargo's setting is relative to the workspace, and tests run in their package.
    if let Some(library) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|path| path.is_relative()) {
        command.env("ORT_DYLIB_PATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(library));
    }
    command
}

/// `command` on images of the golden data, with [`PROMPTS`].
fn run(command: &[&str], model: &Path, images: &[PathBuf]) -> Output {
    let mut process = radzero(command);
    process.arg("--model").arg(model).args(["--prompt", PROMPTS[0], "--prompt", PROMPTS[1]]).args(images);
    process.output().unwrap()
}

fn image(name: &str) -> PathBuf {
    golden_path(format!("images/{name}"))
}

fn status(output: &Output, expected: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{stdout}\n{stderr}");
    (stdout, stderr)
}

fn expected(exported: &Exported, image: &Path) -> Vec<Comparison> {
    exported.open().infer(&Radiograph::open(image).unwrap(), &PROMPTS).unwrap()
}

#[test]
fn json_and_maps_equal_the_librarys() {
    let exported = Exported::case("native");
    let maps = exported.scratch().join("maps");
    let images = [image("gray8.png"), image("rgb8.png"), image("dicom_monochrome1.dcm")];
    let output = run(&["infer", "--json", "--save-maps", maps.to_str().unwrap()], &exported.directory(), &images);
    let (stdout, _) = status(&output, 0);
    assert_eq!(stdout.lines().count(), images.len());
    let model = exported.open();
    for (line, path) in stdout.lines().zip(&images) {
        let found: Value = serde_json::from_str(line).unwrap();
        let comparisons = expected(&exported, path);
        assert_eq!(found["image"], path.to_str().unwrap());
        assert_eq!(found["width"], comparisons[0].width());
        assert_eq!(found["height"], comparisons[0].height());
        assert_eq!(found["model"]["name"], model.manifest().name);
        assert_eq!(found["model"]["hash"], model.directory().hash().as_str());
        assert_eq!(found["provider"], "CPUExecutionProvider");
        let file = maps.join(path.with_extension("npy").file_name().unwrap());
        let arrays: Array3<f32> = ndarray_npy::read_npy(file).unwrap();
        assert_eq!(arrays.dim(), (PROMPTS.len(), comparisons[0].height(), comparisons[0].width()));
        for (index, comparison) in comparisons.iter().enumerate() {
            let (result, map) = (&found["results"][index], comparison.map());
            let close = |name: &str, value: f32| {
                let found = result[name].as_f64().unwrap_or_else(|| panic!("no number {name} in {line}")) as f32;
                assert!((found - value).abs() <= 1e-6, "{name}: {found} and {value}");
            };
            assert_eq!(result["prompt"], PROMPTS[index]);
            close("probability", comparison.probability());
            close("logit", comparison.logit());
            close("map_min", map.min());
            close("map_max", map.max());
            assert_eq!(result["point"], serde_json::json!([map.peak().x, map.peak().y]));
            assert_eq!(arrays.index_axis(ndarray::Axis(0), index), map.values());
        }
    }
}

#[test]
fn text_shows_what_the_model_card_shows() {
    let exported = Exported::case("native");
    let path = image("gray8.png");
    let (stdout, stderr) = status(&run(&["infer"], &exported.directory(), std::slice::from_ref(&path)), 0);
    for comparison in expected(&exported, &path) {
        let map = comparison.map();
        for value in [comparison.probability(), map.min(), map.max()] {
            assert!(stdout.contains(&format!("{value:.4}")), "{value} is not in {stdout}");
        }
        assert!(stdout.contains(comparison.prompt()) && stdout.contains("[61, 83]"), "{stdout}");
    }
    assert!(stderr.contains("Research use only"), "{stderr}");
}

#[test]
fn one_bad_image_does_not_stop_the_rest() {
    let exported = Exported::case("native");
    let images = [image("gray8.png"), image("nowhere.png"), golden_path("README.md"), image("rgb8.png")];
    let (stdout, stderr) = status(&run(&["infer", "--json"], &exported.directory(), &images), 1);
    let done: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(done.len(), 2);
    assert!(done[0]["image"].as_str().unwrap().ends_with("gray8.png"));
    assert!(done[1]["image"].as_str().unwrap().ends_with("rgb8.png"));
    assert!(stderr.contains("nowhere.png") && stderr.contains("README.md"), "{stderr}");
}

#[test]
fn tables_and_points() {
    let exported = Exported::case("native");
    let path = image("rgba8.png");
    let (table, _) = status(&run(&["classify"], &exported.directory(), std::slice::from_ref(&path)), 0);
    let (points, _) = status(&run(&["ground"], &exported.directory(), std::slice::from_ref(&path)), 0);
    for comparison in expected(&exported, &path) {
        assert!(table.contains(&format!("{:.4}", comparison.probability())), "{table}");
        let peak = comparison.map().peak();
        assert!(points.contains(&peak.x.to_string()) && points.contains(&peak.y.to_string()), "{points}");
    }
}

#[test]
fn masks_equal_the_librarys() {
    let exported = Exported::case("native");
    let path = image("gray8.png");
    let comparisons = expected(&exported, &path);
    // Between the two maps' values, so that masks are neither empty nor full.
    let map = comparisons[0].map();
    let threshold = f32::midpoint(map.min(), map.max());
    let out = exported.scratch().join("masks");
    let arguments = ["segment", "--threshold", &threshold.to_string(), "--out", out.to_str().unwrap()];
    status(&run(&arguments, &exported.directory(), &[path]), 0);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), PROMPTS.len(), "{files:?}");
    let found: Vec<_> = files.iter().map(|file| image::open(file).unwrap().into_luma8()).collect();
    for comparison in &comparisons {
        let mask = comparison.map().mask(threshold).unwrap();
        let same = |picture: &image::GrayImage| {
            picture.dimensions() == (mask.ncols() as u32, mask.nrows() as u32)
                && mask
                    .indexed_iter()
                    .all(|((y, x), &above)| picture.get_pixel(x as u32, y as u32).0[0] == if above { 255 } else { 0 })
        };
        assert!(found.iter().any(same), "no file holds the mask of {}", comparison.prompt());
    }
    assert!(found.iter().flat_map(|picture| picture.pixels()).any(|pixel| pixel.0[0] == 255));
}

#[test]
fn overlays_differ_by_prompt_and_hold_colour() {
    let exported = Exported::case("native");
    let out = exported.scratch().join("pictures");
    let path = image("gray8.png");
    status(&run(&["overlay", "--out", out.to_str().unwrap()], &exported.directory(), &[path]), 0);
    let picture = image::open(out.join("gray8_overlay.png")).unwrap().into_rgb8();
    assert!(picture.width() > picture.height(), "panels stand side by side: {:?}", picture.dimensions());
    assert!(picture.pixels().any(|pixel| pixel.0[0] != pixel.0[1]), "a gray image became a gray picture");
}

#[test]
fn verify_passes_a_good_model_and_fails_a_damaged_one() {
    let exported = Exported::case("native");
    let verify = || {
        let mut process = radzero(&["verify", "--model"]);
        process.arg(exported.directory()).output().unwrap()
    };
    status(&verify(), 0);
    let data = exported.directory().join("text_encoder.onnx.data");
    let mut bytes = std::fs::read(&data).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x80;
    std::fs::write(&data, bytes).unwrap();
    let (stdout, stderr) = status(&verify(), 1);
    assert!((stdout + &stderr).contains("text_encoder.onnx.data"));
}

#[test]
fn what_stops_the_command_is_said_at_once() {
    let exported = Exported::case("native");
    let model = exported.directory();
    let images = [image("gray8.png")];
    let stopped = |command: &mut Command| status(&command.arg(&images[0]).output().unwrap(), 2).1;
    let with = |arguments: &[&str]| {
        let mut command = radzero(&["infer", "--model"]);
        command.arg(&model).args(arguments);
        command
    };
    assert!(stopped(&mut with(&["--prompt", " "])).contains("empty"));
    let long = &exported.golden.prompts["160"].over_long;
    assert!(stopped(&mut with(&["--prompt", &long.text])).contains(&format!("{} found", long.tokens)));
    assert!(stopped(&mut with(&["--prompt", "edema", "--device", "gpu"])).contains("gpu"));
    let mut nowhere = radzero(&["infer", "--prompt", "edema", "--model"]);
    assert!(stopped(nowhere.arg(exported.scratch().join("nowhere"))).contains("nowhere"));
    let mut library = with(&["--prompt", "edema"]);
    assert!(stopped(library.env("ORT_DYLIB_PATH", exported.scratch().join("nothing.so"))).contains("nothing.so"));
}

/// The command as a whole, like the library: whatever the caller sets.
#[test]
fn the_home_folder_stays_empty() {
    let exported = Exported::case("native");
    let home = exported.scratch().join("home");
    std::fs::create_dir(&home).unwrap();
    let mut command = radzero(&["infer", "--prompt", "edema", "--model"]);
    command.arg(exported.directory()).arg(image("gray8.png"));
    command.env("HOME", &home).env("ORT_DISABLE_TELEMETRY", "0");
    for variable in ["CI", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env_remove(variable);
    }
    status(&command.output().unwrap(), 0);
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn doctor_tries_every_device_and_says_what_is_needed() {
    let (stdout, _) = status(&radzero(&["doctor"]).output().unwrap(), 0);
    let line = |name: &str| stdout.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{stdout}"));
    assert!(line("built with").contains("CPUExecutionProvider"), "{stdout}");
    assert!(line("cpu").contains("works"), "{stdout}");
    // What a device lacks depends on the library and the machine; one that does not work says so.
    for device in ["openvino", "cuda", "tensorrt"] {
        let line = line(device);
        assert!(line.contains("works") || line.contains("cannot") && line.contains("library"), "{line}");
    }
}

#[test]
fn bench_measures_every_stage() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    let arguments = ["bench", "--images", "1", "--prompts", "2", "--json", "--model", directory.to_str().unwrap()];
    let (stdout, _) = status(&radzero(&arguments).output().unwrap(), 0);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let stages = report["stages"].as_array().unwrap();
    for name in
        ["decode", "resample", "encode prompts, cached", "compare with all prompts", "points, all prompts", "map"]
    {
        let stage = stages.iter().find(|stage| stage["stage"] == name).unwrap_or_else(|| panic!("{name}: {stdout}"));
        assert!(stage["median_ms"].as_f64().unwrap() > 0.0, "{stage}");
    }
    assert!(report["load_ms"].as_f64().unwrap() > 0.0 && report["images_per_second"].as_f64().unwrap() > 0.0);
}
