//! Scratch buffers that a thread keeps between tasks: fresh pages would cost as much as the work done in them.

use std::cell::RefCell;
use std::thread::LocalKey;

/// 32-bit values per cache line; loading a vector that straddles two lines takes two loads.
const CACHE_LINE: usize = 16;

type Buffers<T> = RefCell<Vec<Vec<T>>>;

thread_local! {
    static F32: Buffers<f32> = const { RefCell::new(Vec::new()) };
    static U32: Buffers<u32> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` floats of unspecified content, aligned to a cache line.
pub(crate) fn with_f32<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    with_buffer(&F32, length, work)
}

/// The same with 32-bit words.
#[cfg_attr(not(any(target_arch = "x86", target_arch = "x86_64")), allow(dead_code))]
pub(crate) fn with_u32<R>(length: usize, work: impl FnOnce(&mut [u32]) -> R) -> R {
    with_buffer(&U32, length, work)
}

fn with_buffer<T: Copy + Default, R>(
    buffers: &'static LocalKey<Buffers<T>>,
    length: usize,
    work: impl FnOnce(&mut [T]) -> R,
) -> R {
    // Taken out while in use, so that calls may nest.
    let mut buffer = buffers.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < length + CACHE_LINE {
        buffer.resize(length + CACHE_LINE, T::default());
    }
    let start = buffer.as_ptr().align_offset(CACHE_LINE * size_of::<T>()).min(CACHE_LINE);
    let result = work(&mut buffer[start..start + length]);
    buffers.with_borrow_mut(|buffers| buffers.push(buffer));
    result
}
