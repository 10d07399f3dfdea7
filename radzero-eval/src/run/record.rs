//! Everything that a result depends on. Runs with the same record may share a journal; a difference is reported.

use serde::{Deserialize, Serialize};

use radzero_core::radiograph::IntensityPolicy;
use radzero_core::record::{EncoderRecord, ModelRecord};

use crate::datasets::{Dataset, LabelFile};
use crate::tasks::{Task, TaskKind};

/// The model and the encoders that run it, as in every result record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The model.
    pub model: ModelRecord,
    /// The encoder that runs the image graph.
    pub image_encoder: EncoderRecord,
    /// The encoder that runs the text graph.
    pub text_encoder: EncoderRecord,
}

/// Everything that the rows of a journal depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of the journal's format.
    pub format: u32,
    /// The task.
    pub task: TaskKind,
    /// The data set.
    pub dataset: String,
    /// Its label files.
    pub files: Vec<LabelFile>,
    /// Number of images in the data set.
    pub images: usize,
    /// The intensity policy.
    pub intensity: IntensityPolicy,
    /// The model and its encoders.
    #[serde(flatten)]
    pub evaluated: Evaluated,
    /// Version of this library.
    pub radzero: String,
}

impl RunRecord {
    /// The record of a run of the evaluated model on `dataset`.
    #[must_use]
    pub fn new<T: Task>(dataset: &Dataset<T::Truth>, evaluated: Evaluated) -> Self {
        Self {
            format: 3,
            task: T::KIND,
            dataset: dataset.name.clone(),
            files: dataset.files.clone(),
            images: dataset.samples.len(),
            intensity: dataset.policy,
            evaluated,
            radzero: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The first difference to `other`, as a message: "model hash: a, here b".
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (one, other) = (self.flat(), other.flat());
        let differing = one.into_iter().zip(other).find(|(one, other)| one.1 != other.1);
        differing.map(|((what, one), (_, other))| format!("{what}: {one}, here {other}"))
    }

    fn flat(&self) -> [(&'static str, String); 16] {
        let files: Vec<String> = self.files.iter().map(|file| format!("{} {}", file.name, file.sha256)).collect();
        let Evaluated { model, image_encoder, text_encoder } = &self.evaluated;
        [
            ("format", self.format.to_string()),
            ("task", self.task.to_string()),
            ("data set", self.dataset.clone()),
            ("label files", files.join(", ")),
            ("number of images", self.images.to_string()),
            ("intensity policy", self.intensity.to_string()),
            ("model", model.name.clone()),
            ("model hash", model.hash.to_string()),
            ("precision", model.precision.to_string()),
            ("device", image_encoder.device.to_string()),
            ("provider", image_encoder.provider.clone()),
            ("ONNX Runtime", image_encoder.onnxruntime.clone()),
            ("kernels", image_encoder.kernels.clone().unwrap_or_else(|| "none".into())),
            // All remaining fields in one, as they rarely differ when nothing above does.
            ("image graph", format!("{image_encoder:?}, {model:?}")),
            ("text graph", format!("{text_encoder:?}")),
            ("version", self.radzero.clone()),
        ]
    }
}
