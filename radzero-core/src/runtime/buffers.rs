//! Memory of the host that sessions read images from and write tokens to, used again from run to run.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{Session, SharedSessionInner};
use ort::value::{PrimitiveTensorElementType, Tensor};

use super::Device;

/// Buffers that are kept when nobody uses them, at most: one for the run under way, one that is being read.
const KEPT: usize = 2;

/// Buffers of a session.
///
/// On CUDA they are page-locked, so that the device reads and writes them by itself. Through ordinary memory, which the driver must
/// stage, eight images were seen to take two and a half times as long as their computation.
pub(super) struct Buffers<T: PrimitiveTensorElementType + Debug> {
    free: Mutex<Vec<Tensor<T>>>,
    /// Those of runs that failed, until a later run has ended well.
    aside: Mutex<Vec<Tensor<T>>>,
    allocator: Mutex<Allocator>,
    /// An allocator must not outlive its session. Last, as fields are dropped in their order.
    _session: Option<Arc<SharedSessionInner>>,
}

impl<T: PrimitiveTensorElementType + Debug> Buffers<T> {
    pub(super) fn of(session: &Session, device: Device) -> ort::Result<Arc<Self>> {
        let allocator = match device {
            Device::Cuda(id) => {
                let (place, kind) = (AllocationDevice::CUDA_PINNED, AllocatorType::Device);
                Allocator::new(session, MemoryInfo::new(place, id.into(), kind, MemoryType::CPUOutput)?)?
            }
            _ => Allocator::default(),
        };
        Ok(Self::with(allocator, Some(session.inner())))
    }

    fn with(allocator: Allocator, session: Option<Arc<SharedSessionInner>>) -> Arc<Self> {
        let (free, aside, allocator) = (Mutex::default(), Mutex::default(), Mutex::new(allocator));
        Arc::new(Self { free, aside, allocator, _session: session })
    }

    /// A buffer of so many values at least, whose content is whatever was there.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> ort::Result<Buffer<T>> {
        let mut free = locked(&self.free);
        let fits = free.iter().enumerate().filter(|(_, tensor)| values(tensor) >= length);
        let smallest = fits.min_by_key(|(_, tensor)| values(tensor)).map(|(at, _)| at);
        let tensor = match smallest {
            Some(at) => free.remove(at),
            None => {
                // One that is too small makes room.
                free.pop();
                Tensor::new(&locked(&self.allocator), [length as i64])?
            }
        };
        Ok(Buffer { tensor: Some(tensor), length, home: self.clone() })
    }

    /// A run has ended well, and with it all copies of those before.
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

/// A buffer in use; dropping it gives it back.
pub(super) struct Buffer<T: PrimitiveTensorElementType + Debug> {
    /// There until it is dropped.
    tensor: Option<Tensor<T>>,
    length: usize,
    home: Arc<Buffers<T>>,
}

impl<T: PrimitiveTensorElementType + Debug> Buffer<T> {
    /// Keeps it from the next runs: a device may still copy from or to it after a run that failed, which ONNX Runtime may not have
    /// waited for.
    pub(super) fn set_aside(mut self) {
        let mut aside = locked(&self.home.aside);
        if aside.len() == KEPT {
            // Nothing copies for as long as it took several runs to fail.
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
    fn a_buffer_is_as_long_as_was_asked_for_and_nobody_else_s() {
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
    fn the_smallest_that_fits_is_taken_and_one_too_small_replaced() {
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
    fn few_are_kept() {
        let buffers = buffers();
        let all: Vec<_> = (1..6).map(|length| buffers.take(length).unwrap()).collect();
        drop(all);
        assert_eq!(lengths(&buffers.free), [1, 2]);
    }

    #[test]
    fn what_a_failed_run_used_waits_for_one_that_ends_well() {
        let buffers = buffers();
        for length in [1, 2, 3] {
            buffers.take(length).unwrap().set_aside();
        }
        assert_eq!((lengths(&buffers.aside), lengths(&buffers.free)), (vec![2, 3], vec![]));
        buffers.settle();
        assert!(lengths(&buffers.aside).is_empty());
    }
}
