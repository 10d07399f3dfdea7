//! How a command ends: its outcome, or the failure that stopped it or one of its images.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use radzero_core::{Device, ErrorKind, chain};

use crate::console;

/// How a command that ran to its end did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything worked.
    Done,
    /// Something failed and was reported, the rest was done; or it was left undone, as nobody reads on.
    SomeFailed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::SomeFailed => Self::FAILURE,
        }
    }
}

/// What stops a command, or fails one image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Library(#[from] radzero_core::Error),
    #[error(transparent)]
    Evaluation(#[from] radzero_eval::Error),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not the result of an evaluation", path.display())]
    NotAResult { path: PathBuf, source: serde_json::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot create the directory {}", path.display())]
    CreateDirectory { path: PathBuf, source: io::Error },
    #[error("{first} and {second} would both be written to {}; rename one or run them apart", path.display())]
    Collision { first: String, second: String, path: PathBuf },
    #[error("writing {} would overwrite the image {}; choose another directory", output.display(), image.display())]
    Overwrite { output: PathBuf, image: PathBuf },
    #[error("{} names no file", .0.display())]
    NoFileName(PathBuf),
    #[error("{} is not valid Unicode, which JSON needs; rename it", .0.display())]
    NotUnicode(PathBuf),
    #[error("cannot draw the picture")]
    Draw(#[source] Box<dyn StdError + Send + Sync>),
    #[error("{option} is for --device {devices}; {device} was given")]
    NotForDevice { option: &'static str, devices: &'static str, device: Device },
    #[error("cannot prepare for interruption")]
    Interrupt(#[source] ctrlc::Error),
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// Whoever read standard output has enough, and not all is done.
    #[error("standard output was closed")]
    Closed,
}

impl Failure {
    /// What failed, as a word for programs: the [name of an `ErrorKind`](ErrorKind::name), or `output`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Library(error) | Self::Evaluation(radzero_eval::Error::Library(error)) => error.kind().name(),
            Self::Read { .. } => ErrorKind::Io.name(),
            _ => "output",
        }
    }

    /// The message with its causes.
    pub(crate) fn message(&self) -> String {
        chain(self)
    }

    /// Ends the command: reports on standard error, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if matches!(self, Self::Closed) {
            return Outcome::SomeFailed.into();
        }
        console::complain(&console::lines(&format!("error: {}", self.message())));
        ExitCode::from(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_file_and_the_cause_once() {
        let source = io::Error::new(io::ErrorKind::StorageFull, "no space left");
        let failure = Failure::Write { path: "maps/a.npy".into(), source };
        assert_eq!(failure.message(), "cannot write maps/a.npy: no space left");
        assert_eq!(failure.kind(), "output");
    }
}
