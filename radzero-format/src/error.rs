//! The error type: match on [`Error::kind`], print the rest.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Declares the kinds together with their codes and names, so that none can lack them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $name:literal;)*) => {
        /// What went wrong, in enough detail to act on.
        ///
        /// Every kind has a number ([`code`](ErrorKind::code)) and a name ([`name`](ErrorKind::name)) for other languages, logs
        /// and JSON. Neither ever changes; new kinds get new ones.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// All kinds, by code.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The stable number, never 0.
            #[must_use]
            pub fn code(self) -> u16 {
                match self {
                    $(Self::$kind => $code,)*
                }
            }

            /// The stable name, in lower case with hyphens.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A file could not be read or written; the cause is a [`std::io::Error`].
    Io = 1, "io";
    /// An argument is outside its documented range or does not fit the other arguments.
    Argument = 2, "argument";
    /// The caller cancelled the call.
    Cancelled = 3, "cancelled";
    /// The queue is full, or too many callers wait for an encoder: try again later.
    Busy = 4, "busy";
    /// The system, or a limit of the process, refuses a thread, memory or a file handle.
    Resources = 5, "resources";
    /// The deadline that the caller gave has passed.
    Deadline = 6, "deadline";
    /// A queue that was drained or shut down takes no more requests.
    ShutDown = 7, "shut-down";

    /// Not an image: another file type, or a DICOM object without one (SEG, PR, SR, KO).
    NotAnImage = 20, "not-an-image";
    /// An image whose transfer syntax, photometric interpretation, depth or sample type is not supported.
    UnsupportedImage = 21, "image-unsupported";
    /// The file contradicts itself or its format, or is cut off.
    DamagedImage = 22, "image-damaged";
    /// More pixels, or more memory to decode, than is allowed.
    ImageTooLarge = 23, "image-too-large";
    /// An image that shows nothing: without pixels, or of one value where it is stretched.
    BlankImage = 24, "image-blank";
    /// Raw detector data (FOR PROCESSING), which is read only if allowed.
    ForProcessing = 25, "image-for-processing";
    /// Several frames and none chosen, or a chosen frame that does not exist.
    FrameChoice = 26, "frame-choice";

    /// A prompt without any word.
    EmptyPrompt = 30, "prompt-empty";
    /// A prompt of more tokens than the model accepts.
    PromptTooLong = 31, "prompt-too-long";

    /// The model directory is incomplete, damaged or inconsistent.
    Model = 40, "model";
    /// The model directory is of another version, or needs an extension that this version does not know.
    ModelVersion = 41, "model-version";
    /// An encoding was made by another model.
    OtherModel = 42, "other-model";
    /// The model was opened without the encoder that this call needs.
    EncoderNotOpen = 43, "encoder-not-open";
    /// The self-test's results differ from the checkpoint's.
    SelfTest = 44, "self-test";
    /// A stored encoding or record is damaged or of another version.
    Encoding = 45, "encoding";

    /// The ONNX Runtime library is missing, too old, damaged or for another platform, or it failed.
    Runtime = 50, "runtime";
    /// This process already uses another ONNX Runtime library or environment.
    RuntimeInUse = 51, "runtime-in-use";
    /// The requested execution provider cannot run here.
    Provider = 52, "provider";
    /// The process was forked after the model was opened: the child cannot use it.
    Forked = 53, "forked";
    /// A graph failed while it ran, or returned values that are not finite.
    Inference = 60, "inference";
}

impl ErrorKind {
    /// The kind of a failed file access: `kind`, or [`Resources`](Self::Resources) if memory or file handles ran out.
    #[must_use]
    pub fn of_io(source: &std::io::Error, kind: Self) -> Self {
        // ENFILE and EMFILE, for which the standard library has no kind yet.
        let handles = cfg!(unix) && matches!(source.raw_os_error(), Some(23 | 24));
        if handles || source.kind() == std::io::ErrorKind::OutOfMemory { Self::Resources } else { kind }
    }

    /// Whether the error is about the image. A host reports such an error to whoever sent the image.
    #[must_use]
    pub fn is_image(self) -> bool {
        matches!(
            self,
            Self::NotAnImage
                | Self::UnsupportedImage
                | Self::DamagedImage
                | Self::ImageTooLarge
                | Self::BlankImage
                | Self::ForProcessing
                | Self::FrameChoice
        )
    }
}

impl fmt::Display for ErrorKind {
    /// The [name](ErrorKind::name).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Shorthand for results with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: a [kind](Error::kind), a message with expected and actual values, and the cause if there is one
/// ([`source`](StdError::source)).
///
/// The message does not repeat its causes: print `{error:#}`, or [`chain`], for all of them on one line.
///
/// Messages and causes name files and values, but never a prompt, the content of an image, or a DICOM attribute other than those
/// that describe the image itself (sizes, bits, transfer syntax).
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a cause. Hosts that read images or replace a model use it too.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// Puts the place before the message: for example a file, or the number of a prompt.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// A file that could not be read or written: [`ErrorKind::Io`], or [`ErrorKind::Resources`] if memory or file handles ran out.
    #[must_use]
    pub fn io(path: &Path, action: &str, source: std::io::Error) -> Self {
        let kind = ErrorKind::of_io(&source, ErrorKind::Io);
        Self::new(kind, format!("cannot {action} {}", path.display())).with_source(source)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

/// The messages of an error and its causes, outermost first, joined by colons.
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for Error {
    /// The message; with `{:#}` followed by its causes, as [`chain`] gives them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.write_str(&chain(self)) } else { f.write_str(&self.0.message) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A change breaks programs in other languages.
    #[test]
    fn codes_and_names_are_stable() {
        let found: Vec<(u16, &str)> = ErrorKind::ALL.iter().map(|kind| (kind.code(), kind.name())).collect();
        assert_eq!(
            found,
            [
                (1, "io"),
                (2, "argument"),
                (3, "cancelled"),
                (4, "busy"),
                (5, "resources"),
                (6, "deadline"),
                (7, "shut-down"),
                (20, "not-an-image"),
                (21, "image-unsupported"),
                (22, "image-damaged"),
                (23, "image-too-large"),
                (24, "image-blank"),
                (25, "image-for-processing"),
                (26, "frame-choice"),
                (30, "prompt-empty"),
                (31, "prompt-too-long"),
                (40, "model"),
                (41, "model-version"),
                (42, "other-model"),
                (43, "encoder-not-open"),
                (44, "self-test"),
                (45, "encoding"),
                (50, "runtime"),
                (51, "runtime-in-use"),
                (52, "provider"),
                (53, "forked"),
                (60, "inference"),
            ]
        );
        assert_eq!(found.iter().map(|(code, _)| code).collect::<BTreeSet<_>>().len(), found.len());
        assert_eq!(found.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len(), found.len());
    }

    #[test]
    fn a_message_holds_its_own_part_and_the_chain_all_of_it() {
        let source = std::io::Error::other("no such luck");
        let error = Error::io(Path::new("a.png"), "read", source).within("image 2 of 3");
        assert_eq!(error.to_string(), "image 2 of 3: cannot read a.png");
        assert_eq!(format!("{error:#}"), "image 2 of 3: cannot read a.png: no such luck");
        assert_eq!(chain(&error), format!("{error:#}"));
        assert_eq!(chain(&error.clone()), chain(&error), "copies keep the cause");
        assert_eq!(error.kind(), ErrorKind::Io);
    }

    #[cfg(unix)]
    #[test]
    fn file_handles_and_memory_that_ran_out_are_resources() {
        let kind = |source| Error::io(Path::new("a"), "read", source).kind();
        assert_eq!(kind(std::io::Error::from_raw_os_error(24)), ErrorKind::Resources);
        assert_eq!(kind(std::io::ErrorKind::OutOfMemory.into()), ErrorKind::Resources);
        assert_eq!(kind(std::io::ErrorKind::NotFound.into()), ErrorKind::Io);
    }
}
