//! Chooses which layers use 8 bits, and with what smoothing, by the error measured on calibration images.
//!
//! 1. `ranges`: runs the reference implementation on the images and records the range of every layer's inputs.
//! 2. `simulate`: computes each layer with 8-bit inputs and weights, as the runtime will, at several strengths of smoothing, and
//!    compares it with the exact product.
//! 3. Takes the best. A layer whose error is still too large stays in 32 bits.
//!
//! The scores of attention are products of 16-bit integers in every block. With 4095 levels on each side of zero they are so much
//! finer that their error is not measured.
//!
//! Smoothing (SmoothQuant, arXiv 2211.10438) moves outliers of an input channel into the weights that read it. It is free at run
//! time if the preceding layer can absorb the factor: the norms before queries, keys, values and MLP, and the values before
//! attention's output layer. Only the second layer of the MLP needs an extra multiplication.

mod ranges;
mod simulate;

use std::collections::BTreeMap;

use ndarray::{Array1, Array3};
use radzero_format::manifest::{Digest, Hasher, PositionConvention, Precision, Quantization, QuantizedLayer};

use self::ranges::Ranges;
pub(crate) use self::simulate::quantize_rows;
use self::simulate::{Candidate, Deviation, candidates};
use crate::checkpoint::{Checkpoint, Weights};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::progress::Counter;
use crate::reference::{self, Observation, Site};

/// Layers with a larger relative error stay in 32 bits.
const LARGEST_ERROR: f32 = 0.05;

/// The second layer of the MLP is smoothed only if its relative error without smoothing is larger: there it costs a pass over the
/// values.
const SMOOTHING_NEEDED: f32 = 0.02;

/// The layers of `block` that read a site, with LayerScale folded in.
pub(crate) fn readers(weights: &Weights, site: Site, block: &str, qkv_bias: bool) -> Result<Vec<Dense>, ExportError> {
    let read = |layer: &str, bias| Dense::read(weights, &format!("{block}{layer}"), bias);
    let scale = |scale: &str| weights.vector(&format!("{block}{scale}.lambda1"));
    Ok(match site {
        Site::Norm1 => ["query", "key", "value"]
            .map(|part| read(&format!("attention.attention.{part}"), qkv_bias))
            .into_iter()
            .collect::<Result<_, _>>()?,
        Site::Attention => vec![read("attention.output.dense", true)?.scale_outputs(&scale("layer_scale1")?)],
        Site::Norm2 => vec![read("mlp.fc1", true)?],
        Site::Gelu => vec![read("mlp.fc2", true)?.scale_outputs(&scale("layer_scale2")?)],
    })
}

/// The choice for the layers that read one site.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) int8: bool,
    /// Exponent and factors of smoothing: the site's channels are divided by them, the weights multiplied.
    smoothing: Option<(f32, Array1<f32>)>,
    error: f32,
}

/// The choices for all sites, by their names in the graph.
#[derive(Debug)]
pub(crate) struct Plan {
    decisions: BTreeMap<String, Decision>,
    images: usize,
    hash: Digest,
}

impl Plan {
    /// The decision for a site of `block`; `None` for 32 bits.
    pub(crate) fn decision(&self, block: &str, site: Site) -> Option<&Decision> {
        self.decisions.get(&site.within(block)).filter(|decision| decision.int8)
    }

    /// The record for the manifest.
    pub(crate) fn record(&self) -> Quantization {
        let layer = |decision: &Decision| QuantizedLayer {
            precision: if decision.int8 { Precision::Int8 } else { Precision::Fp32 },
            smoothing: decision.smoothing.as_ref().map(|(alpha, _)| *alpha),
            error: decision.error,
        };
        Quantization {
            calibration_images: self.images,
            calibration_sha256: self.hash.clone(),
            layers: self.decisions.iter().map(|(name, decision)| (name.clone(), layer(decision))).collect(),
        }
    }
}

impl Decision {
    pub(crate) fn smoothing(&self) -> Option<&Array1<f32>> {
        self.smoothing.as_ref().map(|(_, scale)| scale)
    }
}

/// Decides for every site, on images \[3, S, S\] as the model sees them.
pub(crate) fn plan(
    checkpoint: &Checkpoint,
    convention: PositionConvention,
    images: &[Array3<u8>],
    progress: &mut Counter<'_>,
) -> Result<Plan, ExportError> {
    let mut hasher = Hasher::default();
    for image in images {
        hasher.update(&image.iter().copied().collect::<Vec<u8>>());
    }
    let mut ranges = Ranges::default();
    for image in images {
        reference::image::tokens(checkpoint, convention, image.view(), progress, &mut |seen: Observation<'_>| {
            reference::check_finite("a layer's inputs on a calibration image", seen.values)?;
            ranges.include(seen.name(), seen.values);
            Ok(())
        })?;
    }
    let mut tried: BTreeMap<String, (Site, Vec<(Candidate, Deviation)>)> = BTreeMap::new();
    for image in images {
        reference::image::tokens(checkpoint, convention, image.view(), progress, &mut |seen: Observation<'_>| {
            let layers = readers(&checkpoint.weights, seen.site, seen.block, seen.qkv_bias)?;
            let (_, tried) = tried.entry(seen.name()).or_insert_with(|| {
                let candidates = candidates(ranges.of(&seen.name()), &layers);
                (seen.site, candidates.into_iter().map(|candidate| (candidate, Deviation::default())).collect())
            });
            for (candidate, error) in tried {
                candidate.measure(seen.values, &layers, error);
            }
            Ok(())
        })?;
    }
    let decisions = tried.into_iter().map(|(name, (site, tried))| (name, decide(site, tried))).collect();
    Ok(Plan { decisions, images: images.len(), hash: hasher.finish() })
}

fn decide(site: Site, tried: Vec<(Candidate, Deviation)>) -> Decision {
    let plain = tried.iter().find(|(candidate, _)| candidate.smoothing.is_none());
    let plain_is_enough = site == Site::Gelu && plain.is_some_and(|(_, error)| error.relative() <= SMOOTHING_NEEDED);
    let best = tried
        .into_iter()
        .filter(|(candidate, _)| !plain_is_enough || candidate.smoothing.is_none())
        .min_by(|(_, one), (_, two)| one.relative().total_cmp(&two.relative()));
    match best {
        Some((candidate, error)) => {
            let error = error.relative();
            let int8 = error <= LARGEST_ERROR;
            Decision { int8, smoothing: candidate.smoothing.filter(|_| int8), error }
        }
        // Not reached: there is always a candidate without smoothing.
        None => Decision { int8: false, smoothing: None, error: f32::INFINITY },
    }
}
