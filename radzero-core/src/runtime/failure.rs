//! What an error of ONNX Runtime is: its own codes do not tell a bad file from a machine that has nothing left.

use radzero_format::{Error, ErrorKind};

/// What ONNX Runtime and the C++ library write where a thread or memory is refused.
const REFUSED: [&str; 5] = [
    "pthread_create",
    "Resource temporarily unavailable",
    "bad_alloc",
    "Failed to allocate memory",
    "Not enough memory",
];

/// The error of a kind, or of [`ErrorKind::Resources`] where that is what ONNX Runtime ran out of; the cause has the details.
pub(super) fn error(kind: ErrorKind, message: impl Into<String>, cause: ort::Error) -> Error {
    let kind = if is_refused(&cause.to_string()) { ErrorKind::Resources } else { kind };
    Error::new(kind, message).with_source(cause)
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
            ("", false),
        ] {
            assert_eq!(is_refused(text), refused, "{text}");
        }
    }
}
