//! Memory that a thread keeps between tasks: fresh pages would cost as much as the work in them.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Values of 32 bits in a cache line; vectors that straddle two take two loads.
const LINE: usize = 16;

type Kept<T> = RefCell<Vec<Vec<T>>>;

thread_local! {
    static FLOATS: Kept<f32> = const { RefCell::new(Vec::new()) };
    static WORDS: Kept<u32> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` values of unspecified content that begin on a cache line.
pub(crate) fn with<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    of(&FLOATS, length, work)
}

/// The same with words of 32 bits.
#[cfg_attr(not(any(target_arch = "x86", target_arch = "x86_64")), allow(dead_code))]
pub(crate) fn words<R>(length: usize, work: impl FnOnce(&mut [u32]) -> R) -> R {
    of(&WORDS, length, work)
}

fn of<T: Copy + Default, R>(kept: &'static LocalKey<Kept<T>>, length: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    // Taken out while in use, so that calls may nest.
    let mut memory = kept.with_borrow_mut(Vec::pop).unwrap_or_default();
    if memory.len() < length + LINE {
        memory.resize(length + LINE, T::default());
    }
    let start = memory.as_ptr().align_offset(LINE * size_of::<T>()).min(LINE);
    let result = work(&mut memory[start..start + length]);
    kept.with_borrow_mut(|kept| kept.push(memory));
    result
}
