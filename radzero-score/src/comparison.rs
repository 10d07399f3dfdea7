//! What comes of comparing one image with one sentence.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use radzero_format::record::{ImageRecord, PromptResult, Provenance, ResultRecord, TextRecord};
use radzero_format::{Error, ErrorKind, Result};

use crate::encoding::EncodedPrompt;
use crate::geometry::Geometry;
use crate::map::{Outline, Peak, SimilarityMap, check_threshold, sigmoid};

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
    image: Arc<ImageRecord>,
}

impl Comparison {
    /// The comparison of the image of this record with a prompt: its logit and the scores of the patches \[g, g\] before the
    /// sigmoid. [`Scorer::compare`](crate::Scorer::compare) computes them; a test makes them up.
    ///
    /// # Errors
    /// [`ErrorKind::Inference`] if the logit or a score is not finite; [`ErrorKind::Argument`] if the scores are no square of at
    /// least one patch, or the record holds a size that no radiograph has; [`ErrorKind::OtherModel`] if image and sentence were
    /// encoded by different models.
    pub fn new(
        image: impl Into<Arc<ImageRecord>>,
        prompt: EncodedPrompt,
        logit: f32,
        scores: Array2<f32>,
    ) -> Result<Self> {
        let image = image.into();
        let (rows, columns) = scores.dim();
        if rows == 0 || rows != columns {
            let message = format!("scores [g, g] of at least one patch expected, [{rows}, {columns}] found");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        if !logit.is_finite() || !scores.iter().all(|score| score.is_finite()) {
            return Err(Error::new(ErrorKind::Inference, "the comparison gave scores or logits that are not finite"));
        }
        let (own, other) = (&image.model.hash, &prompt.record().model.hash);
        if own != other {
            let message = format!("image and sentence of one model expected, of {own} and {other} found");
            return Err(Error::new(ErrorKind::OtherModel, message));
        }
        let geometry = Geometry::of(&image)?;
        Ok(Self { prompt, logit, scores, geometry, image })
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

    /// Where the patches lie on the radiograph.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The similarity map at the radiograph's size, computed anew at each call.
    #[must_use]
    pub fn map(&self) -> SimilarityMap {
        self.geometry.map_of(self.scores.view())
    }

    /// The similarity map for a picture of the radiograph of `width` x `height` pixels, without computing it at the
    /// radiograph's size: as [`Geometry::map_at`].
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless both sides are from 1 to [`MAX_SIDE`](radzero_format::reading::MAX_SIDE).
    pub fn map_at(&self, width: usize, height: usize) -> Result<SimilarityMap> {
        self.geometry.map_at(self.scores.view(), width, height)
    }

    /// The grounding point: equal to the map's [`peak`](SimilarityMap::peak), without computing the map.
    #[must_use]
    pub fn peak(&self) -> Peak {
        self.outline().peak()
    }

    /// The map's least value, without computing the map.
    #[must_use]
    pub fn map_min(&self) -> f32 {
        self.outline().min()
    }

    /// The map's greatest value, that of the [`peak`](Self::peak), without computing the map.
    #[must_use]
    pub fn map_max(&self) -> f32 {
        self.peak().value
    }

    /// Where the map is above `threshold`, \[height, width\]: equal to the map's [`mask`](SimilarityMap::mask), without
    /// computing the map.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
    pub fn mask(&self, threshold: f32) -> Result<Array2<bool>> {
        check_threshold(threshold)?;
        Ok(self.outline().mask(threshold))
    }

    /// Number of pixels of the [`mask`](Comparison::mask), without computing map or mask.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
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

    /// What made the tokens of the image.
    #[must_use]
    pub fn image_record(&self) -> &ImageRecord {
        &self.image
    }

    /// What made the embedding of the sentence.
    #[must_use]
    pub fn text_record(&self) -> &TextRecord {
        self.prompt.record()
    }

    /// What made it.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance::new(&self.image, self.text_record())
    }

    /// The numbers of it that a record keeps.
    #[must_use]
    pub fn result(&self) -> PromptResult {
        let peak = self.peak();
        PromptResult {
            prompt: self.prompt().to_owned(),
            probability: self.probability(),
            logit: self.logit,
            map_min: self.map_min(),
            map_max: peak.value,
            point: [peak.x, peak.y],
        }
    }

    /// The record of one image's comparisons.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if there are none, or if they are not of one image and of sentences that were encoded alike (by one
    /// encoder, stored in as many bits): what the record says of all of them would not be true. Make a record for each kind.
    pub fn record(found: &[Self]) -> Result<ResultRecord> {
        let fail = |message: &str| Error::new(ErrorKind::Argument, message);
        let first = found.first().ok_or_else(|| fail("at least one comparison expected, none found"))?;
        let same_image = |other: &Self| Arc::ptr_eq(&first.image, &other.image) || first.image == other.image;
        if !found.iter().all(same_image) {
            return Err(fail("comparisons of one image expected, of several found"));
        }
        if !found.iter().all(|other| first.text_record() == other.text_record()) {
            return Err(fail("sentences that were encoded alike expected, by different encoders found"));
        }
        let results = found.iter().map(Self::result).collect();
        Ok(ResultRecord::new(&first.image, first.text_record(), results))
    }
}
