//! What is asked of a queue.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array3;
use radzero_format::Result;

use crate::cancellation::Cancellation;
use crate::radiograph::{Radiograph, ReadOptions};

/// Reads a request's radiograph, on a worker.
type Read = Box<dyn FnOnce(&ReadOptions, &Cancellation) -> Result<Radiograph> + Send>;

/// One image to encode, and what may be asked about it. Nothing is read before the request's turn.
#[must_use]
pub struct Request {
    read: Read,
    options: ReadOptions,
    pub(super) pixels: Option<Array3<u8>>,
    pub(super) prompts: Vec<String>,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) deadline: Option<Instant>,
}

impl Request {
    /// A PNG, JPEG or (with feature `dicom`) DICOM file.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::with(Box::new(move |options, _| options.open(path)))
    }

    /// The content of such a file.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::with(Box::new(move |options, _| options.read_bytes(bytes.as_ref())))
    }

    /// What was read already.
    pub fn radiograph(radiograph: Radiograph) -> Self {
        Self::read_with(move |_| Ok(radiograph))
    }

    /// What was read already, with the pixels \[3, S, S\] that [`RadZero::pixels`](crate::RadZero::pixels) gave for it.
    pub fn pixels(radiograph: Radiograph, pixels: Array3<u8>) -> Self {
        Self { pixels: Some(pixels), ..Self::radiograph(radiograph) }
    }

    /// What `read` gives: for sources of your own. It is called on a worker of the queue, in the request's turn, with what ends
    /// the request: a reader that may take long looks at it ([`Cancellation::check`]), as it keeps its worker until it returns.
    /// If it panics, so does whoever waits for the answer.
    pub fn read_with(read: impl FnOnce(&Cancellation) -> Result<Radiograph> + Send + 'static) -> Self {
        Self::with(Box::new(|_, cancellation| read(cancellation)))
    }

    fn with(read: Read) -> Self {
        let (options, pixels) = (ReadOptions::default(), None);
        Self { read, options, pixels, prompts: Vec::new(), cancellations: Vec::new(), deadline: None }
    }

    /// How a path or bytes are read; by default as the published code does.
    pub fn read_options(mut self, options: ReadOptions) -> Self {
        self.options = options;
        self
    }

    /// Compares the image with these prompts: the answer has a comparison for each. They are encoded before the image is read,
    /// so that a bad one costs little.
    pub fn prompts<S: Into<String>>(mut self, prompts: impl IntoIterator<Item = S>) -> Self {
        self.prompts = prompts.into_iter().map(Into::into).collect();
        self
    }

    /// Ends the request at `deadline`, wherever it is by then: [`Deadline`](crate::ErrorKind::Deadline).
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the request with `cancellation`, wherever it is by then: [`Cancelled`](crate::ErrorKind::Cancelled). Of several,
    /// with the first.
    pub fn cancellation(mut self, cancellation: &Cancellation) -> Self {
        self.cancellations.push(cancellation.clone());
        self
    }

    /// Reads the radiograph on this thread, as a worker would, without a queue.
    ///
    /// # Errors
    /// Those of the source.
    pub fn read(self, cancellation: &Cancellation) -> Result<Radiograph> {
        (self.read)(&self.options, cancellation)
    }
}

impl fmt::Debug for Request {
    /// Never a path or a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("prompts", &self.prompts.len())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
