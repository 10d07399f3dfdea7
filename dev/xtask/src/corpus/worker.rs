//! The process that reads the files: each whole with every intensity policy, then damaged copies of it.

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

const POLICIES: [IntensityPolicy; 3] = IntensityPolicy::ALL;

/// Two encodings of the same radiograph, and how many levels they may differ by under each policy.
struct Pair {
    one: &'static str,
    other: &'static str,
    largest: [u8; 3],
    mean: [f64; 3],
}

const PAIRS: [Pair; 3] = [
    // Lossless: no difference.
    Pair { one: "RG1_UNCR.dcm", other: "RG1_J2KR.dcm", largest: [0; 3], mean: [0.0; 3] },
    // A lossy file, and its pixels as another decoder gave them. Decoders round the irreversible transform differently, by one
    // stored value, which changes the level of one pixel in thousands.
    Pair { one: "RG1_UNCI.dcm", other: "RG1_J2KI.dcm", largest: [1; 3], mean: [0.001; 3] },
    // Compressed to a tenth of the size, with loss. OpenJPEG's decoder and the published rules in numpy differ by 4 levels at
    // most and 0.4902 on average with the reference policy, by 5 and 0.6379 with min-max; the display policy's window is wider
    // than the range of values. Rounding may add one level.
    Pair { one: "RG1_UNCR.dcm", other: "RG1_J2KI.dcm", largest: [5, 4, 6], mean: [0.492, 0.428, 0.64] },
];

/// Radiographs by file name and index of the policy.
type Radiographs = BTreeMap<(String, usize), Radiograph>;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    damaged: u64,
    /// Index of the first case to read.
    #[arg(long)]
    first: usize,
    /// Wheels and folders of images.
    sources: Vec<PathBuf>,
}

/// Panics that the reader caught and turned into errors.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// Extensions of the files in a folder that are cases.
const EXTENSIONS: [&str; 3] = ["dcm", "png", "jpg"];

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
/// If a wheel or folder cannot be read, or two encodings differ by more than allowed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    std::panic::set_hook(Box::new(|_| {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
    }));
    let mut summary = Summary::default();
    let mut case = 0;
    let mut radiographs = Radiographs::new();
    for source in &arguments.sources {
        each_file(source, |name, bytes| {
            for (index, policy) in POLICIES.into_iter().enumerate() {
                let options = options(policy);
                let read = timed(&mut case, arguments.first, &format!("{name} {policy}"), &mut summary, |summary| {
                    summary.whole += 1;
                    options.read_bytes(bytes)
                });
                let wanted = PAIRS.iter().any(|pair| name.ends_with(pair.one) || name.ends_with(pair.other));
                if let Some(Ok(radiograph)) = read
                    && wanted
                {
                    radiographs.insert((name.rsplit('/').next().unwrap_or_default().to_owned(), index), radiograph);
                }
            }
            // The large files are a few radiographs in many encodings: fewer copies of each will do.
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
        compare(&radiographs)?;
    }
    println!("{END}");
    Ok(())
}

fn options(intensity: IntensityPolicy) -> ReadOptions {
    ReadOptions { intensity, frame: Some(0), allow_for_processing: true, ..ReadOptions::default() }
}

/// Reads the next case and counts the result; `None` for cases before `first`.
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
        // Messages that differ only in numbers count as one reason.
        Err(error) => {
            let reason = error.to_string().replace(|c: char| c.is_ascii_digit(), "#");
            *summary.refused.entry(reason).or_default() += 1;
        }
    }
    Some(result)
}

fn each_file(source: &Path, visit: impl FnMut(&str, &[u8])) -> Result<()> {
    if source.is_dir() { each_of_folder(source, visit) } else { each_of_wheel(source, visit) }
}

fn each_of_folder(folder: &Path, mut visit: impl FnMut(&str, &[u8])) -> Result<()> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        paths.push(entry.map_err(Error::io("read", folder))?.path());
    }
    paths.sort();
    for path in
        paths.iter().filter(|path| EXTENSIONS.iter().any(|kind| path.extension().is_some_and(|found| found == *kind)))
    {
        visit(&path.display().to_string(), &std::fs::read(path).map_err(Error::io("read", path))?);
    }
    Ok(())
}

fn each_of_wheel(wheel: &Path, mut visit: impl FnMut(&str, &[u8])) -> Result<()> {
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

/// Peak resident memory of this process, where Linux reports it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|value| value.trim().to_owned())
}

fn compare(radiographs: &Radiographs) -> Result<()> {
    let mut apart = 0;
    for Pair { one, other, largest, mean } in PAIRS {
        for (index, policy) in POLICIES.into_iter().enumerate() {
            let of = |name: &str| {
                radiographs
                    .get(&(name.to_owned(), index))
                    .map(|radiograph| (radiograph.levels().interleaved(), radiograph.width()))
            };
            let (Some((first, width)), Some((second, other_width))) = (of(one), of(other)) else {
                println!("{one} or {other} was not read");
                return Err(Error::Corpus(1));
            };
            let differences = first.iter().zip(second.iter()).map(|(a, b)| a.abs_diff(*b));
            let found = differences.clone().max().unwrap_or(u8::MAX);
            let average = differences.map(f64::from).sum::<f64>() / first.len() as f64;
            let (largest, mean) = (largest[index], mean[index]);
            println!(
                "{one} and {other}, {policy}: at most {found} levels apart ({largest} allowed), {average:.4} on average ({mean} allowed)"
            );
            apart +=
                usize::from((first.len(), width) != (second.len(), other_width) || found > largest || average > mean);
        }
    }
    if apart == 0 { Ok(()) } else { Err(Error::Corpus(apart)) }
}
