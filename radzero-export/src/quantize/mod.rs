//! 8-bit layers: which, and with what smoothing, decided by their measured error on calibration images.
//!
//! 1. `observe`: the reference implementation runs over the images, and the inputs of every layer are looked at.
//! 2. `simulate`: each layer is computed with 8-bit inputs and weights, as the runtime will, with several strengths of
//!    smoothing, and compared with the exact product.
//! 3. The best is taken; a layer whose error stays too large remains in 32 bits.
//!
//! Attention's scores are products of 16-bit integers in every block: 4095 levels a side are far finer than anything here, and are
//! not measured.
//!
//! Smoothing (SmoothQuant, arXiv 2211.10438) moves outliers of an input channel into the weights that read it. It costs
//! nothing at run time where the layer before can take the factor: the norms before queries, keys, values and the
//! perceptron, and the values before attention's output. Only the perceptron's second layer needs a multiplication.

mod observe;
mod simulate;

use std::collections::BTreeMap;

use ndarray::{Array1, Array3};
use radzero_core::manifest::{Digest, Hasher, PositionConvention, Precision, Quantization, QuantizedLayer};

use self::observe::Ranges;
pub(crate) use self::simulate::quantize_rows;
use self::simulate::{Candidate, Error, candidates};
use crate::checkpoint::{Checkpoint, Weights};
use crate::dense::Dense;
use crate::error::ExportError;
use crate::progress::Counter;
use crate::reference::{self, Seen, Site};

/// Layers with a larger relative error stay in 32 bits.
const LARGEST_ERROR: f32 = 0.05;

/// The perceptron's second layer is smoothed only if its relative error would be larger without, as it costs a pass over
/// the values there.
const SMOOTHING_NEEDED: f32 = 0.02;

/// The layers that read a site of the block `name`, LayerScale folded in.
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
        Site::Perceptron => vec![read("mlp.fc2", true)?.scale_outputs(&scale("layer_scale2")?)],
    })
}

/// What was decided for one site.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) int8: bool,
    /// Factors by which the site's channels are divided and the weights multiplied, with their exponent.
    smoothing: Option<(f32, Array1<f32>)>,
    error: f32,
}

/// What was decided for all sites, by block and name.
#[derive(Debug)]
pub(crate) struct Plan {
    decisions: BTreeMap<String, Decision>,
    images: usize,
    hash: Digest,
}

impl Plan {
    /// The decision for a site of the block `name`; `None` stands for 32 bits.
    pub(crate) fn decision(&self, block: &str, site: Site) -> Option<&Decision> {
        self.decisions.get(&site.within(block)).filter(|decision| decision.int8)
    }

    /// As the manifest records it.
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

/// Decides for every site, from images \[3, S, S\] as the model sees them.
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
        reference::image::tokens(checkpoint, convention, image.view(), progress, &mut |seen: Seen<'_>| {
            reference::finite("a layer's inputs on a calibration image", seen.values)?;
            ranges.widen(seen.name(), seen.values);
            Ok(())
        })?;
    }
    let mut tried: BTreeMap<String, (Site, Vec<(Candidate, Error)>)> = BTreeMap::new();
    for image in images {
        reference::image::tokens(checkpoint, convention, image.view(), progress, &mut |seen: Seen<'_>| {
            let layers = readers(&checkpoint.weights, seen.site, seen.block, seen.qkv_bias)?;
            let (_, tried) = tried.entry(seen.name()).or_insert_with(|| {
                let candidates = candidates(ranges.of(&seen.name()), &layers);
                (seen.site, candidates.into_iter().map(|candidate| (candidate, Error::default())).collect())
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

fn decide(site: Site, tried: Vec<(Candidate, Error)>) -> Decision {
    let plain = tried.iter().find(|(candidate, _)| candidate.smoothing.is_none());
    let plain_is_enough =
        site == Site::Perceptron && plain.is_some_and(|(_, error)| error.relative() <= SMOOTHING_NEEDED);
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
        // There is always the candidate without smoothing.
        None => Decision { int8: false, smoothing: None, error: f32::INFINITY },
    }
}
