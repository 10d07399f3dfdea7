//! Two results side by side, for example of different precisions, devices or models.

use std::fmt::Write as _;

use super::markdown::{NOTICE, cell, facts, interval, title, value};
use super::published;
use super::result::Evaluation;
use crate::error::{Error, Result};
use crate::metrics::Undefined;
use crate::metrics::bootstrap;
use crate::tasks::Measure;

/// A Markdown document with the measures of both and their differences, second minus first.
///
/// If both scored the same images with the same draws, the interval of a difference is that of the differences draw by draw:
/// the choice of images, the main source of uncertainty, is the same in both and cancels out.
///
/// # Errors
/// [`Error::Incomparable`] if task, data set or label files differ.
pub fn document(first: &Evaluation, second: &Evaluation) -> Result<String> {
    let (one, other) = (&first.run, &second.run);
    for (what, one, other) in [
        ("the first is", one.task.to_string(), other.task.to_string()),
        ("the first is on", one.dataset.clone(), other.dataset.clone()),
        ("the first has the label files", format!("{:?}", one.files), format!("{:?}", other.files)),
    ] {
        if one != other {
            return Err(Error::Incomparable(format!("{what} {one}, the second {other}")));
        }
    }
    let same_images = first.scored_sha256 == second.scored_sha256;
    let paired = same_images && first.bootstrap == second.bootstrap;
    let mut text = format!("# {} on {}, two results\n\n", title(first), cell(&one.dataset));
    text.push_str("| | A | B |\n| --- | --- | --- |\n");
    let (left, right) = (facts(first), facts(second));
    for (name, value) in &left {
        let other = right.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value);
        if *name != "label files" {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {} | {} |", cell(value), cell(other));
        }
    }
    text.push_str("\n| measure | of | A | B | B - A | 95 % interval of B - A | published |\n");
    text.push_str("| --- | --- | ---: | ---: | ---: | --- | ---: |\n");
    for measure in &first.measures {
        let Some(other) = find(&second.measures, measure) else { continue };
        let published = published::cell(&one.dataset, &measure.name, &measure.of);
        let (change, range) = (
            change(measure, other),
            if paired { paired_interval(measure, other, first.scored) } else { String::new() },
        );
        let (a, b) = (with_interval(measure), with_interval(other));
        let _ = writeln!(
            text,
            "| {} | {} | {a} | {b} | {change} | {range} | {published} |",
            measure.name,
            cell(&measure.of)
        );
    }
    let note = published::note(&one.dataset);
    if !note.is_empty() {
        let _ = write!(text, "\n{note}\n");
    }
    if first.classes.iter().any(|class| !class.measures.is_empty()) {
        text.push_str("\n| class | measure | A | B | B - A |\n| --- | --- | --- | --- | ---: |\n");
    }
    for class in &first.classes {
        let Some(matching) = second.classes.iter().find(|other| other.class == class.class) else { continue };
        for measure in &class.measures {
            let Some(other) = find(&matching.measures, measure) else { continue };
            let (a, b, change) = (with_interval(measure), with_interval(other), change(measure, other));
            let _ = writeln!(text, "| {} | {} | {a} | {b} | {change} |", cell(&class.class), measure.name);
        }
    }
    if !same_images {
        text.push_str(
            "\nA and B scored different images, or files of different content: no interval of the difference.\n",
        );
    } else if !paired {
        text.push_str("\nA and B have intervals of different draws: no interval of the difference.\n");
    }
    let _ = write!(text, "\n{NOTICE}\n");
    Ok(text)
}

fn find<'a>(measures: &'a [Measure], like: &Measure) -> Option<&'a Measure> {
    measures.iter().find(|measure| measure.name == like.name && measure.of == like.of)
}

fn with_interval(measure: &Measure) -> String {
    format!("{} {}", value(measure), interval(measure)).trim_end().to_owned()
}

fn change(first: &Measure, second: &Measure) -> String {
    match (first.value, second.value) {
        (Some(first), Some(second)) => format!("{:+.4}", second - first),
        _ => String::new(),
    }
}

fn paired_interval(first: &Measure, second: &Measure, images: usize) -> String {
    let differences: Vec<_> = first
        .replicates
        .iter()
        .zip(&second.replicates)
        .map(|(first, second)| match (first, second) {
            (Some(first), Some(second)) => Ok(f64::from(*second) - f64::from(*first)),
            _ => Err(Undefined::NoSample),
        })
        .collect();
    let found = bootstrap::interval(&differences, images);
    found.map_or_else(|_| String::new(), |found| format!("[{:+.4}, {:+.4}]", found.low, found.high))
}
