//! The paths of the service, and what a request goes through.

use std::time::{Duration, Instant};

use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, RawQuery, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use radzero_core::record::ResultRecord;
use radzero_core::{Answer, Comparison, EncoderQueue, Error, ErrorKind, Place, QueueStatus, Request};
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use crate::NOTICE;
use crate::failure::Failure;

const TIMEOUT: HeaderName = HeaderName::from_static("x-timeout-seconds");

/// Prompts of one request, at most: each costs a run of the text encoder.
const PROMPTS: usize = 64;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Service {
    queue: EncoderQueue,
    /// For a request, if it does not ask for less.
    timeout: Duration,
    /// Bytes of a body.
    max_body: usize,
}

/// A record as `radzero infer --json` prints it, and what must be said with it.
#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    record: ResultRecord,
    notice: &'static str,
}

#[derive(Serialize)]
struct Health {
    open: bool,
}

impl Service {
    pub(crate) fn new(queue: EncoderQueue, timeout: Duration, max_body: usize) -> Self {
        Self { queue, timeout, max_body }
    }

    pub(crate) fn router(self) -> Router {
        let not_found = async || Failure::new(StatusCode::NOT_FOUND, ErrorKind::Argument, "no such path");
        let not_allowed = async || {
            let message = "the path takes another method";
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::Argument, message)
        };
        Router::new()
            .route("/infer", post(infer))
            .route("/status", get(status))
            .route("/health", get(health))
            .fallback(not_found)
            .method_not_allowed_fallback(not_allowed)
            .layer(DefaultBodyLimit::max(self.max_body))
            .with_state(self)
    }

    /// When a request with these headers ends.
    fn deadline(&self, headers: &HeaderMap) -> Result<Instant, Failure> {
        let Some(value) = headers.get(TIMEOUT) else { return Ok(Instant::now() + self.timeout) };
        let seconds = value.to_str().ok().and_then(|value| value.parse().ok());
        let asked = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let asked = asked.ok_or_else(|| argument(format!("seconds expected in {TIMEOUT}, another value found")))?;
        Ok(Instant::now() + asked.min(self.timeout))
    }

    fn too_large(&self) -> Error {
        let message = format!("a body of at most {} bytes expected, a larger one found", self.max_body);
        Error::new(ErrorKind::ImageTooLarge, message)
    }
}

async fn infer(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    request: HttpRequest,
) -> Result<Response, Failure> {
    let received = receive(&service, &query.unwrap_or_default(), request).await;
    let (place, request) = received.map_err(Failure::with_body_unread)?;
    // In this future, and in no task of its own: when the client goes away it is dropped, and the ticket with it, which ends the request.
    let answer = place.submit(request)?.await?;
    // Milliseconds for a large image: not on a thread that others wait for.
    let found = spawn_blocking(move || found(&answer)).await;
    found
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Inference, "the record of the results panicked")))
        .map_err(Failure::from)
}

/// Everything until the body is there. The place comes before the body: who finds none is told so at once.
async fn receive(service: &Service, query: &str, request: HttpRequest) -> Result<(Place, Request), Failure> {
    let deadline = service.deadline(request.headers())?;
    let prompts = prompts(query)?;
    if request.body().size_hint().lower() > service.max_body as u64 {
        return Err(service.too_large().into());
    }
    let place = service.queue.reserve()?;
    match timeout_at(deadline.into(), Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok((place, Request::bytes(body).prompts(prompts).deadline(deadline))),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(service.too_large().into()),
        Ok(Err(_)) => Err(argument("the body cannot be read to its end").into()),
        // Not 504: it is the client that was slow.
        Err(_) => {
            let message = "the deadline passed before the body was there";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, ErrorKind::Deadline, message))
        }
    }
}

fn found(answer: &Answer) -> Result<Response, Error> {
    let record = Comparison::record(&answer.comparisons)?;
    Ok(Json(Found { record, notice: NOTICE }).into_response())
}

async fn status(State(service): State<Service>) -> Result<Json<QueueStatus>, Failure> {
    Ok(Json(service.queue.status()?))
}

/// Whether requests are taken: not while the service stops.
async fn health(State(service): State<Service>) -> Result<Json<Health>, Failure> {
    if !service.queue.status()?.open {
        return Err(Error::new(ErrorKind::ShutDown, "the service is stopping").into());
    }
    Ok(Json(Health { open: true }))
}

/// The prompts of a query, in their order. Another name is refused, as it may be one that was misspelled.
fn prompts(query: &str) -> Result<Vec<String>, Error> {
    let mut prompts = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "prompt" || prompts.len() == PROMPTS {
            return Err(argument(format!("at most {PROMPTS} parameters named prompt expected, others found")));
        }
        prompts.push(value.into_owned());
    }
    if prompts.is_empty() {
        return Err(argument("at least one parameter named prompt expected, none found"));
    }
    Ok(prompts)
}

fn argument(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, message)
}
