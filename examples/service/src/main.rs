//! A small HTTP service around one shared encoder: `service MODEL_DIR`, to be copied from.
//!
//! `POST /infer?prompt=...&prompt=...` takes a PNG, JPEG or DICOM file as its body, and answers with the record of the results. The header
//! `x-timeout-seconds` shortens the time that a request may take. `GET /status` shows the queue, `GET /health` whether it takes requests.
//!
//! Every error of a request is `{"code", "name", "message"}` ([`failure`]); only what is no HTTP is answered by hyper, without a body.
//! A request takes its place in the queue before its body is read. One that finds none is told so at once, with `Retry-After`, and costs no
//! memory. A client that asks with `Expect: 100-continue`, as curl does, then has not sent its image either.
//!
//! Nothing is logged but the start, the end and errors that are the service's own.
//!
//! It belongs behind a proxy that has TLS, knows who may ask, and closes connections on which nothing comes: a connection costs about
//! 20 kilobytes here, and has a limit of time only from its first request's head on.

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

/// Said at the start and in every result.
const NOTICE: &str =
    "Research use only. Values are similarities between a sentence and an image, never a chance of disease.";

/// For requests that have a place when the service is asked to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// For their answers to be sent.
const GRACE: Duration = Duration::from_secs(5);

/// Compares radiographs with sentences, over HTTP.
#[derive(Parser)]
#[command(version, after_help = NOTICE)]
struct Arguments {
    /// Directory of the model.
    model: PathBuf,
    /// Address and port; port 0 takes one that is free.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Requests that are taken and not yet answered; one more is refused with 503.
    #[arg(long, default_value = "64", value_name = "REQUESTS")]
    capacity: NonZeroUsize,
    /// The time that a request may take, its body included.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// The largest body; requests hold at most this times the capacity.
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
    // The queue has threads of its own: these only move bytes.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(arguments, queue))
}

async fn serve(arguments: &Arguments, queue: EncoderQueue) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(arguments.listen).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let timeout_of_requests = Duration::from_secs(arguments.timeout);
    let service = Service::new(queue.clone(), timeout_of_requests, (arguments.max_body as usize) << 20);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, service.router()).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());

    asked_to_stop().await?;
    eprintln!("stopping");
    // From here on no connection is accepted, and each is closed after its answer.
    drop(stop);
    // It blocks: not on a thread that answers requests.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = queue.drain(&Cancellation::after(DRAIN)) {
            eprintln!("not everything was answered: {error:#}");
        }
        queue.shut_down();
    })
    .await?;
    // A connection that never finishes its request does not keep the service.
    drop(timeout(GRACE, server).await);
    Ok(())
}

#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
