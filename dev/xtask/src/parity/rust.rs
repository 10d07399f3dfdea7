//! The Rust side: computes every stage through the public interface of `radzero-core`, and compares it with the reference.

use std::path::PathBuf;
use std::time::Instant;

use radzero_core::{Comparison, EncodedImage, EncodedPrompt, RadZero, Radiograph, SimilarityMap};

use super::report;
use super::stages::{Reference, Stage};
use crate::error::{Error, Result};

/// Largest differences allowed, as in the golden tests: none for pixels and token ids, 1e-5 for maps, 1e-4 for the rest.
const EXACT: f64 = 0.0;
const VALUES: f64 = 1e-4;
const MAPS: f64 = 1e-5;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Model directory
    #[arg(long)]
    model: PathBuf,
    /// File that reference.py wrote
    #[arg(long)]
    reference: PathBuf,
    /// Markdown page to write
    #[arg(long)]
    report: PathBuf,
    /// Image that reference.py was given
    image: PathBuf,
}

/// Everything to compare.
struct Computed {
    radiograph: Radiograph,
    image: EncodedImage,
    prompts: Vec<EncodedPrompt>,
    comparisons: Vec<Comparison>,
    maps: Vec<SimilarityMap>,
}

/// Computes every stage, compares, prints the table and writes the page.
///
/// # Errors
/// [`Error::RadZero`] if a stage fails, [`Error::Parity`] if one differs by more than its bound.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let reference = Reference::open(&arguments.reference)?;
    let prompts = reference.prompts()?;
    drop(reference);

    let model = RadZero::open(&arguments.model)?;
    let computed = compute(&model, arguments, &prompts)?;
    say!("Rust: start to result {:.2} s, {}", started.elapsed().as_secs_f64(), peak_memory());
    for (comparison, map) in computed.comparisons.iter().zip(&computed.maps) {
        say!(
            "  {:?}: probability {:.4}, map {:.4} to {:.4}",
            comparison.prompt(),
            comparison.probability(),
            map.min(),
            map.max()
        );
    }

    let reference = Reference::open(&arguments.reference)?;
    let stages = compare(&model, &computed, &reference)?;
    say!("\n{}", report::table(&stages));
    let failed = stages.iter().filter(|stage| !stage.passes()).count();
    if failed > 0 {
        return Err(Error::Parity(failed));
    }
    let mut versions = reference.versions()?;
    versions.insert("ONNX Runtime".into(), model.runtime().version().into());
    versions.insert("radzero".into(), env!("CARGO_PKG_VERSION").into());
    versions.insert("Processor".into(), std::env::consts::ARCH.into());
    report::write(&arguments.report, &report::page(&stages, &prompts, &versions))?;
    say!("Written to {}", arguments.report.display());
    Ok(())
}

fn compute(model: &RadZero, arguments: &Arguments, prompts: &[String]) -> Result<Computed> {
    let radiograph = Radiograph::open(&arguments.image)?;
    let image = model.encode_image(&radiograph)?;
    let prompts = model.encode_prompts(prompts)?;
    let comparisons = model.compare(&image, &prompts)?;
    let maps = comparisons.iter().map(Comparison::map).collect();
    Ok(Computed { radiograph, image, prompts, comparisons, maps })
}

fn compare(model: &RadZero, computed: &Computed, reference: &Reference) -> Result<Vec<Stage>> {
    let Computed { radiograph, image, prompts, comparisons, maps } = computed;
    let count = prompts.len();
    let (height, width) = (radiograph.height(), radiograph.width());
    let (tokens, hidden) = image.tokens().dim();
    let grid = model.directory().manifest().dimensions.grid;

    let pixels = model.pixels(radiograph)?;
    Ok(vec![
        reference.compare("radiograph", &[height, width, 3], radiograph.levels().interleaved(), EXACT)?,
        reference.compare("pixels", pixels.shape(), pixels.iter().copied(), EXACT)?,
        token_ids(model, prompts, reference)?,
        reference.compare("image_tokens", &[tokens, hidden], image.tokens().iter().copied(), VALUES)?,
        reference.compare(
            "text_embeddings",
            &[count, hidden],
            prompts.iter().flat_map(|prompt| prompt.embedding().to_vec()),
            VALUES,
        )?,
        reference.compare(
            "scores",
            &[count, grid, grid],
            comparisons.iter().flat_map(|comparison| comparison.scores().into_iter().copied().collect::<Vec<_>>()),
            VALUES,
        )?,
        reference.compare("logits", &[count], comparisons.iter().map(Comparison::logit), VALUES)?,
        reference.compare("probabilities", &[count], comparisons.iter().map(Comparison::probability), VALUES)?,
        reference.compare(
            "maps",
            &[count, height, width],
            maps.iter().flat_map(|map| map.values().into_iter().copied()),
            MAPS,
        )?,
    ])
}

/// Token ids, padded to the longest prompt as in the reference.
fn token_ids(model: &RadZero, prompts: &[EncodedPrompt], reference: &Reference) -> Result<Stage> {
    let pad = i64::from(model.directory().manifest().text.pad_token_id);
    let rows = prompts.iter().map(|prompt| model.tokenize(prompt.text())).collect::<radzero_core::Result<Vec<_>>>()?;
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let padded = rows
        .iter()
        .flat_map(|row| row.iter().map(|&id| i64::from(id)).chain(std::iter::repeat_n(pad, longest - row.len())));
    reference.compare("input_ids", &[rows.len(), longest], padded, EXACT)
}

/// The process's peak resident memory, where Linux reports it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map_or("peak memory unknown".into(), |kibibytes: u64| format!("peak memory {} MiB", kibibytes / 1024))
}
