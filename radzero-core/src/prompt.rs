//! Tokenization of prompts: sentences to token ids.

use std::fmt;
use std::path::Path;

use ndarray::Array2;

use radzero_format::manifest::Text;
use radzero_format::{Error, ErrorKind, Result};

/// The model's tokenizer with its limits.
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    limits: Text,
    vocabulary: usize,
}

/// Token ids of several prompts, padded to the longest, and the attention mask: both \[n, L\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) ids: Array2<i64>,
    pub(crate) mask: Array2<i64>,
}

impl Tokenizer {
    pub(crate) fn open(path: &Path, limits: Text, vocabulary: usize) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_file(path).map_err(|error| {
            Error::new(ErrorKind::Model, format!("{} is not a tokenizer", path.display())).with_source(error)
        })?;
        // The published file declares padding to 128 and truncation at 128; the published code overrides both.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| {
            Error::new(ErrorKind::Model, "the tokenizer cannot work without truncation").with_source(error)
        })?;
        Ok(Self { inner, limits, vocabulary })
    }

    /// Token ids of one prompt, special tokens included.
    pub(crate) fn encode(&self, prompt: &str) -> Result<Vec<u32>> {
        // The cause is dropped: the tokenizer's message may quote the prompt.
        let encoding = self
            .inner
            .encode(prompt, true)
            .map_err(|_| Error::new(ErrorKind::Model, "tokenizer.json cannot tokenise a prompt"))?;
        if encoding.get_special_tokens_mask().iter().all(|&special| special == 1) {
            return Err(Error::new(ErrorKind::EmptyPrompt, "a sentence expected, an empty prompt found"));
        }
        let ids = encoding.get_ids();
        if ids.len() > self.limits.max_tokens {
            return Err(Error::new(
                ErrorKind::PromptTooLong,
                format!("a prompt of at most {} tokens expected, {} found", self.limits.max_tokens, ids.len()),
            ));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocabulary) {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "tokenizer.json does not belong to this model: token ids below {} expected, {id} found",
                    self.vocabulary
                ),
            ));
        }
        Ok(ids.to_vec())
    }

    /// Pads to the longest prompt.
    pub(crate) fn batch(&self, prompts: &[&[u32]]) -> Batch {
        let length = prompts.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let pad = i64::from(self.limits.pad_token_id);
        let shape = (prompts.len(), length);
        Batch {
            ids: Array2::from_shape_fn(shape, |(row, column)| {
                prompts[row].get(column).map_or(pad, |&id| i64::from(id))
            }),
            mask: Array2::from_shape_fn(shape, |(row, column)| i64::from(column < prompts[row].len())),
        }
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("limits", &self.limits).finish_non_exhaustive()
    }
}
