//! Parses, writes and validates a manifest.

use std::path::Path;

use serde::Deserialize;

use super::{
    Dimension, Dimensions, Element, FORMAT, FORMAT_VERSION, Manifest, OPERATORS_VERSION, Precision, Target, Tensor,
    list,
};
use crate::error::{Error, ErrorKind, Result};
use crate::reading::MAX_SIDE;

impl Manifest {
    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if it is not a manifest, malformed or inconsistent; [`ErrorKind::ModelVersion`] if it is of another
    /// version, or needs an extension that this version does not know.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Header {
            format: String,
            format_version: u32,
            #[serde(default)]
            requires: Vec<String>,
            #[serde(default)]
            operators_version: Option<u32>,
        }
        let malformed =
            |error: serde_json::Error| Error::new(ErrorKind::Model, "malformed manifest").with_source(error);
        let other_version = |message: String| {
            Err(Error::new(ErrorKind::ModelVersion, format!("{message}: export the checkpoint again")))
        };
        // The version is checked before the rest, because another version may have other fields.
        let header: Header = serde_json::from_slice(bytes).map_err(malformed)?;
        if header.format != FORMAT {
            return Err(Error::new(ErrorKind::Model, format!("format {FORMAT:?} expected, {:?} found", header.format)));
        }
        if header.format_version != FORMAT_VERSION {
            return other_version(format!(
                "manifest version {FORMAT_VERSION} expected, {} found",
                header.format_version
            ));
        }
        if let Some(unknown) = header.requires.first() {
            return Err(Error::new(
                ErrorKind::ModelVersion,
                format!("the model needs {unknown:?}, which this version of radzero does not know"),
            ));
        }
        if let Some(found) = header.operators_version.filter(|&version| version != OPERATORS_VERSION) {
            return other_version(format!("operators of version {OPERATORS_VERSION} expected, {found} found"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        // Manifests without this field have operators of version 1.
        if manifest.target == Target::OnnxRuntime && manifest.operators_version.is_none() && OPERATORS_VERSION != 1 {
            return other_version(format!("operators of version {OPERATORS_VERSION} expected, 1 found"));
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as the content of `radzero.json`. Equal values give equal bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if a number is not finite.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(ErrorKind::Model, "cannot write manifest").with_source(error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The inputs and outputs that the image graph must have for these dimensions. With 16-bit weights, the tokens have 16 bits,
    /// too: they are megabytes that a GPU sends to the host.
    #[must_use]
    pub fn image_tensors(dimensions: &Dimensions, precision: Precision) -> (Vec<Tensor>, Vec<Tensor>) {
        let batch = || Dimension::Free("batch".into());
        let size = dimensions.image_size;
        let element = if precision == Precision::Fp16 { Element::F16 } else { Element::F32 };
        (
            vec![Tensor::new("pixels", Element::U8, vec![batch(), 3.into(), size.into(), size.into()])],
            vec![Tensor::new("tokens", element, vec![batch(), dimensions.tokens().into(), dimensions.hidden.into()])],
        )
    }

    /// The inputs and outputs that the text graph must have for these dimensions.
    #[must_use]
    pub fn text_tensors(dimensions: &Dimensions) -> (Vec<Tensor>, Vec<Tensor>) {
        let prompts = || Dimension::Free("prompts".into());
        let length = || Dimension::Free("length".into());
        (
            vec![
                Tensor::new("input_ids", Element::I64, vec![prompts(), length()]),
                Tensor::new("attention_mask", Element::I64, vec![prompts(), length()]),
            ],
            vec![Tensor::new("embeddings", Element::F32, vec![prompts(), dimensions.hidden.into()])],
        )
    }

    fn check(&self) -> Result<()> {
        let dims = &self.dimensions;
        let fail = |message: String| Err(Error::new(ErrorKind::Model, message));
        if dims.patch_size == 0 || dims.grid == 0 || dims.hidden == 0 {
            return fail("dimensions: patch_size, grid and hidden must not be zero".into());
        }
        // With this limit, values computed from the dimensions, such as 1 + grid x grid, cannot overflow.
        if dims.image_size > MAX_SIDE {
            return fail(format!("dimensions: image_size of at most {MAX_SIDE} expected, {} found", dims.image_size));
        }
        if dims.grid.checked_mul(dims.patch_size) != Some(dims.image_size) {
            return fail(format!(
                "dimensions: image_size {} is not grid {} x patch_size {}",
                dims.image_size, dims.grid, dims.patch_size
            ));
        }
        if !(self.similarity.temperature.is_finite() && self.similarity.temperature > 0.0) {
            return fail(format!("similarity: temperature {} is not a positive number", self.similarity.temperature));
        }
        if let Some(score) = self.similarity.score_temperature
            && !(score.is_finite() && score > 0.0)
        {
            return fail(format!("similarity: score_temperature {score} is not a positive number"));
        }
        for (graph, (inputs, outputs)) in [
            (&self.image_encoder, Self::image_tensors(dims, self.precision)),
            (&self.text_encoder, Self::text_tensors(dims)),
        ] {
            if graph.inputs != inputs || graph.outputs != outputs {
                return fail(format!(
                    "{}: tensors {} -> {} expected from the dimensions, {} -> {} declared",
                    graph.file,
                    list(&inputs),
                    list(&outputs),
                    list(&graph.inputs),
                    list(&graph.outputs)
                ));
            }
        }
        // A self-test that cannot fail proves nothing.
        if self.self_test.prompts.is_empty() {
            return fail("self_test: at least one prompt expected, none found".into());
        }
        let tolerance = self.self_test.tolerance;
        if !(tolerance.is_finite() && tolerance > 0.0) {
            return fail(format!("self_test: tolerance {tolerance} is not a positive number"));
        }
        let graphs = [&self.image_encoder.file, &self.text_encoder.file];
        let mut named = vec!["tokenizer.json".to_owned(), self.self_test.file.clone()];
        for graph in graphs {
            // The weights: ONNX Runtime reads whatever file has this name, whether or not the manifest lists it.
            named.extend([graph.clone(), format!("{graph}.data")]);
        }
        for name in &named {
            if !self.files.contains_key(name) {
                return fail(format!("files: {name} is used but not listed"));
            }
        }
        // A manifest must not reach outside its directory.
        match self.files.keys().find(|name| Path::new(name).file_name().and_then(|n| n.to_str()) != Some(name.as_str()))
        {
            Some(name) => fail(format!("files: {name:?} is not a plain file name")),
            None => Ok(()),
        }
    }
}
