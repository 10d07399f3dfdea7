//! VL-CABS: vision-language cross-attention based on similarity (arXiv 2504.07416, section 3.2).
//!
//! Let v_j be the tokens of an image (j = 0 is CLS) and t_i the embedding of sentence i, both after the shared LayerNorm and,
//! for the cosine, L2-normalised. Let tau be the temperature, and tau' the temperature of the scores, by default tau:
//!
//! - score s_ij = t_i . v_j / tau' (cosine) or t_i . v_j / sqrt(D) (dot product)
//! - weight a_ij = softmax over j of s_ij, CLS included unless the model excludes it
//! - pooled g_i = sum over j of a_ij v_j, L2-normalised
//! - logit l_i = t_i / |t_i| . g_i / tau; probability = sigmoid(l_i)
//! - similarity map: s_i of the patches as a g x g grid, upsampled bilinearly to the original size, then sigmoid
//!
//! The LayerNorm and both normalisations are in the published code but not in the paper's formula. This follows the code.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use radzero_format::manifest::{Similarity, SimilarityOperator};
use radzero_format::{Error, ErrorKind, Result};

/// Scores and logits of n sentences for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// s_ij of the patches, without CLS: \[n, N\].
    pub patches: Array2<f32>,
    /// l_i: \[n\].
    pub logits: Array1<f32>,
}

/// Compares the tokens of an image \[1 + N, D\] with the embeddings of n sentences \[n, D\].
///
/// Both are outputs of the graphs. See the [module](self) for the formulas.
///
/// # Errors
/// [`ErrorKind::Argument`] if the widths differ or there are no patches.
pub fn vl_cabs(
    tokens: ArrayView2<'_, f32>,
    embeddings: ArrayView2<'_, f32>,
    similarity: &Similarity,
) -> Result<Scores> {
    let (count, width) = tokens.dim();
    if embeddings.ncols() != width || count < 2 {
        return Err(Error::new(
            ErrorKind::Argument,
            format!(
                "tokens [1 + N, D] and embeddings [n, D] expected, [{count}, {width}] and {:?} found",
                embeddings.shape()
            ),
        ));
    }
    let divisor = match similarity.operator {
        SimilarityOperator::Cos => similarity.score_temperature.unwrap_or(similarity.temperature),
        SimilarityOperator::Dot => (width as f32).sqrt(),
        _ => return Err(Error::new(ErrorKind::ModelVersion, "a similarity operator that this version does not know")),
    };
    let first = usize::from(!similarity.use_cls_token);
    let attended = tokens.slice_axis(Axis(0), (first..).into());
    let mut scores = embeddings.dot(&attended.t());
    scores.mapv_inplace(|score| score / divisor);

    let mut weights = scores.clone();
    for mut row in weights.rows_mut() {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|score| (score - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|weight| weight / sum);
    }
    let mut pooled = weights.dot(&attended);
    normalise(&mut pooled);
    let mut sentences = embeddings.to_owned();
    normalise(&mut sentences);
    let logits = (&sentences * &pooled).sum_axis(Axis(1)) / similarity.temperature;
    scores.slice_axis_inplace(Axis(1), (1 - first..).into());
    Ok(Scores { patches: scores, logits })
}

/// L2-normalises every row; a zero row stays zero, as with PyTorch's `normalize`.
fn normalise(rows: &mut Array2<f32>) {
    const MIN_NORM: f32 = 1e-12;
    for mut row in rows.rows_mut() {
        let norm = row.dot(&row).sqrt().max(MIN_NORM);
        row.mapv_inplace(|value| value / norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn similarity(operator: SimilarityOperator) -> Similarity {
        Similarity { operator, temperature: 0.5, score_temperature: None, use_cls_token: true, use_layer_norm: true }
    }

    /// Two orthogonal patches, and a CLS token equal to the first: simple enough to compute by hand.
    #[test]
    fn cosine_by_hand() {
        let tokens = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let found = vl_cabs(tokens.view(), array![[1.0, 0.0]].view(), &similarity(SimilarityOperator::Cos)).unwrap();
        assert_eq!(found.patches, array![[2.0, 0.0]]);
        // Weights e^2, e^2, 1 over their sum: the pooled vector points along (2 e^2, 1).
        let along = 2.0 * 2_f32.exp();
        let expected = along / along.hypot(1.0) / 0.5;
        assert!((found.logits[0] - expected).abs() < 1e-6);
    }

    #[test]
    fn without_cls_only_patches_are_pooled() {
        let tokens = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let without = Similarity { use_cls_token: false, ..similarity(SimilarityOperator::Cos) };
        let found = vl_cabs(tokens.view(), array![[1.0, 0.0]].view(), &without).unwrap();
        assert_eq!(found.patches, array![[2.0, 0.0]]);
        let along = 2_f32.exp();
        assert!((found.logits[0] - along / along.hypot(1.0) / 0.5).abs() < 1e-6);
    }

    #[test]
    fn dot_divides_scores_by_the_root_of_the_width_and_logits_by_the_temperature() {
        let tokens = array![[0.0; 4], [2.0, 0.0, 0.0, 0.0], [0.0, 6.0, 0.0, 0.0]];
        let found =
            vl_cabs(tokens.view(), array![[3.0, 0.0, 0.0, 0.0]].view(), &similarity(SimilarityOperator::Dot)).unwrap();
        assert_eq!(found.patches, array![[3.0, 0.0]]);
        // Weights 1, e^3, 1: pooled (2 e^3, 6).
        let along = 2.0 * 3_f32.exp();
        assert!((found.logits[0] - along / along.hypot(6.0) / 0.5).abs() < 1e-6);
    }

    #[test]
    fn other_widths_are_refused() {
        let error =
            vl_cabs(array![[1.0, 0.0], [0.0, 1.0]].view(), array![[1.0]].view(), &similarity(SimilarityOperator::Cos))
                .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains("[2, 2] and [1, 1]"), "{error}");
    }
}
