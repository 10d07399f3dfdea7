//! The comparison of encodings of one model.

use std::sync::Arc;

use ndarray::ArrayView1;
use radzero_format::manifest::{Digest, ModelDirectory, Similarity};
use radzero_format::{Error, ErrorKind, Result};

use crate::comparison::Comparison;
use crate::encoding::{EncodedImage, EncodedPrompt};
use crate::similarity::vl_cabs;

/// Compares encodings of one model, by VL-CABS with the model's switches and temperatures.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorer {
    model: Digest,
    grid: usize,
    hidden: usize,
    similarity: Similarity,
}

impl Scorer {
    /// For the model with this hash, `grid` patches per side and tokens of length `hidden`.
    #[must_use]
    pub fn new(model: Digest, grid: usize, hidden: usize, similarity: Similarity) -> Self {
        Self { model, grid, hidden, similarity }
    }

    /// Compares an encoded image with encoded prompts. Returns one [`Comparison`] per prompt, in order.
    ///
    /// # Errors
    /// [`ErrorKind::OtherModel`] if the image or a prompt was encoded by another model, [`ErrorKind::Encoding`] if one does not
    /// have the model's shape, [`ErrorKind::Inference`] if a score or logit is not finite.
    pub fn compare(&self, image: &EncodedImage, prompts: &[EncodedPrompt]) -> Result<Vec<Comparison>> {
        self.check_model(&image.record().model.hash)?;
        check_shape("tokens", &[1 + self.grid * self.grid, self.hidden], image.tokens().shape())?;
        for prompt in prompts {
            self.check_model(&prompt.record().model.hash)?;
            check_shape("an embedding", &[self.hidden], prompt.embedding().shape())?;
        }
        if prompts.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<ArrayView1<'_, f32>> = prompts.iter().map(EncodedPrompt::embedding).collect();
        let embeddings = ndarray::stack(ndarray::Axis(0), &rows)
            .map_err(|error| Error::new(ErrorKind::Encoding, "embeddings of different lengths").with_source(error))?;
        let scores = vl_cabs(image.tokens(), embeddings.view(), &self.similarity)?;
        let record = image.shared_record();
        prompts
            .iter()
            .zip(scores.logits)
            .zip(scores.patches.outer_iter())
            .map(|((prompt, logit), patches)| {
                let patches = patches.to_owned().into_shape_with_order((self.grid, self.grid)).map_err(|error| {
                    Error::new(ErrorKind::Encoding, "tokens do not fill the patch grid").with_source(error)
                })?;
                Comparison::new(Arc::clone(&record), prompt.clone(), logit, patches)
            })
            .collect()
    }

    fn check_model(&self, found: &Digest) -> Result<()> {
        if *found == self.model {
            return Ok(());
        }
        let message = format!("encoded by model {} expected, by {found} found", self.model);
        Err(Error::new(ErrorKind::OtherModel, message))
    }
}

fn check_shape(what: &str, expected: &[usize], found: &[usize]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Encoding, format!("{what} {expected:?} expected, {found:?} found")))
}

impl From<&ModelDirectory> for Scorer {
    fn from(directory: &ModelDirectory) -> Self {
        let manifest = directory.manifest();
        let dimensions = &manifest.dimensions;
        Self::new(directory.hash().clone(), dimensions.grid, dimensions.hidden, manifest.similarity.clone())
    }
}
