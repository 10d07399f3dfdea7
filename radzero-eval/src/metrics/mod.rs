//! Metrics, one file per family, each with its definition and source.
//!
//! - [`ranking`]: samples sorted by score, which the next three build on
//! - [`roc`]: area under the receiver operating characteristic (AUROC) and its curve
//! - [`precision_recall`]: average precision, area under the precision-recall curve (AUPRC), and the curve
//! - [`classes`]: these metrics per class, macro and micro
//! - [`pointing`]: the pointing game
//! - [`overlap`]: Dice over thresholds, the best of them, and specificity
//! - [`pixels`]: AUROC over the pixels of all images
//! - [`bootstrap`]: 95 % intervals
//!
//! A metric that the samples do not define is [`Undefined`], with the reason; it is never NaN or a made-up 0.

pub mod bootstrap;
pub mod classes;
pub mod overlap;
pub mod pixels;
pub mod pointing;
pub mod precision_recall;
pub mod ranking;
pub mod roc;

/// Why a metric has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Undefined {
    /// There are no samples.
    #[error("no sample")]
    NoSample,
    /// No sample is positive.
    #[error("no positive sample")]
    NoPositive,
    /// Every sample is positive.
    #[error("no negative sample")]
    NoNegative,
    /// No class has a value to average.
    #[error("no class with a value")]
    NoClass,
    /// A value is NaN or outside its range.
    #[error("a value is not a number of its range")]
    NotANumber,
    /// An interval needs at least two samples.
    #[error("one sample")]
    OneSample,
    /// Too few resamples have a value.
    #[error("too few resamples with a value")]
    FewResamples,
}

/// The value of a metric: a finite number, or why it is undefined.
pub type Value = Result<f64, Undefined>;

/// The points of a curve.
pub type Curve = Vec<(f64, f64)>;

/// Mean of the defined values.
///
/// # Errors
/// [`Undefined::NoClass`] if no value is defined.
pub fn mean_of_defined(values: impl IntoIterator<Item = Value>) -> Value {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values.into_iter().flatten() {
        sum += value;
        count += 1;
    }
    if count == 0 { Err(Undefined::NoClass) } else { Ok(sum / f64::from(count)) }
}
