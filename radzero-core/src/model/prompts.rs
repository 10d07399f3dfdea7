//! Encoding sentences: those that were encoded before come from a cache.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::EncodedPrompt;

use super::{RadZero, all_finite, not_finite};
use crate::runtime::{Cancellation, Patience};

/// Prompts encoded in one run: enough to use the cores, few enough to bound memory.
const PROMPT_BATCH: usize = 32;

/// Embeddings of the prompts that were asked for last; none where it has no room.
pub(super) struct PromptCache(Option<Mutex<LruCache<String, EncodedPrompt>>>);

impl PromptCache {
    pub(super) fn new(prompts: usize) -> Self {
        Self(NonZeroUsize::new(prompts).map(|prompts| Mutex::new(LruCache::sparse(prompts))))
    }

    fn lock(&self) -> Option<MutexGuard<'_, LruCache<String, EncodedPrompt>>> {
        self.0.as_ref().map(|cache| cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find<S: AsRef<str>>(&self, prompts: &[S]) -> Vec<Option<EncodedPrompt>> {
        match self.lock() {
            Some(mut cache) => prompts.iter().map(|prompt| cache.get(prompt.as_ref()).cloned()).collect(),
            None => vec![None; prompts.len()],
        }
    }

    fn keep(&self, prompts: &[EncodedPrompt]) {
        if let Some(mut cache) = self.lock() {
            for prompt in prompts {
                cache.put(prompt.text().to_owned(), prompt.clone());
            }
        }
    }

    fn clear(&self) {
        if let Some(mut cache) = self.lock() {
            cache.clear();
        }
    }
}

impl RadZero {
    /// Encodes prompts; those encoded before come from a cache of the last 4096, or as many as
    /// [`RadZeroBuilder::prompt_cache`](crate::RadZeroBuilder::prompt_cache) says. The results stand in the order of the prompts.
    ///
    /// # Errors
    /// [`ErrorKind::EmptyPrompt`], [`ErrorKind::PromptTooLong`], with the number of the prompt, from 1, among several;
    /// [`ErrorKind::EncoderNotOpen`], [`ErrorKind::Busy`], [`ErrorKind::Forked`]; [`ErrorKind::Inference`] if the graph fails.
    pub fn encode_prompts<S: AsRef<str>>(&self, prompts: &[S]) -> Result<Vec<EncodedPrompt>> {
        self.encode_prompts_until(prompts, &Cancellation::new())
    }

    /// As [`encode_prompts`](Self::encode_prompts), until it is cancelled. What was encoded before that stays in the cache.
    ///
    /// # Errors
    /// As that, [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
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
        // Prompts of similar length together: less filling.
        missing.sort_by_key(|(index, ids)| (ids.len(), *index));
        for chunk in missing.chunks(PROMPT_BATCH) {
            let ids: Vec<&[u32]> = chunk.iter().map(|(_, ids)| ids.as_slice()).collect();
            let embeddings = self.run_prompts(&ids, patience, cancellation)?;
            let mut encoded = Vec::with_capacity(chunk.len());
            for ((index, _), embedding) in chunk.iter().zip(embeddings.outer_iter()) {
                if !all_finite(embedding) {
                    return Err(numbered(*index, not_finite("the text graph returned values")));
                }
                let prompt = prompts[*index].as_ref();
                encoded.push(EncodedPrompt::new(prompt, embedding.to_owned(), text.record.clone())?);
            }
            // All of them at once: a later call must not find what this one refuses.
            text.cache.keep(&encoded);
            for ((index, _), encoded) in chunk.iter().zip(encoded) {
                found[*index] = Some(encoded);
            }
        }
        found.into_iter().map(|prompt| prompt.ok_or_else(missing_prompt)).collect()
    }

    /// Forgets the prompts that the cache holds. In a forked child, which cannot encode any, it does nothing.
    pub fn clear_prompt_cache(&self) {
        if let Ok(text) = self.text() {
            text.cache.clear();
        }
    }
}

/// Every prompt is either in the cache or encoded above.
fn missing_prompt() -> Error {
    Error::new(ErrorKind::Inference, "the text graph returned no embedding for a prompt")
}
