//! Memory that a thread keeps between tasks: fresh pages would cost as much as the work in them.

use std::cell::RefCell;

/// Values in a cache line; vectors that straddle two take two loads.
const LINE: usize = 16;

thread_local! {
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `length` values of unspecified content that begin on a cache line.
pub(crate) fn with<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    // Taken out while in use, so that calls may nest.
    let mut memory = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    if memory.len() < length + LINE {
        memory.resize(length + LINE, 0.0);
    }
    let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = work(&mut memory[start..start + length]);
    KEPT.with_borrow_mut(|kept| kept.push(memory));
    result
}
