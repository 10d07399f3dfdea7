//! How a command ends: completed, or stopped by a failure. A failure can also concern a single image.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use radzero_core::{Device, ErrorKind, chain};

use crate::console;

/// How completely a command did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    /// All of it.
    Done,
    /// Part of it failed and was reported; the rest was done.
    SomeFailed,
}

impl From<Completion> for ExitCode {
    fn from(completion: Completion) -> Self {
        match completion {
            Completion::Done => Self::SUCCESS,
            Completion::SomeFailed => Self::FAILURE,
        }
    }
}

/// An error that stops the command or fails one image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Library(#[from] radzero_core::Error),
    #[error(transparent)]
    Export(#[from] radzero_export::program::Failure),
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
    NotForDevice { option: &'static str, devices: String, device: Device },
    #[error("cannot prepare for interruption")]
    Interrupt(#[source] ctrlc::Error),
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The reader of standard output closed it before the work was done.
    #[error("standard output was closed")]
    Closed,
}

impl Failure {
    /// The kind of the error in JSON: the [name of an `ErrorKind`](ErrorKind::name), or `output`.
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

    /// Reports on standard error, and returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if matches!(self, Self::Closed) {
            return Completion::SomeFailed.into();
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
