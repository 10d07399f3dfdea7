//! `service MODEL_DIR`: a small HTTP service around one shared encoder, meant as a starting point for your own.
//!
//! `POST /infer?prompt=...&prompt=...` takes a PNG, JPEG or DICOM file as its body, and answers with the result record. The header
//! `x-timeout-seconds` sets a deadline shorter than the service's own. `GET /status` shows the queue, `GET /health` tells whether
//! the service takes requests.
//!
//! Every failed request is answered with `{"code", "name", "message"}` ([`failure`]). The exception is input that is not valid
//! HTTP: hyper answers it without a body. A request reserves its place in the queue before its body is read. If the queue is full,
//! it is refused at once, with `Retry-After`, and costs no memory. A client that sends `Expect: 100-continue`, as curl does, has
//! not sent its image by then.
//!
//! Only the start, the end and the service's own errors are logged.
//!
//! Run it behind a proxy that provides TLS, authenticates clients and closes idle connections. A connection costs about
//! 20 kilobytes here, and no time limit applies until the head of its first request is there.

#![forbid(unsafe_code)]

mod failure;
mod service;

use std::error::Error;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use radzero_core::{Cancellation, EncoderQueue, RadZero};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::service::Service;

/// Printed at the start and included in every result.
const NOTICE: &str =
    "Research use only. Values are similarities between a sentence and an image, never a chance of disease.";

/// Time left to requests that have a place in the queue when the service is asked to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Time left to send their answers after that.
const GRACE: Duration = Duration::from_secs(5);

/// Compares radiographs with sentences, over HTTP.
#[derive(Parser)]
#[command(version, after_help = NOTICE)]
struct Arguments {
    /// Model directory.
    model: PathBuf,
    /// Address and port; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Largest number of accepted and unanswered requests; further ones are refused with 503.
    #[arg(long, default_value = "64", value_name = "REQUESTS")]
    capacity: NonZeroUsize,
    /// Time limit of a request, including the time to receive its body.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Largest body; together, requests hold at most this times the capacity.
    #[arg(long, default_value_t = 64, value_name = "MEGABYTES", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    max_body: u64,
}

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    eprintln!("{NOTICE}");
    let model = Arc::new(RadZero::open(&arguments.model)?);
    let queue = EncoderQueue::builder(model).capacity(arguments.capacity).start()?;
    // The queue has its own threads; these only move bytes.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(arguments, queue))
}

async fn serve(arguments: &Arguments, queue: EncoderQueue) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(arguments.listen).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let request_timeout = Duration::from_secs(arguments.timeout);
    let service = Service::new(queue.clone(), request_timeout, (arguments.max_body as usize) << 20);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, service.router()).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());

    stop_signal().await?;
    eprintln!("stopping");
    // From here on no connection is accepted, and open ones are closed after their answer.
    drop(stop);
    // Draining blocks, so it must not run on a thread that answers requests.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = queue.drain(&Cancellation::after(DRAIN)) {
            eprintln!("not everything was answered: {error:#}");
        }
        queue.shut_down();
    })
    .await?;
    // A connection that never finishes its request must not keep the service running.
    drop(timeout(GRACE, server).await);
    Ok(())
}

/// Waits for Ctrl-C, or on Unix also for SIGTERM.
#[cfg(unix)]
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
