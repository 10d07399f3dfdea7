//! The routes of the service and their handlers.

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

/// Largest number of prompts in a request: each costs a run of the text encoder.
const MAX_PROMPTS: usize = 64;

/// State shared by the handlers.
#[derive(Clone)]
pub(crate) struct Service {
    queue: EncoderQueue,
    /// Time limit of a request, which may ask for less.
    timeout: Duration,
    /// Largest body in bytes.
    max_body: usize,
}

/// The record as `radzero infer --json` prints it, with the notice that must go with it.
#[derive(Serialize)]
struct ResultBody {
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

    /// Deadline of a request with these headers.
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
    // Awaited here and not in a task of its own: when the client disconnects, this future is dropped, and with it the ticket,
    // which cancels the request.
    let answer = place.submit(request)?.await?;
    // Takes milliseconds for a large image, during which a thread of the runtime would serve nobody else.
    let response = spawn_blocking(move || response(&answer)).await;
    response
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Inference, "the record of the results panicked")))
        .map_err(Failure::from)
}

/// Reserves a place and receives the body, in this order, so that a request to a full queue is refused at once.
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
        // Not 504, because the client was slow.
        Err(_) => {
            let message = "the deadline passed before the body was there";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, ErrorKind::Deadline, message))
        }
    }
}

fn response(answer: &Answer) -> Result<Response, Error> {
    let record = Comparison::record(&answer.comparisons)?;
    Ok(Json(ResultBody { record, notice: NOTICE }).into_response())
}

async fn status(State(service): State<Service>) -> Result<Json<QueueStatus>, Failure> {
    Ok(Json(service.queue.status()?))
}

/// Tells whether requests are accepted, which ends when the service begins to stop.
async fn health(State(service): State<Service>) -> Result<Json<Health>, Failure> {
    if !service.queue.status()?.open {
        return Err(Error::new(ErrorKind::ShutDown, "the service is stopping").into());
    }
    Ok(Json(Health { open: true }))
}

/// The prompts of a query, in order. Parameters with another name are refused: they may be misspelled.
fn prompts(query: &str) -> Result<Vec<String>, Error> {
    let mut prompts = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "prompt" || prompts.len() == MAX_PROMPTS {
            return Err(argument(format!("at most {MAX_PROMPTS} parameters named prompt expected, others found")));
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
