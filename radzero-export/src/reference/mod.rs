//! A second, plain implementation of both encoders on the checkpoint's own tensors.
//!
//! Nothing is folded, fused or shared with the graphs: normalisation, LayerScale, position resampling, relative position buckets
//! and attention are implemented a second time, from the published formulas. The outputs are stored as the model directory's
//! self-test, with which any machine can check that folding, graph and runtime agree with the checkpoint.

pub(crate) mod image;
mod ops;
pub(crate) mod text;

use ndarray::{Array1, Array2, Axis};
use radzero_format::manifest::{PositionConvention, Precision, SelfTest};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use tokenizers::Tokenizer;

use crate::checkpoint::{Checkpoint, LOSS, TOKENIZER};
use crate::error::ExportError;
use crate::progress::Counter;

/// The self-test's file.
pub(crate) const FILE: &str = "self_test.safetensors";

const SEED: u32 = 20_250_407;
const PROMPTS: [&str; 2] = ["There is pneumothorax", "There is a small left pleural effusion"];

/// Largest allowed difference of a token or embedding value, relative to the largest value if that exceeds 1 (it does not for
/// cosine similarity).
///
/// At lower precision this shows that the graph is complete and computed as intended. Quality is measured on images instead.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::Fp16 => 5e-3,
        Precision::Int8 => 0.1,
        _ => 1e-4,
    }
}

/// A place in a block of the image encoder whose values are inputs of fully connected layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// After the first norm; read by queries, keys and values.
    Norm1,
    /// After attention; read by its output layer.
    Attention,
    /// After the second norm; read by the first layer of the MLP.
    Norm2,
    /// After GELU; read by the second layer of the MLP.
    Gelu,
}

impl Site {
    /// Its name, which is that of the graph's node.
    pub(crate) fn within(self, block: &str) -> String {
        let name = match self {
            Self::Norm1 => "norm1",
            Self::Attention => "attention",
            Self::Norm2 => "norm2",
            Self::Gelu => "mlp.activation",
        };
        format!("{block}{name}")
    }
}

/// Values at a site.
pub(crate) struct Observation<'a> {
    pub(crate) block: &'a str,
    pub(crate) qkv_bias: bool,
    pub(crate) site: Site,
    /// \[tokens, channels\].
    pub(crate) values: &'a Array2<f32>,
}

impl Observation<'_> {
    pub(crate) fn name(&self) -> String {
        self.site.within(self.block)
    }
}

/// Receives the values at each site, in order.
pub(crate) type Observer<'a> = dyn FnMut(Observation<'_>) -> Result<(), ExportError> + 'a;

/// The token ids of the self-test's prompts.
pub(crate) struct Prompts(Vec<Vec<usize>>);

impl Prompts {
    /// Reads the tokenizer, checks that it fits the text encoder, and tokenizes the prompts.
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let path = checkpoint.folder.join(TOKENIZER);
        let fail = |problem: String| ExportError::Tokenizer { path: path.clone(), problem, source: None };
        let caused = |problem: &str, source| {
            let problem = problem.to_owned();
            ExportError::Tokenizer { path: path.clone(), problem, source: Some(source) }
        };
        let bytes = std::fs::read(&path).map_err(ExportError::io("read", &path))?;
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|source| caused("not a tokenizer", source))?;
        let vocabulary = checkpoint.text.vocabulary;
        if let Some((token, id)) = tokenizer.get_vocab(true).into_iter().max_by_key(|(_, id)| *id)
            && id as usize >= vocabulary
        {
            return Err(fail(format!("token {token:?} has id {id}, but the text encoder has {vocabulary} words")));
        }
        // The model does not use the padding and truncation that the file states.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|source| caused("truncation cannot be switched off", source))?;
        let most = checkpoint.text.max_tokens;
        let encode = |prompt: &&str| {
            let encoding = tokenizer
                .encode(*prompt, true)
                .map_err(|source| caused("cannot read the self-test's prompts", source))?;
            let ids: Vec<usize> = encoding.get_ids().iter().map(|id| *id as usize).collect();
            match ids.len() {
                0 => Err(fail(format!("the prompt {prompt:?} has no tokens"))),
                n if n > most => Err(fail(format!("the prompt {prompt:?} has {n} tokens, the most are {most}"))),
                _ => Ok(ids),
            }
        };
        Ok(Self(PROMPTS.iter().map(encode).collect::<Result<_, _>>()?))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The content of the self-test's file, and its entry in the manifest.
pub(crate) struct SelfTestFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) manifest: SelfTest,
}

/// Computes the outputs for the test image and the prompts.
pub(crate) fn compute(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    precision: Precision,
    prompts: &Prompts,
    progress: &mut Counter<'_>,
) -> Result<SelfTestFile, ExportError> {
    let pixels = radzero_format::manifest::self_test_pixels(SEED, checkpoint.image_size);
    let tokens =
        shared_output(checkpoint, image::tokens(checkpoint, convention, pixels.view(), progress, &mut |_| Ok(()))?)?;
    let mut embeddings = Array2::zeros((prompts.len(), checkpoint.architecture.align.hidden));
    for (mut row, ids) in embeddings.rows_mut().into_iter().zip(&prompts.0) {
        row.assign(&text::embedding(checkpoint, ids, progress)?);
    }
    let embeddings = shared_output(checkpoint, embeddings)?;
    check_finite("the image tokens", &tokens)?;
    check_finite("the text embeddings", &embeddings)?;

    let indices = stored_tokens(tokens.nrows());
    let tokens = tokens.select(Axis(0), &indices);
    let largest = tokens.iter().chain(&embeddings).fold(1.0_f32, |most, value| most.max(value.abs()));
    let manifest = SelfTest {
        file: FILE.into(),
        pixels_seed: SEED,
        prompts: PROMPTS.map(String::from).into(),
        tolerance: tolerance(precision) * largest,
    };
    Ok(SelfTestFile { bytes: serialized(&indices, &tokens, &embeddings)?, manifest })
}

/// The tokens to store: CLS, the first patch, and up to six more spread over the image.
fn stored_tokens(tokens: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = [0, 1].into_iter().chain((1..=6).map(|part| part * (tokens - 1) / 6)).collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// The last layers of both encoders: the loss's shared LayerNorm and, for cosine similarity, scaling to length 1.
fn shared_output(checkpoint: &Checkpoint, rows: Array2<f32>) -> Result<Array2<f32>, ExportError> {
    let loss = &checkpoint.architecture.loss;
    let rows = if loss.layer_norm {
        ops::layer_norm(&checkpoint.weights, &format!("{LOSS}layer_norm"), &rows, 1e-5)?
    } else {
        rows
    };
    Ok(if loss.operator.is_normalised() { ops::unit_length(rows) } else { rows })
}

/// Fails if a value is infinite or NaN.
pub(crate) fn check_finite(what: &'static str, values: &Array2<f32>) -> Result<(), ExportError> {
    match values.iter().filter(|value| !value.is_finite()).count() {
        0 => Ok(()),
        found => Err(ExportError::NotFinite { what, found, total: values.len() }),
    }
}

fn serialized(indices: &[usize], tokens: &Array2<f32>, embeddings: &Array2<f32>) -> Result<Vec<u8>, ExportError> {
    let indices = Array1::from_iter(indices.iter().map(|index| *index as i64));
    let index_bytes: Vec<u8> = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
    let bytes = |values: &Array2<f32>| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let (token_bytes, embedding_bytes) = (bytes(tokens), bytes(embeddings));
    let failed = |source| ExportError::Safetensors { path: FILE.into(), bytes: 0, hint: "", source };
    let views = [
        ("token_indices", TensorView::new(Dtype::I64, vec![indices.len()], &index_bytes)),
        ("tokens", TensorView::new(Dtype::F32, tokens.shape().to_vec(), &token_bytes)),
        ("embeddings", TensorView::new(Dtype::F32, embeddings.shape().to_vec(), &embedding_bytes)),
    ];
    let views =
        views.into_iter().map(|(name, view)| Ok((name, view?))).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    serialize(views, None).map_err(failed)
}
