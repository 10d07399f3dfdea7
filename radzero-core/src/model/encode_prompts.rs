//! Encoding prompts, with a cache.

use radzero_format::{Error, ErrorKind, Result};
use radzero_score::EncodedPrompt;

use super::{RadZero, not_finite};
use crate::cancellation::Cancellation;
use crate::runtime::Patience;

/// The most prompts encoded in one run: enough to use all cores, few enough to bound memory.
const PROMPT_BATCH: usize = 32;

impl RadZero {
    /// Encodes prompts. Returns the results in the order of the prompts.
    ///
    /// A cache keeps the 4096 most recently used prompts; [`RadZeroBuilder::prompt_cache`](crate::RadZeroBuilder::prompt_cache)
    /// changes that number.
    ///
    /// # Errors
    /// [`ErrorKind::EmptyPrompt`], [`ErrorKind::PromptTooLong`]: among several prompts, with the prompt's number, from 1;
    /// [`ErrorKind::EncoderNotOpen`], [`ErrorKind::Busy`], [`ErrorKind::Forked`]; [`ErrorKind::Inference`] if the
    /// graph fails.
    pub fn encode_prompts<S: AsRef<str>>(&self, prompts: &[S]) -> Result<Vec<EncodedPrompt>> {
        self.encode_prompts_until(prompts, &Cancellation::new())
    }

    /// As [`encode_prompts`](Self::encode_prompts), but can be cancelled. Prompts that were already encoded stay in the cache.
    ///
    /// # Errors
    /// As [`encode_prompts`](Self::encode_prompts), and [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
    pub fn encode_prompts_until<S: AsRef<str>>(
        &self,
        prompts: &[S],
        cancellation: &Cancellation,
    ) -> Result<Vec<EncodedPrompt>> {
        self.encode_prompts_as(prompts, Patience::Bounded, cancellation)
    }

    pub(crate) fn encode_prompts_as<S: AsRef<str>>(
        &self,
        prompts: &[S],
        patience: Patience,
        cancellation: &Cancellation,
    ) -> Result<Vec<EncodedPrompt>> {
        cancellation.check()?;
        let text = self.text()?;
        let span = tracing::debug_span!("radzero.encode_prompts", prompts = prompts.len(), new = tracing::field::Empty);
        let _entered = span.enter();
        let numbered = |index: usize, error: Error| match prompts.len() {
            1 => error,
            count => error.within(format_args!("prompt {} of {count}", index + 1)),
        };
        let mut found = text.cache.find(prompts);
        let mut missing = Vec::new();
        for (index, prompt) in prompts.iter().enumerate().filter(|(index, _)| found[*index].is_none()) {
            let ids = text.tokenizer.encode(prompt.as_ref()).map_err(|error| numbered(index, error))?;
            missing.push((index, ids));
        }
        span.record("new", missing.len());
        // Batches of similar length need less padding.
        missing.sort_by_key(|(index, ids)| (ids.len(), *index));
        for chunk in missing.chunks(PROMPT_BATCH) {
            let ids: Vec<&[u32]> = chunk.iter().map(|(_, ids)| ids.as_slice()).collect();
            let embeddings = self.run_prompts(&ids, patience, cancellation)?;
            let mut encoded = Vec::with_capacity(chunk.len());
            for ((index, _), embedding) in chunk.iter().zip(embeddings.outer_iter()) {
                let prompt = EncodedPrompt::new(prompts[*index].as_ref(), embedding.to_owned(), text.record.clone());
                encoded.push(prompt.map_err(|refused| numbered(*index, not_finite("text", refused)))?);
            }
            // Only a whole batch is cached: a later call must not succeed with part of a batch that failed here.
            text.cache.keep(&encoded);
            for ((index, _), encoded) in chunk.iter().zip(encoded) {
                found[*index] = Some(encoded);
            }
        }
        found.into_iter().map(|prompt| prompt.ok_or_else(missing_prompt)).collect()
    }

    /// Empties the cache of prompts. In a forked child, which cannot encode prompts, it does nothing.
    pub fn clear_prompt_cache(&self) {
        if let Ok(text) = self.text() {
            text.cache.clear();
        }
    }
}

/// Should not occur: every prompt is either cached or encoded.
fn missing_prompt() -> Error {
    Error::new(ErrorKind::Inference, "the text graph returned no embedding for a prompt")
}
