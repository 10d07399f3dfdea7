//! An encoder that many callers share: bounded, fair, cancellable.

mod encoder;
mod lanes;
mod ordered;
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

pub use self::encoder::{BatchTokens, Encoder};
pub use self::ordered::EncodedImages;
use self::pipeline::{Pipeline, Sizes};
pub use self::place::Place;
pub use self::request::Request;
pub use self::status::{QueueStatus, QueueTotals};
pub use self::ticket::{Answer, Ticket};
use crate::cancellation::Cancellation;
use crate::model::RadZero;

/// Places for requests by default.
const CAPACITY: usize = 64;

/// Threads that read, and images in one run, at most: more than any machine makes use of.
const MOST: usize = 256;

/// An encoder that many callers share: a service, a DICOM node, a loop over an archive.
///
/// A request is admitted or refused at once ([`ErrorKind::Busy`](crate::ErrorKind::Busy)); nothing of it is read before its
/// turn. Then a worker reads and resamples it. One thread encodes; on a GPU it takes what is ready as a batch. One thread
/// compares and delivers. They work side by side, on a few images at a time, whatever the number of callers.
///
/// Requests are served first come, first served. A clone is the same queue; a [`lane`](Self::lane) of its own takes turns with
/// the others.
///
/// Dropping the last clone is [`shut_down`](Self::shut_down). In a forked child every call is
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

/// What the clones of a queue share. Its threads have no part in it, so that they end with it.
struct Owner<E: Encoder> {
    encoder: Arc<E>,
    pipeline: Arc<Pipeline>,
}

/// Choices for [`EncoderQueue::builder`].
#[derive(Debug)]
#[must_use]
pub struct EncoderQueueBuilder<E: Encoder = RadZero> {
    encoder: Arc<E>,
    sizes: Sizes,
}

impl<E: Encoder> EncoderQueueBuilder<E> {
    /// Admits at most this many requests whose answers are not taken yet; 64 by default. Further ones are refused
    /// ([`ErrorKind::Busy`](crate::ErrorKind::Busy)).
    pub fn capacity(mut self, requests: NonZeroUsize) -> Self {
        self.sizes.capacity = requests.get();
        self
    }

    /// Reads with this many threads, 256 at most; by default as many as [`Encoder::workers`] says.
    pub fn workers(mut self, threads: NonZeroUsize) -> Self {
        self.sizes.workers = threads.get().min(MOST);
        self
    }

    /// Encodes at most this many images in one run, 256 at most; by default as many as [`Encoder::batch`] says. Memory grows
    /// with it.
    pub fn batch(mut self, images: NonZeroUsize) -> Self {
        self.sizes.batch = images.get().min(MOST);
        self
    }

    /// Starts the queue's threads; fewer workers where no more can be had.
    ///
    /// # Errors
    /// [`ErrorKind::Resources`](crate::ErrorKind::Resources) if there cannot be three threads: a worker, one that encodes, one that
    /// delivers.
    pub fn start(self) -> Result<EncoderQueue<E>> {
        let owner = Owner { encoder: self.encoder, pipeline: Arc::new(Pipeline::new(self.sizes)) };
        // Where it fails, those that were started end with the owner.
        threads::start(&owner.encoder, &owner.pipeline)?;
        Ok(EncoderQueue { owner: Arc::new(owner), lane: 0 })
    }
}

impl<E: Encoder> EncoderQueue<E> {
    /// A queue for `encoder`, with defaults for everything that [`builder`](Self::builder) can choose.
    ///
    /// # Errors
    /// As [`EncoderQueueBuilder::start`].
    pub fn new(encoder: Arc<E>) -> Result<Self> {
        Self::builder(encoder).start()
    }

    /// Chooses sizes before a queue is started.
    pub fn builder(encoder: Arc<E>) -> EncoderQueueBuilder<E> {
        let sizes = Sizes {
            capacity: CAPACITY,
            workers: encoder.workers().clamp(1, MOST),
            batch: encoder.batch().clamp(1, MOST),
        };
        EncoderQueueBuilder { encoder, sizes }
    }

    /// What it runs.
    #[must_use]
    pub fn encoder(&self) -> &Arc<E> {
        &self.owner.encoder
    }

    /// Admits a request, or refuses it at once. Wait for the ticket, or `.await` it.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if there is no place, [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown),
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked), [`ErrorKind::Resources`](crate::ErrorKind::Resources) if its deadline cannot be
    /// watched; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), [`ErrorKind::Deadline`](crate::ErrorKind::Deadline) if it has ended
    /// already. What is wrong with the image or a prompt is the ticket's error.
    pub fn submit(&self, request: Request) -> Result<Ticket> {
        self.reserve()?.submit(request)
    }

    /// Takes a place for a request that is still to come: a server does so before it receives the body.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy), [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown),
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn reserve(&self) -> Result<Place> {
        Place::reserve(self.pipeline(), self.lane)
    }

    /// The same queue with a lane of its own: for a tenant, or for work in the background. Each lane is first come, first
    /// served, and they take turns, so that a long one does not hold up the others. Places are shared.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn lane(&self) -> Result<Self> {
        Ok(Self { owner: self.owner.clone(), lane: self.pipeline().new_lane()? })
    }

    /// Encodes any number of images, and gives the answers in the order of the requests, each with the tag that came with it.
    ///
    /// The next few are read and encoded while the caller looks at the one before. Each has its own result, so a bad one does
    /// not stop the rest. They have a [lane](Self::lane) of their own and need no place: they are never refused for others.
    /// After `cancellation` those in progress are [`Cancelled`](crate::ErrorKind::Cancelled) and the iterator ends, as it does
    /// where the queue is drained or shut down.
    ///
    /// Before each answer `requests` is asked for as many as are wanted ahead (7 on two cores). One that has to wait for its
    /// next request holds back answers that are there: [`submit`](Self::submit) such requests.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use radzero_core::{Cancellation, EncoderQueue, RadZero, Request};
    /// # fn main() -> radzero_core::Result<()> {
    /// let queue = EncoderQueue::new(Arc::new(RadZero::open("models/radzero")?))?;
    /// let model = queue.encoder();
    /// let prompts = model.encode_prompts(&["There is fibrosis"])?;
    /// let requests = ["a.png", "b.png"].map(|file| (file, Request::path(file)));
    /// for (file, answer) in queue.encode_all(requests, &Cancellation::new())? {
    ///     match answer.and_then(|answer| model.compare(&answer.encoded, &prompts)) {
    ///         Ok(found) => println!("{file}: {:.3}", found[0].probability()),
    ///         Err(error) => eprintln!("{file}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn encode_all<T, I: IntoIterator<Item = (T, Request)>>(
        &self,
        requests: I,
        cancellation: &Cancellation,
    ) -> Result<EncodedImages<T, I::IntoIter, E>> {
        Ok(EncodedImages::new(self.lane()?, requests.into_iter(), cancellation))
    }

    /// Depth, waiting times and counts.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn status(&self) -> Result<QueueStatus> {
        self.pipeline().status()
    }

    /// Takes no more requests, and waits until those that have a place, or are in progress, are answered; or until
    /// `cancellation`: with a deadline, then [`shut_down`](Self::shut_down). It blocks, as that does: not for a thread of an
    /// asynchronous runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), [`ErrorKind::Deadline`](crate::ErrorKind::Deadline): some are in progress
    /// still; [`ErrorKind::Resources`](crate::ErrorKind::Resources), [`ErrorKind::Forked`](crate::ErrorKind::Forked).
    pub fn drain(&self, cancellation: &Cancellation) -> Result<()> {
        self.pipeline().drain(cancellation)
    }

    /// Takes no more requests and ends those in progress ([`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown)); returns when
    /// the queue's threads have ended: a run ends within one operator's time, an image that is being decoded is decoded first.
    /// Called from a reader or a waker on one of the queue's threads, it does not wait.
    pub fn shut_down(&self) {
        self.owner.shut_down();
    }

    fn pipeline(&self) -> &Arc<Pipeline> {
        &self.owner.pipeline
    }

    fn submit_without_place(&self, request: Request) -> Result<Ticket> {
        self.pipeline().submit(self.lane, None, request)
    }
}

impl<E: Encoder> Owner<E> {
    fn shut_down(&self) {
        // In a forked child there is nothing to end.
        if self.pipeline.process.check().is_ok() {
            self.pipeline.shut_down();
            if !threads::is_needed() {
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

/// Sharing between threads is part of the interface.
const _: () = {
    const fn shareable<T: Send + Sync + 'static>() {}
    const fn sendable<T: Send + 'static>() {}
    shareable::<EncoderQueue>();
    shareable::<Ticket>();
    shareable::<Place>();
    sendable::<Request>();
    sendable::<Answer>();
};
