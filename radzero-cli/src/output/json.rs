//! Results as JSON, one object a line.

use std::collections::BTreeMap;

use radzero_core::manifest::{GeometryKind, Precision, Resample};
use radzero_core::radiograph::{Frame, IntensityPolicy, IntensityRule, Origin, TransferSyntax, Warning};
use radzero_core::{Peak, RadZero};
use serde::Serialize;

use crate::error::Failure;

/// What is known of one image.
#[derive(Debug, Serialize)]
pub(crate) struct ImageLine<'a> {
    pub(crate) image: &'a str,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) model: ModelName<'a>,
    pub(crate) provider: &'a str,
    pub(crate) results: Vec<PromptResult<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maps: Option<&'a str>,
    pub(crate) provenance: ProvenanceFields<'a>,
}

/// Which model.
#[derive(Debug, Serialize)]
pub(crate) struct ModelName<'a> {
    pub(crate) name: &'a str,
    pub(crate) hash: String,
}

/// One prompt's result.
#[derive(Debug, Serialize)]
pub(crate) struct PromptResult<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) probability: f32,
    pub(crate) logit: f32,
    pub(crate) map_min: f32,
    pub(crate) map_max: f32,
    pub(crate) point: [usize; 2],
}

impl<'a> PromptResult<'a> {
    pub(crate) fn new(prompt: &'a str, probability: f32, logit: f32, map_min: f32, peak: Peak) -> Self {
        Self { prompt, probability, logit, map_min, map_max: peak.value, point: [peak.x, peak.y] }
    }
}

/// What made the result.
#[derive(Debug, Serialize)]
pub(crate) struct ProvenanceFields<'a> {
    pub(crate) device: String,
    /// The text graph's, which stays in 32 bits.
    pub(crate) text_device: String,
    /// The project's own, by instruction set; null where there are none.
    pub(crate) kernels: Option<&'static str>,
    pub(crate) precision: Precision,
    pub(crate) origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transfer_syntax: Option<TransferSyntax>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame: Option<Frame>,
    pub(crate) policy: IntensityPolicy,
    pub(crate) intensity: IntensityRule,
    pub(crate) warnings: &'a [Warning],
    pub(crate) geometry: GeometryKind,
    pub(crate) resample: Resample,
    /// Nodes of each graph by execution provider.
    pub(crate) nodes: Nodes<'a>,
    pub(crate) onnxruntime: Option<&'a str>,
    pub(crate) radzero: &'static str,
}

/// Nodes of each graph by execution provider.
#[derive(Debug, Serialize)]
pub(crate) struct Nodes<'a> {
    pub(crate) image_encoder: BTreeMap<&'a str, usize>,
    pub(crate) text_encoder: BTreeMap<&'a str, usize>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(model: &'a RadZero) -> Self {
        Self {
            image_encoder: model.image_placement().providers().collect(),
            text_encoder: model.text_placement().providers().collect(),
        }
    }
}

/// The provider that runs the image graph, as the session reports it.
///
/// Opening the model has made sure that the device's provider runs every heavy operator; a GPU provider may leave shape
/// arithmetic to the CPU, so a graph can have more than one.
pub(crate) fn provider(model: &RadZero) -> &str {
    let wanted = model.device().provider();
    let main = model.image_placement().providers().max_by_key(|&(name, nodes)| (name == wanted, nodes));
    main.map_or("", |(name, _)| name)
}

impl ImageLine<'_> {
    /// The line, with its end.
    pub(crate) fn line(&self) -> Result<String, Failure> {
        let mut line = serde_json::to_string(self).map_err(|error| Failure::Output(error.into()))?;
        line.push('\n');
        Ok(line)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_has_the_documented_names() {
        let peak = Peak { x: 1022, y: 523, value: 0.875 };
        let mut line = ImageLine {
            image: "a \"b\".png",
            width: 1955,
            height: 1841,
            model: ModelName { name: "demo", hash: "ab".into() },
            provider: "CPUExecutionProvider",
            results: vec![PromptResult::new("There is\nfibrosis", 0.5, 0.0, 0.125, peak)],
            maps: None,
            provenance: ProvenanceFields {
                device: "openvino:bf16".into(),
                text_device: "openvino".into(),
                kernels: Some("avx2"),
                precision: Precision::Fp32,
                origin: Origin::Dicom,
                transfer_syntax: Some(TransferSyntax::Rle),
                frame: Some(Frame { index: 1, count: 2 }),
                policy: IntensityPolicy::Reference,
                warnings: &[Warning::NegativeValues],
                intensity: IntensityRule::StoredMaximumInverted,
                geometry: GeometryKind::Stretch,
                resample: Resample::Bicubic,
                nodes: Nodes {
                    image_encoder: [("CPUExecutionProvider", 101)].into(),
                    text_encoder: [("CPUExecutionProvider", 99)].into(),
                },
                onnxruntime: Some("1.31.1"),
                radzero: "0.1.0",
            },
        };
        let text = line.line().unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "image": "a \"b\".png", "width": 1955, "height": 1841,
            "model": {"name": "demo", "hash": "ab"},
            "provider": "CPUExecutionProvider",
            "results": [{
                "prompt": "There is\nfibrosis", "probability": 0.5, "logit": 0.0,
                "map_min": 0.125, "map_max": 0.875, "point": [1022, 523],
            }],
            "provenance": {
                "device": "openvino:bf16", "text_device": "openvino", "kernels": "avx2", "precision": "fp32", "origin": "dicom",
                "intensity": "stored-maximum-inverted",
                "transfer_syntax": "1.2.840.10008.1.2.5", "frame": {"index": 1, "count": 2}, "policy": "reference",
                "warnings": ["negative-values"],
                "geometry": "stretch", "resample": "bicubic",
                "nodes": {"image_encoder": {"CPUExecutionProvider": 101}, "text_encoder": {"CPUExecutionProvider": 99}},
                "onnxruntime": "1.31.1", "radzero": "0.1.0",
            },
        });
        assert_eq!(value, expected);
        assert!(text.starts_with(r#"{"image":"a \"b\".png","width":1955,"height":1841,"model":{"name":"#), "{text}");

        line.maps = Some("maps/a.npy");
        let value: serde_json::Value = serde_json::from_str(&line.line().unwrap()).unwrap();
        assert_eq!(value["maps"], "maps/a.npy");
    }
}
