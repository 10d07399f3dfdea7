//! The cost of another precision: two measurements on the same phantoms, side by side.

use std::fmt;

use crate::measure::{Figures, Measurement};
use crate::targets::extended_dice;

/// Means must drop by less than this.
pub const DROP: f64 = 0.01;

/// Two measurements on the same phantoms.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The measurement in 32 bits.
    pub exact: &'a Measurement,
    /// The measurement in fewer bits.
    pub other: &'a Measurement,
}

/// The name of a figure, and its mean over the findings in each measurement.
type MeanPair = (&'static str, Option<f64>, Option<f64>);

impl Compared<'_> {
    fn means(&self) -> [MeanPair; 7] {
        let both = |name, figure: fn(&Figures) -> Option<f64>| {
            (name, self.exact.macro_mean(figure), self.other.macro_mean(figure))
        };
        [
            both("AUROC", |f| f.auroc),
            both("pointing", |f| f.pointing),
            ("Dice of extended findings", extended_dice(self.exact), extended_dice(self.other)),
            both("yes above no", |f| f.yes),
            both("no above yes", |f| f.no),
            both("right against left", |f| f.sides),
            both("absent: map below threshold", |f| f.quiet),
        ]
    }

    /// One line for every figure that drops by [`DROP`] or more, or that only one measurement has.
    #[must_use]
    pub fn dropped(&self) -> Vec<String> {
        let lines = self.means().into_iter().filter_map(|(name, exact, other)| match (exact, other) {
            (Some(exact), Some(other)) if exact - other < DROP => None,
            (Some(exact), Some(other)) => {
                Some(format!("{name}: from {exact:.4} to {other:.4}, less than {DROP} allowed"))
            }
            (None, None) => None,
            _ => Some(format!("{name}: not measurable in both")),
        });
        lines.collect()
    }
}

impl fmt::Display for Compared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} phantoms, means over the findings.\n", self.exact.phantoms)?;
        writeln!(f, "| figure | fp32 | int8 | difference |\n| --- | --- | --- | --- |")?;
        for (name, exact, other) in self.means() {
            let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
            let difference = exact.zip(other).map(|(exact, other)| other - exact);
            let difference = difference.map_or_else(|| "-".to_owned(), |value| format!("{value:+.4}"));
            writeln!(f, "| {name} | {} | {} | {difference} |", number(exact), number(other))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use radzero_phantom::Kind;

    use super::*;

    fn measured(auroc: Option<f64>) -> Measurement {
        let good = Some(0.9);
        let figures =
            Figures { positives: 9, auroc, pointing: good, dice: good, yes: good, no: good, sides: good, quiet: good };
        Measurement { phantoms: 20, figures: BTreeMap::from([(Kind::Mass, figures)]) }
    }

    fn dropped(exact: Option<f64>, other: Option<f64>) -> Vec<String> {
        Compared { exact: &measured(exact), other: &measured(other) }.dropped()
    }

    #[test]
    fn a_drop_of_a_hundredth_fails() {
        assert!(dropped(Some(0.95), Some(0.941)).is_empty());
        assert!(dropped(Some(0.95), Some(0.99)).is_empty());
        assert_eq!(dropped(Some(0.95), Some(0.93)), ["AUROC: from 0.9500 to 0.9300, less than 0.01 allowed"]);
        assert_eq!(dropped(Some(0.95), Some(f64::NAN)).len(), 1);
        assert_eq!(dropped(Some(0.95), None), ["AUROC: not measurable in both"]);
        assert!(dropped(None, None).is_empty());
    }

    #[test]
    fn the_table_shows_both_and_the_difference() {
        let (exact, other) = (measured(Some(0.95)), measured(Some(0.94)));
        let table = Compared { exact: &exact, other: &other }.to_string();
        assert!(table.contains("| AUROC | 0.9500 | 0.9400 | -0.0100 |\n"), "{table}");
    }
}
