//! Encodings as bytes: a safetensors file, which other programs can read.
//!
//! It holds one tensor (`tokens` \[1 + N, D\] or `embedding` \[D\], F32 or F16) and, in the metadata under `radzero`, the record
//! as JSON.

use std::borrow::Cow;
use std::collections::HashMap;

use radzero_format::record::{ImageRecord, RECORD_VERSION, Stored, TextRecord, check_version};
use radzero_format::{Error, ErrorKind, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::parts::{ImageParts, PromptParts, Values};
use super::{EncodedImage, EncodedPrompt};

/// The metadata's key for the record.
const RECORD_KEY: &str = "radzero";
/// Name of the tensor of an image.
const TOKENS: &str = "tokens";
/// Name of the tensor of a prompt.
const EMBEDDING: &str = "embedding";

/// The record of a prompt, with its sentence.
#[derive(Serialize, Deserialize)]
struct SentenceRecord<'a> {
    prompt: Cow<'a, str>,
    #[serde(flatten)]
    record: TextRecord,
}

impl EncodedImage {
    /// As a safetensors file with 32-bit or 16-bit values: 4.2 or 2.1 MB at full size.
    ///
    /// # Errors
    /// As [`EncodedImage::to_parts`].
    pub fn to_bytes(&self, stored: Stored) -> Result<Vec<u8>> {
        let ImageParts { shape, tokens, record } = self.to_parts(stored)?;
        write(TOKENS, &shape, &tokens, &record)
    }

    /// Reads the output of [`EncodedImage::to_bytes`].
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if the bytes are damaged, not such an encoding, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (shape, tokens, record): (_, _, ImageRecord) = read(TOKENS, bytes)?;
        let shape =
            shape.try_into().map_err(|shape| damaged(format!("tokens [1 + N, D] expected, {shape:?} found")))?;
        Self::from_parts(ImageParts { shape, tokens, record })
    }
}

impl EncodedPrompt {
    /// As a safetensors file with 32-bit or 16-bit values. It includes the sentence.
    ///
    /// # Errors
    /// As [`EncodedPrompt::to_parts`].
    pub fn to_bytes(&self, stored: Stored) -> Result<Vec<u8>> {
        let PromptParts { text, embedding, record } = self.to_parts(stored)?;
        write(EMBEDDING, &[embedding.len()], &embedding, &SentenceRecord { prompt: text.into(), record })
    }

    /// Reads the output of [`EncodedPrompt::to_bytes`].
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if the bytes are damaged, not such an encoding, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (shape, embedding, SentenceRecord { prompt, record }) = read(EMBEDDING, bytes)?;
        if shape.len() != 1 {
            return Err(damaged(format!("an embedding [D] expected, {shape:?} found")));
        }
        Self::from_parts(PromptParts { text: prompt.into_owned(), embedding, record })
    }
}

fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Encoding, message)
}

fn write(name: &str, shape: &[usize], values: &Values, record: &impl Serialize) -> Result<Vec<u8>> {
    let failed = || Error::new(ErrorKind::Argument, "the encoding cannot be written");
    let record = serde_json::to_string(record).map_err(|error| failed().with_source(error))?;
    let (dtype, bytes): (_, Vec<u8>) = match values {
        Values::F32(values) => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::F16(bits) => (Dtype::F16, bits.iter().flat_map(|bits| bits.to_le_bytes()).collect()),
    };
    let view = TensorView::new(dtype, shape.to_vec(), &bytes).map_err(|error| failed().with_source(error))?;
    let metadata = HashMap::from([(RECORD_KEY.to_owned(), record)]);
    safetensors::serialize([(name, view)], Some(metadata)).map_err(|error| failed().with_source(error))
}

fn read<R: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<(Vec<usize>, Values, R)> {
    // The cause is dropped: safetensors may quote the header, and so the sentence.
    let not_ours = |_| damaged("this is no stored encoding: not a safetensors file, or a damaged one");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not_ours)?;
    let record = metadata.metadata().as_ref().and_then(|metadata| metadata.get(RECORD_KEY));
    let record =
        record.ok_or_else(|| damaged(format!("a record under {RECORD_KEY:?} expected in the metadata, none found")))?;
    // The version is checked first: the fields of another version may differ.
    #[derive(Deserialize)]
    struct Version {
        record: u32,
    }
    // The cause is dropped: serde may quote the record, and so the sentence.
    let no_record = |_| damaged(format!("a record of version {RECORD_VERSION} expected, another text found"));
    check_version(serde_json::from_str::<Version>(record).map_err(no_record)?.record)?;
    let record = serde_json::from_str(record).map_err(no_record)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(not_ours)?;
    let tensor = tensors.tensor(name).map_err(|_| damaged(format!("a tensor {name:?} expected, another found")))?;
    let values = match tensor.dtype() {
        Dtype::F32 => Values::F32(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => Values::F16(tensor.data().as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect()),
        other => return Err(damaged(format!("{name} in F32 or F16 expected, {other:?} found"))),
    };
    Ok((tensor.shape().to_vec(), values, record))
}
