//! The result of comparing one image with one sentence.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use radzero_format::record::{ImageRecord, PromptResult, Provenance, ResultRecord, TextRecord};
use radzero_format::{Error, ErrorKind, Result};

use crate::encoding::EncodedPrompt;
use crate::geometry::Geometry;
use crate::map::{LazyMap, Peak, SimilarityMap, check_threshold, sigmoid};

/// How similar one sentence is to one radiograph: as a whole, and pixel by pixel.
///
/// Logit, probability and map are similarities, not a chance of disease. They have no universal cut-off: the caller chooses a
/// threshold for each prompt.
#[derive(Debug, Clone)]
pub struct Comparison {
    prompt: EncodedPrompt,
    logit: f32,
    scores: Array2<f32>,
    geometry: Geometry,
    image: Arc<ImageRecord>,
}

impl Comparison {
    /// A comparison from its numbers: the logit, and the scores of the patches \[g, g\] before the sigmoid.
    /// [`Scorer::compare`](crate::Scorer::compare) computes them; a test can make them up.
    ///
    /// # Errors
    /// [`ErrorKind::Inference`] if the logit or a score is not finite; [`ErrorKind::Argument`] if the scores are not a square of
    /// at least one patch, or the record's image size is invalid; [`ErrorKind::OtherModel`] if image and sentence were encoded
    /// by different models.
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

    /// sigmoid(logit), in \[0, 1\]: the model card's "similarity probability".
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

    /// The similarity map at the radiograph's size, recomputed at each call.
    #[must_use]
    pub fn map(&self) -> SimilarityMap {
        self.geometry.map_of(self.scores.view())
    }

    /// The similarity map for a picture of the radiograph with `width` x `height` pixels, computed directly at that size: see
    /// [`Geometry::map_at`].
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless both sides are from 1 to [`MAX_SIDE`](radzero_format::reading::MAX_SIDE).
    pub fn map_at(&self, width: usize, height: usize) -> Result<SimilarityMap> {
        self.geometry.map_at(self.scores.view(), width, height)
    }

    /// The grounding point: the map's [`peak`](SimilarityMap::peak), without computing the map.
    #[must_use]
    pub fn peak(&self) -> Peak {
        self.lazy_map().peak()
    }

    /// The map's minimum, without computing the map.
    #[must_use]
    pub fn map_min(&self) -> f32 {
        self.lazy_map().min()
    }

    /// The map's maximum, the value of the [`peak`](Self::peak), without computing the map.
    #[must_use]
    pub fn map_max(&self) -> f32 {
        self.peak().value
    }

    /// The map's [`mask`](SimilarityMap::mask) at `threshold`, \[height, width\], without computing the map.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
    pub fn mask(&self, threshold: f32) -> Result<Array2<bool>> {
        check_threshold(threshold)?;
        Ok(self.lazy_map().mask(threshold))
    }

    /// Number of pixels in the [`mask`](Comparison::mask), without computing map or mask.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] unless `threshold` is in \[0, 1\].
    pub fn area(&self, threshold: f32) -> Result<usize> {
        check_threshold(threshold)?;
        Ok(self.lazy_map().area(threshold))
    }

    fn lazy_map(&self) -> LazyMap<'_> {
        self.geometry.lazy_map(self.scores.view())
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

    /// How the image was encoded.
    #[must_use]
    pub fn image_record(&self) -> &ImageRecord {
        &self.image
    }

    /// How the sentence was encoded.
    #[must_use]
    pub fn text_record(&self) -> &TextRecord {
        self.prompt.record()
    }

    /// How image and sentence were encoded.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance::new(&self.image, self.text_record())
    }

    /// The numbers as stored in a [`ResultRecord`].
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
    /// [`ErrorKind::Argument`] if there are none, if they are of different images, or if their sentences were encoded differently
    /// (by different encoders, or stored with different precision). A record has one provenance: make one record for each.
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
