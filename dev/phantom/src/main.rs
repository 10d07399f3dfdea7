//! `radzero-phantom`: writes phantoms to a folder.

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use radzero_phantom::training::{self, Labels};
use radzero_phantom::{Depth, Error, Kind, Plan, Size, samples};
use rayon::prelude::*;

/// Draws chest radiographs with known findings.
///
/// Writes N.png, N-M-KIND.png for the mask of each finding, and labels.jsonl, where N is the seed and M counts the
/// phantom's findings. With --raw, writes images.u8, coverage.u8 and labels.jsonl for training instead; with --samples,
/// writes one NAME.png for each of a few clear cases.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder to write to; created if missing
    folder: PathBuf,
    /// How many phantoms to draw
    #[arg(long, default_value_t = 10)]
    count: u64,
    /// Seed of the first phantom; the others count up from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Width and height in pixels
    #[arg(long, default_value_t = 512)]
    side: u32,
    /// Write PNG files of 16 bits
    #[arg(long)]
    sixteen: bool,
    /// Draw exactly these findings instead of a random choice
    #[arg(long, value_delimiter = ',')]
    findings: Option<Vec<Kind>>,
    /// Write the training files: all images in one, and the coverage of patches of 14 pixels
    #[arg(long, conflicts_with_all = ["sixteen", "findings"])]
    raw: bool,
    /// Draw the samples for demonstrations
    #[arg(long, conflicts_with_all = ["count", "seed", "findings", "raw"])]
    samples: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut source: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = source {
                eprintln!("error: {error}");
                source = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let folder = &arguments.folder;
    if arguments.raw {
        return training::write(folder, arguments.seed, arguments.count, arguments.side, 14);
    }
    let failed = |source| Error::Write { path: folder.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let depth = if arguments.sixteen { Depth::Sixteen } else { Depth::Eight };
    if arguments.samples {
        return samples().par_iter().try_for_each(|sample| {
            let phantom = sample.plan().draw(Size::square(arguments.side))?;
            phantom.write_png(&folder.join(format!("{}.png", sample.name)), depth)
        });
    }
    let seeds = arguments.seed..arguments.seed.saturating_add(arguments.count);
    let labels: Result<Vec<Labels>, Error> =
        seeds.into_par_iter().map(|seed| write(folder, seed, depth, arguments)).collect();
    let mut file = std::fs::File::create(folder.join("labels.jsonl")).map_err(failed)?;
    for label in labels? {
        serde_json::to_writer(&mut file, &label).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").map_err(failed)?;
    }
    Ok(())
}

fn write(folder: &Path, seed: u64, depth: Depth, arguments: &Arguments) -> Result<Labels, Error> {
    let plan = match &arguments.findings {
        Some(kinds) => Plan::with(seed, kinds),
        None => Plan::new(seed),
    };
    let phantom = plan.draw(Size::square(arguments.side))?;
    phantom.write_png(&folder.join(format!("{seed}.png")), depth)?;
    for (index, seen) in phantom.findings.iter().enumerate() {
        let name = format!("{seed}-{index}-{}.png", seen.kind.words().replace(' ', "-"));
        seen.mask.write_png(&folder.join(name))?;
    }
    Ok(Labels::from(&phantom))
}
