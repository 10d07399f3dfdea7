//! Encoding radiographs.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, scope};

use radzero_format::record::ImageRecord;
use radzero_format::{Error, ErrorKind, Result};
use radzero_pool as pool;
use radzero_score::EncodedImage;

use super::{RadZero, not_finite};
use crate::cancellation::Cancellation;
use crate::radiograph::Radiograph;
use crate::runtime::{GPU_BATCH, ImageSession, ImageTokens};

impl RadZero {
    /// Encodes a radiograph. The result can be compared with any number of prompts.
    ///
    /// # Errors
    /// [`ErrorKind::EncoderNotOpen`], [`ErrorKind::Busy`], [`ErrorKind::Forked`], [`ErrorKind::Resources`];
    /// [`ErrorKind::Inference`] if the graph fails.
    pub fn encode_image(&self, radiograph: &Radiograph) -> Result<EncodedImage> {
        self.encode_image_until(radiograph, &Cancellation::new())
    }

    pub(super) fn encode_image_until(
        &self,
        radiograph: &Radiograph,
        cancellation: &Cancellation,
    ) -> Result<EncodedImage> {
        let mut encoded = self.encode_images_until(std::slice::from_ref(radiograph), cancellation)?;
        // Should not occur: a run returns as many images as it was given.
        encoded.pop().ok_or_else(|| Error::new(ErrorKind::Inference, "the image graph returned no image"))
    }

    /// Encodes radiographs together. Returns the results in the order of the radiographs.
    ///
    /// On a CPU, one run of the image graph encodes them all. A GPU encodes up to 8 in a run; while it does, the cores prepare
    /// the next ones. At full size each image of a run takes about 60 MB, of which 10 MB stay allocated for later ones.
    ///
    /// # Errors
    /// As [`encode_image`](Self::encode_image).
    pub fn encode_images(&self, radiographs: &[Radiograph]) -> Result<Vec<EncodedImage>> {
        self.encode_images_until(radiographs, &Cancellation::new())
    }

    /// As [`encode_images`](Self::encode_images), but can be cancelled.
    ///
    /// # Errors
    /// As [`encode_images`](Self::encode_images), and [`ErrorKind::Cancelled`], [`ErrorKind::Deadline`].
    pub fn encode_images_until(
        &self,
        radiographs: &[Radiograph],
        cancellation: &Cancellation,
    ) -> Result<Vec<EncodedImage>> {
        if radiographs.is_empty() {
            return Ok(Vec::new());
        }
        let session = self.image_session()?;
        let span = tracing::debug_span!("radzero.encode_images", images = radiographs.len());
        let _entered = span.enter();
        // Pixels are computed only when it is the caller's turn, because thousands of callers may wait here.
        let _admitted = session.admit(cancellation)?;
        session.memory().keep(radiographs.len());
        if self.device().is_gpu() && radiographs.len() > GPU_BATCH {
            in_two_threads(radiographs, |batch| span.in_scope(|| self.encode_batch(session, batch, cancellation)))
        } else {
            self.encode_batch(session, radiographs, cancellation)
        }
    }

    /// Encodes radiographs in one run.
    fn encode_batch(
        &self,
        session: &ImageSession,
        radiographs: &[Radiograph],
        cancellation: &Cancellation,
    ) -> Result<Vec<EncodedImage>> {
        let pixels = |radiograph| cancellation.check().and_then(|()| self.pixels(radiograph));
        let pixels = pool::map(radiographs, pixels).into_iter().collect::<Result<Vec<_>>>()?;
        let tokens = session.run(&pixels, cancellation)?;
        // On all free cores: a single core would take as long to copy an image's megabytes of tokens as a GPU to compute them.
        let encoded = |(index, radiograph)| self.encoded(radiograph, &tokens, index);
        pool::map(radiographs.iter().enumerate(), encoded).into_iter().collect()
    }

    /// The encoding of the batch's image with this index.
    pub(crate) fn encoded(&self, radiograph: &Radiograph, tokens: &ImageTokens, index: usize) -> Result<EncodedImage> {
        let session = self.image_session()?;
        let size = (radiograph.width(), radiograph.height());
        let record = ImageRecord::new(
            self.record.clone(),
            self.manifest().dimensions.image_size,
            size,
            radiograph.reading().clone(),
            session.record().clone(),
        );
        tokens.encoded(index, session.memory(), record).map_err(|refused| not_finite("image", refused))
    }
}

/// Encodes [`GPU_BATCH`] radiographs after the other, so that the GPU runs one batch while the cores work on those before and after.
/// If the system refuses the second thread, the caller's does it alone.
fn in_two_threads(
    radiographs: &[Radiograph],
    encode: impl Fn(&[Radiograph]) -> Result<Vec<EncodedImage>> + Sync,
) -> Result<Vec<EncodedImage>> {
    let batches = Mutex::new(radiographs.chunks(GPU_BATCH).enumerate());
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut done = Vec::new();
        while let Some((index, batch)) = next() {
            let encoded = encode(batch);
            if encoded.is_err() {
                // Nobody needs the rest.
                while next().is_some() {}
            }
            done.push((index, encoded));
        }
        done
    };
    let mut done = scope(|scope| {
        let other = Builder::new().name("radzero-batches".into()).spawn_scoped(scope, work);
        let mut done = work();
        if let Ok(other) = other {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|&(index, _)| index);
    let mut all = Vec::with_capacity(radiographs.len());
    for (_, encoded) in done {
        all.extend(encoded?);
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ndarray::Array2;
    use radzero_format::manifest::sha256_bytes;
    use radzero_format::record::{Device, EncoderRecord, ModelRecord};

    fn radiographs(count: u8) -> Vec<Radiograph> {
        (0..count).map(|level| Radiograph::from_gray(Array2::from_elem((4, 4), level)).unwrap()).collect()
    }

    /// An encoding with the radiograph's level.
    fn encoded(radiograph: &Radiograph) -> EncodedImage {
        let radzero_format::reading::Levels::Gray(levels) = radiograph.levels() else { panic!("gray expected") };
        let model = ModelRecord::named("none", sha256_bytes(b""));
        let encoder = EncoderRecord::new(Device::Cpu, Default::default(), None, "1.31.1");
        let record = ImageRecord::new(model, 1, (4, 4), radiograph.reading().clone(), encoder);
        EncodedImage::new(Array2::from_elem((2, 1), f32::from(levels[[0, 0]])), record).unwrap()
    }

    #[test]
    fn batches_come_back_in_order() {
        for count in [9, 16, 61] {
            let most = AtomicUsize::new(0);
            let encode = |batch: &[Radiograph]| {
                most.fetch_max(batch.len(), Ordering::Relaxed);
                Ok(batch.iter().map(encoded).collect())
            };
            let found = in_two_threads(&radiographs(count), encode).unwrap();
            let levels: Vec<u8> = found.iter().map(|image| image.tokens()[[0, 0]] as u8).collect();
            assert_eq!(levels, (0..count).collect::<Vec<_>>());
            assert_eq!(most.into_inner(), GPU_BATCH);
        }
    }

    #[test]
    fn a_failure_ends_it() {
        let runs = AtomicUsize::new(0);
        let encode = |batch: &[Radiograph]| match runs.fetch_add(1, Ordering::Relaxed) {
            2 => Err(Error::new(ErrorKind::Inference, "the third")),
            _ => Ok(batch.iter().map(encoded).collect()),
        };
        let error = in_two_threads(&radiographs(200), encode).unwrap_err();
        assert_eq!(error.to_string(), "the third");
        // One more may have begun.
        assert!(runs.into_inner() <= 4);
    }
}
