//! `radzero bench`: how long each stage takes on this machine, measured on synthetic radiographs.

use std::time::{Duration, Instant};

use image::{GrayImage, ImageFormat, Luma};
use radzero_core::{EncodedImage, EncodedPrompt, RadZero, Radiograph};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::console::{complain, print_last, progress};
use crate::error::{Completion, Failure};
use crate::job;

/// Width and height of the radiographs, as of a common detector.
const SIZE: (u32, u32) = (2000, 2500);

/// The measurements; times are medians in milliseconds.
#[derive(Debug, Serialize)]
struct Measurements<'a> {
    model: String,
    provider: &'a str,
    /// The device as requested, which also names the precision of the computation.
    device: String,
    precision: String,
    onnxruntime: &'a str,
    kernels: Option<&'a str>,
    /// Threads for the graphs on the CPU.
    threads: usize,
    /// Threads for resampling, points, masks and maps; differs from `threads` only with `RAYON_NUM_THREADS`.
    pool_threads: usize,
    images: usize,
    prompts: usize,
    batch: usize,
    width: u32,
    height: u32,
    /// Time to open the model.
    load_ms: f64,
    stages: Vec<Stage>,
    /// From decoding to points, one image after the other.
    images_per_second: f64,
    /// Peak resident memory of the process, if the system reports it.
    peak_memory_mib: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Stage {
    stage: &'static str,
    per: &'static str,
    median_ms: f64,
}

/// Measures stage by stage and prints a table, or JSON.
pub(crate) fn run(args: &BenchArgs) -> Result<Completion, Failure> {
    let started = Instant::now();
    let model = job::open(&args.model)?;
    let load = started.elapsed();
    let (images, prompts, batch) = (args.images.get(), args.prompts.get(), args.batch.get());
    let png = png()?;
    let bar = progress(images as u64 + 1, "{bar:32} {pos}/{len} images, {eta} left");
    let mut times = Times::default();
    // The first turn warms up and is not counted.
    for turn in 0..=images {
        let counted = Times::of_one(&model, &png, prompts, batch, turn)?;
        if turn > 0 {
            times.add(counted);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let report = times.report(&model, load, (images, prompts, batch));
    if args.json {
        let line = serde_json::to_string(&report).map_err(|error| Failure::Output(error.into()))?;
        print_last(&format!("{line}\n"))?;
    } else {
        complain("Times are medians on made-up radiographs; they depend on what else the machine does.");
        print_last(&report.text())?;
    }
    Ok(Completion::Done)
}

/// A PNG file of smooth shades and noise with the size of a radiograph.
fn png() -> Result<Vec<u8>, Failure> {
    let shade = |x: u32, y: u32| {
        let noise = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 28;
        Luma([((x / 16 + y / 20) % 240) as u8 + noise as u8 % 16])
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    GrayImage::from_fn(SIZE.0, SIZE.1, shade)
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| Failure::Draw(error.into()))?;
    Ok(bytes.into_inner())
}

/// Name, unit and times of every stage, with one time per turn.
#[derive(Debug, Default)]
struct Times(Vec<(&'static str, &'static str, Vec<Duration>)>);

impl Times {
    fn time<T>(&mut self, stage: &'static str, per: &'static str, count: usize, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = run();
        self.0.push((stage, per, vec![started.elapsed() / u32::try_from(count.max(1)).unwrap_or(u32::MAX)]));
        result
    }

    fn of_one(model: &RadZero, png: &[u8], prompts: usize, batch: usize, turn: usize) -> Result<Self, Failure> {
        let mut times = Self::default();
        let radiograph = times.time("decode", "image", 1, || Radiograph::from_bytes(png))?;
        times.time("resample", "image", 1, || model.pixels(&radiograph))?;
        let radiographs = vec![radiograph; batch];
        let encoded: Vec<EncodedImage> =
            times.time("encode image (with resampling)", "image", batch, || model.encode_images(&radiographs))?;
        let Some(encoded) = encoded.first() else { return Ok(times) };
        // New sentences each turn, so that none comes from the cache.
        let sentences: Vec<String> =
            (0..prompts).map(|index| format!("There is finding number {index} of turn {turn}")).collect();
        times.time("encode prompt, new", "prompt", 1, || {
            model.encode_prompts(&[format!("There is one finding of turn {turn}")])
        })?;
        let prompts: Vec<EncodedPrompt> =
            times.time("encode prompts, new", "prompt", prompts, || model.encode_prompts(&sentences))?;
        times.time("encode prompts, cached", "prompt", prompts.len(), || model.encode_prompts(&sentences))?;
        let one = prompts.get(..1).unwrap_or_default();
        times.time("compare with one prompt", "image", 1, || model.compare(encoded, one))?;
        let found = times.time("compare with all prompts", "image", 1, || model.compare(encoded, &prompts))?;
        let count = found.len();
        times.time("points, all prompts", "image", 1, || {
            for comparison in &found {
                std::hint::black_box(comparison.peak());
            }
        });
        times.time("mask", "prompt", count, || {
            for comparison in &found {
                std::hint::black_box(comparison.mask(0.5).ok());
            }
        });
        times.time("map", "prompt", count, || {
            for comparison in &found {
                std::hint::black_box(comparison.map());
            }
        });
        Ok(times)
    }

    fn add(&mut self, other: Self) {
        for (stage, per, durations) in other.0 {
            match self.0.iter_mut().find(|(name, _, _)| *name == stage) {
                Some((_, _, all)) => all.extend(durations),
                None => self.0.push((stage, per, durations)),
            }
        }
    }

    fn report<'a>(
        &self,
        model: &'a RadZero,
        load: Duration,
        (images, prompts, batch): (usize, usize, usize),
    ) -> Measurements<'a> {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let stages: Vec<Stage> = self
            .0
            .iter()
            .map(|(stage, per, durations)| Stage { stage, per, median_ms: milliseconds(median(durations)) })
            .collect();
        let of = |name: &str| stages.iter().find(|stage| stage.stage == name).map_or(0.0, |stage| stage.median_ms);
        let whole = of("decode")
            + of("encode image (with resampling)")
            + of("compare with all prompts")
            + of("points, all prompts");
        Measurements {
            model: model.directory().hash().to_string(),
            provider: model.image_encoder().map_or("", |encoder| encoder.provider.as_str()),
            device: model.device().to_string(),
            precision: model.manifest().precision.to_string(),
            onnxruntime: model.runtime().version(),
            kernels: model.kernels(),
            threads: model.threads().get(),
            pool_threads: radzero_pool::threads(),
            images,
            prompts,
            batch,
            width: SIZE.0,
            height: SIZE.1,
            load_ms: milliseconds(load),
            images_per_second: 1e3 / whole,
            stages,
            peak_memory_mib: peak_memory(),
        }
    }
}

impl Measurements<'_> {
    fn text(&self) -> String {
        // The two differ only if set so.
        let pool = match self.pool_threads {
            pool if pool == self.threads => String::new(),
            pool => format!(", {pool} beside the graphs"),
        };
        let mut text = format!(
            "model {}, {}, device {}, {}, ONNX Runtime {}, own kernels {}, threads {}{pool}\n{} images of {} x {}, {} prompts, batch {}\n\n",
            self.model,
            self.precision,
            self.device,
            self.provider,
            self.onnxruntime,
            self.kernels.unwrap_or("none"),
            self.threads,
            self.images,
            self.width,
            self.height,
            self.prompts,
            self.batch
        );
        text.push_str(&format!("{:>10.2} ms  load\n", self.load_ms));
        for stage in &self.stages {
            text.push_str(&format!("{:>10.2} ms  {}, per {}\n", stage.median_ms, stage.stage, stage.per));
        }
        text.push_str(&format!("{:>10.2} images/s, decoding to points\n", self.images_per_second));
        if let Some(peak) = self.peak_memory_mib {
            text.push_str(&format!("{peak:>10} MiB peak memory\n"));
        }
        text
    }
}

fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
        (Some(low), Some(high)) => (*low + *high) / 2,
        _ => Duration::ZERO,
    }
}

/// Peak resident memory so far in MiB, as reported by Linux.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        let times = |milliseconds: &[u64]| milliseconds.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(median(&times(&[9, 1, 5])), Duration::from_millis(5));
        assert_eq!(median(&times(&[9, 1, 5, 7])), Duration::from_millis(6));
        assert_eq!(median(&[]), Duration::ZERO);
    }
}
