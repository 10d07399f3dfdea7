//! `radzero-eval-demo`: writes phantoms in the file formats of all published data sets, and checks that their evaluation gives
//! the same numbers as a direct computation.
//!
//! `cargo xtask eval-demo` runs it.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use radzero_core::{EncoderQueue, RadZero};
use radzero_eval::datasets::registry::LabelSource;
use radzero_eval::report::result::Evaluation;
use radzero_eval::tasks::{Classification, Grounding, Measure, Segmentation, Task, TaskKind};
use radzero_eval_demo::classes::KINDS;
use radzero_eval_demo::direct::{self, DirectScore};
use radzero_eval_demo::layout::Layout;
use radzero_eval_demo::{Drawn, Finding};
use radzero_phantom::{Kind, Plan, Size};

/// The first seed of the phantoms, outside the ranges used for training and samples.
const FIRST_SEED: u64 = 77_000_000;

/// Proves the evaluation on phantoms in the file formats of all published data sets.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    step: Step,
    /// Number of phantoms
    #[arg(long, default_value_t = 200, global = true)]
    count: u64,
    /// Width and height of a phantom in pixels
    #[arg(long, default_value_t = 512, global = true)]
    side: u32,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Draws the phantoms and writes images and label files to DIR
    LayOut {
        /// Output folder
        dir: PathBuf,
    },
    /// Computes the scores directly, compares them with RESULTS/NAME/result.json, and writes a table
    Check {
        /// The folder that `lay-out` wrote
        dir: PathBuf,
        /// Folder with the results, one folder per data set: its name, or its name and the task as in chestxdet10-grounding
        results: PathBuf,
        /// Model directory
        #[arg(long)]
        model: PathBuf,
        /// Markdown file to write
        #[arg(long)]
        table: PathBuf,
    },
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let drawings = (0..arguments.count).map(|index| draw(index, arguments.side));
    match &arguments.step {
        Step::LayOut { dir } => {
            let mut layout = Layout::new(dir)?;
            for drawn in drawings {
                layout.add(&drawn?)?;
            }
            Ok(layout.finish()?)
        }
        Step::Check { dir, results, model, table } => {
            let drawn: Vec<Drawn> = drawings.collect::<Result<_, _>>()?;
            check(&drawn, dir, results, model, table)
        }
    }
}

fn draw(index: u64, side: u32) -> Result<Drawn, Failure> {
    let phantom = Plan::new(FIRST_SEED + index).draw(Size::square(side))?;
    let finding = |seen: &radzero_phantom::DrawnFinding| Finding {
        kind: seen.kind.words().to_owned(),
        phrase: match (seen.side, seen.zone) {
            (Some(side), Some(zone)) => radzero_phantom::in_zone(seen.kind, side, zone),
            (Some(side), None) => radzero_phantom::on_side(seen.kind, side),
            _ => radzero_phantom::present(seen.kind),
        },
        mask: seen.mask.covered().to_vec(),
    };
    Ok(Drawn {
        name: format!("phantom-{index:04}"),
        width: phantom.size.width,
        height: phantom.size.height,
        levels: phantom.to_u8(),
        findings: phantom.findings.iter().map(finding).collect(),
    })
}

/// The label files know every kind that is drawn.
const _: () = assert!(Kind::ALL.len() == KINDS.len());

/// The comparison of the results with the direct computation.
struct Checks<'a> {
    queue: EncoderQueue,
    drawn: &'a [Drawn],
    root: &'a Path,
    results: &'a Path,
    /// Rows of the table.
    rows: String,
    /// Greatest difference of the exact scores.
    greatest: f64,
    /// Greatest difference of the pixel AUROC.
    pixels: f64,
}

impl Checks<'_> {
    /// Checks the result on every published data set of a task.
    fn task<T: Task>(&mut self) -> Result<(), Failure> {
        for entry in T::DATASETS.iter().filter(|entry| entry.labels == LabelSource::Published) {
            let path = self.result(T::KIND, entry.name);
            let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let found: Evaluation = serde_json::from_slice(&bytes)?;
            let expected = direct::compute(T::KIND, entry.name, &self.queue, self.drawn, self.root)?.scores();
            let (greatest, pixels) = differences(&found, &expected)?;
            (self.greatest, self.pixels) = (self.greatest.max(greatest), self.pixels.max(pixels));
            println!(
                "{} on {}: {} scores equal, greatest difference {greatest:.1e}",
                T::KIND,
                entry.name,
                expected.len()
            );
            self.rows += &rows(&found);
        }
        Ok(())
    }

    /// The result.json of a data set: in the folder NAME-TASK if there is one, else in NAME.
    fn result(&self, task: TaskKind, name: &str) -> PathBuf {
        let of_task = self.results.join(format!("{name}-{task}"));
        let folder = if of_task.exists() { of_task } else { self.results.join(name) };
        folder.join("result.json")
    }
}

fn check(drawn: &[Drawn], root: &Path, results: &Path, model: &Path, table: &Path) -> Result<(), Failure> {
    let queue = EncoderQueue::new(Arc::new(RadZero::open(model)?))?;
    let mut checks = Checks { queue, drawn, root, results, rows: String::new(), greatest: 0.0, pixels: 0.0 };
    checks.task::<Classification>()?;
    checks.task::<Grounding>()?;
    checks.task::<Segmentation>()?;
    let Checks { queue, rows, greatest, pixels, .. } = checks;
    let head = format!(
        "# Evaluation of the demo model\n\n\
         Written by `cargo xtask eval-demo`. {} drawn chests of {} x {} pixels, in the file formats of all published data sets, are \
         scored by\n`radzero eval` and compared with a direct computation (`dev/eval-demo/src/direct/`). The command fails if a score \
         differs by more than\n1e-9 (the pixel AUROC: by more than its printed bound). Greatest difference: {greatest:.1e}; \
         of the pixel AUROC {pixels:.1e}.\n\n\
         Both the images and the training data of the model are drawings: the numbers show that the evaluation works, and say \
         nothing\nabout patients. In RSNA's files, drawn consolidations stand in for pneumonia, a word that the model was not \
         taught.\nClasses that are never drawn have no positive images and are left out of macro means.\n\n\
         Model {}, {}.\n\n\
         | data set | task | measure | of | value | 95 % interval |\n| --- | --- | --- | --- | ---: | --- |\n",
        drawn.len(),
        drawn.first().map_or(0, |drawn| drawn.width),
        drawn.first().map_or(0, |drawn| drawn.height),
        queue.encoder().manifest().name,
        queue.encoder().directory().hash(),
    );
    fs::write(table, format!("{head}{rows}"))?;
    Ok(())
}

/// The greatest difference of the exact measures, and that of the pixel AUROC; an error if a difference is too large.
fn differences(found: &Evaluation, expected: &[DirectScore]) -> Result<(f64, f64), Failure> {
    let all: Vec<&Measure> =
        found.measures.iter().chain(found.classes.iter().flat_map(|class| &class.measures)).collect();
    let (mut greatest, mut pixels): (f64, f64) = (0.0, 0.0);
    for score in expected {
        let measure = all.iter().find(|measure| measure.name == score.name && measure.of == score.of);
        let measure = measure.ok_or_else(|| format!("{}: {score:?} is missing", found.run.dataset))?;
        let difference = match (measure.value, score.value) {
            (Some(value), Some(expected)) => (value - expected).abs(),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        };
        if difference > measure.bound.unwrap_or(0.0) + 1e-9 {
            return Err(format!("{}: {score:?} expected, {:?} found", found.run.dataset, measure.value).into());
        }
        let kind = if measure.bound.is_some() { &mut pixels } else { &mut greatest };
        *kind = kind.max(difference);
    }
    Ok((greatest, pixels))
}

/// The measures of all images, as rows of the table.
fn rows(found: &Evaluation) -> String {
    let row = |measure: &Measure| {
        let value = measure.value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"));
        let interval = measure.interval.map(|interval| format!("[{:.3}, {:.3}]", interval.low, interval.high));
        let (run, interval) = (&found.run, interval.unwrap_or_default());
        format!("| {} | {} | {} | {} | {value} | {interval} |\n", run.dataset, run.task, measure.name, measure.of)
    };
    found.measures.iter().map(row).collect()
}
