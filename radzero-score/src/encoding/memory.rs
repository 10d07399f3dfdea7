//! Token memory that is used again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use ndarray::Array2;
use radzero_format::record::ImageRecord;
use radzero_format::{Error, ErrorKind, Result};

use super::{EncodedImage, Tokens, all_finite, not_finite};

/// Values converted and looked at in one go, while they are in the processor's nearest cache.
const PART: usize = 4096;

/// The most encodings whose memory is kept: 134 MB at full size.
const MOST: usize = 32;

/// The memory of encodings that were dropped, for new ones.
///
/// The system hands out new memory page by page, which takes longer than to fill it: a batch of 32 full-size images has 134 MB
/// of tokens.
#[derive(Debug, Default)]
pub struct TokenMemory(Arc<Dropped>);

#[derive(Debug, Default)]
pub(super) struct Dropped {
    values: Mutex<Vec<Vec<f32>>>,
    most: AtomicUsize,
}

impl TokenMemory {
    /// Keeps the memory of up to `images` dropped encodings, at most 32, or of more if an earlier call said so. It is freed with
    /// `self`.
    pub fn keep(&self, images: usize) {
        self.0.most.fetch_max(images.min(MOST), Ordering::Relaxed);
    }

    /// As [`EncodedImage::new`], from tokens of any type, row by row, which `convert` writes as 32-bit floats. Their memory returns
    /// here when the last clone of the encoding is dropped.
    ///
    /// # Errors
    /// As [`EncodedImage::new`], and if the number of tokens is not that of their `shape`.
    pub fn encoded<T>(
        &self,
        tokens: &[T],
        shape: (usize, usize),
        convert: impl Fn(&[T], &mut [f32]),
        record: impl Into<Arc<ImageRecord>>,
    ) -> Result<EncodedImage> {
        EncodedImage::with(shape, record.into(), || {
            let mut values = self.0.take(tokens.len());
            let mut finite = true;
            for part in tokens.chunks(PART) {
                let begun = values.len();
                values.resize(begun + part.len(), 0.0);
                convert(part, &mut values[begun..]);
                finite &= all_finite(&values[begun..]);
            }
            let values = Array2::from_shape_vec(shape, values)
                .map_err(|error| Error::new(ErrorKind::Encoding, "tokens of another shape").with_source(error))?;
            if finite { Ok(Tokens { values, home: Arc::downgrade(&self.0) }) } else { Err(not_finite("tokens")) }
        })
    }
}

impl Dropped {
    /// Empty memory for `length` values.
    fn take(&self, length: usize) -> Vec<f32> {
        // Never waits: in a forked child the lock may be held by a thread that is not there.
        let kept = self.values.try_lock().ok().and_then(|mut values| {
            let fitting = values.iter().rposition(|values| values.capacity() == length)?;
            Some(values.swap_remove(fitting))
        });
        kept.unwrap_or_else(|| Vec::with_capacity(length))
    }

    fn give_back(&self, mut memory: Vec<f32>) {
        if let Ok(mut values) = self.values.try_lock()
            && values.len() < self.most.load(Ordering::Relaxed)
        {
            memory.clear();
            values.push(memory);
        }
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if let Some(home) = Weak::upgrade(&self.home) {
            home.give_back(std::mem::take(&mut self.values).into_raw_vec_and_offset().0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radzero_format::manifest::sha256_bytes;
    use radzero_format::record::{Device, EncoderRecord, ModelRecord, ReadingRecord};

    const SHAPE: (usize, usize) = (5, 2000);

    fn record() -> ImageRecord {
        let model = ModelRecord::named("none", sha256_bytes(b""));
        let encoder = EncoderRecord::new(Device::Cpu, Default::default(), None, "1.31.1");
        ImageRecord::new(model, 28, (640, 480), ReadingRecord::memory(), encoder)
    }

    /// Tokens that are twice as large as these.
    fn encoded(memory: &TokenMemory, tokens: &[i32], shape: (usize, usize)) -> Result<EncodedImage> {
        let double = |tokens: &[i32], values: &mut [f32]| {
            tokens.iter().zip(values).for_each(|(&token, value)| *value = 2.0 * token as f32);
        };
        memory.encoded(tokens, shape, double, record())
    }

    fn kept(memory: &TokenMemory) -> Vec<*const f32> {
        memory.0.values.lock().unwrap().iter().map(|values| values.as_ptr()).collect()
    }

    #[test]
    fn memory_of_dropped_encodings_is_used_again() {
        let memory = TokenMemory::default();
        memory.keep(2);
        memory.keep(1);
        let tokens: Vec<i32> = (0..10_000).collect();
        let image = encoded(&memory, &tokens, SHAPE).unwrap();
        let (clone, place) = (image.clone(), image.tokens().as_ptr());
        drop(image);
        assert!(kept(&memory).is_empty(), "a clone needs it");
        drop(clone);
        assert_eq!(kept(&memory), [place]);
        let again = encoded(&memory, &tokens, SHAPE).unwrap();
        assert_eq!(again.tokens().as_ptr(), place);
        assert!(again.tokens().iter().zip(&tokens).all(|(&value, &token)| value == 2.0 * token as f32));
        // Of another length, and more than are kept.
        let others = [encoded(&memory, &tokens[..5], (5, 1)), encoded(&memory, &tokens, SHAPE)];
        drop((again, others));
        assert_eq!(kept(&memory).len(), 2);
    }

    #[test]
    fn an_encoding_may_outlive_its_memory() {
        let memory = TokenMemory::default();
        memory.keep(1);
        let image = encoded(&memory, &[1; 10], (5, 2)).unwrap();
        let home = Arc::downgrade(&memory.0);
        drop(memory);
        assert!(home.upgrade().is_none());
        assert_eq!(image.tokens()[[4, 1]], 2.0);
    }

    #[test]
    fn invalid_tokens_are_refused() {
        let memory = TokenMemory::default();
        for (values, shape, expected) in [
            (&[1.0, f32::NAN][..], (2, 1), "not finite"),
            (&[1.0, f32::INFINITY], (2, 1), "not finite"),
            (&[1.0], (2, 1), "another shape"),
            (&[1.0; 3], (3, 1), "square"),
        ] {
            let copied = memory.encoded(values, shape, |from, to| to.copy_from_slice(from), record());
            let error = copied.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encoding);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
