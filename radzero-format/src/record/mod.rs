//! Results and their provenance, as values to store, send and read back.
//!
//! [`ResultRecord`] holds the results of one image and some sentences. `radzero infer --json` prints it, the evaluation stores
//! parts of it, and other languages get it as JSON. `docs/result.schema.json` is its JSON Schema.
//!
//! A later version may add fields, which this one ignores, and warnings, which it reads as [`Warning::Unknown`]. Any other new
//! value raises [`RECORD_VERSION`].

mod device;
#[cfg(feature = "schema")]
mod schema;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::device::Device;
#[cfg(feature = "schema")]
pub use self::schema::result_schema;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Digest, GeometryKind, Manifest, Precision, Resample, Target};
use crate::reading::{Frame, IntensityPolicy, IntensityRule, Origin, TransferSyntax, Warning};

/// The version of the records that this crate reads and writes.
pub const RECORD_VERSION: u32 = 1;

/// This crate's version, which all crates of the runtime share.
pub const RADZERO_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Refuses records of another version.
///
/// # Errors
/// [`ErrorKind::Encoding`] unless `found` is [`RECORD_VERSION`].
pub fn check_version(found: u32) -> Result<()> {
    if found == RECORD_VERSION {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Encoding, format!("record version {RECORD_VERSION} expected, {found} found")))
}

/// The results of comparing one image with sentences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ResultRecord {
    /// Version of this format: [`RECORD_VERSION`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = RECORD_VERSION)))]
    pub record: u32,
    /// Width of the radiograph in pixels.
    pub width: usize,
    /// Height of the radiograph in pixels.
    pub height: usize,
    /// The model.
    pub model: ModelRecord,
    /// One entry per sentence.
    pub results: Vec<PromptResult>,
    /// How the results were made.
    pub provenance: Provenance,
}

impl ResultRecord {
    /// The results of one image.
    #[must_use]
    pub fn new(image: &ImageRecord, text: &TextRecord, results: Vec<PromptResult>) -> Self {
        Self {
            record: RECORD_VERSION,
            width: image.width,
            height: image.height,
            model: image.model.clone(),
            results,
            provenance: Provenance::new(image, text),
        }
    }

    /// Reads a record from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Encoding`] if it is of another version, or not a record.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            record: u32,
        }
        // The message of serde may quote a sentence.
        let no_record = |_| Error::new(ErrorKind::Encoding, "the record of a result expected, another text found");
        check_version(serde_json::from_slice::<Version>(bytes).map_err(no_record)?.record)?;
        serde_json::from_slice(bytes).map_err(no_record)
    }
}

/// The similarity of an image and one sentence; not a chance of disease.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromptResult {
    /// The sentence.
    pub prompt: String,
    /// sigmoid(logit), from 0 to 1: what the model card calls the similarity probability.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub probability: f32,
    /// The logit.
    pub logit: f32,
    /// Least value of the similarity map, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub map_min: f32,
    /// Greatest value of the similarity map, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub map_max: f32,
    /// Where the greatest value is: x from the left, y from the top, in pixels of the radiograph.
    pub point: [usize; 2],
}

impl fmt::Debug for PromptResult {
    /// Leaves out the sentence, which may come from a report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptResult")
            .field("logit", &self.logit)
            .field("map_min", &self.map_min)
            .field("map_max", &self.map_max)
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

/// The model, and how it takes an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ModelRecord {
    /// Name of the model, for people.
    pub name: String,
    /// SHA-256 of `radzero.json`, which contains the hash of every other file.
    pub hash: Digest,
    /// Precision of the image graph.
    pub precision: Precision,
    /// Which operators its graphs are made of.
    pub target: Target,
    /// How an image is fitted to the model's square.
    pub geometry: GeometryKind,
    /// The resampling kernel.
    pub resample: Resample,
}

impl ModelRecord {
    /// The record of the model with this manifest and hash.
    #[must_use]
    pub fn new(manifest: &Manifest, hash: Digest) -> Self {
        Self {
            name: manifest.name.clone(),
            hash,
            precision: manifest.precision,
            target: manifest.target,
            geometry: manifest.preprocessing.geometry,
            resample: manifest.preprocessing.resample,
        }
    }

    /// The record of a stand-in for a model in tests: fp32, stretched, with this name and hash.
    #[must_use]
    pub fn named(name: &str, hash: Digest) -> Self {
        Self {
            name: name.to_owned(),
            hash,
            precision: Precision::Fp32,
            target: Target::OnnxRuntime,
            geometry: GeometryKind::Stretch,
            resample: Resample::Bicubic,
        }
    }
}

/// What ran the image graph or the text graph, as read back from the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EncoderRecord {
    /// The device, which also tells the precision that the provider computes in.
    pub device: Device,
    /// The execution provider that ran the heavy operators.
    pub provider: String,
    /// Number of nodes by execution provider: a GPU may leave shape arithmetic to the CPU.
    pub nodes: BTreeMap<String, usize>,
    /// Instruction set of the runtime's own kernels, if they ran; `None` if ONNX Runtime's ran everything.
    pub kernels: Option<String>,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Version of radzero.
    pub radzero: String,
}

impl EncoderRecord {
    /// The record of a session on `device`, with its number of `nodes` by execution provider and the version of ONNX Runtime.
    ///
    /// The provider is the device's own or, if that runs no nodes, the one that runs most.
    #[must_use]
    pub fn new(device: Device, nodes: BTreeMap<String, usize>, kernels: Option<&str>, onnxruntime: &str) -> Self {
        let main = nodes.iter().max_by_key(|&(name, count)| (name == device.provider(), count));
        Self {
            device,
            provider: main.map_or_else(String::new, |(name, _)| name.clone()),
            kernels: kernels.map(str::to_owned),
            onnxruntime: onnxruntime.to_owned(),
            radzero: RADZERO_VERSION.to_owned(),
            nodes,
        }
    }
}

/// How the radiograph was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReadingRecord {
    /// What it was read from.
    pub origin: Origin,
    /// How its pixel data was encoded (DICOM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_syntax: Option<TransferSyntax>,
    /// Which frame it is (DICOM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// The intensity policy that was asked for.
    pub policy: IntensityPolicy,
    /// The rule that made 8-bit levels.
    pub intensity: IntensityRule,
    /// What was assumed, worked around or left undone.
    pub warnings: Vec<Warning>,
    /// Whether an EXIF orientation was applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orientation_applied: bool,
}

impl ReadingRecord {
    /// The record of samples that a caller passed in, unchanged.
    #[must_use]
    pub fn memory() -> Self {
        Self::new(Origin::Memory, IntensityPolicy::Reference, IntensityRule::Stored)
    }

    /// A record without warnings. Set the other fields afterwards.
    #[must_use]
    pub fn new(origin: Origin, policy: IntensityPolicy, intensity: IntensityRule) -> Self {
        Self {
            origin,
            transfer_syntax: None,
            frame: None,
            policy,
            intensity,
            warnings: Vec::new(),
            orientation_applied: false,
        }
    }
}

/// How values are stored between encoding and comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stored {
    /// 32-bit floats, as the graphs return them.
    #[default]
    F32,
    /// 16-bit floats, rounded to nearest.
    F16,
}

/// How the tokens of an image were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ImageRecord {
    /// Version of this format: [`RECORD_VERSION`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = RECORD_VERSION)))]
    pub record: u32,
    /// The model.
    pub model: ModelRecord,
    /// Side of the model's square in pixels.
    pub image_size: usize,
    /// Width of the radiograph in pixels.
    pub width: usize,
    /// Height of the radiograph in pixels.
    pub height: usize,
    /// How it was read.
    pub reading: ReadingRecord,
    /// What ran the image graph.
    pub encoder: EncoderRecord,
    /// How the tokens were stored afterwards.
    pub tokens: Stored,
}

impl ImageRecord {
    /// The record of fresh tokens of a radiograph of `width` x `height` pixels, for a model with a square of `image_size`.
    #[must_use]
    pub fn new(
        model: ModelRecord,
        image_size: usize,
        (width, height): (usize, usize),
        reading: ReadingRecord,
        encoder: EncoderRecord,
    ) -> Self {
        let record = RECORD_VERSION;
        Self { record, model, image_size, width, height, reading, encoder, tokens: Stored::F32 }
    }
}

/// How the embedding of a sentence was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TextRecord {
    /// Version of this format: [`RECORD_VERSION`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = RECORD_VERSION)))]
    pub record: u32,
    /// The model.
    pub model: ModelRecord,
    /// What ran the text graph.
    pub encoder: EncoderRecord,
    /// How the embedding was stored afterwards.
    pub embedding: Stored,
}

impl TextRecord {
    /// The record of a fresh embedding.
    #[must_use]
    pub fn new(model: ModelRecord, encoder: EncoderRecord) -> Self {
        Self { record: RECORD_VERSION, model, encoder, embedding: Stored::F32 }
    }
}

/// How a result was made. Image and sentence may have been encoded and compared at different times and on different machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Provenance {
    /// Version of radzero that compared them.
    pub radzero: String,
    /// How the radiograph was read.
    pub reading: ReadingRecord,
    /// What ran the image graph.
    pub image_encoder: EncoderRecord,
    /// What ran the text graph.
    pub text_encoder: EncoderRecord,
    /// How the image's tokens were stored between encoding and comparison.
    pub tokens: Stored,
    /// How the sentences' embeddings were stored between encoding and comparison.
    pub embeddings: Stored,
}

impl Provenance {
    /// How the comparison of this image and this text was made.
    #[must_use]
    pub fn new(image: &ImageRecord, text: &TextRecord) -> Self {
        Self {
            radzero: RADZERO_VERSION.to_owned(),
            reading: image.reading.clone(),
            image_encoder: image.encoder.clone(),
            text_encoder: text.encoder.clone(),
            tokens: image.tokens,
            embeddings: text.embedding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::sha256_bytes;
    use crate::reading::{ModalityTransform, VoiFunction, VoiTransform};
    use serde_json::json;

    fn record() -> ResultRecord {
        let mut model = ModelRecord::named("demo", sha256_bytes(b""));
        model.geometry = GeometryKind::PadSquare;
        let voi = VoiTransform::Window { index: 1, function: VoiFunction::Sigmoid };
        let rule = IntensityRule::Grayscale { modality: ModalityTransform::Rescale, voi, inverted: true };
        let mut reading = ReadingRecord::new(Origin::Dicom, IntensityPolicy::Display, rule);
        reading.transfer_syntax = Some(TransferSyntax::Rle);
        reading.frame = Some(Frame { index: 1, count: 2 });
        reading.warnings = vec![Warning::SeveralWindows];
        let nodes = [("CPUExecutionProvider".to_owned(), 9), ("CUDAExecutionProvider".to_owned(), 2)];
        let image = EncoderRecord::new(Device::Cuda(1), nodes.into(), None, "1.31.1");
        let cpu = [("CPUExecutionProvider".to_owned(), 99)];
        let text = EncoderRecord::new(Device::Cpu, cpu.into(), Some("avx2"), "1.32.0");
        let mut image = ImageRecord::new(model.clone(), 518, (1955, 1841), reading, image);
        image.tokens = Stored::F16;
        let result = PromptResult {
            prompt: "There is\nfibrosis".into(),
            probability: 0.5,
            logit: 0.0,
            map_min: 0.125,
            map_max: 0.875,
            point: [1022, 523],
        };
        ResultRecord::new(&image, &TextRecord::new(model, text), vec![result])
    }

    /// Programs depend on these names.
    #[test]
    fn the_record_has_the_documented_names() {
        let expected = json!({
            "record": 1,
            "width": 1955, "height": 1841,
            "model": {
                "name": "demo", "hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "precision": "fp32", "target": "onnxruntime", "geometry": "pad-square", "resample": "bicubic",
            },
            "results": [{
                "prompt": "There is\nfibrosis", "probability": 0.5, "logit": 0.0,
                "map_min": 0.125, "map_max": 0.875, "point": [1022, 523],
            }],
            "provenance": {
                "radzero": RADZERO_VERSION,
                "reading": {
                    "origin": "dicom", "transfer_syntax": "1.2.840.10008.1.2.5", "frame": {"index": 1, "count": 2},
                    "policy": "display",
                    "intensity": {"grayscale": {
                        "modality": "rescale", "voi": {"window": {"index": 1, "function": "sigmoid"}}, "inverted": true,
                    }},
                    "warnings": ["several-windows"],
                },
                "image_encoder": {
                    "device": "cuda:1", "provider": "CUDAExecutionProvider",
                    "nodes": {"CPUExecutionProvider": 9, "CUDAExecutionProvider": 2},
                    "kernels": null, "onnxruntime": "1.31.1", "radzero": RADZERO_VERSION,
                },
                "text_encoder": {
                    "device": "cpu", "provider": "CPUExecutionProvider", "nodes": {"CPUExecutionProvider": 99},
                    "kernels": "avx2", "onnxruntime": "1.32.0", "radzero": RADZERO_VERSION,
                },
                "tokens": "f16", "embeddings": "f32",
            },
        });
        assert_eq!(serde_json::to_value(record()).unwrap(), expected);
    }

    #[test]
    fn records_read_back_and_ignore_fields_of_later_versions() {
        let mut value = serde_json::to_value(record()).unwrap();
        value["surprise"] = 1.into();
        value["provenance"]["image_encoder"]["surprise"] = 1.into();
        assert_eq!(ResultRecord::from_json(value.to_string().as_bytes()).unwrap(), record());
        value["provenance"]["reading"]["warnings"] = json!(["several-windows", "surprise"]);
        let found = ResultRecord::from_json(value.to_string().as_bytes()).unwrap();
        assert_eq!(found.provenance.reading.warnings, [Warning::SeveralWindows, Warning::Unknown]);
        value["record"] = 7.into();
        for text in [value.to_string(), "{}".into(), "[]".into(), String::new()] {
            assert_eq!(ResultRecord::from_json(text.as_bytes()).unwrap_err().kind(), ErrorKind::Encoding);
        }
        assert!(!format!("{:?}", record()).contains("fibrosis"), "a sentence may come from a report");
    }

    #[test]
    fn other_versions_are_refused() {
        assert!(check_version(RECORD_VERSION).is_ok());
        let error = check_version(7).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encoding);
        assert_eq!(error.to_string(), "record version 1 expected, 7 found");
    }
}
