//! Host memory that sessions read images from and write tokens to, reused from run to run.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ort::memory::{Allocator, MemoryInfo};
use ort::session::{Session, SharedSessionInner};
use ort::value::{PrimitiveTensorElementType, Tensor};

/// How many unused buffers are kept: of a batch that runs, of the next, and of one whose tokens are being read.
const KEPT: usize = 3;

/// Buffers of a session.
///
/// On CUDA they are page-locked, so that the device copies them by itself. Through ordinary memory, which the driver must stage, the
/// transfer of eight images took two and a half times as long as their computation.
pub(super) struct Buffers<T: PrimitiveTensorElementType + Debug> {
    free: Mutex<Vec<Tensor<T>>>,
    /// Buffers of failed runs, until a later run succeeds.
    aside: Mutex<Vec<Tensor<T>>>,
    allocator: Mutex<Allocator>,
    /// An allocator must not outlive its session. It comes last because fields are dropped in order.
    _session: Option<Arc<SharedSessionInner>>,
}

impl<T: PrimitiveTensorElementType + Debug> Buffers<T> {
    /// Buffers in `memory`, or in ordinary memory if there is none.
    pub(super) fn new(session: &Session, memory: Option<MemoryInfo>) -> ort::Result<Arc<Self>> {
        let allocator = match memory {
            Some(memory) => Allocator::new(session, memory)?,
            None => Allocator::default(),
        };
        Ok(Self::with(allocator, Some(session.inner())))
    }

    fn with(allocator: Allocator, session: Option<Arc<SharedSessionInner>>) -> Arc<Self> {
        let (free, aside, allocator) = (Mutex::default(), Mutex::default(), Mutex::new(allocator));
        Arc::new(Self { free, aside, allocator, _session: session })
    }

    /// A buffer of `length` values, whose content is arbitrary.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> ort::Result<Buffer<T>> {
        let mut free = locked(&self.free);
        let fits = free.iter().enumerate().filter(|(_, tensor)| values(tensor) >= length);
        let smallest = fits.min_by_key(|(_, tensor)| values(tensor)).map(|(at, _)| at);
        let tensor = match smallest {
            Some(at) => free.remove(at),
            None => {
                // One that is too small makes room for it.
                free.pop();
                Tensor::new(&locked(&self.allocator), [length as i64])?
            }
        };
        Ok(Buffer { tensor: Some(tensor), length, home: self.clone() })
    }

    /// To be called after a successful run, when no copy of an earlier run can still be under way.
    pub(super) fn settle(&self) {
        locked(&self.aside).clear();
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn values<T: PrimitiveTensorElementType + Debug>(tensor: &Tensor<T>) -> usize {
    tensor.shape().num_elements()
}

/// A buffer in use, returned when it is dropped.
pub(super) struct Buffer<T: PrimitiveTensorElementType + Debug> {
    /// `None` only while it is dropped.
    tensor: Option<Tensor<T>>,
    length: usize,
    home: Arc<Buffers<T>>,
}

impl<T: PrimitiveTensorElementType + Debug> Buffer<T> {
    /// Withholds the buffer from the next runs. After a failed run, which ONNX Runtime may not have waited for, the device may still
    /// copy from or to it.
    pub(super) fn set_aside(mut self) {
        let mut aside = locked(&self.home.aside);
        if aside.len() == KEPT {
            // No copy lasts as long as several failing runs.
            aside.remove(0);
        }
        aside.extend(self.tensor.take());
    }

    pub(super) fn values(&self) -> &[T] {
        let tensor = self.tensor.as_ref().and_then(|tensor| tensor.try_extract_tensor().ok());
        tensor.and_then(|(_, values)| values.get(..self.length)).unwrap_or_default()
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        let tensor = self.tensor.as_mut().and_then(|tensor| tensor.try_extract_tensor_mut().ok());
        tensor.and_then(|(_, values)| values.get_mut(..self.length)).unwrap_or_default()
    }
}

impl<T: PrimitiveTensorElementType + Debug> Drop for Buffer<T> {
    fn drop(&mut self) {
        let mut free = locked(&self.home.free);
        if free.len() < KEPT {
            free.extend(self.tensor.take());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::runtime::Runtime;

    fn buffers() -> Arc<Buffers<f32>> {
        Runtime::discover().unwrap();
        Buffers::with(Allocator::default(), None)
    }

    fn lengths(kept: &Mutex<Vec<Tensor<f32>>>) -> Vec<usize> {
        locked(kept).iter().map(values).collect()
    }

    #[test]
    fn a_buffer_has_the_length_asked_for_and_one_owner() {
        let buffers = buffers();
        let (mut one, two) = (buffers.take(6).unwrap(), buffers.take(6).unwrap());
        one.values_mut().fill(1.0);
        assert_eq!((one.values(), two.values()), (&[1.0; 6][..], &[0.0; 6][..]));
        drop(one);
        // The same memory, of which less is shown.
        let again = buffers.take(4).unwrap();
        assert_eq!((again.values(), lengths(&buffers.free)), (&[1.0; 4][..], vec![]));
    }

    #[test]
    fn the_smallest_that_fits_is_taken_and_one_that_is_too_small_is_replaced() {
        let buffers = buffers();
        drop((buffers.take(9).unwrap(), buffers.take(3).unwrap()));
        assert_eq!(lengths(&buffers.free), [9, 3]);
        let small = buffers.take(2).unwrap();
        assert_eq!(lengths(&buffers.free), [9]);
        drop(small);
        let large = buffers.take(20).unwrap();
        assert_eq!((large.values().len(), lengths(&buffers.free)), (20, vec![9]));
    }

    #[test]
    fn at_most_three_are_kept() {
        let buffers = buffers();
        let all: Vec<_> = (1..6).map(|length| buffers.take(length).unwrap()).collect();
        drop(all);
        assert_eq!(lengths(&buffers.free), [1, 2, 3]);
    }

    #[test]
    fn buffers_of_a_failed_run_wait_for_a_successful_one() {
        let buffers = buffers();
        for length in [1, 2, 3, 4] {
            buffers.take(length).unwrap().set_aside();
        }
        assert_eq!((lengths(&buffers.aside), lengths(&buffers.free)), (vec![2, 3, 4], vec![]));
        buffers.settle();
        assert!(lengths(&buffers.aside).is_empty());
    }
}
