//! The three tasks: what is kept of each image, and how that becomes a score.

pub mod classification;
pub mod grounding;
mod score;
pub mod segmentation;
mod similarity;

use std::fmt;
use std::path::Path;

use radzero_core::Radiograph;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::classification::Classification;
pub use self::grounding::Grounding;
pub use self::score::{Case, ClassScore, Curves, Measure, Score};
pub use self::segmentation::Segmentation;
pub use self::similarity::Similarity;
use crate::datasets::Dataset;
use crate::datasets::registry::Entry;
use crate::error::Result;
use crate::metrics::bootstrap::Bootstrap;

/// The kind of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Which findings does an image show?
    Classification,
    /// Where is a finding?
    Grounding,
    /// What is the extent of a finding?
    Segmentation,
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classification => "classification",
            Self::Grounding => "grounding",
            Self::Segmentation => "segmentation",
        })
    }
}

/// A task. The value holds buffers that are reused from image to image.
pub trait Task: Default {
    /// Its kind.
    const KIND: TaskKind;
    /// The data sets that it can run on.
    const DATASETS: &'static [Entry<Self::Truth>];
    /// The ground truth of an image.
    type Truth: Sync + 'static;
    /// What is kept of an image.
    type Row: Serialize + DeserializeOwned;

    /// Indices of the sentences, out of `prompts`, that an image is compared with.
    fn prompts(truth: &Self::Truth, prompts: usize) -> Vec<usize>;

    /// The files, besides the image, that the ground truth is read from.
    fn files(_: &Self::Truth) -> Vec<&Path> {
        Vec::new()
    }

    /// Extracts from the comparisons what the score needs.
    ///
    /// # Errors
    /// [`Error::Truth`](crate::Error::Truth), [`Error::ModelValue`](crate::Error::ModelValue).
    fn observe<S: Similarity>(
        &mut self,
        truth: &Self::Truth,
        radiograph: &Radiograph,
        found: &[S],
    ) -> Result<Self::Row>;

    /// Scores the rows of a run in the order of the samples: bootstrap draws must not depend on the order of completion.
    ///
    /// # Errors
    /// [`Error::Truth`](crate::Error::Truth) for a row that does not fit its sample, and the errors of reading the rows.
    fn score(dataset: &Dataset<Self::Truth>, rows: &impl Rows, bootstrap: &Bootstrap) -> Result<Score>;
}

/// The rows kept by a run; they can be read several times.
pub trait Rows {
    /// Visits the rows one at a time: index of the sample, name of the image, row. They come in order of completion, which
    /// differs from that of the samples if an image failed at first.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::Format`](crate::Error::Format), and the errors of `visit`.
    fn visit<R: DeserializeOwned>(&self, visit: impl FnMut(usize, &str, R) -> Result<()>) -> Result<()>;
}
