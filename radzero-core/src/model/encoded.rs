//! The stages' values: an encoded image, an encoded prompt, and their comparison.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::Result;
use crate::manifest::{Digest, GeometryKind, Precision, Resample};
use crate::map::{Outline, Peak, SimilarityMap, check_threshold, sigmoid};
use crate::pixels::Geometry;
use crate::radiograph::{IntensityPolicy, IntensityRule, Origin, TransferSyntax, Warning};
use crate::runtime::{Device, Placement};

/// What made a result: model, device, and every rule that was applied to the image.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The model's name.
    pub model_name: String,
    /// The model's [hash](crate::manifest::ModelDirectory::hash).
    pub model_hash: Digest,
    /// The device that ran the image graph.
    pub device: Device,
    /// Which execution provider ran how many of the image graph's nodes, as the session reports it.
    pub image_placement: Arc<Placement>,
    /// The same of the text graph.
    pub text_placement: Arc<Placement>,
    /// The project's own kernels that ran with it ([`RadZero::kernels`](crate::RadZero::kernels)).
    pub kernels: Option<&'static str>,
    /// Precision of the weights.
    pub precision: Precision,
    /// What the radiograph was read from.
    pub origin: Origin,
    /// How its pixel data was encoded (DICOM).
    pub transfer_syntax: Option<TransferSyntax>,
    /// The intensity policy that was asked for.
    pub policy: IntensityPolicy,
    /// How its samples became 8-bit levels.
    pub intensity: IntensityRule,
    /// What was worked around, assumed or left undone when it was read.
    pub warnings: Vec<Warning>,
    /// How it was fitted to the model's square.
    pub geometry: GeometryKind,
    /// The resampling kernel.
    pub resample: Resample,
}

/// An encoded radiograph. Cheap to clone; 4 MB at full size.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    tokens: Arc<Array2<f32>>,
    geometry: Geometry,
    provenance: Arc<Provenance>,
}

impl EncodedImage {
    pub(super) fn new(tokens: Array2<f32>, geometry: Geometry, provenance: Arc<Provenance>) -> Self {
        Self { tokens: Arc::new(tokens), geometry, provenance }
    }

    /// The tokens \[1 + N, D\], CLS first, after the shared LayerNorm and (for the cosine) L2-normalised.
    #[must_use]
    pub fn tokens(&self) -> ArrayView2<'_, f32> {
        self.tokens.view()
    }

    /// Width of the radiograph in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.geometry.width()
    }

    /// Height of the radiograph in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.geometry.height()
    }

    /// What made it.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}

/// An encoded prompt. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EncodedPrompt(Arc<PromptInner>);

#[derive(Debug)]
struct PromptInner {
    text: String,
    embedding: Array1<f32>,
    model_hash: Digest,
}

impl EncodedPrompt {
    pub(super) fn new(text: &str, embedding: Array1<f32>, model_hash: Digest) -> Self {
        Self(Arc::new(PromptInner { text: text.into(), embedding, model_hash }))
    }

    /// The sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The embedding \[D\], after the shared LayerNorm and (for the cosine) L2-normalised.
    #[must_use]
    pub fn embedding(&self) -> ArrayView1<'_, f32> {
        self.0.embedding.view()
    }

    pub(super) fn model_hash(&self) -> &Digest {
        &self.0.model_hash
    }
}

/// How similar one sentence is to one radiograph, as a whole and place by place.
///
/// Logit, probability and map are similarities, not a chance of disease, and have no universal cut-off: a threshold belongs
/// to a prompt and is the caller's.
#[derive(Debug, Clone)]
pub struct Comparison {
    prompt: EncodedPrompt,
    logit: f32,
    scores: Array2<f32>,
    geometry: Geometry,
    provenance: Arc<Provenance>,
}

impl Comparison {
    pub(super) fn new(prompt: EncodedPrompt, logit: f32, scores: Array2<f32>, image: &EncodedImage) -> Self {
        Self { prompt, logit, scores, geometry: image.geometry.clone(), provenance: image.provenance.clone() }
    }

    /// The sentence.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.prompt.text()
    }

    /// The logit, in \[-1 / tau, 1 / tau\].
    #[must_use]
    pub fn logit(&self) -> f32 {
        self.logit
    }

    /// sigmoid(logit), in \[0, 1\]: what the model card calls the similarity probability.
    #[must_use]
    pub fn probability(&self) -> f32 {
        sigmoid(self.logit)
    }

    /// Scores of the patches before the sigmoid, \[g, g\].
    #[must_use]
    pub fn scores(&self) -> ArrayView2<'_, f32> {
        self.scores.view()
    }

    /// The similarity map at the radiograph's size, computed anew at each call.
    #[must_use]
    pub fn map(&self) -> SimilarityMap {
        SimilarityMap::new(self.geometry.to_original(self.scores.view()))
    }

    /// The grounding point: equal to the map's [`peak`](SimilarityMap::peak), without computing the map.
    #[must_use]
    pub fn peak(&self) -> Peak {
        self.outline().peak()
    }

    /// The map's least value, without computing the map.
    #[must_use]
    pub fn min(&self) -> f32 {
        self.outline().min()
    }

    /// Where the map is above `threshold`, \[height, width\]: equal to the map's [`mask`](SimilarityMap::mask), without
    /// computing the map.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) unless `threshold` is in \[0, 1\].
    pub fn mask(&self, threshold: f32) -> Result<Array2<bool>> {
        check_threshold(threshold)?;
        Ok(self.outline().mask(threshold))
    }

    /// Number of pixels of the [`mask`](Comparison::mask), without computing map or mask.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`](crate::ErrorKind::Argument) unless `threshold` is in \[0, 1\].
    pub fn area(&self, threshold: f32) -> Result<usize> {
        check_threshold(threshold)?;
        Ok(self.outline().area(threshold))
    }

    fn outline(&self) -> Outline<'_> {
        self.geometry.outline(self.scores.view())
    }

    /// Width of the radiograph in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.geometry.width()
    }

    /// Height of the radiograph in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.geometry.height()
    }

    /// What made it.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}
