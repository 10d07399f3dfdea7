//! An encoder that many callers share: bounded, fair and cancellable.

mod answer;
mod discard;
mod encoded_images;
mod encoder;
mod job;
mod lanes;
mod pipeline;
mod place;
mod request;
mod status;
mod threads;
mod ticket;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use radzero_format::Result;

pub use self::answer::Answer;
pub use self::encoded_images::EncodedImages;
pub use self::encoder::{BatchTokens, Encoder};
use self::pipeline::{Pipeline, Sizes};
pub use self::place::Place;
pub use self::request::Request;
pub use self::status::{QueueStatus, QueueTotals};
pub use self::ticket::Ticket;
use crate::cancellation::Cancellation;
use crate::model::RadZero;

/// The default number of places.
const DEFAULT_CAPACITY: usize = 64;

/// The most workers, and the most images in one run: more than any machine can use.
const MAX_SIZE: usize = 256;

/// An encoder that many callers share: a service, a DICOM node, a loop over an archive.
///
/// A request is admitted or refused ([`ErrorKind::Busy`](crate::ErrorKind::Busy)) at once, but its image is read only when its
/// turn comes. Then a worker reads and resamples it. One thread encodes; on a GPU there are two, which take turns with batches of
/// the images that are ready. Another thread compares and delivers. They work in parallel on a few images at a time, no matter
/// how many callers there are.
///
/// Requests are served in order of arrival. Clones share one queue; [`lane`](Self::lane) makes a separate lane, and lanes take
/// turns.
///
/// Dropping the last clone calls [`shut_down`](Self::shut_down). In a forked child every call fails with
/// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
///
/// use radzero_core::{EncoderQueue, RadZero, Request};
///
/// # fn main() -> radzero_core::Result<()> {
/// let queue = EncoderQueue::new(Arc::new(RadZero::open("models/radzero")?))?;
/// let request = Request::path("chest.png").prompts(["There is fibrosis"]).deadline(Instant::now() + Duration::from_secs(10));
/// // `queue.submit(request)?.await` in asynchronous code.
/// let answer = queue.submit(request)?.wait()?;
/// println!("{:.3}", answer.comparisons[0].probability());
/// # Ok(())
/// # }
/// ```
pub struct EncoderQueue<E: Encoder = RadZero> {
    owner: Arc<Owner<E>>,
    lane: u64,
}

/// Shared by the clones of a queue, but not by its threads: they end when it is dropped.
struct Owner<E: Encoder> {
    encoder: Arc<E>,
    pipeline: Arc<Pipeline>,
}

/// Configures an [`EncoderQueue`]: see [`EncoderQueue::builder`].
#[derive(Debug)]
#[must_use]
pub struct EncoderQueueBuilder<E: Encoder = RadZero> {
    encoder: Arc<E>,
    sizes: Sizes,
}

impl<E: Encoder> EncoderQueueBuilder<E> {
    /// Sets the number of places; 64 by default. A request keeps its place until its answer is taken. Without a free place,
    /// requests are refused ([`ErrorKind::Busy`](crate::ErrorKind::Busy)).
    pub fn capacity(mut self, requests: NonZeroUsize) -> Self {
        self.sizes.capacity = requests.get();
        self
    }

    /// Sets the number of workers that read images, at most 256; [`Encoder::workers`] by default.
    pub fn workers(mut self, threads: NonZeroUsize) -> Self {
        self.sizes.workers = threads.get().min(MAX_SIZE);
        self
    }

    /// Sets the most images in one run, at most 256; [`Encoder::batch`] by default. Memory grows with it.
    pub fn batch(mut self, images: NonZeroUsize) -> Self {
        self.sizes.batch = images.get().min(MAX_SIZE);
        self
    }

    /// Starts the queue's threads, with fewer workers if the system refuses some.
    ///
    /// # Errors
    /// [`ErrorKind::Resources`](crate::ErrorKind::Resources) unless at least three threads can be started: a worker, the one that
    /// encodes, and the one that delivers.
    pub fn start(self) -> Result<EncoderQueue<E>> {
        let owner = Owner { encoder: self.encoder, pipeline: Arc::new(Pipeline::new(self.sizes)) };
        // On failure, threads that were started end with the owner.
        threads::start(&owner.encoder, &owner.pipeline)?;
        Ok(EncoderQueue { owner: Arc::new(owner), lane: 0 })
    }
}

impl<E: Encoder> EncoderQueue<E> {
    /// A queue for `encoder` with default settings. [`builder`](Self::builder) changes them.
    ///
    /// # Errors
    /// As [`EncoderQueueBuilder::start`].
    pub fn new(encoder: Arc<E>) -> Result<Self> {
        Self::builder(encoder).start()
    }

    /// Configures a queue before it starts.
    pub fn builder(encoder: Arc<E>) -> EncoderQueueBuilder<E> {
        let sizes = Sizes {
            capacity: DEFAULT_CAPACITY,
            workers: encoder.workers().clamp(1, MAX_SIZE),
            batch: encoder.batch().clamp(1, MAX_SIZE),
            runs: encoder.runs().clamp(1, MAX_SIZE),
        };
        EncoderQueueBuilder { encoder, sizes }
    }

    /// The encoder that it runs.
    #[must_use]
    pub fn encoder(&self) -> &Arc<E> {
        &self.owner.encoder
    }

    /// Admits or refuses a request at once. Wait for the ticket, or `.await` it.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if no place is free, [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown),
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked), [`ErrorKind::Resources`](crate::ErrorKind::Resources) if the thread for
    /// its deadline cannot be started; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) or
    /// [`ErrorKind::Deadline`](crate::ErrorKind::Deadline) if it has already ended. Errors of the image or a prompt come from
    /// the ticket.
    pub fn submit(&self, request: Request) -> Result<Ticket> {
        self.reserve()?.submit(request)
    }

    /// Reserves a place for a request that is still to come, for example before a server receives the body.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy), [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown),
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn reserve(&self) -> Result<Place> {
        Place::reserve(self.pipeline(), self.lane)
    }

    /// The same queue with a new lane, for example for a tenant or for background work. Within a lane, requests are served in
    /// order of arrival; lanes take turns, so a long lane does not hold up the others. All lanes share the places.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn lane(&self) -> Result<Self> {
        Ok(Self { owner: self.owner.clone(), lane: self.pipeline().new_lane()? })
    }

    /// Depth, waiting times and counts.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn status(&self) -> Result<QueueStatus> {
        self.pipeline().status()
    }

    /// Stops admitting requests, and waits until all that have a place or are in progress are answered, or until `cancellation`
    /// ends: give it a deadline, and call [`shut_down`](Self::shut_down) afterwards. Both block, so do not call them on a thread
    /// of an asynchronous runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) or [`ErrorKind::Deadline`](crate::ErrorKind::Deadline) if requests
    /// are still in progress; [`ErrorKind::Resources`](crate::ErrorKind::Resources), [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn drain(&self, cancellation: &Cancellation) -> Result<()> {
        self.pipeline().drain(cancellation)
    }

    /// Stops admitting requests, ends those in progress ([`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown)), and returns when
    /// the queue's threads have ended: a run stops after its current operator, but decoding an image is not interrupted. A call
    /// from a reader or waker on one of the queue's threads does not wait.
    pub fn shut_down(&self) {
        self.owner.shut_down();
    }

    fn pipeline(&self) -> &Arc<Pipeline> {
        &self.owner.pipeline
    }

    fn submit_without_place(&self, request: Request) -> Result<Ticket> {
        let job = self.pipeline().submit(self.lane, None, request)?;
        Ok(Ticket::new(job, self.pipeline().process, None))
    }
}

impl<E: Encoder> Owner<E> {
    fn shut_down(&self) {
        // In a forked child there is nothing to end.
        if self.pipeline.process.check().is_ok() {
            self.pipeline.shut_down();
            if !threads::must_not_wait() {
                self.pipeline.wait_for_threads();
            }
        }
    }
}

impl<E: Encoder> Drop for Owner<E> {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl<E: Encoder> Clone for EncoderQueue<E> {
    fn clone(&self) -> Self {
        Self { owner: self.owner.clone(), lane: self.lane }
    }
}

impl<E: Encoder> fmt::Debug for EncoderQueue<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncoderQueue").field("status", &self.status().ok()).finish_non_exhaustive()
    }
}

/// Checked at compile time: these types can be shared or sent between threads.
const _: () = {
    const fn shareable<T: Send + Sync + 'static>() {}
    const fn sendable<T: Send + 'static>() {}
    shareable::<EncoderQueue>();
    shareable::<Ticket>();
    shareable::<Place>();
    sendable::<Request>();
    sendable::<Answer>();
};
