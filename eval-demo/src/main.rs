//! `radzero-eval-demo`: phantoms in the files of every published data set, and the proof that the evaluation of them has the
//! numbers of a direct computation.
//!
//! `cargo xtask eval-demo` runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use radzero_core::radiograph::IntensityPolicy;
use radzero_core::{EncoderQueue, RadZero};
use radzero_eval::report::result::{Evaluation, Measure};
use radzero_eval_demo::classes::{CHESTXDET10, CHESTXRAY14, CHEXPERT, Class, KINDS, OPENI, RSNA, SIIM};
use radzero_eval_demo::direct::{self, DirectScore};
use radzero_eval_demo::layout::Layout;
use radzero_eval_demo::{Drawn, Finding};
use radzero_phantom::{Kind, Plan, Size};

/// Apart from the seeds of training and of the samples.
const FIRST_SEED: u64 = 77_000_000;

/// Phantoms in the files of every published data set.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// Number of phantoms
    #[arg(long, default_value_t = 200, global = true)]
    count: u64,
    /// Their width and height in pixels
    #[arg(long, default_value_t = 512, global = true)]
    side: u32,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Draws the phantoms and writes images and label files to DIR
    LayOut {
        /// Where to
        dir: PathBuf,
    },
    /// Computes the scores directly, compares them with RESULTS/NAME/result.json, and writes the table
    Check {
        /// What `lay-out` wrote
        dir: PathBuf,
        /// Folder of the results, one folder a data set
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
    match &arguments.task {
        Task::LayOut { dir } => {
            let mut layout = Layout::new(dir)?;
            for drawn in drawings {
                layout.add(&drawn?)?;
            }
            Ok(layout.finish()?)
        }
        Task::Check { dir, results, model, table } => {
            let drawn: Vec<Drawn> = drawings.collect::<Result<_, _>>()?;
            check(&drawn, dir, results, model, table)
        }
    }
}

fn draw(index: u64, side: u32) -> Result<Drawn, Failure> {
    let phantom = Plan::new(FIRST_SEED + index).draw(Size::square(side))?;
    let finding = |seen: &radzero_phantom::Seen| Finding {
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

/// Every kind that is drawn is one that the label files know.
const _: () = assert!(Kind::ALL.len() == KINDS.len());

fn check(drawn: &[Drawn], root: &Path, results: &Path, model: &Path, table: &Path) -> Result<(), Failure> {
    let queue = EncoderQueue::new(Arc::new(RadZero::open(model)?))?;
    let kinds: Vec<Class> = KINDS.map(|kind| Class { name: kind, kind }).to_vec();
    let (min_max, reference) = (IntensityPolicy::MinMax, IntensityPolicy::Reference);
    let mut text = String::new();
    let (mut greatest, mut pixels): (f64, f64) = (0.0, 0.0);
    let mut compare = |name: &str, expected: Vec<DirectScore>| -> Result<(), Failure> {
        let path = results.join(name).join("result.json");
        let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let found: Evaluation = serde_json::from_slice(&bytes)?;
        let (difference, of_pixels) = same(&found, &expected)?;
        (greatest, pixels) = (greatest.max(difference), pixels.max(of_pixels));
        println!("{name}: {} scores equal, greatest difference {difference:.1e}", expected.len());
        text += &rows(&found);
        Ok(())
    };
    for (name, classes) in [("openi", OPENI.as_slice()), ("padchest", &kinds)] {
        compare(name, direct::long_tailed(&queue, drawn, root, classes, min_max)?.scores())?;
    }
    for (name, classes) in
        [("chestxray14", CHESTXRAY14.as_slice()), ("chexpert", &CHEXPERT), ("chestxdet10", &CHESTXDET10)]
    {
        compare(name, direct::classification(&queue, drawn, root, classes, min_max)?.scores())?;
    }
    compare("chestxdet10-grounding", direct::grounding(&queue, drawn, root, &CHESTXDET10, min_max)?.scores())?;
    compare("ms-cxr", direct::phrases(&queue, drawn, root, reference)?.scores())?;
    let (siim, rsna) = ((SIIM, "There is Pneumothorax", "Pneumothorax"), (RSNA, "There is Pneumonia", "Pneumonia"));
    compare("siim", direct::segmentation(&queue, drawn, root, siim, false, reference)?.scores())?;
    compare("rsna", direct::segmentation(&queue, drawn, root, rsna, true, reference)?.scores())?;
    let head = format!(
        "# Evaluation of the demo model\n\n\
         Made by `cargo xtask eval-demo`: {} drawn chests of {} x {} pixels, laid out in the files of every published data set, \
         scored by\n`radzero eval`, and held against a direct computation (`eval-demo/src/direct/`), which fails the command \
         if a score differs by more than\n1e-9 (the pixel AUROC: by more than its printed bound). Greatest difference: {greatest:.1e}; \
         of the pixel AUROC {pixels:.1e}.\n\n\
         The numbers are those of drawings and of a model that was trained on drawings: they say that the evaluation works, and \
         nothing\nabout patients. In RSNA's files the drawn consolidations stand for pneumonia, a word that the model was not \
         taught.\nClasses that are not drawn have no positive image and are left out of macro means.\n\n\
         Model {}, {}.\n\n\
         | data set | task | measure | of | value | 95 % interval |\n| --- | --- | --- | --- | ---: | --- |\n",
        drawn.len(),
        drawn.first().map_or(0, |drawn| drawn.width),
        drawn.first().map_or(0, |drawn| drawn.height),
        queue.encoder().manifest().name,
        queue.encoder().directory().hash(),
    );
    fs::write(table, format!("{head}{text}"))?;
    Ok(())
}

/// The greatest difference, and that of the measure that is not exact; an error for the first that is too large.
fn same(found: &Evaluation, expected: &[DirectScore]) -> Result<(f64, f64), Failure> {
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

/// The measures of the whole, as rows of the table.
fn rows(found: &Evaluation) -> String {
    let row = |measure: &Measure| {
        let value = measure.value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"));
        let interval = measure.interval.map(|interval| format!("[{:.3}, {:.3}]", interval.low, interval.high));
        let (run, interval) = (&found.run, interval.unwrap_or_default());
        format!("| {} | {} | {} | {} | {value} | {interval} |\n", run.dataset, run.task, measure.name, measure.of)
    };
    found.measures.iter().map(row).collect()
}
