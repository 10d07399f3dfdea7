//! The lower bounds for the phantom model's figures.

use radzero_phantom::Kind;

use crate::measure::{Figures, Measurement};

/// Findings that are large enough to be outlined on the patch grid.
pub const EXTENDED: [Kind; 5] =
    [Kind::Cardiomegaly, Kind::Effusion, Kind::Pneumothorax, Kind::Mass, Kind::Consolidation];

/// Lower bounds for figures between 0 and 1, where 1 is best.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// AUROC, mean over the findings.
    pub auroc_mean: f64,
    /// AUROC of every finding.
    pub auroc: f64,
    /// Pointing game, mean over the findings.
    pub pointing_mean: f64,
    /// Pointing game of every finding.
    pub pointing: f64,
    /// Dice, mean over the [`EXTENDED`] findings.
    pub dice_mean: f64,
    /// "There is X" above "There is no X" where X is present, and below it where X is absent, for every finding.
    pub says: f64,
    /// AUROC of right against left, for every finding that has a side.
    pub sides: f64,
    /// Share of an absent finding's map below the threshold, for every finding.
    pub quiet: f64,
}

impl Targets {
    /// The targets for 500 phantoms.
    pub const FULL: Targets = Targets {
        auroc_mean: 0.98,
        auroc: 0.95,
        pointing_mean: 0.85,
        pointing: 0.6,
        dice_mean: 0.5,
        says: 0.95,
        sides: 0.9,
        quiet: 0.95,
    };

    /// One line for every target that is missed, with the measured value.
    #[must_use]
    pub fn missed(&self, measured: &Measurement) -> Vec<String> {
        let mut missed = Vec::new();
        let mut check = |name: String, value: Option<f64>, least: f64| match value {
            Some(value) if value >= least => {}
            Some(value) => missed.push(format!("{name}: {value:.4}, at least {least} expected")),
            None => missed.push(format!("{name}: not measurable on these phantoms, at least {least} expected")),
        };
        check("mean AUROC".to_owned(), measured.macro_mean(|f| f.auroc), self.auroc_mean);
        check("mean pointing".to_owned(), measured.macro_mean(|f| f.pointing), self.pointing_mean);
        check("mean Dice of extended findings".to_owned(), extended_dice(measured), self.dice_mean);
        for (kind, f) in &measured.figures {
            let mut each = |what: &str, value, least| check(format!("{what} of {}", kind.words()), value, least);
            each("AUROC", f.auroc, self.auroc);
            each("pointing", f.pointing, self.pointing);
            each("yes above no", f.yes, self.says);
            each("no above yes", f.no, self.says);
            each("map below the threshold", f.quiet, self.quiet);
            if kind.has_side() {
                each("right against left", f.sides, self.sides);
            }
        }
        missed
    }
}

/// Mean Dice over the [`EXTENDED`] findings.
#[must_use]
pub fn extended_dice(measured: &Measurement) -> Option<f64> {
    let dice = |kind: &Kind| measured.figures.get(kind).and_then(|f: &Figures| f.dice);
    crate::metrics::mean(EXTENDED.iter().filter_map(dice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(change: impl Fn(Kind, &mut Figures)) -> Measurement {
        let good = Figures {
            positives: 100,
            auroc: Some(0.99),
            pointing: Some(0.9),
            dice: Some(0.6),
            yes: Some(0.97),
            no: Some(0.98),
            sides: Some(0.95),
            quiet: Some(0.99),
        };
        let figures = Kind::ALL.into_iter().map(|kind| {
            let mut figures = good;
            change(kind, &mut figures);
            (kind, figures)
        });
        Measurement { phantoms: 500, figures: figures.collect() }
    }

    #[test]
    fn good_figures_miss_nothing() {
        assert!(Targets::FULL.missed(&measured(|_, _| {})).is_empty());
    }

    #[test]
    fn every_figure_can_miss() {
        let misses = |change: fn(&mut Figures)| {
            let measured = measured(|kind, figures| {
                if kind == Kind::Mass {
                    change(figures);
                }
            });
            Targets::FULL.missed(&measured).join("; ")
        };
        assert_eq!(misses(|f| f.auroc = Some(0.94)), "AUROC of mass: 0.9400, at least 0.95 expected");
        assert_eq!(misses(|f| f.pointing = Some(0.59)), "pointing of mass: 0.5900, at least 0.6 expected");
        assert_eq!(misses(|f| f.yes = Some(0.9)), "yes above no of mass: 0.9000, at least 0.95 expected");
        assert_eq!(misses(|f| f.no = Some(0.9)), "no above yes of mass: 0.9000, at least 0.95 expected");
        assert_eq!(misses(|f| f.sides = Some(0.8)), "right against left of mass: 0.8000, at least 0.9 expected");
        assert_eq!(misses(|f| f.quiet = Some(0.9)), "map below the threshold of mass: 0.9000, at least 0.95 expected");
        let unknown = misses(|f| f.quiet = None);
        assert_eq!(
            unknown,
            "map below the threshold of mass: not measurable on these phantoms, at least 0.95 expected"
        );
    }

    #[test]
    fn means_can_miss() {
        let missed = Targets::FULL.missed(&measured(|_, f| (f.auroc, f.pointing) = (Some(0.96), Some(0.8))));
        assert_eq!(missed.len(), 2, "{missed:?}");
        // Small findings do not count.
        let missed = Targets::FULL.missed(&measured(|kind, f| f.dice = EXTENDED.contains(&kind).then_some(0.4)));
        assert_eq!(missed, ["mean Dice of extended findings: 0.4000, at least 0.5 expected"]);
    }
}
