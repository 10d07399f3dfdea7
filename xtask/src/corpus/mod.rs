//! `cargo xtask corpus`: every file of pydicom, of pydicom-data and of the tests, whole and damaged, through the reader.
//!
//! 1. [`files`]: both wheels are fetched once
//! 2. this task starts the worker (feature `corpus`) with its memory limited, and watches it: a case that takes too long or ends
//!    the process is recorded, and the worker goes on behind it
//! 3. [`mod@worker`] reads one case after the other, and compares the encodings of a real radiograph

mod files;
#[cfg(feature = "corpus")]
pub(crate) mod worker;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::demo;
use crate::error::{Error, Result};
use crate::process::Step;

/// Address space of the worker: 1 GiB, in the unit of `ulimit -v`.
const KIBIBYTES: u32 = 1 << 20;

/// A case may take this long.
const LONGEST: Duration = Duration::from_secs(5);

/// What the worker says before and after each case, and at its end.
const START: &str = "start ";
const DONE: &str = "done ";
const END: &str = "end";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Damaged copies of each file
    #[arg(long, value_name = "N", default_value_t = 40)]
    damaged: u64,
}

/// Runs all cases.
///
/// # Errors
/// Those of fetching and building; [`Error::Corpus`] if a case ended the process or took too long.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let mut sources = files::wheels(root)?;
    sources.extend(["dicom/files", "golden/images", "images", "hostile"].map(|name| root.join("tests").join(name)));
    let program = worker(root)?;
    let mut failures = Vec::new();
    let mut next = 0_usize;
    loop {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {KIBIBYTES} && exec \"$0\" \"$@\"")]);
        command.arg(&program).arg("corpus-worker");
        command.args(["--damaged", &arguments.damaged.to_string(), "--first", &next.to_string()]).args(&sources);
        match watch(command)? {
            Outcome::Finished => break,
            Outcome::Stopped { case, why } => {
                next = case.0 + 1;
                say!("failed: {} ({why})", case.1);
                failures.push(case.1);
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::Corpus(failures.len())) }
}

/// This program where it has the worker, else one that is built for it.
fn worker(root: &Path) -> Result<PathBuf> {
    if cfg!(feature = "corpus") {
        return std::env::current_exe().map_err(|source| Error::Start { command: "corpus worker".into(), source });
    }
    let build = ["build", "--release", "--package", "xtask", "--features", "corpus"];
    Step::cargo().args(build).directory(root).run()?;
    demo::release("xtask")
}

enum Outcome {
    Finished,
    Stopped { case: (usize, String), why: String },
}

/// Runs a worker until it ends or a case takes too long.
fn watch(mut command: Command) -> Result<Outcome> {
    let start = |source| Error::Start { command: "corpus worker".into(), source };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(start)?;
    let (sender, lines) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    let mut running: Option<(usize, String)> = None;
    loop {
        // Between cases the worker may take its time: it reads the next file.
        let limit = if running.is_some() { LONGEST } else { Duration::from_secs(120) };
        match lines.recv_timeout(limit) {
            Ok(line) => {
                if let Some(case) = line.strip_prefix(START) {
                    let (index, name) = case.split_once(' ').unwrap_or((case, ""));
                    running = Some((index.parse().unwrap_or(usize::MAX - 1), name.to_owned()));
                } else if line.starts_with(DONE) {
                    running = None;
                } else if line == END {
                    child.wait().map_err(start)?;
                    return Ok(Outcome::Finished);
                } else {
                    say!("{line}");
                }
            }
            Err(error) => {
                let why = match error {
                    mpsc::RecvTimeoutError::Timeout => format!("longer than {} s", LONGEST.as_secs()),
                    mpsc::RecvTimeoutError::Disconnected => "the process ended".to_owned(),
                };
                child.kill().map_err(start)?;
                let status = child.wait().map_err(start)?;
                return match running {
                    Some(case) => Ok(Outcome::Stopped { case, why: format!("{why}, {status}") }),
                    None => {
                        Err(Error::Failed { command: "corpus worker".into(), status: status.to_string(), output: why })
                    }
                };
            }
        }
    }
}
