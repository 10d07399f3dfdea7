//! Requests to a queue.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array3;
use radzero_format::Result;

use crate::cancellation::Cancellation;
use crate::radiograph::{Radiograph, ReadOptions};

/// Reads the radiograph of a request, on a worker.
type Reader = Box<dyn FnOnce(&ReadOptions, &Cancellation) -> Result<Radiograph> + Send>;

/// One image to encode, optionally with prompts to compare it with. Nothing is read before the request's turn.
#[must_use]
pub struct Request {
    read: Reader,
    options: ReadOptions,
    pub(super) pixels: Option<Array3<u8>>,
    pub(super) prompts: Vec<String>,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) deadline: Option<Instant>,
}

impl Request {
    /// The image is a PNG, JPEG or (with feature `dicom`) DICOM file.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::with(Box::new(move |options, _| options.open(path)))
    }

    /// The image is the content of such a file.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::with(Box::new(move |options, _| options.read_bytes(bytes.as_ref())))
    }

    /// The image has been read already.
    pub fn radiograph(radiograph: Radiograph) -> Self {
        Self::read_with(move |_| Ok(radiograph))
    }

    /// The image has been read already, and these are its pixels \[3, S, S\] from [`RadZero::pixels`](crate::RadZero::pixels).
    pub fn pixels(radiograph: Radiograph, pixels: Array3<u8>) -> Self {
        Self { pixels: Some(pixels), ..Self::radiograph(radiograph) }
    }

    /// The image comes from `read`, for sources of your own. It is called on a worker of the queue when it is the request's
    /// turn, and occupies the worker until it returns: a slow reader should call [`Cancellation::check`] now and then. If it
    /// panics, the panic resumes in the thread that waits for the answer.
    pub fn read_with(read: impl FnOnce(&Cancellation) -> Result<Radiograph> + Send + 'static) -> Self {
        Self::with(Box::new(|_, cancellation| read(cancellation)))
    }

    fn with(read: Reader) -> Self {
        let (options, pixels) = (ReadOptions::default(), None);
        Self { read, options, pixels, prompts: Vec::new(), cancellations: Vec::new(), deadline: None }
    }

    /// How a path or bytes are read; by default as in the published code.
    pub fn read_options(mut self, options: ReadOptions) -> Self {
        self.options = options;
        self
    }

    /// Compares the image with these prompts; the answer has one comparison for each. Prompts are encoded before the image is
    /// read, so that an invalid one costs little.
    pub fn prompts<S: Into<String>>(mut self, prompts: impl IntoIterator<Item = S>) -> Self {
        self.prompts = prompts.into_iter().map(Into::into).collect();
        self
    }

    /// Ends the request at `deadline`, at whatever stage it is, with [`ErrorKind::Deadline`](crate::ErrorKind::Deadline).
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the request, at whatever stage it is, when `cancellation` ends. With several, the first one counts.
    pub fn cancellation(mut self, cancellation: &Cancellation) -> Self {
        self.cancellations.push(cancellation.clone());
        self
    }

    /// Reads the radiograph on this thread, as a worker would, without a queue.
    ///
    /// # Errors
    /// Errors of the source.
    pub fn read(self, cancellation: &Cancellation) -> Result<Radiograph> {
        (self.read)(&self.options, cancellation)
    }
}

impl fmt::Debug for Request {
    /// Without path and prompts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("prompts", &self.prompts.len())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
