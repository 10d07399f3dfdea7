//! `cargo xtask corpus`: reads every file of pydicom, of pydicom-data and of the tests, whole and damaged.
//!
//! 1. [`files`] fetches both wheels, once
//! 2. the task starts a worker (feature `corpus`) with limited memory and watches it: a case that takes too long or ends the
//!    process is recorded as a failure, and a new worker continues with the next case
//! 3. [`mod@worker`] reads the cases one by one, and compares several encodings of one real radiograph

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

/// Limit of the worker's address space: 1 GiB, in the unit of `ulimit -v`.
const ADDRESS_SPACE_KIB: u32 = 1 << 20;

/// Time limit of a case.
const CASE_LIMIT: Duration = Duration::from_secs(5);

/// Lines that the worker prints before and after each case, and at its end.
const START: &str = "start ";
const DONE: &str = "done ";
const END: &str = "end";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of damaged copies of each file
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
        command.args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\"")]);
        command.arg(&program).arg("corpus-worker");
        command.args(["--damaged", &arguments.damaged.to_string(), "--first", &next.to_string()]).args(&sources);
        match watch(command)? {
            WorkerEnd::AllRead => break,
            WorkerEnd::Failed { index, name, why } => {
                next = index + 1;
                say!("failed: {name} ({why})");
                failures.push(name);
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::Corpus(failures.len())) }
}

/// This program if it includes the worker, otherwise a release build that does.
fn worker(root: &Path) -> Result<PathBuf> {
    if cfg!(feature = "corpus") {
        return std::env::current_exe().map_err(|source| Error::Start { command: "corpus worker".into(), source });
    }
    let build = ["build", "--release", "--package", "xtask", "--features", "corpus"];
    Step::cargo().args(build).directory(root).run()?;
    demo::release("xtask")
}

/// Why a worker ended.
enum WorkerEnd {
    /// It read all its cases.
    AllRead,
    /// This case ended the process or took too long.
    Failed { index: usize, name: String, why: String },
}

/// Runs a worker until it ends or a case takes too long.
fn watch(mut command: Command) -> Result<WorkerEnd> {
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
        // Between cases the worker reads the next file, which may take longer.
        let limit = if running.is_some() { CASE_LIMIT } else { Duration::from_secs(120) };
        match lines.recv_timeout(limit) {
            Ok(line) => {
                if let Some(case) = line.strip_prefix(START) {
                    let (index, name) = case.split_once(' ').unwrap_or((case, ""));
                    running = Some((index.parse().unwrap_or(usize::MAX - 1), name.to_owned()));
                } else if line.starts_with(DONE) {
                    running = None;
                } else if line == END {
                    child.wait().map_err(start)?;
                    return Ok(WorkerEnd::AllRead);
                } else {
                    say!("{line}");
                }
            }
            Err(error) => {
                let why = match error {
                    mpsc::RecvTimeoutError::Timeout => format!("longer than {} s", CASE_LIMIT.as_secs()),
                    mpsc::RecvTimeoutError::Disconnected => "the process ended".to_owned(),
                };
                child.kill().map_err(start)?;
                let status = child.wait().map_err(start)?;
                return match running {
                    Some((index, name)) => Ok(WorkerEnd::Failed { index, name, why: format!("{why}, {status}") }),
                    None => {
                        Err(Error::Failed { command: "corpus worker".into(), status: status.to_string(), output: why })
                    }
                };
            }
        }
    }
}
