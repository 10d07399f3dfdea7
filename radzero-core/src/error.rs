//! One opaque error with a kind: match on [`Error::kind`], print the rest.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// What went wrong, coarse enough to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file could not be read or written.
    Io,
    /// The ONNX Runtime library is missing, too old, damaged or for another machine.
    Runtime,
    /// The requested execution provider cannot run here.
    Provider,
    /// The model directory is incomplete, damaged or of an unknown version.
    Model,
    /// An image cannot be read, or is outside the limits.
    Image,
    /// A prompt is empty or too long.
    Prompt,
    /// An argument is outside its documented range or does not fit the other arguments.
    Argument,
    /// A graph failed while it ran.
    Inference,
    /// The caller ended the call.
    Cancelled,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "file access",
            Self::Runtime => "ONNX Runtime library",
            Self::Provider => "execution provider",
            Self::Model => "model directory",
            Self::Image => "image",
            Self::Prompt => "prompt",
            Self::Argument => "argument",
            Self::Inference => "inference",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate: a [kind](Error::kind), a message with expected and actual values, and the cause where there is
/// one ([`source`](StdError::source)).
///
/// Messages name files and values, never image content or DICOM attributes.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` without a cause.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same error with what caused it.
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A file that could not be read or written.
    pub(crate) fn io(path: &Path, action: &str, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {action} {}", path.display())).with_source(source)
    }

    /// The same failure, for another value that it struck; the cause stays with the first.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.0.kind, self.0.message.clone())
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
