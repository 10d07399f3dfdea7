//! What does an evaluation of 1,000 images add to the model's time, and does memory grow with the number of images?
//!
//! ```console
//! $ cargo build --release -p radzero-cli
//! $ cargo bench -p radzero-benches --bench evaluation [-- --full-size target/parity/model]
//! ```
//!
//! Segmentation is the heaviest task: each map is made and counted at 1024 x 1024. Each round measures, in alternating order:
//!
//! - the model alone: opening it, encoding the sentence, and encoding and comparing every image, without reading files
//! - `radzero eval segmentation` from start to end, which also reads files and makes masks, maps, counts, the journal, scores with
//!   1,000 bootstrap resamples, the report, and images of the best and worst cases
//!
//! The difference is what the evaluation adds. The demo model is far smaller than a real one, so the difference is also compared
//! with the time per image of a full-size model (made by `cargo xtask parity`), measured in the same rounds. Memory is measured
//! again in a run whose allocator returns freed memory to the system. The exit status is 1 if the difference is above 5 % of the
//! full-size model's time, where there is one, or if memory in use grows from image 200 to 1,000.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use radzero_benches::{radiograph, skip};
use radzero_core::{RadZero, Radiograph};

const IMAGES: usize = 1000;
/// The number of different files; each is read many times.
const FILES: usize = 20;
const SIDE: usize = 1024;
const ROUNDS: usize = 3;
/// Images per round for the full-size model.
const FULL_SIZE: usize = 3;
const SENTENCE: &str = "There is pneumonia";
/// The largest share of a full-size model's time that may be added.
const SHARE: f64 = 0.05;
/// Growth of the peak that may be chance, as a sample may or may not hit the moment when an image takes most memory.
const GROWTH: f64 = 0.05;
/// Makes glibc return every large buffer to the system when it is freed. By default it keeps fragments, and more of them until
/// about 2,000 images are done, so resident memory would exceed the memory in use.
const GIVE_BACK: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Writes a CSV file and its images to `folder`.
fn data(folder: &Path) -> PathBuf {
    let mut lines = "image,label,left,top,right,bottom,prompt\n".to_owned();
    for file in 0..FILES {
        // The sizes differ a little, as in a real data set.
        let drawn = radiograph(SIDE, SIDE - file).unwrap();
        let levels = drawn.levels().interleaved().into_iter().step_by(3).collect();
        let image = image::GrayImage::from_raw(drawn.width() as u32, drawn.height() as u32, levels).unwrap();
        image.save(folder.join(format!("file-{file}.png"))).unwrap();
    }
    for index in 0..IMAGES {
        let name = format!("{index:04}.png");
        fs::hard_link(folder.join(format!("file-{}.png", index % FILES)), folder.join(&name)).unwrap();
        let top = 200 + index % 300;
        lines += &match index % 4 {
            0 => format!("{name},pneumonia,100,{top},399,{},{SENTENCE}\n", top + 199),
            _ => format!("{name},,,,,,\n"),
        };
    }
    let file = folder.join("data.csv");
    fs::write(&file, lines).unwrap();
    file
}

/// The time of the model alone.
fn model_alone(directory: &Path, radiographs: &[Radiograph]) -> Duration {
    let start = Instant::now();
    let model = RadZero::open(directory).unwrap();
    let prompts = model.encode_prompts(&[SENTENCE]).unwrap();
    for index in 0..IMAGES {
        let image = model.encode_image(&radiographs[index % FILES]).unwrap();
        std::hint::black_box(model.compare(&image, &prompts).unwrap());
    }
    start.elapsed()
}

/// The time and memory of an evaluation.
struct Evaluation {
    whole: Duration,
    /// Seconds of the loop over the images.
    images: f64,
    /// Peak resident memory in MiB during each hundred images, and after the last image.
    memory: Vec<f64>,
}

fn evaluation(program: &Path, directory: &Path, data: &Path, variable: Option<(&str, &str)>) -> Evaluation {
    let out = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["eval", "segmentation", "--dataset", "plain", "--model"])
        .args([directory, Path::new("--data"), data, Path::new("--out"), out.path()])
        .envs(variable)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut journal, mut lines, mut memory) = (None, 0, vec![0.0_f64; IMAGES / 100 + 1]);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
        journal = journal.or_else(|| File::open(out.path().join("journal.jsonl")).ok());
        if let Some(journal) = &mut journal {
            let mut more = Vec::new();
            journal.read_to_end(&mut more).unwrap();
            lines += more.iter().filter(|&&byte| byte == b'\n').count();
        }
        // The first line describes the run.
        let hundred = &mut memory[lines.saturating_sub(1) / 100];
        *hundred = hundred.max(resident(child.id()).unwrap_or_default());
    };
    let whole = start.elapsed();
    assert!(status.success(), "{status}");
    let result = fs::read_to_string(out.path().join("result.json")).unwrap();
    let seconds = result.split("\"total_seconds\":").nth(1).and_then(|rest| rest.split(['}', ',']).next());
    Evaluation { whole, images: seconds.unwrap().trim().parse().unwrap(), memory }
}

/// Resident memory of a process in MiB, where the system reports it.
fn resident(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// The program, which `cargo build --release` puts two folders above the benches.
fn program() -> PathBuf {
    let bench = std::env::current_exe().unwrap();
    bench.ancestors().nth(2).unwrap().join("radzero").with_extension(std::env::consts::EXE_EXTENSION)
}

/// Memory during images 101 to 200, 501 to 600 and 901 to 1,000, and after the last one.
fn listed(memory: &[f64]) -> String {
    [1, 5, 9, 10].map(|hundred| format!("{:.0}", memory[hundred])).join(", ")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let full_size = arguments.iter().position(|argument| argument == "--full-size");
    if !program().exists() {
        skip("evaluation", &program(), "cargo build --release -p radzero-cli");
        // With --full-size, the caller wants to know whether the bound is met.
        return if full_size.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    // Cargo runs a bench in its package's folder, but the path is relative to the repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let full_size = full_size.and_then(|at| arguments.get(at + 1)).map(|path| RadZero::open(root.join(path)).unwrap());

    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let exported = radzero_models::phantom().unwrap();
    let radiographs: Vec<Radiograph> =
        (0..FILES).map(|file| Radiograph::open(folder.path().join(format!("file-{file}.png"))).unwrap()).collect();

    let (mut models, mut wholes, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    let (mut shares, mut added, mut large) = (Vec::new(), Vec::new(), Vec::new());
    println!("{IMAGES} images of {SIDE} x {SIDE}, the demo model; milliseconds an image");
    println!("round |  model | evaluation | of it the loop | added | resident MiB up to image 200, 600, 1000, after");
    for round in 1..=ROUNDS {
        let (model, run) = if round % 2 == 1 {
            let model = model_alone(&exported.path(), &radiographs);
            (model, evaluation(&program(), &exported.path(), &data, None))
        } else {
            let run = evaluation(&program(), &exported.path(), &data, None);
            (model_alone(&exported.path(), &radiographs), run)
        };
        if let Some(large_model) = &full_size {
            let prompts = large_model.encode_prompts(&[SENTENCE]).unwrap();
            for radiograph in &radiographs[..FULL_SIZE] {
                let start = Instant::now();
                let image = large_model.encode_image(radiograph).unwrap();
                std::hint::black_box(large_model.compare(&image, &prompts).unwrap());
                large.push(1000.0 * start.elapsed().as_secs_f64());
            }
        }
        let each = |seconds: f64| 1000.0 * seconds / IMAGES as f64;
        let (model, whole) = (model.as_secs_f64(), run.whole.as_secs_f64());
        println!(
            "{round:5} | {:6.2} | {:10.2} | {:14.2} | {:5.2} | {}",
            each(model),
            each(whole),
            each(run.images),
            each(whole - model),
            listed(&run.memory)
        );
        models.push(each(model));
        wholes.push(each(whole));
        loops.push(each(run.images));
        shares.push((whole - model) / model);
        added.push(each(whole - model));
    }
    let added = median(added);
    println!("medians: model {:.2}, evaluation {:.2}, loop {:.2}", median(models), median(wholes), median(loops));
    println!("added: {added:.2} ms an image, {:.1} % of the demo model's time", 100.0 * median(shares));
    // The demo model encodes an image faster than a file is decoded, so a bound on its share would say nothing.
    let mut kept = true;
    if large.is_empty() {
        println!(
            "       at most 5 % of a full-size model's is wanted: --full-size names one, `cargo xtask parity` makes it"
        );
    } else {
        let large = median(large);
        let share = added / large;
        kept = share <= SHARE;
        println!("       {:.2} % of a full-size model's, {large:.0} ms an image; at most 5 % wanted", 100.0 * share);
    }
    let memory = evaluation(&program(), &exported.path(), &data, Some(GIVE_BACK)).memory;
    let growth = memory[9] / memory[1] - 1.0;
    println!(
        "memory in use: {} MiB, {:+.1} % from image 200 to {IMAGES}; at most 5 % wanted",
        listed(&memory),
        100.0 * growth
    );
    kept &= growth <= GROWTH;
    println!("{}", if kept { "met" } else { "MISSED" });
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
