//! What a client is told when a request fails: a status for every kind of error, as docs/embedding.md has them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use radzero_core::{Error, ErrorKind};
use serde::Serialize;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    error: Error,
    /// Whether the connection is of no use any more.
    close: bool,
}

#[derive(Serialize)]
struct Body {
    code: u16,
    name: &'static str,
    message: String,
}

impl Failure {
    /// An error before the body was read, that HTTP has a status of its own for.
    pub(crate) fn new(status: StatusCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { status, error: Error::new(kind, message), close: true }
    }

    /// Before the body was read to its end: the connection is closed then, and a client that is not told so sends its next request on it.
    pub(crate) fn with_body_unread(self) -> Self {
        Self { close: true, ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status(error.kind()).and_then(|status| StatusCode::from_u16(status).ok());
        Self { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error, close: false }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let kind = self.error.kind();
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            // Without the message: it may hold a path.
            eprintln!("error {}: {}", kind.code(), kind.name());
        }
        let body = Body { code: kind.code(), name: kind.name(), message: format!("{:#}", self.error) };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // A place is free as soon as one image is done.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// `None` for a kind that a later version of the library adds.
fn status(kind: ErrorKind) -> Option<u16> {
    Some(match kind {
        ErrorKind::Argument | ErrorKind::EmptyPrompt | ErrorKind::PromptTooLong => 400,
        ErrorKind::ForProcessing | ErrorKind::FrameChoice | ErrorKind::OtherModel => 409,
        ErrorKind::ImageTooLarge => 413,
        ErrorKind::NotAnImage | ErrorKind::UnsupportedImage => 415,
        ErrorKind::DamagedImage | ErrorKind::BlankImage | ErrorKind::Encoding => 422,
        ErrorKind::Cancelled => 499,
        ErrorKind::Busy | ErrorKind::Resources | ErrorKind::ShutDown => 503,
        ErrorKind::Deadline => 504,
        ErrorKind::Io
        | ErrorKind::Model
        | ErrorKind::ModelVersion
        | ErrorKind::EncoderNotOpen
        | ErrorKind::SelfTest
        | ErrorKind::Runtime
        | ErrorKind::RuntimeInUse
        | ErrorKind::Provider
        | ErrorKind::Forked
        | ErrorKind::Inference => 500,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_status_of_the_documentation() {
        for &kind in ErrorKind::ALL {
            let found = status(kind);
            assert!(found.is_some(), "{kind} falls through");
            let row = format!("| {} | `{kind}` |", kind.code());
            let documented = include_str!("../../../docs/embedding.md").lines().find(|line| line.starts_with(&row));
            // Its last column begins with the status.
            let column = documented.and_then(|line| line.trim_end_matches([' ', '|']).rsplit("| ").next());
            let documented = column.and_then(|column| column.get(..3)?.parse().ok());
            assert_eq!(documented, found, "{kind}");
        }
    }
}
