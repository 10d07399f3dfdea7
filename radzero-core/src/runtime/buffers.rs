//! Memory of the host that sessions read images from and write tokens to, used again from run to run.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{PrimitiveTensorElementType, Tensor};

use super::Device;

/// Buffers that are kept when nobody uses them, at most: one for the run under way, one that is being read.
const KEPT: usize = 2;

/// Buffers of a session.
///
/// On CUDA they are page-locked: the device reads and writes them by itself, in a fraction of the time that copies through ordinary
/// memory take, which the driver must stage. Megabytes of fresh memory for every run would cost as much again.
pub(super) struct Buffers<T: PrimitiveTensorElementType + Debug> {
    allocator: Mutex<Allocator>,
    free: Mutex<Vec<Tensor<T>>>,
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
        Ok(Arc::new(Self { allocator: Mutex::new(allocator), free: Mutex::default() }))
    }

    /// A buffer of so many values at least, whose content is whatever was there.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> ort::Result<Buffer<T>> {
        let free = {
            let mut free = self.free();
            // One that is too small makes room for one that is not.
            free.iter()
                .position(|tensor| values(tensor) >= length)
                .or(free.len().checked_sub(1))
                .map(|at| free.remove(at))
        };
        let tensor = match free.filter(|tensor| values(tensor) >= length) {
            Some(tensor) => tensor,
            None => Tensor::new(&self.allocator.lock().unwrap_or_else(PoisonError::into_inner), [length as i64])?,
        };
        Ok(Buffer { tensor: Some(tensor), length, home: self.clone() })
    }

    fn free(&self) -> MutexGuard<'_, Vec<Tensor<T>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let mut free = self.home.free();
        if free.len() < KEPT {
            free.extend(self.tensor.take());
        }
    }
}
