//! Encodings as plain parts, for storage of your own: a database, Arrow, messages.

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ndarray::{Array1, Array2};
use radzero_format::record::{ImageRecord, Stored, TextRecord};
use radzero_format::{Error, ErrorKind, Result};

use super::{EncodedImage, EncodedPrompt};

/// Stored values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats (IEEE 754 binary16), as bit patterns.
    F16(Vec<u16>),
}

impl Values {
    /// Stores values, rounded if `stored` is 16 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if a value exceeds the range of 16-bit floats, as values of a dot-product model may.
    fn new<'a>(values: impl ExactSizeIterator<Item = &'a f32>, stored: Stored) -> Result<Self> {
        let values: Vec<f32> = values.copied().collect();
        match stored {
            Stored::F32 => return Ok(Self::F32(values)),
            Stored::F16 => {}
            _ => return Err(Error::new(ErrorKind::Argument, "this version stores 32 or 16 bits")),
        }
        let mut rounded = vec![f16::ZERO; values.len()];
        rounded.convert_from_f32_slice(&values);
        if rounded.iter().any(|value| value.is_infinite()) {
            let message =
                format!("values within {} expected for 16 bits, a greater one found: store 32 bits", f16::MAX);
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(Self::F16(rounded.into_iter().map(f16::to_bits).collect()))
    }

    fn stored(&self) -> Stored {
        match self {
            Self::F32(_) => Stored::F32,
            Self::F16(_) => Stored::F16,
        }
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::F16(bits) => bits.into_iter().map(|bits| f16::from_bits(bits).to_f32()).collect(),
        }
    }
}

/// The precision to record: values that were once rounded to 16 bits stay rounded.
fn coarser(before: Stored, now: Stored) -> Stored {
    if before == Stored::F16 { before } else { now }
}

/// The parts of an [`EncodedImage`].
#[derive(Debug, Clone, PartialEq)]
pub struct ImageParts {
    /// Number of tokens, 1 + N, and their length D.
    pub shape: [usize; 2],
    /// The tokens, row by row.
    pub tokens: Values,
    /// Their provenance; serialisable.
    pub record: ImageRecord,
}

/// The parts of an [`EncodedPrompt`].
#[derive(Clone, PartialEq)]
pub struct PromptParts {
    /// The sentence.
    pub text: String,
    /// The embedding.
    pub embedding: Values,
    /// Its provenance; serialisable.
    pub record: TextRecord,
}

impl std::fmt::Debug for PromptParts {
    /// Without the sentence, which may come from a report.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromptParts").field("values", &self.embedding.len()).finish_non_exhaustive()
    }
}

impl EncodedImage {
    /// Its parts, with 32-bit or 16-bit values.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if a value exceeds the range of 16-bit floats.
    pub fn to_parts(&self, stored: Stored) -> Result<ImageParts> {
        let tokens = Values::new(self.tokens.values.iter(), stored)?;
        let mut record = self.record().clone();
        record.tokens = coarser(record.tokens, tokens.stored());
        let (count, width) = self.tokens.values.dim();
        Ok(ImageParts { shape: [count, width], tokens, record })
    }

    /// Rebuilds it from its parts.
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if shape and number of values do not match, and as [`EncodedImage::new`].
    pub fn from_parts(parts: ImageParts) -> Result<Self> {
        let ImageParts { shape, tokens, mut record } = parts;
        let (expected, found) = (shape[0].checked_mul(shape[1]), tokens.len());
        if expected != Some(found) {
            let message = format!("the values of tokens [{}, {}] expected, {found} values found", shape[0], shape[1]);
            return Err(Error::new(ErrorKind::Encoding, message));
        }
        record.tokens = coarser(record.tokens, tokens.stored());
        let tokens = Array2::from_shape_vec((shape[0], shape[1]), tokens.into_f32())
            .map_err(|error| Error::new(ErrorKind::Encoding, "tokens of another shape").with_source(error))?;
        Self::new(tokens, record)
    }
}

impl EncodedPrompt {
    /// Its parts, with 32-bit or 16-bit values.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if a value exceeds the range of 16-bit floats.
    pub fn to_parts(&self, stored: Stored) -> Result<PromptParts> {
        let embedding = Values::new(self.0.embedding.iter(), stored)?;
        let mut record = self.record().clone();
        record.embedding = coarser(record.embedding, embedding.stored());
        Ok(PromptParts { text: self.text().to_owned(), embedding, record })
    }

    /// Rebuilds it from its parts.
    ///
    /// # Errors
    /// As [`EncodedPrompt::new`].
    pub fn from_parts(parts: PromptParts) -> Result<Self> {
        let PromptParts { text, embedding, mut record } = parts;
        record.embedding = coarser(record.embedding, embedding.stored());
        Self::new(&text, Array1::from_vec(embedding.into_f32()), record)
    }
}
