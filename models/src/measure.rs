//! Runs the model on drawn phantoms and computes its figures.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::Array2;
use radzero_core::{Comparison, EncodedPrompt, RadZero, Radiograph};
use radzero_phantom::{Kind, Phantom, Plan, Side, Size, absent, on_side, present};

use crate::metrics::{auroc, dice, mean};

/// The first seed that is used for measurement only; training uses lower ones.
pub const HELD_OUT: u64 = 3_000_000;

/// The threshold for all maps and findings: the middle of the scale, not tuned.
pub const THRESHOLD: f32 = 0.5;

/// Width and height of the phantoms in pixels: larger than the model's input, so that resampling is measured, too.
pub const SIDE: u32 = 448;

/// The model's answers about one finding on one phantom, held against the truth.
#[derive(Clone, Copy, Debug)]
struct Answer {
    present: bool,
    /// Logits of "There is X" and "There is no X".
    yes: f32,
    no: f32,
    /// Where the finding is on one side only: the logits of "X on the right" and "X on the left", and whether it is on the right.
    sides: Option<(f32, f32, bool)>,
    /// Where the finding is present: whether the map's peak lies in one of its boxes.
    hit: Option<bool>,
    /// Where the finding is present: the Dice coefficient of the mask.
    dice: Option<f64>,
    /// Where the finding is absent: the share of the map that is not above the threshold.
    quiet: Option<f64>,
}

/// The figures of one finding; `None` if these phantoms do not allow to compute the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Phantoms with the finding.
    pub positives: usize,
    /// AUROC of the logit of "There is X".
    pub auroc: Option<f64>,
    /// Share of the positives whose peak lies in a box of the finding (pointing game).
    pub pointing: Option<f64>,
    /// Mean Dice over the positives, at [`THRESHOLD`].
    pub dice: Option<f64>,
    /// Share of the positives for which "There is X" scores above "There is no X".
    pub yes: Option<f64>,
    /// Share of the negatives for which "There is no X" scores above "There is X".
    pub no: Option<f64>,
    /// AUROC of "X on the right" minus "X on the left", where the finding is on one side only.
    pub sides: Option<f64>,
    /// Mean share of the map that is not above [`THRESHOLD`], over the negatives.
    pub quiet: Option<f64>,
}

/// The figures of all findings.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The number of phantoms.
    pub phantoms: usize,
    /// The figures of each finding.
    pub figures: BTreeMap<Kind, Figures>,
}

/// Why [`measure`] failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A phantom cannot be drawn.
    #[error(transparent)]
    Draw(#[from] radzero_phantom::Error),
    /// The model fails.
    #[error(transparent)]
    Model(#[from] radzero_core::Error),
    /// The model did not return one comparison per sentence.
    #[error("4 comparisons expected, {found} found")]
    Comparisons {
        /// How many it returned.
        found: usize,
    },
    /// The levels do not fill the image.
    #[error(transparent)]
    Shape(#[from] ndarray::ShapeError),
}

/// Runs the model on the phantoms of these seeds.
///
/// # Errors
/// [`Error`].
pub fn measure(model: &RadZero, seeds: Range<u64>) -> Result<Measurement, Error> {
    let prompts: Vec<Prompts> =
        Kind::ALL.into_iter().map(|kind| Prompts::new(model, kind)).collect::<Result<_, _>>()?;
    let mut answers: BTreeMap<Kind, Vec<Answer>> = BTreeMap::new();
    let phantoms = seeds.clone().count();
    for seed in seeds {
        let phantom = Plan::new(seed).draw(Size::square(SIDE))?;
        let image = model.encode_image(&radiograph(&phantom)?)?;
        for prompts in &prompts {
            let found = model.compare(&image, &prompts.encoded)?;
            answers.entry(prompts.kind).or_default().push(answer(&phantom, prompts.kind, &found)?);
        }
    }
    let figures = answers.into_iter().map(|(kind, answers)| (kind, Figures::of(&answers))).collect();
    Ok(Measurement { phantoms, figures })
}

/// The phantom as an 8-bit radiograph.
///
/// # Errors
/// [`Error::Model`], [`Error::Shape`].
pub fn radiograph(phantom: &Phantom) -> Result<Radiograph, Error> {
    let shape = (phantom.size.height as usize, phantom.size.width as usize);
    Ok(Radiograph::from_gray(Array2::from_shape_vec(shape, phantom.to_u8())?)?)
}

/// The sentences about a finding: present, absent, on the right, on the left.
struct Prompts {
    kind: Kind,
    encoded: Vec<EncodedPrompt>,
}

impl Prompts {
    fn new(model: &RadZero, kind: Kind) -> Result<Self, Error> {
        let sentences = [present(kind), absent(kind), on_side(kind, Side::Right), on_side(kind, Side::Left)];
        Ok(Self { kind, encoded: model.encode_prompts(&sentences)? })
    }
}

fn answer(phantom: &Phantom, kind: Kind, found: &[Comparison]) -> Result<Answer, Error> {
    let [yes, no, right, left] = found else { return Err(Error::Comparisons { found: found.len() }) };
    let seen: Vec<_> = phantom.findings.iter().filter(|f| f.kind == kind).collect();
    let present = !seen.is_empty();
    let on = |side| seen.iter().any(|f| f.side == Some(side));
    let one_side = on(Side::Right) != on(Side::Left);
    let peak = yes.peak();
    let hit = || seen.iter().any(|f| f.bounds.contains(peak.x as u32, peak.y as u32));
    let dice = if present {
        let mut truth = vec![false; phantom.size.pixels()];
        for covered in seen.iter().map(|f| f.mask.covered()) {
            truth.iter_mut().zip(covered).for_each(|(all, one)| *all |= one);
        }
        Some(dice(yes.mask(THRESHOLD)?.view(), &truth))
    } else {
        None
    };
    let above = yes.area(THRESHOLD)? as f64 / phantom.size.pixels() as f64;
    Ok(Answer {
        present,
        yes: yes.logit(),
        no: no.logit(),
        sides: one_side.then(|| (right.logit(), left.logit(), on(Side::Right))),
        hit: present.then(hit),
        dice,
        quiet: (!present).then_some(1.0 - above),
    })
}

impl Figures {
    fn of(answers: &[Answer]) -> Self {
        let share = |yes: bool| f64::from(u8::from(yes));
        let with = |present: bool| answers.iter().filter(move |a| a.present == present);
        let scored: Vec<(f32, bool)> = answers.iter().map(|a| (a.yes, a.present)).collect();
        let sides: Vec<(f32, bool)> =
            answers.iter().filter_map(|a| a.sides).map(|(right, left, is_right)| (right - left, is_right)).collect();
        Self {
            positives: with(true).count(),
            auroc: auroc(&scored),
            pointing: mean(answers.iter().filter_map(|a| a.hit).map(share)),
            dice: mean(answers.iter().filter_map(|a| a.dice)),
            yes: mean(with(true).map(|a| share(a.yes > a.no))),
            no: mean(with(false).map(|a| share(a.no > a.yes))),
            sides: auroc(&sides),
            quiet: mean(answers.iter().filter_map(|a| a.quiet)),
        }
    }
}

impl Measurement {
    /// The mean of a figure over the findings that have it; `None` if none has.
    #[must_use]
    pub fn macro_mean(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        mean(self.figures.values().filter_map(figure))
    }
}
