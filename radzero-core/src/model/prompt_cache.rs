//! The cache of encoded prompts.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use radzero_score::EncodedPrompt;

/// A cache of encoded prompts that evicts the least recently used; `None` if its capacity is 0.
pub(super) struct PromptCache(Option<Mutex<LruCache<String, EncodedPrompt>>>);

impl PromptCache {
    pub(super) fn new(prompts: usize) -> Self {
        Self(NonZeroUsize::new(prompts).map(|prompts| Mutex::new(LruCache::sparse(prompts))))
    }

    fn lock(&self) -> Option<MutexGuard<'_, LruCache<String, EncodedPrompt>>> {
        self.0.as_ref().map(|cache| cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn find<S: AsRef<str>>(&self, prompts: &[S]) -> Vec<Option<EncodedPrompt>> {
        match self.lock() {
            Some(mut cache) => prompts.iter().map(|prompt| cache.get(prompt.as_ref()).cloned()).collect(),
            None => vec![None; prompts.len()],
        }
    }

    pub(super) fn keep(&self, prompts: &[EncodedPrompt]) {
        if let Some(mut cache) = self.lock() {
            for prompt in prompts {
                cache.put(prompt.text().to_owned(), prompt.clone());
            }
        }
    }

    pub(super) fn clear(&self) {
        if let Some(mut cache) = self.lock() {
            cache.clear();
        }
    }
}
