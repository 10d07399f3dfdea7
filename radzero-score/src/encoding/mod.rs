//! Encodings: the outputs of the graphs, with their provenance.

mod bytes;
mod memory;
mod parts;

use std::sync::{Arc, Weak};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use radzero_format::record::{ImageRecord, TextRecord, check_version};
use radzero_format::{Error, ErrorKind, Result};

use self::memory::Dropped;
pub use self::memory::TokenMemory;
pub use self::parts::{ImageParts, PromptParts, Values};
use crate::geometry::Geometry;

/// An encoded radiograph. Cheap to clone; 4 MB at full size.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    tokens: Arc<Tokens>,
    geometry: Geometry,
    record: Arc<ImageRecord>,
}

/// The tokens of an image, shared by its clones.
#[derive(Debug)]
struct Tokens {
    values: Array2<f32>,
    /// Where their memory goes in the end.
    home: Weak<Dropped>,
}

impl EncodedImage {
    /// From the image graph's output, tokens \[1 + N, D\] with CLS first and N a square number, and their provenance.
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if the tokens have another shape or a value that is not finite, or if the record is of another
    /// version or its image size is invalid.
    pub fn new(tokens: Array2<f32>, record: impl Into<Arc<ImageRecord>>) -> Result<Self> {
        Self::with(tokens.dim(), record.into(), || {
            if all_finite(&tokens) {
                return Ok(Tokens { values: tokens, home: Weak::new() });
            }
            Err(not_finite("tokens"))
        })
    }

    /// Checks the shape and the record before `tokens` looks at the values.
    fn with(
        (count, width): (usize, usize),
        record: Arc<ImageRecord>,
        tokens: impl FnOnce() -> Result<Tokens>,
    ) -> Result<Self> {
        check_version(record.record)?;
        let grid = count.saturating_sub(1).isqrt();
        if grid == 0 || grid * grid + 1 != count || width == 0 {
            let message = format!("tokens [1 + N, D] with a square N expected, [{count}, {width}] found");
            return Err(Error::new(ErrorKind::Encoding, message));
        }
        let tokens = tokens()?;
        let geometry = Geometry::of(&record).map_err(|error| Error::new(ErrorKind::Encoding, error.to_string()))?;
        Ok(Self { tokens: Arc::new(tokens), geometry, record })
    }

    /// The tokens \[1 + N, D\], CLS first, after the shared LayerNorm and (for the cosine) L2-normalised.
    #[must_use]
    pub fn tokens(&self) -> ArrayView2<'_, f32> {
        self.tokens.values.view()
    }

    /// Patches per side.
    #[must_use]
    pub fn grid(&self) -> usize {
        (self.tokens.values.nrows() - 1).isqrt()
    }

    /// Where the patches lie on the radiograph.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
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

    /// How it was made.
    #[must_use]
    pub fn record(&self) -> &ImageRecord {
        &self.record
    }

    pub(crate) fn shared_record(&self) -> Arc<ImageRecord> {
        self.record.clone()
    }
}

/// An encoded prompt. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EncodedPrompt(Arc<PromptData>);

struct PromptData {
    text: String,
    embedding: Array1<f32>,
    record: Arc<TextRecord>,
}

impl std::fmt::Debug for PromptData {
    /// Without the sentence, which may come from a report.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodedPrompt").field("values", &self.embedding.len()).finish_non_exhaustive()
    }
}

impl EncodedPrompt {
    /// From a sentence, the text graph's output for it, an embedding \[D\], and its provenance.
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if the embedding is empty or has a value that is not finite, or if the record is of another
    /// version.
    pub fn new(text: &str, embedding: impl Into<Array1<f32>>, record: impl Into<Arc<TextRecord>>) -> Result<Self> {
        let (embedding, record) = (embedding.into(), record.into());
        check_version(record.record)?;
        if embedding.is_empty() {
            return Err(Error::new(ErrorKind::Encoding, "an embedding [D] expected, one without values found"));
        }
        if !all_finite(&embedding) {
            return Err(not_finite("an embedding"));
        }
        Ok(Self(Arc::new(PromptData { text: text.into(), embedding, record })))
    }

    /// The sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The embedding \[D\], after the shared LayerNorm and (for the cosine) L2-normalised.
    #[must_use]
    pub fn embedding(&self) -> ArrayView1<'_, f32> {
        self.0.embedding.view()
    }

    /// How it was made.
    #[must_use]
    pub fn record(&self) -> &TextRecord {
        &self.0.record
    }
}

/// Without an early exit, so that the loop is vectorised.
fn all_finite<'a>(values: impl IntoIterator<Item = &'a f32>) -> bool {
    values.into_iter().fold(true, |finite, value| finite & value.is_finite())
}

fn not_finite(what: &str) -> Error {
    Error::new(ErrorKind::Encoding, format!("{what} of finite values expected, one that is not finite found"))
}
