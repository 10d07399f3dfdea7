//! Many radiographs: decoding and resampling the next ones while the encoder runs.
//!
//! source -> workers (read, decode, resample; in order, a few ahead) -> encoder thread (in batches where that pays) ->
//! finishing thread (tokens to memory of their own) -> the caller's loop (compare, maps, files). Each step runs beside the
//! others, and waits when the next one is behind: what is held in memory does not grow with the number of images.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use ndarray::Array3;
use radzero_format::{Error, ErrorKind, Result};
use radzero_score::EncodedImage;

use super::RadZero;
use super::ordered::{Ordered, no_thread};
use crate::radiograph::Radiograph;
use crate::runtime::{Cancellation, ImageTokens, Patience};

/// Threads that read and decode for an encoder on the CPU, at most: more than it keeps up with.
const WORKERS: usize = 4;

/// The same for one on a GPU, which may be faster than all cores read; each holds an image.
const GPU_WORKERS: usize = 32;

/// Encoded images that wait for the caller, at most.
const WAITING: usize = 2;

/// Images in one run on a GPU.
const GPU_BATCH: usize = 8;

/// One image of an archive.
#[derive(Debug)]
pub struct ArchiveImage<S> {
    /// What it was read from.
    pub source: S,
    /// The decoded radiograph and its encoding, or what kept it from that.
    pub result: Result<(Radiograph, EncodedImage)>,
}

/// The images of an archive, in the order of their sources. Dropping it ends the work.
pub struct EncodedArchive<S>(Receiver<ArchiveImage<S>>);

impl<S> Iterator for EncodedArchive<S> {
    type Item = ArchiveImage<S>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().ok()
    }
}

impl<S> std::fmt::Debug for EncodedArchive<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodedArchive").finish_non_exhaustive()
    }
}

/// A radiograph that is ready for the encoder.
struct Prepared<S> {
    source: S,
    result: Result<(Radiograph, Array3<u8>)>,
}

/// A batch as it leaves the encoder.
struct Encoded<S> {
    images: Vec<(S, Result<Radiograph>)>,
    /// Of those that were read, in their order; `None` if none was.
    tokens: Option<Result<ImageTokens>>,
}

impl RadZero {
    /// Encodes the radiographs that `read` makes of `sources`, which may be any number of paths, bytes or keys.
    ///
    /// Reading, encoding and the caller's own loop run at the same time, on threads of `scope`; each image has its own
    /// result, so a bad one does not stop the rest. A few radiographs are held at a time. On a GPU images are encoded in
    /// batches, as many as are ready. After `cancellation` the images under way are
    /// [`Cancelled`](crate::ErrorKind::Cancelled) and the iterator ends. The archive waits for the encoder, however many do.
    ///
    /// # Errors
    /// [`ErrorKind::Resources`] if no thread can be had.
    ///
    /// ```no_run
    /// # use radzero_core::{Cancellation, RadZero, Radiograph};
    /// # fn main() -> radzero_core::Result<()> {
    /// let model = RadZero::open("models/radzero")?;
    /// let prompts = model.encode_prompts(&["There is fibrosis"])?;
    /// let files = ["a.png", "b.png"];
    /// std::thread::scope(|scope| {
    ///     let archive = model.encode_all(scope, files, |file| Radiograph::open(file), &Cancellation::new())?;
    ///     for image in archive {
    ///         match image.result.and_then(|(_, encoded)| model.compare(&encoded, &prompts)) {
    ///             Ok(found) => println!("{}: {:.3}", image.source, found[0].probability()),
    ///             Err(error) => eprintln!("{}: {error}", image.source),
    ///         }
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn encode_all<'scope, 'env, S, I>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        sources: I,
        read: impl Fn(&S) -> Result<Radiograph> + Send + Sync + 'scope,
        cancellation: &Cancellation,
    ) -> Result<EncodedArchive<S>>
    where
        I: IntoIterator<Item = S, IntoIter: Send + 'scope>,
        S: Send + 'scope,
    {
        // On a CPU batches gain nothing.
        let (batch, most) = if self.device.is_gpu() { (GPU_BATCH, GPU_WORKERS) } else { (1, WORKERS) };
        let workers = rayon::current_num_threads().min(most);
        let prepared = Ordered::start(scope, sources.into_iter(), workers, workers + batch, move |source| {
            let result = self.image().and_then(|_| read(&source)).and_then(|radiograph| {
                let pixels = self.pixels(&radiograph)?;
                Ok((radiograph, pixels))
            });
            Prepared { source, result }
        })?;
        // None waits in between: one batch is handed out while the next is encoded, which then waits for it.
        let (batches, encoded) = sync_channel(0);
        let (sender, receiver) = sync_channel(WAITING);
        let cancellation = cancellation.clone();
        let encode = move || self.encode_prepared(&prepared, batch, &cancellation, &batches);
        let finish = move || self.finish(&encoded, &sender);
        thread::Builder::new().spawn_scoped(scope, encode).map_err(no_thread)?;
        thread::Builder::new().spawn_scoped(scope, finish).map_err(no_thread)?;
        Ok(EncodedArchive(receiver))
    }

    /// Encodes until there is nothing left, the caller is gone, or it is cancelled.
    fn encode_prepared<S: Send>(
        &self,
        prepared: &Ordered<Prepared<S>>,
        batch: usize,
        cancellation: &Cancellation,
        sender: &SyncSender<Encoded<S>>,
    ) {
        while let Some(first) = prepared.next() {
            let more = std::iter::from_fn(|| prepared.next_ready()).take(batch - 1);
            let images: Vec<Prepared<S>> = std::iter::once(first).chain(more).collect();
            if sender.send(self.encode_batch(images, cancellation)).is_err() || cancellation.is_cancelled() {
                return;
            }
        }
    }

    fn encode_batch<S>(&self, images: Vec<Prepared<S>>, cancellation: &Cancellation) -> Encoded<S> {
        let span = tracing::debug_span!("radzero.encode_images", images = images.len());
        let _entered = span.enter();
        let mut pixels = Vec::with_capacity(images.len());
        let images: Vec<(S, Result<Radiograph>)> = images
            .into_iter()
            .map(|image| {
                let radiograph = image.result.map(|(radiograph, fitted)| {
                    pixels.push(fitted);
                    radiograph
                });
                (image.source, radiograph)
            })
            .collect();
        let tokens = match pixels.as_slice() {
            [] => None,
            pixels => Some(self.image().and_then(|session| session.run(pixels, Patience::Any, cancellation))),
        };
        Encoded { images, tokens }
    }

    /// Hands images over, one after the other, until there is nothing left or the caller is gone.
    fn finish<S>(&self, encoded: &Receiver<Encoded<S>>, sender: &SyncSender<ArchiveImage<S>>) {
        for Encoded { images, tokens } in encoded {
            let encodings = match &tokens {
                None => Vec::new(),
                Some(Ok(tokens)) => {
                    let read: Vec<&Radiograph> = images.iter().filter_map(|(_, read)| read.as_ref().ok()).collect();
                    self.encoded_each(&read, tokens)
                }
                Some(Err(error)) => {
                    images.iter().filter(|(_, read)| read.is_ok()).map(|_| Err(error.clone())).collect()
                }
            };
            // The memory is free for the next batch while the caller looks at this one.
            drop(tokens);
            let mut encodings = encodings.into_iter();
            for (source, radiograph) in images {
                let missing = || Err(Error::new(ErrorKind::Inference, "the image graph returned no image"));
                let result = radiograph.and_then(|radiograph| {
                    let encoded = encodings.next().unwrap_or_else(missing)?;
                    Ok((radiograph, encoded))
                });
                if sender.send(ArchiveImage { source, result }).is_err() {
                    return;
                }
            }
        }
    }
}
