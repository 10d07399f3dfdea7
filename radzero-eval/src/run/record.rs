//! What made a result. Two runs with the same record may share a journal; any difference is named.

use serde::{Deserialize, Serialize};

use crate::datasets::{Dataset, LabelFile};
use crate::tasks::{Task, TaskKind};
use radzero_core::radiograph::IntensityPolicy;

/// The model and what runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name.
    pub name: String,
    /// SHA-256 of its manifest, which holds the hash of every file.
    pub hash: String,
    /// Precision of the weights.
    pub precision: String,
    /// The device asked for.
    pub device: String,
    /// The execution provider that runs the image graph, as read from the session.
    pub provider: String,
    /// How images are fitted to the model's square.
    pub geometry: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: Option<String>,
    /// The runtime's own kernels, by instruction set, if any.
    pub kernels: Option<String>,
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
    /// Number of its images.
    pub images: usize,
    /// The intensity policy.
    pub intensity: IntensityPolicy,
    /// The model.
    pub model: ModelRecord,
    /// Version of this library.
    pub radzero: String,
}

impl RunRecord {
    /// The record of a run of `model` over `dataset`.
    #[must_use]
    pub fn new<T: Task>(dataset: &Dataset<T::Truth>, model: ModelRecord) -> Self {
        Self {
            format: 2,
            task: T::KIND,
            dataset: dataset.name.clone(),
            files: dataset.files.clone(),
            images: dataset.samples.len(),
            intensity: dataset.policy,
            model,
            radzero: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The first thing in which `other` differs, for people: "model hash: a, here b".
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (one, other) = (self.flat(), other.flat());
        let differing = one.into_iter().zip(other).find(|(one, other)| one.1 != other.1);
        differing.map(|((what, one), (_, other))| format!("{what}: {one}, here {other}"))
    }

    fn flat(&self) -> [(&'static str, String); 14] {
        let files: Vec<String> = self.files.iter().map(|file| format!("{} {}", file.name, file.sha256)).collect();
        let model = &self.model;
        [
            ("format", self.format.to_string()),
            ("task", self.task.to_string()),
            ("data set", self.dataset.clone()),
            ("label files", files.join(", ")),
            ("number of images", self.images.to_string()),
            ("intensity policy", self.intensity.to_string()),
            ("model", model.name.clone()),
            ("model hash", model.hash.clone()),
            ("precision", model.precision.clone()),
            ("device", model.device.clone()),
            ("provider", format!("{}, geometry {}", model.provider, model.geometry)),
            ("ONNX Runtime", format!("{:?}", model.onnxruntime)),
            ("kernels", format!("{:?}", model.kernels)),
            ("version", self.radzero.clone()),
        ]
    }
}
