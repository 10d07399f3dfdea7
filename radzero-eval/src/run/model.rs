//! The model as the loop sees it, so that everything else can be tested without weights.

use std::time::Duration;

use radzero_core::{
    Answer, Cancellation, Comparison, EncodedImage, EncodedPrompt, Encoder, EncoderQueue, Error, ErrorKind, Radiograph,
    Request,
};

use super::record::Evaluated;
use crate::tasks::Similarity;

/// A model that compares an image with sentences.
pub trait Model {
    /// An encoded sentence, cheap to clone.
    type Prompt: Clone;
    /// An encoded image.
    type Image;
    /// A comparison of the image with one sentence.
    type Found: Similarity;

    /// Encodes sentences, in order.
    ///
    /// # Errors
    /// The errors of the model.
    fn prompts(&self, texts: &[String]) -> radzero_core::Result<Vec<Self::Prompt>>;

    /// Reads and encodes images, and returns them with their tags in the order of `requests`. A model may take requests ahead
    /// of the images that it returns, to read ahead and to fill batches.
    ///
    /// # Errors
    /// The errors of the model.
    fn encode_all<T>(
        &self,
        requests: impl Iterator<Item = (T, Request)>,
    ) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<Self::Image>>)>>;

    /// Compares an image with sentences, in order.
    ///
    /// # Errors
    /// The errors of the model.
    fn compare(&self, image: &Self::Image, prompts: &[Self::Prompt]) -> radzero_core::Result<Vec<Self::Found>>;

    /// The model, for the record.
    ///
    /// # Errors
    /// The errors of the model.
    fn record(&self) -> radzero_core::Result<Evaluated>;
}

/// An image, read and encoded.
#[derive(Debug, Clone)]
pub struct Encoded<I> {
    /// The image as read.
    pub radiograph: Radiograph,
    /// Its encoding.
    pub image: I,
    /// Time in the encoder; in a batch, the image's share.
    pub time: Duration,
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

/// [`Model::encode_all`] on a queue with any encoder.
///
/// # Errors
/// The errors of [`EncoderQueue::encode_all`].
pub fn answers<T, E: Encoder>(
    queue: &EncoderQueue<E>,
    requests: impl Iterator<Item = (T, Request)>,
) -> radzero_core::Result<impl Iterator<Item = (T, radzero_core::Result<Encoded<EncodedImage>>)>> {
    let encoded = |Answer { radiograph, encoded: image, run: time, .. }| Encoded { radiograph, image, time };
    let answers = queue.encode_all(requests, &Cancellation::new())?;
    Ok(answers.map(move |(tag, answer)| (tag, answer.map(encoded))))
}
