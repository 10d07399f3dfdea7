//! What is evaluated, as the loop sees it: so that everything but the model itself is tested without weights.

use ndarray::Array2;
use radzero_core::{Comparison, EncodedPrompt, Error, ErrorKind, Peak, RadZero, Radiograph};

use super::record::Evaluated;

/// A model that compares an image with sentences.
pub trait Model {
    /// An encoded sentence, cheap to clone.
    type Prompt: Clone;
    /// A comparison of the image with one sentence.
    type Found: Similarity;

    /// Encodes sentences, in their order.
    ///
    /// # Errors
    /// Those of the model.
    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<Self::Prompt>>;

    /// Compares an image with sentences, in their order.
    ///
    /// # Errors
    /// Those of the model.
    fn compare(&self, radiograph: &Radiograph, prompts: &[Self::Prompt]) -> radzero_core::Result<Vec<Self::Found>>;

    /// What is evaluated, for the record.
    ///
    /// # Errors
    /// Those of the model.
    fn record(&self) -> radzero_core::Result<Evaluated>;
}

/// How similar an image and a sentence are.
pub trait Similarity {
    /// The logit.
    fn logit(&self) -> f32;
    /// The map \[height, width\] at the image's size, values in \[0, 1\].
    fn map(&self) -> Array2<f32>;

    /// The map's greatest value, the first in row-major order where there are several, and where it is.
    fn peak(&self) -> Peak {
        let start = Peak { x: 0, y: 0, value: f32::NEG_INFINITY };
        let map = self.map();
        map.indexed_iter()
            .fold(start, |peak, ((y, x), &value)| if value > peak.value { Peak { x, y, value } } else { peak })
    }
}

impl Model for RadZero {
    type Prompt = EncodedPrompt;
    type Found = Comparison;

    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<EncodedPrompt>> {
        self.encode_prompts(texts)
    }

    fn compare(&self, radiograph: &Radiograph, prompts: &[EncodedPrompt]) -> radzero_core::Result<Vec<Comparison>> {
        Self::compare(self, &self.encode_image(radiograph)?, prompts)
    }

    fn record(&self) -> radzero_core::Result<Evaluated> {
        let missing = || Error::new(ErrorKind::EncoderNotOpen, "an evaluation needs both encoders of a model");
        Ok(Evaluated {
            model: Self::record(self).clone(),
            image_encoder: self.image_encoder().ok_or_else(missing)?.clone(),
            text_encoder: self.text_encoder().ok_or_else(missing)?.clone(),
        })
    }
}

impl Similarity for Comparison {
    fn logit(&self) -> f32 {
        self.logit()
    }

    fn map(&self) -> Array2<f32> {
        self.map().into_values()
    }

    fn peak(&self) -> Peak {
        // Without computing the map.
        self.peak()
    }
}
