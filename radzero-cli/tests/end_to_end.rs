//! Every command on a model: its output equals that of the library, and failures are reported.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ndarray::Array3;
use radzero_core::{Comparison, Radiograph};
use radzero_tests::golden_path;
use radzero_tests::models::Exported;
use serde_json::Value;

const PROMPTS: [&str; 2] = ["There is edema", "There is a mass in the left lung"];

fn radzero(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero"));
    command.args(arguments);
    // Cargo's setting is relative to the workspace, but tests run in the folder of their package.
    if let Some(library) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|path| path.is_relative()) {
        command.env("ORT_DYLIB_PATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(library));
    }
    command
}

/// Runs `command` on images of the golden data, with [`PROMPTS`].
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

/// Runs `command` with a reader that closes standard output, after a line if `after_a_line`.
#[cfg(unix)]
fn closed(command: &[&str], model: &Path, images: &[PathBuf], after_a_line: bool) -> (Option<i32>, String) {
    use std::io::{BufRead as _, BufReader, Read as _};
    let mut process = radzero(command);
    process.arg("--model").arg(model);
    if command[0] != "verify" {
        process.args(["--prompt", PROMPTS[0]]).args(images);
    }
    let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    if after_a_line {
        reader.read_line(&mut String::new()).unwrap();
    }
    drop(reader);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stderr)
}

#[cfg(unix)]
#[test]
fn files_are_written_when_nobody_reads_what_is_printed() {
    let exported = Exported::case("native");
    let images: Vec<PathBuf> = (0..12).map(|index| exported.scratch().join(format!("{index}.png"))).collect();
    for path in &images {
        std::fs::copy(image("gray8.png"), path).unwrap();
    }
    for (after_a_line, name) in [(true, "after"), (false, "before")] {
        let out = exported.scratch().join(name);
        let arguments = ["infer", "--json", "--save-maps", out.to_str().unwrap()];
        let (status, stderr) = closed(&arguments, &exported.directory(), &images, after_a_line);
        assert_eq!((status, stderr.as_str()), (Some(0), ""));
        for path in &images {
            let maps: Array3<f32> =
                ndarray_npy::read_npy(out.join(path.with_extension("npy").file_name().unwrap())).unwrap();
            assert_eq!(maps.dim().0, 1);
        }
    }
}

#[cfg(unix)]
#[test]
fn work_that_is_left_undone_is_no_success() {
    let exported = Exported::case("native");
    let model = exported.directory();
    let (one, two) = ([image("gray8.png")], [image("gray8.png"), image("rgb8.png")]);
    assert_eq!(closed(&["infer", "--json"], &model, &one, false), (Some(0), String::new()), "nothing is left");
    assert_eq!(closed(&["infer", "--json"], &model, &two, false), (Some(1), String::new()));
    let (status, stderr) = closed(&["classify"], &model, &one, false);
    assert_eq!(status, Some(1), "the heading alone was tried: {stderr}");
    assert_eq!(closed(&["verify"], &model, &[], false).0, Some(1), "a model that nobody verified is not good");
}

#[test]
fn messages_do_not_steer_a_terminal() {
    let output =
        radzero(&["infer", "--prompt", "edema", "--model", "no\u{1b}[31m\u{7}where", "a.png"]).output().unwrap();
    let (_, stderr) = status(&output, 2);
    assert!(stderr.contains("no\\u{1b}[31m\\u{7}where"), "{stderr}");
    assert!(!stderr.chars().any(|character| character.is_control() && character != '\n'), "{stderr:?}");
    let output = radzero(&["verify", "--model", "no\u{1b}[31mwhere"]).output().unwrap();
    assert!(!status(&output, 1).0.contains('\u{1b}'));
}

#[test]
fn tables_and_points() {
    let exported = Exported::case("native");
    let path = image("rgba8.png");
    let (table, _) = status(&run(&["classify"], &exported.directory(), std::slice::from_ref(&path)), 0);
    let (points, _) = status(&run(&["ground"], &exported.directory(), std::slice::from_ref(&path)), 0);
    let comparisons = expected(&exported, &path);
    let row = comparisons.iter().map(|found| format!("{:.4}", found.probability()));
    let row: Vec<String> = std::iter::once(path.to_str().unwrap().to_owned()).chain(row).collect();
    assert_eq!(table.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(), row);

    // One line for the image, one for the column headers, one per prompt in order.
    let lines: Vec<&str> = points.lines().collect();
    assert_eq!(lines.len(), 2 + comparisons.len(), "{points}");
    for (line, found) in lines[2..].iter().zip(&comparisons) {
        let map = found.map();
        let peak = map.peak();
        assert_eq!(peak.value, map.values()[[peak.y, peak.x]]);
        let expected = format!("{} {} {:.4} {}", peak.x, peak.y, peak.value, found.prompt());
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn masks_equal_the_librarys() {
    let exported = Exported::case("native");
    let path = image("gray8.png");
    let comparisons = expected(&exported, &path);
    // Between the map's extremes, so that masks are neither empty nor full.
    let map = comparisons[0].map();
    let threshold = f32::midpoint(map.min(), map.max());
    let out = exported.scratch().join("masks");
    let arguments = ["segment", "--threshold", &threshold.to_string(), "--out", out.to_str().unwrap()];
    status(&run(&arguments, &exported.directory(), &[path]), 0);
    let names = ["gray8_there-is-edema.png", "gray8_there-is-a-mass-in-the-left-lung.png"];
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), names.len());
    let mut masks = Vec::new();
    for (comparison, name) in comparisons.iter().zip(names) {
        let picture = image::open(out.join(name)).unwrap().into_luma8();
        let mask = comparison.map().mask(threshold).unwrap();
        assert_eq!(picture.dimensions(), (mask.ncols() as u32, mask.nrows() as u32), "{name}");
        for ((y, x), &above) in mask.indexed_iter() {
            assert_eq!(picture.get_pixel(x as u32, y as u32).0[0], if above { 255 } else { 0 }, "{name}: {x}, {y}");
        }
        masks.push(mask);
    }
    assert!(masks[0].iter().any(|&above| above) && !masks[0].iter().all(|&above| above));
    assert_ne!(masks[0], masks[1], "which file holds which mask must show");
}

#[test]
fn overlays_differ_by_prompt_and_hold_colour() {
    let exported = Exported::case("native");
    let out = exported.scratch().join("pictures");
    let drawn = |first: &str, second: &str| {
        let mut process = radzero(&["overlay", "--prompt", first, "--prompt", second, "--out", out.to_str().unwrap()]);
        process.arg("--model").arg(exported.directory()).arg(image("gray8.png"));
        status(&process.output().unwrap(), 0);
        image::open(out.join("gray8_overlay.png")).unwrap().into_rgb8()
    };
    let picture = drawn(PROMPTS[0], PROMPTS[1]);
    assert!(picture.width() > picture.height(), "panels stand side by side: {:?}", picture.dimensions());
    // Margin, panel, margin, panel, margin, colour bar. The middle of a panel shows the image, without text.
    let (margin, bar) = (24, 96);
    let panel = (picture.width() - 3 * margin - bar) / 2;
    let middle = |picture: &image::RgbImage, index: u32| {
        let (left, height) = (margin + index * (panel + margin), picture.height());
        image::imageops::crop_imm(picture, left, height / 3, panel, height / 3).to_image()
    };
    let (left, right) = (middle(&picture, 0), middle(&picture, 1));
    assert!(left.pixels().any(|pixel| pixel.0[0] != pixel.0[1]), "a gray image became a gray picture");
    assert!(left != right, "both panels show the same map");
    let turned = drawn(PROMPTS[1], PROMPTS[0]);
    assert!(middle(&turned, 0) == right && middle(&turned, 1) == left, "a panel depends on its place");
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

/// Nothing is written to the home folder, whatever the caller's environment.
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
    // What a device lacks depends on the library and the machine; a device that does not work must say so.
    for device in ["openvino", "cuda", "tensorrt"] {
        let line = line(device);
        assert!(line.contains("works") || line.contains("cannot") && line.contains("library"), "{line}");
    }
}

#[test]
fn bench_measures_every_stage() {
    let exported = Exported::case("native");
    let directory = exported.directory();
    let arguments =
        ["bench", "--images", "1", "--prompts", "2", "--threads", "1", "--model", directory.to_str().unwrap()];
    let (stdout, _) = status(&radzero(&arguments).output().unwrap(), 0);
    assert!(stdout.contains("device cpu, CPUExecutionProvider") && stdout.contains("threads 1\n"), "{stdout}");
    let (stdout, _) = status(&radzero(&arguments).arg("--json").output().unwrap(), 0);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["device"], &report["provider"]), (&"cpu".into(), &"CPUExecutionProvider".into()));
    assert_eq!((&report["threads"], &report["pool_threads"]), (&1.into(), &1.into()));
    let stages = report["stages"].as_array().unwrap();
    for name in
        ["decode", "resample", "encode prompts, cached", "compare with all prompts", "points, all prompts", "map"]
    {
        let stage = stages.iter().find(|stage| stage["stage"] == name).unwrap_or_else(|| panic!("{name}: {stdout}"));
        assert!(stage["median_ms"].as_f64().unwrap() > 0.0, "{stage}");
    }
    assert!(report["load_ms"].as_f64().unwrap() > 0.0 && report["images_per_second"].as_f64().unwrap() > 0.0);
}
