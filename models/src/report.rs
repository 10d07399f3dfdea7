//! The table of the model card.

use std::fmt;

use crate::measure::{Figures, Measurement, THRESHOLD};
use crate::targets::{EXTENDED, Targets, extended_dice};

/// The figures as a Markdown table: one row per finding, one for the means and one for the targets.
#[derive(Debug)]
pub struct Report<'a> {
    /// The figures.
    pub measured: &'a Measurement,
    /// The lower bounds.
    pub targets: Targets,
}

const COLUMNS: [&str; 9] = [
    "finding",
    "phantoms with it",
    "AUROC",
    "pointing",
    "Dice",
    "yes above no",
    "no above yes",
    "right against left",
    "absent: map below threshold",
];

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measured, targets } = self;
        writeln!(f, "{} phantoms, threshold {THRESHOLD}.\n", measured.phantoms)?;
        row(f, COLUMNS.map(str::to_owned))?;
        row(f, COLUMNS.map(|_| "---".to_owned()))?;
        for (kind, figures) in &measured.figures {
            let Figures { positives, auroc, pointing, dice, yes, no, sides, quiet } = *figures;
            let numbers = [auroc, pointing, dice, yes, no, sides, quiet].map(number);
            line(f, kind.words(), &positives.to_string(), numbers)?;
        }
        let mean = |figure: fn(&Figures) -> Option<f64>| number(measured.macro_mean(figure));
        let means = [
            mean(|f| f.auroc),
            mean(|f| f.pointing),
            format!("{} ({} extended)", number(extended_dice(measured)), EXTENDED.len()),
            mean(|f| f.yes),
            mean(|f| f.no),
            mean(|f| f.sides),
            mean(|f| f.quiet),
        ];
        line(f, "mean", "", means)?;
        let Targets { auroc_mean, auroc, pointing_mean, pointing, dice_mean, says, sides, quiet } = targets;
        let least = [
            format!("{auroc_mean} mean, {auroc} each"),
            format!("{pointing_mean} mean, {pointing} each"),
            format!("{dice_mean} mean"),
            format!("{says} each"),
            format!("{says} each"),
            format!("{sides} each"),
            format!("{quiet} each"),
        ];
        line(f, "at least", "", least)
    }
}

fn line(f: &mut fmt::Formatter<'_>, first: &str, second: &str, numbers: [String; 7]) -> fmt::Result {
    let [a, b, c, d, e, g, h] = numbers;
    row(f, [first.to_owned(), second.to_owned(), a, b, c, d, e, g, h])
}

fn row(f: &mut fmt::Formatter<'_>, cells: [String; 9]) -> fmt::Result {
    writeln!(f, "| {} |", cells.join(" | "))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
