//! Who computes.

/// Threads that share out tasks: ONNX Runtime's pool, or any other.
pub trait Workers {
    /// How many there are.
    fn count(&self) -> usize;

    /// Calls `task` with each of `0..tasks`, in any order and on any thread, and returns when all are done.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// The calling thread.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl Workers for Serial {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// Hands each task its part of the result.
///
/// A task's index is given once, so the lock is never waited for: it is there to turn a shared list of parts into
/// exclusive ones.
pub(crate) fn share<T: Send>(workers: &dyn Workers, parts: Vec<T>, task: impl Fn(usize, &mut T) + Sync) {
    let parts: Vec<std::sync::Mutex<T>> = parts.into_iter().map(std::sync::Mutex::new).collect();
    workers.run(parts.len(), &|index| {
        // A panic elsewhere has already spoilt the result, and whoever runs the tasks ends with it.
        let mut part = parts[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        task(index, &mut part);
    });
}
