//! Finds each expected tensor in the checkpoint, and lists all differences at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use radzero_format::manifest::TensorNames;
use safetensors::Dtype;

use super::architecture::Architecture;
use super::names::{
    ExpectedTensor, Extent, LOSS, POSITIONS, RELATIVE_BIAS, TEXT_LAYER, TextExtents, VISION_LAYER, WORDS,
    edit_distance, expected, is_ignored,
};
use super::storage::{Storage, StoredTensor};
use super::weights::Weights;
use super::{Rename, TextSizes};
use crate::error::ExportError;

/// Largest number of missing tensors for which similar names are looked for.
const NEAREST: usize = 100;

/// A tensor that is not what config.json implies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// It is missing.
    Missing {
        /// Its name in transformers 4.
        name: String,
        /// The expected shape.
        expected: Vec<Extent>,
        /// The most similar names among the surplus tensors, or among all tensors if there is no surplus.
        nearest: Vec<String>,
    },
    /// No output depends on it.
    Surplus {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Its shape is wrong.
    Shape {
        /// Its name.
        name: String,
        /// The expected shape.
        expected: Vec<Extent>,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Its element type is not F32, F16 or BF16.
    Type {
        /// Its name.
        name: String,
        /// Its element type.
        found: String,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, expected, nearest } => {
                write!(f, "missing: {name} {}", Shape(expected))?;
                if nearest.is_empty() { Ok(()) } else { write!(f, " (nearest names: {})", nearest.join(", ")) }
            }
            Self::Surplus { name, found } => write!(f, "surplus: {name} {}", Shape(found)),
            Self::Shape { name, expected, found } => {
                write!(f, "shape: {name} is {}, expected {}", Shape(found), Shape(expected))
            }
            Self::Type { name, found } => write!(f, "type: {name} is {found}, expected F32, F16 or BF16"),
        }
    }
}

struct Shape<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Shape<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extents: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "[{}]", extents.join(", "))
    }
}

/// The tensors of a checkpoint, located.
pub(super) struct Matched {
    pub(super) weights: Weights,
    pub(super) text: TextSizes,
    pub(super) tensor_names: TensorNames,
}

/// Maps names after renaming to names in the files.
type Names = BTreeMap<String, String>;

/// Locates every expected tensor.
pub(super) fn resolve(
    folder: &Path,
    storage: Storage,
    architecture: &Architecture,
    renames: &[Rename],
) -> Result<Matched, ExportError> {
    let names = without_common_prefix(rename(&storage, renames)?);
    let present: BTreeMap<&str, &StoredTensor> =
        names.iter().map(|(name, stored)| (name.as_str(), &storage.tensors[stored])).collect();
    let expected = expected(architecture, &text_extents(&present, architecture));

    let mut problems = Vec::new();
    let mut claimed = BTreeSet::new();
    let mut missing = Vec::new();
    let mut located = BTreeMap::new();
    for tensor in &expected {
        let either = [Some(&tensor.name), tensor.newer.as_ref()];
        let Some(name) = either.into_iter().flatten().find(|name| present.contains_key(name.as_str())) else {
            missing.push(tensor);
            continue;
        };
        claimed.insert(name.as_str());
        let found = present[name.as_str()];
        if !tensor.accepts(&found.shape) {
            let (name, expected, found) = (name.clone(), tensor.shape.clone(), found.shape.clone());
            problems.push(TensorProblem::Shape { name, expected, found });
        }
        if !matches!(found.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            problems.push(TensorProblem::Type { name: name.clone(), found: format!("{:?}", found.dtype) });
        }
        located.insert(tensor.name.clone(), found.clone());
    }
    let surplus: Vec<&str> =
        present.keys().copied().filter(|name| !claimed.contains(name) && !is_ignored(name)).collect();
    let candidates = if surplus.is_empty() { present.keys().copied().collect() } else { surplus.clone() };
    problems.extend(missing.into_iter().enumerate().map(|(index, ExpectedTensor { name, shape, .. })| {
        TensorProblem::Missing {
            name: name.clone(),
            expected: shape.clone(),
            // A wrong number of layers causes thousands of problems, where suggestions would not help.
            nearest: if index < NEAREST { nearest(name, &candidates) } else { Vec::new() },
        }
    }));
    problems.extend(
        surplus.iter().map(|name| TensorProblem::Surplus { name: (*name).into(), found: present[name].shape.clone() }),
    );
    if !problems.is_empty() {
        return Err(ExportError::Tensors { path: folder.to_owned(), problems });
    }

    let newer = claimed.contains(format!("{VISION_LAYER}0.attention.q_proj.weight").as_str());
    let tensor_names = if newer { TensorNames::Transformers5 } else { TensorNames::Transformers4 };
    let layers = text_layers(&present);
    let weights = Weights::new(folder.to_owned(), storage, located);
    let text = TextSizes {
        vocabulary: weights.shape(WORDS)?[0],
        hidden: weights.shape(WORDS)?[1],
        heads: weights.shape(RELATIVE_BIAS)?[1],
        layers,
        // The first two positions belong to padding.
        max_tokens: weights.shape(POSITIONS)?[0].saturating_sub(2),
    };
    Ok(Matched { weights, text, tensor_names })
}

/// Applies the first matching rule to each name.
fn rename(storage: &Storage, rules: &[Rename]) -> Result<Names, ExportError> {
    let mut used = vec![false; rules.len()];
    let mut names = Names::new();
    for stored in storage.tensors.keys() {
        let rule = rules.iter().position(|rule| stored.starts_with(&rule.from));
        let name = match rule {
            Some(index) => {
                used[index] = true;
                format!("{}{}", rules[index].to, &stored[rules[index].from.len()..])
            }
            None => stored.clone(),
        };
        if let Some(other) = names.insert(name.clone(), stored.clone()) {
            // Stored names are unique, so a rule made these two equal; it may have matched either.
            let index = rule.or_else(|| rules.iter().position(|rule| other.starts_with(&rule.from))).unwrap_or(0);
            return Err(rename_error(&rules[index], format!("{other} and {stored} would both be {name}")));
        }
    }
    match used.iter().position(|used| !used) {
        Some(index) => Err(rename_error(&rules[index], "no tensor's name starts so".into())),
        None => Ok(names),
    }
}

fn rename_error(rule: &Rename, problem: String) -> ExportError {
    ExportError::Rename { from: rule.from.clone(), to: rule.to.clone(), problem }
}

/// Strips the prefix that all parts of the network share, if there is exactly one.
fn without_common_prefix(names: Names) -> Names {
    let anchors = ["vision_model.embeddings.cls_token", WORDS, &format!("{LOSS}loss_temperature")];
    let prefixes = anchors.map(|anchor| {
        let found: Vec<String> = names.keys().filter_map(|name| Some(name.strip_suffix(anchor)?.to_owned())).collect();
        found
    });
    let [first, others @ ..] = &prefixes;
    let uniform = others.iter().all(|other| other == first);
    match first.as_slice() {
        [prefix] if uniform && prefix.ends_with('.') => {
            let strip = |name: &str| name.strip_prefix(prefix.as_str()).map(str::to_owned);
            // Stripping must not make two names equal: one tensor would be lost.
            if names.keys().any(|name| strip(name).is_some_and(|stripped| names.contains_key(&stripped))) {
                return names;
            }
            names.into_iter().map(|(name, stored)| (strip(&name).unwrap_or(name), stored)).collect()
        }
        _ => names,
    }
}

/// The number of text layers, regardless of their indices: a gap then shows as a missing and a surplus layer.
fn text_layers(present: &BTreeMap<&str, &StoredTensor>) -> usize {
    let indices: BTreeSet<&str> = present
        .keys()
        .filter_map(|name| name.strip_prefix(TEXT_LAYER)?.split_once('.'))
        .map(|(index, _)| index)
        .collect();
    indices.len().max(1)
}

/// The extents that config.json does not state, read from the tensors.
fn text_extents(present: &BTreeMap<&str, &StoredTensor>, architecture: &Architecture) -> TextExtents {
    let extent = |name: &str, axis: usize, what| match present.get(name) {
        Some(stored) if stored.shape.len() == 2 => Extent::Exactly(stored.shape[axis]),
        _ => Extent::Any(what),
    };
    TextExtents {
        vocabulary: Extent::Any("vocabulary"),
        positions: Extent::Any("positions"),
        hidden: if architecture.text.projection {
            extent(WORDS, 1, "text width")
        } else {
            Extent::Exactly(architecture.vision.hidden)
        },
        heads: Extent::Any("heads"),
        intermediate: extent(&format!("{TEXT_LAYER}0.intermediate.dense.weight"), 0, "intermediate"),
        layers: text_layers(present),
    }
}

/// The up to three most similar candidates, at an edit distance of at most half the name.
fn nearest(name: &str, candidates: &[&str]) -> Vec<String> {
    let mut ranked: Vec<(usize, &str)> = candidates
        .iter()
        .map(|candidate| (edit_distance(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= name.len() / 2)
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}
