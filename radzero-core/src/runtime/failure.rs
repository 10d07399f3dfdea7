//! The kind of an error of ONNX Runtime, whose own codes do not tell a bad file from a machine out of memory or threads.

use radzero_format::{Error, ErrorKind};

/// Parts of the messages that ONNX Runtime and the C++ library give when a thread or memory is refused.
const REFUSED: [&str; 9] = [
    "pthread_create",
    "Resource temporarily unavailable",
    "bad_alloc",
    "Failed to allocate memory",
    "Not enough memory",
    "smaller than requested bytes",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
];

/// An error of this kind, or of [`ErrorKind::Resources`] if ONNX Runtime was refused memory or a thread; the cause has the details.
pub(super) fn error(kind: ErrorKind, message: impl Into<String>, cause: ort::Error) -> Error {
    Error::new(kind_of(kind, &cause), message).with_source(cause)
}

/// This kind, or [`ErrorKind::Resources`] if the cause says so.
pub(super) fn kind_of(kind: ErrorKind, cause: &dyn std::error::Error) -> ErrorKind {
    if is_refused(&cause.to_string()) { ErrorKind::Resources } else { kind }
}

fn is_refused(text: &str) -> bool {
    REFUSED.iter().any(|refused| text.contains(refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_refuses_is_told_from_what_is_wrong() {
        for (text, refused) in [
            (
                "env.cc:234 PosixThread pthread_create failed, error code: 11 error msg: Resource temporarily unavailable",
                true,
            ),
            ("std::bad_alloc", true),
            ("bfc_arena.cc:359 Failed to allocate memory for requested buffer of size 9", true),
            ("Load model from a.onnx failed:Protobuf parsing failed.", false),
            ("CUDA failure 2: out of memory ; GPU=0", true),
            ("Available memory of 0 is smaller than requested bytes of 8388608", true),
            ("", false),
        ] {
            assert_eq!(is_refused(text), refused, "{text}");
        }
    }
}
