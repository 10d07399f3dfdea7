//! Help, wrong usage and exit statuses, without a model.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use radzero_core::Device;
use radzero_core::radiograph::IntensityPolicy;

fn radzero(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_radzero")).args(words).output().unwrap()
}

/// Runs and expects exit status 2, nothing on standard output, and all of `parts` on standard error.
fn refused(words: &[&str], parts: &[&str]) {
    let output = radzero(words);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {message}");
    assert!(output.stdout.is_empty(), "{words:?}");
    for part in parts {
        assert!(message.contains(part), "{words:?}: {part:?} expected in {message}");
    }
}

/// Commands that run a model over images.
const IMAGE_COMMANDS: [&str; 5] = ["infer", "classify", "ground", "segment", "overlay"];

/// The help of a command at this width of the terminal.
fn help(words: &[&str], columns: usize) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radzero"));
    let output = command.args(words).arg("--help").env("COLUMNS", columns.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that the help of a command lists.
fn subcommands(words: &[&str]) -> Vec<String> {
    let text = help(words, 100);
    let Some((_, list)) = text.split_once("\nCommands:\n") else { return Vec::new() };
    let names = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command and subcommand, as typed after `radzero`.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for command in subcommands(&[]) {
        let nested = subcommands(&[&command]).into_iter().map(|nested| vec![command.clone(), nested]);
        let nested: Vec<Vec<String>> = nested.collect();
        all.push(vec![command]);
        all.extend(nested);
    }
    assert!(all.len() > 15, "{all:?}");
    all
}

#[test]
fn help_says_research_use_only_and_explains_the_exit_status() {
    for words in commands() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = help(&words, 100);
        assert!(text.contains("Research use only"), "{words:?}: {text}");
        assert!(text.contains("Exit status:") || words == ["eval"], "{words:?}: {text}");
    }
}

/// A paragraph fills the width, and only text that clap wraps is wrapped.
#[test]
fn help_is_wrapped_once() {
    for columns in [80, 100, 120] {
        for words in commands() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let text = help(&words, columns);
            let lines: Vec<&str> = text.lines().collect();
            for pair in lines.windows(2) {
                // clap does not wrap the line of the usage.
                let fits = pair[0].chars().count() <= columns || pair[0].starts_with("Usage: ");
                assert!(fits, "{words:?} at {columns}: {:?}", pair[0]);
                // A line of a paragraph at the margin, followed by another: the first word of the next must not fit.
                let margin = |line: &str| line.starts_with(|first: char| first.is_alphanumeric() || first == '\'');
                if margin(pair[0]) && margin(pair[1]) {
                    let next = pair[1].split(' ').next().unwrap();
                    let joined = pair[0].chars().count() + 1 + next.chars().count();
                    assert!(joined > columns, "{words:?} at {columns}: {:?}, {:?}", pair[0], pair[1]);
                }
            }
        }
    }
}

/// The fields of the schema, and those that only the program writes.
#[test]
fn the_json_fields_are_documented() {
    let schema = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/result.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let text = help(&["infer"], 100);
    let fields = schema["properties"].as_object().unwrap().keys().map(String::as_str);
    for name in fields.chain(["image", "provider", "maps", "probability", "logit", "map_min", "map_max", "point"]) {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let output = radzero(&["--version"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("radzero {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_needed_must_be_given() {
    refused(&[], &["Usage"]);
    refused(&["diagnose"], &["diagnose"]);
    for command in &IMAGE_COMMANDS {
        refused(&[command, "--prompt", "x", "a.png"], &["--model"]);
        refused(&[command, "--model", "m", "a.png"], &["--prompt"]);
        refused(&[command, "--model", "m", "--prompt", "x"], &["IMAGE"]);
    }
    refused(&["segment", "--model", "m", "--prompt", "x", "a.png"], &["--threshold"]);
    refused(&["overlay", "--model", "m", "--prompt", "x", "a.png"], &["--out"]);
    refused(&["verify"], &["--model"]);
    refused(&["inspect"], &["FILE"]);
    refused(&["inspect", "a.png", "--out", "o"], &["--model", "--size"]);
    refused(&["inspect", "a.png", "--size", "28"], &["--out"]);
    refused(&["inspect", "a.png", "--out", "o", "--size", "28", "--model", "m"], &["--model"]);
}

#[test]
fn values_are_checked() {
    let with = |extra: &[&'static str]| [&["segment", "--model", "m", "--prompt", "x", "a.png"], extra].concat();
    for threshold in ["1.5", "-0.1", "nan", "half"] {
        let flag = format!("--threshold={threshold}");
        let mut words = with(&[]);
        words.push(&flag);
        refused(&words, &["--threshold", "from 0 to 1"]);
    }
    for device in ["gpu", "cuda:x", "CPU", "cpu:0"] {
        let mut words = with(&["--threshold", "0.5", "--device"]);
        words.push(device);
        refused(&words, &[device, &Device::forms()]);
    }
    refused(&with(&["--threshold", "0.5", "--threads", "0"]), &["--threads"]);
    let policies = IntensityPolicy::ALL.map(IntensityPolicy::name).join(", ");
    refused(&["inspect", "a.png", "--intensity", "minmax"], &[&format!("[possible values: {policies}]")]);
}

#[test]
fn options_of_a_gpu_are_refused_elsewhere() {
    let run = ["infer", "--prompt", "x", "a.png"];
    for command in [&run[..], &["verify"], &["bench"]] {
        let with = |extra: &[&'static str]| [command, &["--model", "no/such/model"], extra].concat();
        let (limit, cache) = (["--memory-limit", "512"], ["--engine-cache", "no/such/cache"]);
        refused(&with(&limit), &["--memory-limit is for --device cuda or tensorrt; cpu was given"]);
        refused(&with(&cache), &["--engine-cache is for --device tensorrt; cpu was given"]);
        for device in ["openvino", "openvino:bf16"] {
            refused(&with(&["--device", device, limit[0], limit[1]]), &["--memory-limit", "cuda or tensorrt", device]);
        }
        refused(
            &with(&["--device", "cuda:1", cache[0], cache[1]]),
            &["--engine-cache", "tensorrt", "cuda:1 was given"],
        );
        for limit in ["0", "-1", "half", "5000000000"] {
            let flag = format!("--memory-limit={limit}");
            refused(&[&with(&["--device", "cuda"])[..], &[&flag]].concat(), &["--memory-limit", limit]);
        }
    }
    // With the right device, the next check is the model.
    let fits = ["--device", "tensorrt", "--memory-limit", "512", "--engine-cache", "no/such/cache"];
    refused(&[&run[..], &["--model", "no/such/model"], &fits].concat(), &["no/such/model"]);
    assert!(!Path::new("no").exists(), "no cache is made for a model that is not there");
}

#[test]
fn a_missing_model_stops_every_command() {
    refused(&["infer", "--model", "no/such/model", "--prompt", "x", "a.png"], &["no/such/model"]);
    let output = radzero(&["verify", "--model", "no/such/model"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("no/such/model"));
}

#[test]
fn outputs_of_one_name_are_refused_before_the_model_is_looked_at() {
    let job = ["--model", "no/such/model", "--prompt", "There is edema"];
    let images = ["a/chest.png", "b/chest.dcm"];
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let out = out.to_str().unwrap();
    refused(&[&["infer", "--save-maps", out], &job[..], &images].concat(), &images);
    refused(&[&["overlay", "--out", out], &job[..], &images].concat(), &images);
    let segment = [&["segment", "--threshold", "0.5", "--out", out], &job[..]].concat();
    refused(&[&segment[..], &images].concat(), &images);
    let same = "there is EDEMA";
    refused(&[&segment[..], &["--prompt", same, "chest.png"]].concat(), &["with prompt 1", "with prompt 2"]);
    assert!(!Path::new(out).exists(), "nothing is created for a job that does not run");
}

#[test]
fn an_image_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("chest_overlay.png");
    fs::write(&image, b"x").unwrap();
    let other = directory.path().join("chest.png");
    let paths = [&image, &other].map(|path| path.to_str().unwrap());
    let out = directory.path().to_str().unwrap();
    let words = ["overlay", "--model", "m", "--prompt", "x", "--out", out, paths[0], paths[1]];
    refused(&words, &["would overwrite", "chest_overlay.png"]);
    assert_eq!(fs::read(&image).unwrap(), b"x");
}

#[cfg(target_os = "linux")]
#[test]
fn json_needs_unicode_paths() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let image = OsStr::from_bytes(b"chest\xff.png");
    let words = ["infer", "--json", "--model", "m", "--prompt", "x"];
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join(OsStr::from_bytes(b"maps\xff"));
    let refused = |words: &[&str], path: &OsStr| {
        let output = Command::new(env!("CARGO_BIN_EXE_radzero")).args(words).arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("not valid Unicode"), "{words:?}");
    };
    refused(&words, image);
    refused(&[&words[..], &["chest.png", "--save-maps"]].concat(), out.as_os_str());
    refused(&["inspect", "--json", "--size", "28", "chest.png", "--out"], out.as_os_str());
    assert!(!out.exists());
}
