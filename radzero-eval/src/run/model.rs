//! What is evaluated, as the loop sees it: so that everything but the model itself is tested without weights.

use std::time::Duration;

use ndarray::Array2;
use radzero_core::{
    Answer, Cancellation, Comparison, EncodedImage, EncodedPrompt, Encoder, EncoderQueue, Error, ErrorKind, Peak,
    Radiograph, Request,
};

use super::record::Evaluated;

/// A model that compares an image with sentences.
pub trait Model {
    /// An encoded sentence, cheap to clone.
    type Prompt: Clone;
    /// An encoded image.
    type Image;
    /// A comparison of the image with one sentence.
    type Found: Similarity;

    /// Encodes sentences, in their order.
    ///
    /// # Errors
    /// Those of the model.
    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<Self::Prompt>>;

    /// Reads and encodes images, in the order of `requests`, each with the tag that came with it. A model may take more requests
    /// than it has given images for: to read ahead, and to fill its batches.
    ///
    /// # Errors
    /// Those of the model.
    fn encode_all<T>(
        &self,
        requests: impl Iterator<Item = (T, Request)>,
    ) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<Self::Image>>)>>;

    /// Compares an image with sentences, in their order.
    ///
    /// # Errors
    /// Those of the model.
    fn compare(&self, image: &Self::Image, prompts: &[Self::Prompt]) -> radzero_core::Result<Vec<Self::Found>>;

    /// What is evaluated, for the record.
    ///
    /// # Errors
    /// Those of the model.
    fn record(&self) -> radzero_core::Result<Evaluated>;
}

/// An image that was read and encoded.
#[derive(Debug, Clone)]
pub struct Encoded<I> {
    /// What was read.
    pub radiograph: Radiograph,
    /// Its encoding.
    pub image: I,
    /// Time in the encoder; of a batch, an image's share.
    pub time: Duration,
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

impl Model for EncoderQueue {
    type Prompt = EncodedPrompt;
    type Image = EncodedImage;
    type Found = Comparison;

    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<EncodedPrompt>> {
        self.encoder().encode_prompts(texts)
    }

    fn encode_all<T>(
        &self,
        requests: impl Iterator<Item = (T, Request)>,
    ) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<EncodedImage>>)>> {
        answers(self, requests)
    }

    fn compare(&self, image: &EncodedImage, prompts: &[EncodedPrompt]) -> radzero_core::Result<Vec<Comparison>> {
        self.encoder().compare(image, prompts)
    }

    fn record(&self) -> radzero_core::Result<Evaluated> {
        let missing = || Error::new(ErrorKind::EncoderNotOpen, "an evaluation needs both encoders of a model");
        let model = self.encoder();
        Ok(Evaluated {
            model: model.record().clone(),
            image_encoder: model.image_encoder().ok_or_else(missing)?.clone(),
            text_encoder: model.text_encoder().ok_or_else(missing)?.clone(),
        })
    }
}

/// [`Model::encode_all`] by a queue, whatever it runs.
///
/// # Errors
/// As [`EncoderQueue::encode_all`].
pub fn answers<T, E: Encoder>(
    queue: &EncoderQueue<E>,
    requests: impl Iterator<Item = (T, Request)>,
) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<EncodedImage>>)>> {
    let encoded = |Answer { radiograph, encoded: image, run: time, .. }| Encoded { radiograph, image, time };
    let answers = queue.encode_all(requests, &Cancellation::new())?;
    Ok(answers.map(move |(tag, answer)| (tag, answer.map(encoded))))
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
