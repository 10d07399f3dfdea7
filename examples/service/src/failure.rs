//! Error responses: an HTTP status for every kind of error, as listed in docs/embedding.md.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use radzero_core::{Error, ErrorKind};
use serde::Serialize;

/// An error response.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    error: Error,
    /// Whether the connection must be closed.
    close: bool,
}

#[derive(Serialize)]
struct ErrorBody {
    code: u16,
    name: &'static str,
    message: String,
}

impl Failure {
    /// An error before the body was read, with a status that is not that of its kind.
    pub(crate) fn new(status: StatusCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { status, error: Error::new(kind, message), close: true }
    }

    /// The same error, before the body was read to its end. The server then closes the connection, and the client has to be told,
    /// or it sends its next request on it.
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
            // Without the message, which may contain a path.
            eprintln!("error {}: {}", kind.code(), kind.name());
        }
        let body = ErrorBody { code: kind.code(), name: kind.name(), message: format!("{:#}", self.error) };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // A place becomes free as soon as an image is done.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The status for a kind of error; `None` for kinds that later versions of the library add.
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
    fn every_kind_has_its_documented_status() {
        for &kind in ErrorKind::ALL {
            let found = status(kind);
            assert!(found.is_some(), "{kind} falls through");
            let row = format!("| {} | `{kind}` |", kind.code());
            let documented = include_str!("../../../docs/embedding.md").lines().find(|line| line.starts_with(&row));
            // The last column begins with the status.
            let column = documented.and_then(|line| line.trim_end_matches([' ', '|']).rsplit("| ").next());
            let documented = column.and_then(|column| column.get(..3)?.parse().ok());
            assert_eq!(documented, found, "{kind}");
        }
    }
}
