//! The stored self-test: does this machine compute the same as the checkpoint?

use ndarray::{Array2, Axis};
use radzero_format::manifest::{ModelDirectory, self_test_pixels};
use radzero_format::{Error, ErrorKind, Result};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::RadZero;
use crate::cancellation::Cancellation;
use crate::runtime::Patience;

/// The result of [`RadZero::self_test`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SelfTestReport {
    /// Largest absolute difference of a token value.
    pub tokens: f32,
    /// Largest absolute difference of an embedding value.
    pub embeddings: f32,
    /// The largest difference allowed.
    pub tolerance: f32,
}

impl RadZero {
    /// Runs both graphs on the test image and test prompts, and compares the outputs with stored ones, which the exporter computed
    /// from the checkpoint's tensors by independent code.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the stored values cannot be read, [`ErrorKind::SelfTest`] if a difference is above the
    /// manifest's tolerance or NaN, [`ErrorKind::EncoderNotOpen`] unless both encoders are open.
    pub fn self_test(&self) -> Result<SelfTestReport> {
        let test = &self.manifest().self_test;
        let expected = ExpectedOutputs::read(&self.directory, &test.file)?;
        let dimensions = &self.manifest().dimensions;
        if expected.tokens.ncols() != dimensions.hidden
            || expected.embeddings.dim() != (test.prompts.len(), dimensions.hidden)
            || expected.indices.iter().any(|&index| index >= dimensions.tokens())
        {
            return Err(Error::new(ErrorKind::Model, format!("{} does not fit the manifest's dimensions", test.file)));
        }
        let pixels = self_test_pixels(test.pixels_seed, dimensions.image_size);
        let tokens = self.image_session()?.run(&[pixels], &Cancellation::new())?;
        let found = tokens.image(0)?.select(Axis(0), &expected.indices);
        // Not through the cache, which may hold these prompts.
        let tokenizer = &self.text()?.tokenizer;
        let ids = test.prompts.iter().map(|prompt| tokenizer.encode(prompt)).collect::<Result<Vec<_>>>()?;
        let embeddings =
            self.run_prompts(&ids.iter().map(Vec::as_slice).collect::<Vec<_>>(), Patience::Any, &Cancellation::new())?;
        let report = SelfTestReport {
            tokens: max_difference(&found, &expected.tokens),
            embeddings: max_difference(&embeddings, &expected.embeddings),
            tolerance: test.tolerance,
        };
        // This form of the comparison makes NaN fail.
        if report.tokens <= report.tolerance && report.embeddings <= report.tolerance {
            return Ok(report);
        }
        Err(Error::new(
            ErrorKind::SelfTest,
            format!(
                "the self-test failed: differences of at most {} expected, {} in tokens and {} in embeddings found",
                report.tolerance, report.tokens, report.embeddings
            ),
        ))
    }
}

/// Largest absolute difference of two arrays of the same shape; NaN if one is NaN.
fn max_difference(found: &Array2<f32>, expected: &Array2<f32>) -> f32 {
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    differences.fold(
        0.0,
        |largest: f32, difference| {
            if largest.is_nan() || difference.is_nan() { f32::NAN } else { largest.max(difference) }
        },
    )
}

/// The stored outputs.
struct ExpectedOutputs {
    indices: Vec<usize>,
    tokens: Array2<f32>,
    embeddings: Array2<f32>,
}

impl ExpectedOutputs {
    fn read(directory: &ModelDirectory, file: &str) -> Result<Self> {
        let path = directory.file(file);
        let bytes = std::fs::read(&path).map_err(|source| Error::io(&path, "read", source))?;
        let malformed = |what: String| Error::new(ErrorKind::Model, format!("{} is malformed: {what}", path.display()));
        let broken = |error: SafeTensorError| malformed("not what safetensors writes".into()).with_source(error);
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let view = |name: &str, dtype: Dtype| {
            let view = tensors.tensor(name).map_err(broken)?;
            if view.dtype() != dtype {
                return Err(malformed(format!("{name}: {dtype:?} expected, {:?} found", view.dtype())));
            }
            Ok(view)
        };
        let matrix = |name: &str| {
            let view = view(name, Dtype::F32)?;
            let &[rows, columns] = view.shape() else {
                return Err(malformed(format!("{name}: two dimensions expected, {:?} found", view.shape())));
            };
            let values = view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            Array2::from_shape_vec((rows, columns), values).map_err(|error| malformed(error.to_string()))
        };
        let indices = view("token_indices", Dtype::I64)?;
        let indices: Option<Vec<usize>> = indices
            .data()
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&bytes| usize::try_from(i64::from_le_bytes(bytes)).ok())
            .collect();
        let indices = indices.ok_or_else(|| malformed("token_indices: a negative index".into()))?;
        let (tokens, embeddings) = (matrix("tokens")?, matrix("embeddings")?);
        if indices.is_empty() || indices.len() != tokens.nrows() {
            return Err(malformed(format!("{} token indices for {} rows of tokens", indices.len(), tokens.nrows())));
        }
        Ok(Self { indices, tokens, embeddings })
    }
}
