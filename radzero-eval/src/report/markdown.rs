//! A result as a Markdown document.

use std::fmt::Write as _;

use super::published;
use super::result::Evaluation;
use crate::run::record::RunRecord;
use crate::tasks::Measure;

/// The notice on everything that shows results.
pub const NOTICE: &str =
    "Research use only. Values are similarities between a sentence and an image, never a chance of disease.";

/// The document.
#[must_use]
pub fn document(evaluation: &Evaluation) -> String {
    let mut text = format!("# {} on {}\n\n", title(evaluation), cell(&evaluation.run.dataset));
    for (name, value) in facts(evaluation) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {name}: {}", cell(&value));
    }
    text.push_str("\n| measure | of | value | 95 % interval | published |\n| --- | --- | ---: | --- | ---: |\n");
    for measure in &evaluation.measures {
        let published = published::cell(&evaluation.run.dataset, &measure.name, &measure.of);
        let (value, interval) = (value(measure), interval(measure));
        let _ = writeln!(text, "| {} | {} | {value} | {interval} | {published} |", measure.name, cell(&measure.of));
    }
    let note = published::note(&evaluation.run.dataset);
    if !note.is_empty() {
        let _ = write!(text, "\n{note}\n");
    }
    if let Some(first) = evaluation.classes.first() {
        let names: Vec<&str> = first.measures.iter().map(|measure| measure.name.as_str()).collect();
        let _ = write!(text, "\n| class | positives | {} |\n| --- | ---: |", names.join(" | "));
        text.push_str(&" --- |".repeat(names.len()));
        text.push('\n');
        for class in &evaluation.classes {
            let _ = write!(text, "| {} | {} |", cell(&class.class), class.positives);
            for measure in &class.measures {
                let _ = write!(text, " {} {} |", value(measure), interval(measure));
            }
            text.push('\n');
        }
    }
    if !evaluation.failed.is_empty() {
        text.push_str("\nFailed:\n\n");
        for failed in &evaluation.failed {
            let _ = writeln!(text, "- {}: {}", cell(&failed.image), cell(&failed.error));
        }
    }
    let _ = write!(text, "\n{NOTICE}\n");
    text
}

pub(super) fn title(evaluation: &Evaluation) -> String {
    let task = evaluation.run.task.to_string();
    let mut letters = task.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What the result depends on, as pairs of name and value.
pub(super) fn facts(evaluation: &Evaluation) -> Vec<(&'static str, String)> {
    let RunRecord { evaluated, intensity, files, images, radzero, .. } = &evaluation.run;
    let (model, encoder) = (&evaluated.model, &evaluated.image_encoder);
    let timing = &evaluation.timing;
    let scored = match evaluation.failed.len() {
        0 => format!("{} of {images}", evaluation.scored),
        failed => format!("{} of {images}, {failed} failed", evaluation.scored),
    };
    let files: Vec<String> =
        files.iter().map(|file| format!("{} ({})", file.name, file.sha256.get(..12).unwrap_or(&file.sha256))).collect();
    let mut facts = vec![
        ("images", scored),
        ("model", format!("{}, {}", model.name, model.hash)),
        ("precision", model.precision.to_string()),
        ("provider", format!("{} on {}", encoder.provider, encoder.device)),
        ("intensity policy", intensity.to_string()),
        ("geometry", model.geometry.to_string()),
        ("label files", files.join(", ")),
        (
            "versions",
            format!(
                "radzero {radzero}, ONNX Runtime {}, own kernels {}",
                encoder.onnxruntime,
                encoder.kernels.as_deref().unwrap_or("none")
            ),
        ),
        (
            "intervals",
            format!("{} resamples of images, seed {}", evaluation.bootstrap.resamples, evaluation.bootstrap.seed),
        ),
    ];
    if timing.images > 0 && timing.total_seconds > 0.0 {
        facts.push((
            "rate",
            format!(
                "{:.2} images a second over {} images, {:.1} % of the time in the image encoder",
                timing.images as f64 / timing.total_seconds,
                timing.images,
                100.0 * timing.model_seconds / timing.total_seconds
            ),
        ));
    }
    facts
}

pub(super) fn value(measure: &Measure) -> String {
    match (measure.value, measure.undefined, measure.bound) {
        (Some(value), _, Some(bound)) => format!("{value:.4} (exact within {bound:.0e})"),
        (Some(value), ..) => format!("{value:.4}"),
        (None, Some(reason), _) => reason.to_string(),
        (None, None, _) => "undefined".to_owned(),
    }
}

pub(super) fn interval(measure: &Measure) -> String {
    measure.interval.map_or_else(String::new, |interval| format!("[{:.4}, {:.4}]", interval.low, interval.high))
}

/// Escapes text for a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(char::is_control, " ")
}
