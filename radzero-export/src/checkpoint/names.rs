//! The tensors that a checkpoint must hold, with their names and shapes.

use std::fmt;

use super::architecture::{Architecture, Stack};

/// One extent of an expected shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// Given by config.json.
    Exactly(usize),
    /// Read from the tensor itself; the text says what it is.
    Any(&'static str),
    /// One CLS position and a square grid: 1 + m * m.
    OneAndSquare,
}

impl Extent {
    fn accepts(&self, extent: usize) -> bool {
        match *self {
            Self::Exactly(expected) => extent == expected,
            Self::Any(_) => extent > 0,
            Self::OneAndSquare => extent > 1 && (extent - 1).isqrt().pow(2) == extent - 1,
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(extent) => write!(f, "{extent}"),
            Self::Any(what) => f.write_str(what),
            Self::OneAndSquare => f.write_str("1 + m * m"),
        }
    }
}

/// A tensor that the checkpoint must hold.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedTensor {
    /// Its name in transformers 4, which this crate uses throughout.
    pub(crate) name: String,
    /// Its name in transformers 5, if different.
    pub(crate) newer: Option<String>,
    pub(crate) shape: Vec<Extent>,
}

impl ExpectedTensor {
    pub(crate) fn accepts(&self, shape: &[usize]) -> bool {
        shape.len() == self.shape.len() && self.shape.iter().zip(shape).all(|(extent, found)| extent.accepts(*found))
    }
}

/// Prefixes of tensors that checkpoints may hold and no output depends on: the unused pooler, the mask token of training, and an
/// index buffer that old versions stored.
const IGNORED: [&str; 3] =
    ["text_model.pooler.", "vision_model.embeddings.mask_token", "text_model.embeddings.position_ids"];

pub(crate) fn is_ignored(name: &str) -> bool {
    IGNORED.iter().any(|ignored| name.starts_with(ignored))
}

/// Sizes of the text encoder. config.json does not state them; each is an extent of a tensor.
#[derive(Debug, Clone)]
pub(crate) struct TextExtents {
    pub(crate) vocabulary: Extent,
    pub(crate) positions: Extent,
    pub(crate) hidden: Extent,
    pub(crate) heads: Extent,
    pub(crate) intermediate: Extent,
    pub(crate) layers: usize,
}

pub(crate) const WORDS: &str = "text_model.embeddings.word_embeddings.weight";
pub(crate) const POSITIONS: &str = "text_model.embeddings.position_embeddings.weight";
pub(crate) const RELATIVE_BIAS: &str = "text_model.encoder.relative_attention_bias.weight";
pub(crate) const TEXT_LAYER: &str = "text_model.encoder.layer.";
pub(crate) const VISION_LAYER: &str = "vision_model.encoder.layer.";
pub(crate) const ALIGN_LAYER: &str = "align_transformer.transformer_layers.layer.";
pub(crate) const LOSS: &str = "loss_fns.RadZeroLoss.";

/// Number of relative position buckets, fixed in the MPNet code of transformers.
pub(crate) const BUCKETS: usize = 32;

/// All tensors that the outputs depend on.
pub(crate) fn expected(architecture: &Architecture, text: &TextExtents) -> Vec<ExpectedTensor> {
    use Extent::Exactly;
    let mut list = TensorList(Vec::new());
    let hidden = Exactly(architecture.vision.hidden);
    let one = Exactly(1);
    let patch = Exactly(architecture.patch_size);

    let embeddings = "vision_model.embeddings.";
    list.add(format!("{embeddings}cls_token"), [&one, &one, &hidden]);
    list.add(format!("{embeddings}position_embeddings"), [&one, &Extent::OneAndSquare, &hidden]);
    let projection = format!("{embeddings}patch_embeddings.projection");
    list.add(format!("{projection}.weight"), [&hidden, &Exactly(3), &patch, &patch]);
    list.add(format!("{projection}.bias"), [&hidden]);
    list.blocks(VISION_LAYER, &architecture.vision);
    list.norm("vision_model.layernorm", &hidden);
    list.blocks(ALIGN_LAYER, &architecture.align);
    if architecture.align_layer_norm {
        list.norm("align_transformer.layer_norm", &hidden);
    }

    let TextExtents { vocabulary, positions, hidden: width, heads, intermediate, layers } = text;
    list.add(WORDS.into(), [vocabulary, width]);
    list.add(POSITIONS.into(), [positions, width]);
    list.norm("text_model.embeddings.LayerNorm", width);
    list.add(RELATIVE_BIAS.into(), [&Exactly(BUCKETS), heads]);
    for index in 0..*layers {
        let layer = format!("{TEXT_LAYER}{index}.");
        for name in ["q", "k", "v", "o"] {
            list.linear(&format!("{layer}attention.attn.{name}"), width, width);
        }
        list.norm(&format!("{layer}attention.LayerNorm"), width);
        list.linear(&format!("{layer}intermediate.dense"), intermediate, width);
        list.linear(&format!("{layer}output.dense"), width, intermediate);
        list.norm(&format!("{layer}output.LayerNorm"), width);
    }
    if architecture.text.projection {
        list.linear("text_projector", &Exactly(2 * architecture.vision.hidden), width);
    }

    if architecture.loss.layer_norm {
        list.norm(&format!("{LOSS}layer_norm"), &hidden);
    }
    list.add(format!("{LOSS}loss_temperature"), [&one]);
    if architecture.loss.attn_temperature {
        list.add(format!("{LOSS}attn_temperature"), [&one]);
    }
    list.0
}

struct TensorList(Vec<ExpectedTensor>);

impl TensorList {
    fn add<const N: usize>(&mut self, name: String, shape: [&Extent; N]) {
        self.0.push(ExpectedTensor { name, newer: None, shape: shape.map(Clone::clone).into() });
    }

    fn norm(&mut self, name: &str, width: &Extent) {
        self.add(format!("{name}.weight"), [width]);
        self.add(format!("{name}.bias"), [width]);
    }

    fn linear(&mut self, name: &str, output: &Extent, input: &Extent) {
        self.add(format!("{name}.weight"), [output, input]);
        self.add(format!("{name}.bias"), [output]);
    }

    /// DINOv2 blocks.
    fn blocks(&mut self, prefix: &str, stack: &Stack) {
        let hidden = Extent::Exactly(stack.hidden);
        let mlp = Extent::Exactly(stack.mlp);
        for index in 0..stack.layers {
            let layer = format!("{prefix}{index}.");
            self.norm(&format!("{layer}norm1"), &hidden);
            for (older, newer) in
                [("attention.query", "q"), ("attention.key", "k"), ("attention.value", "v"), ("output.dense", "o")]
            {
                for (kind, shape) in [("weight", vec![hidden.clone(), hidden.clone()]), ("bias", vec![hidden.clone()])]
                {
                    if kind == "bias" && newer != "o" && !stack.qkv_bias {
                        continue;
                    }
                    self.0.push(ExpectedTensor {
                        name: format!("{layer}attention.{older}.{kind}"),
                        newer: Some(format!("{layer}attention.{newer}_proj.{kind}")),
                        shape,
                    });
                }
            }
            self.add(format!("{layer}layer_scale1.lambda1"), [&hidden]);
            self.norm(&format!("{layer}norm2"), &hidden);
            self.linear(&format!("{layer}mlp.fc1"), &mlp, &hidden);
            self.linear(&format!("{layer}mlp.fc2"), &hidden, &mlp);
            self.add(format!("{layer}layer_scale2.lambda1"), [&hidden]);
        }
    }
}

/// Number of single-character edits between two names (Levenshtein distance).
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::edit_distance;

    #[test]
    fn the_edit_distance_counts_insertions_deletions_and_substitutions() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("layernorm", "layer_norm"), 1);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
